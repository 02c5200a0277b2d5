//! The file as a tree of [`Node`]s that know where they were typed.
//!
//! A scalar keeps its text: what it is (a number, a word) is decided by who reads it, so `1.10` stays `1.10` where
//! a string is wanted and `${PORT}` becomes a number where one is wanted. Texts are pieces of the file and lists are
//! as long as what they hold, since a file of 10,000 routes is 60,000 of these.

use crate::path::{Path, Step};
use crate::source::Span;
use crate::text::Text;

/// One value of the file and where it was typed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Scalar(Scalar),
    List(Box<[Node]>),
    Map(Box<[Entry]>),
    /// A value whose problem was told already; whoever meets it stays silent.
    Broken,
}

/// Text, and how it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scalar {
    pub(crate) text: Text,
    /// Written without quotes, so it may be a number, a boolean or null.
    pub(crate) plain: bool,
    /// Where the text comes from, if not from here. Few do, so that most need not pay for it.
    pub(crate) origin: Option<Box<Origin>>,
}

/// Where the text of a scalar comes from, when it does not stand where the scalar does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Origin {
    /// What was typed, where the text came out of `${...}`. Such a text is never shown.
    pub(crate) typed: Option<Text>,
    /// Where the text stands, when the node is an alias of it.
    pub(crate) defined: Option<Span>,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Text,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Scalar {
    /// What was typed, where the text came out of `${...}`.
    pub(crate) fn typed(&self) -> Option<&Text> {
        self.origin.as_ref()?.typed.as_ref()
    }

    /// Where the text stands, when the node is an alias of it.
    pub(crate) fn defined(&self) -> Option<Span> {
        self.origin.as_ref()?.defined
    }

    /// Notes more about where the text comes from.
    pub(crate) fn origin_mut(&mut self) -> &mut Origin {
        self.origin.get_or_insert_default()
    }

    /// YAML's null (`key:` with nothing behind it, `~`, `null`).
    pub(crate) fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    /// The boolean it stands for, where it may stand for one.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        match &*self.text {
            _ if !self.plain && self.typed().is_none() => None,
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// The boolean that `on` or `off` stands for, where one is wanted.
    pub(crate) fn as_switch(&self) -> Option<bool> {
        match &*self.text {
            _ if !self.plain && self.typed().is_none() => None,
            "on" | "On" | "ON" => Some(true),
            "off" | "Off" | "OFF" => Some(false),
            _ => None,
        }
    }

    /// The whole number it stands for, where it may stand for one.
    pub(crate) fn as_integer(&self) -> Option<i64> {
        (self.plain || self.typed().is_some()).then(|| self.text.parse().ok())?
    }

    /// What errors call it.
    pub(crate) fn describe(&self) -> String {
        match self.typed() {
            Some(typed) => format!("what `{}` stands for", clip(typed)),
            None if self.is_null() => "nothing".into(),
            None if self.text.is_empty() => "an empty string".into(),
            None => format!("`{}`", clip(&self.text)),
        }
    }
}

/// At most 60 characters, on one line.
pub(crate) fn clip(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    let short: String = line.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if short.len() < text.trim_end().len() { short + "…" } else { short }
}

impl Node {
    /// The value of `key`, where this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| *entry.key == *key)
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        if let Kind::Map(entries) = &self.kind { entries } else { &[] }
    }

    /// The items of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Self] {
        if let Kind::List(items) = &self.kind { items } else { &[] }
    }

    /// The items of a list that one bare item may stand for.
    pub(crate) fn one_or_list(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            Kind::Scalar(scalar) if scalar.is_null() => &[],
            Kind::Scalar(_) | Kind::Map(_) => std::slice::from_ref(self),
            Kind::Broken => &[],
        }
    }

    /// The scalar, where this is one that holds something.
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) if !scalar.is_null() => Some(scalar),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| &*scalar.text)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.is_null())
    }

    /// What errors call it.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.describe(),
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a mapping".into(),
            Kind::Broken => "a broken value".into(),
        }
    }

    /// How many levels of lists and maps stand below this node.
    pub(crate) fn height(&self) -> usize {
        let below = match &self.kind {
            Kind::List(items) => items.iter().map(Self::height).max(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.height()).max(),
            _ => return 0,
        };
        1 + below.unwrap_or(0)
    }

    /// How many nodes this is, itself counted.
    pub(crate) fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::List(items) => items.iter().map(Self::size).sum(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
            _ => 0,
        }
    }

    /// Where an error about `path` points: at the scalar, at the key of anything larger, and where the path was
    /// not typed (a default, a missing key) at the nearest that was.
    pub(crate) fn locate(&self, path: &Path) -> Span {
        let (mut node, mut best) = (self, self.span);
        for step in path.steps() {
            let (next, own) = match step {
                Step::Key(key) => match node.entry(key) {
                    Some(entry) => (&entry.value, entry.key_span),
                    None => return best,
                },
                Step::Index(index) => match node.items().get(*index) {
                    Some(item) => (item, item.span),
                    None => return best,
                },
            };
            node = next;
            best = if node.scalar().is_some() { node.span } else { own };
        }
        best
    }
}
