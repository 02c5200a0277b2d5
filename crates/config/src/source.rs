//! The text of a config file and places in it: byte spans to line and column, and what must not be shown.
//!
//! *Promise*: a secret typed in the file is never part of what [`Source::masks`] lets through to an error text.

use std::fmt;
use std::sync::Arc;

use crate::node::Node;

/// A place in the file: bytes `start..end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte behind the last one.
    pub end: usize,
}

/// A config file as it was read: its name, its text, and the tree once it was parsed.
#[derive(Clone, Default)]
pub struct Source {
    name: String,
    text: Arc<str>,
    /// The byte where each line starts.
    lines: Vec<usize>,
    tree: Option<Arc<Node>>,
    secrets: Vec<Span>,
}

impl Source {
    /// A source with the name that errors show.
    pub fn new(name: &str, text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { name: name.into(), text: text.into(), lines: starts.collect(), ..Self::default() }
    }

    /// The file's name, as errors show it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, to be shared by pieces of it.
    pub(crate) fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    pub(crate) fn tree(&self) -> Option<&Node> {
        self.tree.as_deref()
    }

    pub(crate) fn set_tree(&mut self, tree: Arc<Node>) {
        self.tree = Some(tree);
    }

    /// Hides a place from every error text.
    pub(crate) fn hide(&mut self, span: Span) {
        self.secrets.push(span);
    }

    /// Whether a place was hidden a moment ago. Only the last few are looked at, so that asking often stays cheap.
    pub(crate) fn is_hidden(&self, span: Span) -> bool {
        self.secrets.iter().rev().take(16).any(|hidden| *hidden == span)
    }

    /// Line and column of a byte, both counted from 1; columns are characters.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= byte).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..byte).unwrap_or("");
        (line, before.chars().count() + 1)
    }

    /// The span of a line, counted from 1, without its line break.
    pub(crate) fn line(&self, line: usize) -> Span {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let end = self.lines.get(line).copied().unwrap_or(self.text.len());
        let text = self.text.get(start..end).unwrap_or("");
        Span { start, end: start + text.trim_end_matches(['\n', '\r']).len() }
    }

    /// What must not be shown of `line`, in order: places of secrets, what stands behind a key that sounds like
    /// one (all that is known where the file is no YAML), and credentials in URLs.
    pub(crate) fn masks(&self, line: Span) -> Vec<Span> {
        let text = self.text.get(line.start..line.end).unwrap_or("");
        let inside = |span: &Span| span.start < line.end && span.end > line.start;
        let mut masks: Vec<Span> = self.secrets.iter().filter(|span| inside(span)).copied().collect();
        if self.tree.is_none() {
            let continues = !text.contains(':') && self.continues_secret(line);
            let from = if continues { Some(0) } else { behind_secret_key(text) };
            masks.extend(from.map(|at| Span { start: line.start + at, end: line.end }));
        }
        masks.extend(
            url_credentials(text).map(|s| Span { start: line.start + s.start, end: line.start + s.end }),
        );
        masks.sort();
        masks
    }

    /// Whether a line without a key may be part of a secret of several lines, such as a block text.
    fn continues_secret(&self, line: Span) -> bool {
        let before = self.text.get(..line.start).unwrap_or("");
        before
            .lines()
            .rev()
            .find(|line| line.contains(':'))
            .is_some_and(|line| behind_secret_key(line).is_some())
    }
}

impl fmt::Debug for Source {
    /// Without text and tree: a report that is printed with `{:?}` must not give secrets away.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The text with `***` for the user and password of every URL in it.
pub(crate) fn without_credentials(text: &str) -> String {
    let mut out = String::new();
    let mut from = 0;
    for span in url_credentials(text) {
        out = out + &text[from..span.start] + "***";
        from = span.end;
    }
    out + &text[from..]
}

/// Whether a key of this name usually holds a secret.
pub(crate) fn sounds_secret(key: &str) -> bool {
    let words = ["token", "secret", "passw", "credential", "api_key", "apikey"];
    let starts_with = |at: usize, word: &str| {
        key.as_bytes()[at..]
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    };
    (0..key.len()).any(|at| words.iter().any(|word| starts_with(at, word)))
}

/// Where the value starts behind the first `key:` on the line that sounds like a secret.
fn behind_secret_key(line: &str) -> Option<usize> {
    let mut from = 0;
    for (colon, _) in line.match_indices(':') {
        if sounds_secret(line.get(from..colon).unwrap_or("")) {
            let value = &line[colon + 1..];
            return Some(line.len() - value.trim_start().len());
        }
        from = colon;
    }
    None
}

/// The `user:password` of each `scheme://user:password@host` on the line.
fn url_credentials(line: &str) -> impl Iterator<Item = Span> + '_ {
    line.match_indices("://").filter_map(|(at, _)| {
        let start = at + 3;
        let rest = &line[start..];
        let authority = rest.find(['/', '"', '\'', '`', ' ', ',', '}']).map_or(rest, |end| &rest[..end]);
        authority.rfind('@').map(|end| Span { start, end: start + end })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = Source::new("f", "é: 1\nb: 2\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(2), (1, 2));
        assert_eq!(source.position(6), (2, 1));
        assert_eq!(source.position(999), (3, 1));
    }

    #[test]
    fn a_line_that_is_no_yaml_is_masked_behind_a_key_that_sounds_secret() {
        let source = Source::new("f", "admin: { token: \"abc\n");
        assert_eq!(source.masks(source.line(1)), [Span { start: 16, end: 20 }]);
    }

    #[test]
    fn credentials_in_urls_are_masked() {
        let source = Source::new("f", "redis: \"redis://:pw@host/\", x: http://a/b@c");
        assert_eq!(source.masks(source.line(1)), [Span { start: 16, end: 19 }]);
    }
}
