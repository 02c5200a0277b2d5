//! YAML text to [`Node`]s, bounded in every direction.
//!
//! *Promise*: any text gives a tree or an error, in time and memory that the limits below bound, whatever aliases
//! it holds. Duplicate keys are errors, and all of them are told. *Not here*: what the keys mean.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};

use crate::node::{Entry, Kind, Node, Scalar, clip};
use crate::report::{Problem, Report};
use crate::source::Span;
use crate::text::Text;

/// Lists and maps inside each other. A real file has 7.
const MAX_DEPTH: usize = 32;
/// Values in the file. 10,000 routes have about 200,000.
const MAX_NODES: usize = 1_000_000;
/// Values that aliases (`*name`) may add.
const MAX_ALIASED: usize = 50_000;

/// Reads the one document of `text`. Problems go to the report; `None` where no tree came out. `empty` is the hint where
/// there is no document.
pub(crate) fn read(text: &Arc<str>, empty: &str, report: &mut Report) -> Option<Node> {
    let mut reader = Reader {
        text,
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        items: Vec::new(),
        entries: Vec::new(),
        nodes: 0,
        aliased: 0,
        report,
    };
    match reader.document() {
        Ok(Some(node)) => Some(node),
        Ok(None) => {
            report.push(Problem::error("the file is empty").hint(empty));
            None
        }
        Err(stop) => {
            report.push(*stop);
            None
        }
    }
}

struct Reader<'t, 'r> {
    text: &'t Arc<str>,
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    /// Items of the lists, and entries of the mappings, that are being read: those of the innermost one last.
    items: Vec<Node>,
    entries: Vec<Entry>,
    nodes: usize,
    aliased: usize,
    report: &'r mut Report,
}

/// Why reading ended early.
type Stop = Box<Problem>;

impl<'t> Reader<'t, '_> {
    /// The next event that says something.
    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let start = span.start.byte_offset().unwrap_or(0);
                Ok((event, Span { start, end: span.end.byte_offset().unwrap_or(start) }))
            }
            Some(Err(error)) => Err(syntax(&error, self.text)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut tree = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(tree),
                (Event::DocumentStart(..), span) if tree.is_some() => {
                    let problem = Problem::error("a second YAML document starts here");
                    return Err(problem.at(span).expected("one document in the file").boxed());
                }
                (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
                (event, span) => tree = Some(self.node(event, span, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Stop> {
        if depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.count(1, span)?;
        let anchor = event.anchor_id();
        let node = match event {
            Event::Scalar(text, style, ..) => {
                let plain = style == ScalarStyle::Plain;
                let text = self.text_at(span, text);
                Node { kind: Kind::Scalar(Scalar { text, plain, origin: None }), span }
            }
            Event::SequenceStart(..) => self.list(span, depth)?,
            Event::MappingStart(..) => self.map(span, depth)?,
            Event::Alias(id) => return self.alias(id, span, depth),
            _ => return Err(Problem::error("this is no value").at(span).boxed()),
        };
        if let Some(id) = anchor {
            self.count(node.size(), span)?;
            self.anchors.insert(id, node.clone());
        }
        Ok(node)
    }

    /// A text: the piece of the file at `span`, which may begin with a quote, or what an escape made of it.
    fn text_at(&self, span: Span, text: Cow<'t, str>) -> Text {
        match text {
            Cow::Borrowed(text) => {
                let quoted = self.text.as_bytes().get(span.start).is_some_and(|b| matches!(b, b'"' | b'\''));
                Text::at(self.text, span.start + usize::from(quoted), text)
            }
            Cow::Owned(text) => text.into(),
        }
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node, Stop> {
        let first = self.items.len();
        loop {
            match self.next()? {
                (Event::SequenceEnd, end) => {
                    let span = Span { start: start.start, end: end.end.max(start.end) };
                    return Ok(Node { kind: Kind::List(self.items.drain(first..).collect()), span });
                }
                (event, span) => {
                    let item = self.node(event, span, depth + 1)?;
                    self.items.push(item);
                }
            }
        }
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<Node, Stop> {
        let first = self.entries.len();
        let mut seen = Seen::default();
        loop {
            let (event, key_span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                let span = Span { start: start.start, end: key_span.end.max(start.end) };
                return Ok(Node { kind: Kind::Map(self.entries.drain(first..).collect()), span });
            }
            let key = self.key(event, key_span)?;
            let (event, span) = self.next()?;
            let mut value = self.node(event, span, depth + 1)?;
            if value.span.start == value.span.end && value.is_null() {
                value.span = key_span;
            }
            if let Some(first) = seen.before(&self.entries[first..], &key) {
                let message = format!("the key `{}` stands here twice", clip(&key));
                self.report.push(Problem::error(message).at(key_span).also(first, "first typed here"));
                continue;
            }
            self.entries.push(Entry { key, key_span, value });
        }
    }

    fn key(&mut self, event: Event<'t>, span: Span) -> Result<Text, Stop> {
        self.count(1, span)?;
        match event {
            Event::Scalar(text, style, ..) if style == ScalarStyle::Plain && text == "<<" => {
                let problem = Problem::error("merge keys (`<<`) are not part of YAML 1.2").at(span);
                Err(problem.hint("use an alias for a whole value, or repeat the keys").boxed())
            }
            Event::Scalar(text, ..) => Ok(self.text_at(span, text)),
            _ => Err(Problem::error("a key must be a plain word").at(span).boxed()),
        }
    }

    /// A copy of what the anchor named, at the place of the alias.
    fn alias(&mut self, id: usize, span: Span, depth: usize) -> Result<Node, Stop> {
        let Some(node) = self.anchors.get(&id) else {
            return Err(Problem::error("this alias stands inside the value that it names").at(span).boxed());
        };
        if depth + node.height() > MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.aliased += node.size();
        if self.aliased > MAX_ALIASED {
            let message = format!("aliases blow this file up to more than {MAX_ALIASED} values");
            return Err(Problem::error(message).at(span).boxed());
        }
        let mut copy = Node { kind: node.kind.clone(), span };
        if let Kind::Scalar(scalar) = &mut copy.kind {
            scalar.origin_mut().defined = Some(node.span);
        }
        Ok(copy)
    }

    fn count(&mut self, more: usize, span: Span) -> Result<(), Stop> {
        self.nodes += more;
        if self.nodes > MAX_NODES {
            return Err(Problem::error(format!("more than {MAX_NODES} values in one file")).at(span).boxed());
        }
        Ok(())
    }
}

/// The keys of one mapping so far. A short one is looked through; only a long one gets an index, and one whose hash
/// no file can make collide.
#[derive(Default)]
struct Seen {
    index: HashMap<Text, Span>,
}

impl Seen {
    /// Entries that are looked through.
    const SHORT: usize = 16;

    /// Where `key` stands among `entries`, which have grown by one at most since the last call.
    fn before(&mut self, entries: &[Entry], key: &Text) -> Option<Span> {
        if entries.len() <= Self::SHORT {
            return entries.iter().find(|entry| entry.key == *key).map(|entry| entry.key_span);
        }
        let fresh = entries.len().saturating_sub(if self.index.is_empty() { entries.len() } else { 1 });
        self.index.extend(entries[fresh..].iter().map(|entry| (entry.key.clone(), entry.key_span)));
        self.index.get(key).copied()
    }
}

fn too_deep(span: Span) -> Stop {
    Problem::error(format!("more than {MAX_DEPTH} levels of lists and mappings")).at(span).boxed()
}

/// The parser's error, with the advice that helps most often.
fn syntax(error: &ScanError, text: &str) -> Stop {
    let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let kind = error.kind().to_string();
    let reason = kind.lines().next().unwrap_or_default();
    let before = text.get(..at).unwrap_or("");
    let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
    let hint = if reason.contains("tabs ") {
        "indent with spaces"
    } else if line.ends_with('$') {
        "inside `{ }` and `[ ]` a variable needs quotes: `\"${NAME}\"`"
    } else {
        "look for wrong indentation, or an open quote or bracket, here or above; a value with `: ` in it needs quotes"
    };
    Problem::error(format!("this is not YAML: {reason}"))
        .at(Span { start: at, end: at + 1 })
        .hint(hint)
        .boxed()
}
