//! Tags by which responses are purged: those of the origin, and those of a route, texts with `{name}` for the parameters of the
//! path, of the query and of fields.
//!
//! *Promise*: bounded. A response whose tags are too many is not kept, rather than kept and missed by a purge.

use message::{Fields, Name};
use std::borrow::Cow;

/// The most tags of the origin that a response may have.
const MOST: usize = 1000;
/// The longest tag, in bytes.
const LONGEST: usize = 1024;

/// The tags that an origin gives: `Surrogate-Key`, split at spaces; `Cache-Tag`, split at commas. Sorted, none twice. `None`: more, or
/// longer ones, than are kept.
pub(crate) fn of_origin(fields: &Fields) -> Option<Vec<Box<str>>> {
    let keys = fields.all(Name::SurrogateKey).flat_map(|line| line.split(|b| matches!(b, b' ' | b'\t')));
    let mut tags = Vec::new();
    for tag in keys.filter(|key| !key.is_empty()).chain(fields.members(Name::CacheTag)) {
        if tag.len() > LONGEST || tags.len() == MOST {
            return None;
        }
        tags.push(String::from_utf8_lossy(tag).into_owned().into_boxed_str());
    }
    tags.sort_unstable();
    tags.dedup();
    Some(tags)
}

/// A tag in which parameters are filled in: `product-{id}`. `{{` and `}}` stand for braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Box<[Part]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Name(Box<str>),
}

impl Template {
    /// Reads it. The error says what is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a tag has at least one character".to_owned());
        }
        if text.len() > LONGEST {
            return Err(format!("a tag has at most {LONGEST} bytes"));
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, behind) = rest[at..].split_at(1);
            if let Some(behind) = behind.strip_prefix(brace) {
                plain.push_str(brace);
                rest = behind;
                continue;
            }
            if brace == "}" {
                return Err("a } without a { before it; write }} for a brace".to_owned());
            }
            let (name, behind) =
                behind.split_once('}').ok_or("a { without a } behind it; write {{ for a brace")?;
            check_name(name)?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain).into()));
            }
            parts.push(Part::Name(name.into()));
            rest = behind;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain.into()));
        }
        Ok(Self { parts: parts.into() })
    }

    /// The names that it needs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(name) => Some(&**name),
            Part::Text(_) => None,
        })
    }

    /// The tag with what `value` says of each name. `None` where it has none for one of them, or an empty one, or the tag would be
    /// longer than 1024 bytes: then there is no such tag.
    pub fn fill<'a>(&self, value: impl Fn(&str) -> Option<Cow<'a, str>>) -> Option<Box<str>> {
        let mut tag = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => tag.push_str(text),
                Part::Name(name) => tag.push_str(&value(name).filter(|value| !value.is_empty())?),
            }
            if tag.len() > LONGEST {
                return None;
            }
        }
        Some(tag.into())
    }
}

/// What may stand between braces: letters, digits, `_`, `-`, `.` and `:`.
fn check_name(name: &str) -> Result<(), String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    if name.is_empty() {
        return Err("{} has no name".to_owned());
    }
    match name.chars().find(|c| !is_name(*c)) {
        Some(c) => Err(format!("the name {name:?} holds {c:?}: names are letters, digits, _, -, . and :")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::fields;
    use proptest::prelude::*;

    fn filled(template: &str) -> Option<Box<str>> {
        Template::parse(template).unwrap().fill(|name| match name {
            "id" => Some("7".into()),
            "header:x-a" => Some("b".into()),
            "empty" => Some("".into()),
            "long" => Some("x".repeat(LONGEST + 1).into()),
            _ => None,
        })
    }

    #[test]
    fn names_are_filled_in() {
        assert_eq!(filled("all").as_deref(), Some("all"));
        assert_eq!(filled("product-{id}").as_deref(), Some("product-7"));
        assert_eq!(filled("{id}{header:x-a}/{id}").as_deref(), Some("7b/7"));
        assert_eq!(filled("{{{id}}}").as_deref(), Some("{7}"));
        assert_eq!(filled("a{{id}}").as_deref(), Some("a{id}"));
        for without in ["{other}", "a-{empty}", "{long}"] {
            assert_eq!(filled(without), None, "{without}");
        }
        let template = Template::parse("{a}-{b}").unwrap();
        assert_eq!(template.names().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_is_no_template_is_refused_in_words() {
        for (text, word) in [
            ("", "character"),
            ("{", "without"),
            ("}", "without"),
            ("{a", "without"),
            ("{}", "name"),
            ("{a b}", "' '"),
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
        assert!(Template::parse(&"x".repeat(LONGEST + 1)).is_err());
    }

    #[test]
    fn the_origins_tags_are_split_sorted_and_bounded() {
        let tags = |lines: &[(&str, &str)]| {
            of_origin(&fields(lines))
                .map(|tags| tags.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"))
        };
        assert_eq!(tags(&[]).as_deref(), Some(""));
        assert_eq!(
            tags(&[("Surrogate-Key", "b  a\tb"), ("Cache-Tag", "c d, a,,e"), ("Surrogate-Key", "f")])
                .as_deref(),
            Some("a|b|c d|e|f")
        );
        let line = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert!(tags(&[("Surrogate-Key", &line(MOST))]).is_some());
        assert!(tags(&[("Surrogate-Key", &line(MOST + 1))]).is_none());
        assert!(tags(&[("Cache-Tag", &"x".repeat(LONGEST + 1))]).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a{}]{0,12}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert!(template.fill(|_| Some("x".into())).is_some());
            }
        }
    }
}
