//! What the parts of a rule can be, which functions there are, and how errors name them.

use super::facts::MEMBERS;
use cel::common::ast::LiteralValue;

/// Functions: name, called on something, arguments in brackets, what comes out.
pub(super) const FUNCTIONS: &[(&str, bool, usize, Kind)] = &[
    ("size", false, 1, Kind::Number),
    ("size", true, 0, Kind::Number),
    ("contains", true, 1, Kind::Bool),
    ("startsWith", true, 1, Kind::Bool),
    ("endsWith", true, 1, Kind::Bool),
    ("matches", true, 1, Kind::Bool),
    ("inNetwork", true, 1, Kind::Bool),
    ("lowerAscii", true, 0, Kind::Text),
    ("upperAscii", true, 0, Kind::Text),
    ("string", false, 1, Kind::Text),
    ("int", false, 1, Kind::Number),
    ("uint", false, 1, Kind::Number),
    ("double", false, 1, Kind::Number),
    ("bool", false, 1, Kind::Bool),
];

/// What a part of a rule will be, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Bool,
    Text,
    Number,
    List,
    Map,
    /// Headers and parameters: asked for one name at a time.
    Named,
}

impl Kind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Bool => "true or false",
            Self::Text => "text",
            Self::Number => "a number",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Named => "a collection that is asked for one name",
        }
    }

    pub(super) fn may_be(self, others: &[Self]) -> bool {
        self == Self::Any || others.contains(&self)
    }
}

/// What a literal is.
pub(super) fn kind_of(literal: &LiteralValue) -> Kind {
    match literal {
        LiteralValue::Boolean(_) => Kind::Bool,
        LiteralValue::String(_) => Kind::Text,
        LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => Kind::Number,
        // Null is compared with anything that may be missing.
        LiteralValue::Bytes(_) | LiteralValue::Null => Kind::Any,
    }
}

/// What a rule may ask of `request` or `caller`, for an error.
pub(super) fn members_of(root: &str) -> String {
    let members = MEMBERS.iter().filter(|(of, ..)| *of == root).map(|(_, name, _)| format!("`{name}`"));
    members.collect::<Vec<_>>().join(", ")
}

/// All functions, for an error.
pub(super) fn functions() -> String {
    let mut names: Vec<_> = FUNCTIONS.iter().map(|(name, ..)| format!("`{name}`")).collect();
    names.dedup();
    names.join(", ")
}

/// How a function is called, for an error.
pub(super) fn usage(name: &str, on: bool, args: usize) -> String {
    let args = if args == 1 { "x" } else { "" };
    if on { format!("`text.{name}({args})`") } else { format!("`{name}({args})`") }
}
