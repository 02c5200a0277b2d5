//! Fields of the request by which the origin has chosen its answer (RFC 9111 section 4.1).

use message::{Fields, Name, is_token_byte};

/// More names than that are as good as `*`.
const MOST: usize = 32;

/// Names from `Vary`, in lower case, sorted, none twice; never `*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Vary(pub Box<[Box<str>]>);

impl Vary {
    /// What a response says. `Ok(None)`: nothing. `Err`: `*`, or more names than are kept (32), or what is no name and so matches no
    /// request.
    pub fn of(fields: &Fields) -> Result<Option<Self>, crate::Reason> {
        let mut names: Vec<Box<str>> = Vec::new();
        for member in fields.members(Name::Vary) {
            // `*` among others is `*` (RFC 9110 section 12.5.5); it is a token as well.
            if member == b"*" || !member.iter().all(|b| is_token_byte(*b)) {
                return Err(crate::Reason::VaryAll);
            }
            // Tokens are ASCII.
            let name = String::from_utf8_lossy(member).to_ascii_lowercase().into_boxed_str();
            if let Err(place) = names.binary_search(&name) {
                if names.len() == MOST {
                    return Err(crate::Reason::VaryAll);
                }
                names.insert(place, name);
            }
        }
        Ok(if names.is_empty() { None } else { Some(Self(names.into())) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::fields;

    #[test]
    fn names_are_gathered_from_all_lines() {
        for (lines, want) in [
            (&[][..], Some("")),
            (&[""][..], Some("")),
            (&["Foo"], Some("foo")),
            (&[" foo , BAR,,foo "], Some("bar foo")),
            (&["b", "A, b"], Some("a b")),
            // RFC 9110 section 12.5.5.
            (&["*"], None),
            (&["foo, *"], None),
            (&["*, foo"], None),
            (&["foo", "*"], None),
            (&["foo bar"], None),
            (&["\"foo\""], None),
        ] {
            let lines: Vec<_> = lines.iter().map(|value| ("Vary", *value)).collect();
            let got =
                Vary::of(&fields(&lines)).map(|vary| vary.map_or(String::new(), |vary| vary.0.join(" ")));
            assert_eq!(got.ok().as_deref(), want, "{lines:?}");
        }
    }

    #[test]
    fn more_names_than_are_kept_are_all() {
        let line = |count: usize| (0..count).map(|n| format!("x-{n}")).collect::<Vec<_>>().join(",");
        assert_eq!(Vary::of(&fields(&[("Vary", &line(32))])).unwrap().unwrap().0.len(), 32);
        assert_eq!(Vary::of(&fields(&[("Vary", &line(33))])), Err(crate::Reason::VaryAll));
    }
}
