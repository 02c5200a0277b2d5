//! What a rule may ask of a request's fields and query beside host, path and method.

use message::{Fields, Name};

/// Why a predicate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMatch {
    /// The name or the value could not stand in a request.
    #[error("expected a field's name and value as they stand in a request, such as `x-version: 2`")]
    Field,
    /// `Host` is not among the fields.
    #[error("the host is matched with `host`, not as a header")]
    Host,
    /// The name of a query parameter is empty.
    #[error("a query parameter has a name, such as `version=2`")]
    QueryName,
}

/// What is asked of a field's values. Where a field stands on several lines, one of them must fit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldTest {
    /// Exactly this value, case-sensitive.
    Exact(Box<[u8]>),
    /// A value that starts so, case-sensitive.
    Prefix(Box<[u8]>),
    /// Any value.
    Present,
    /// No such field.
    Absent,
}

/// A field and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldMatch {
    name: Box<str>,
    test: FieldTest,
}

impl FieldMatch {
    /// Checks that a request can have such a field. The name counts in any case.
    pub fn new(name: &str, test: FieldTest) -> Result<Self, BadMatch> {
        if Name::of(name.as_bytes()) == Name::Host {
            return Err(BadMatch::Host);
        }
        let value: &[u8] = match &test {
            FieldTest::Exact(value) | FieldTest::Prefix(value) => value,
            FieldTest::Present | FieldTest::Absent => b"",
        };
        let mut line = Fields::new();
        line.push(name, value).map_err(|_| BadMatch::Field)?;
        // Values come without white space around them. A prefix may end in one.
        let trimmed = line.iter().all(|(_, _, kept)| match &test {
            FieldTest::Prefix(_) => value.first().is_none_or(|b| !matches!(b, b' ' | b'\t')),
            _ => kept == value,
        });
        if !trimmed {
            return Err(BadMatch::Field);
        }
        Ok(Self { name: name.to_ascii_lowercase().into(), test })
    }

    pub(crate) fn holds(&self, fields: &Fields) -> bool {
        let mut values = fields.all_named(&self.name);
        match &self.test {
            FieldTest::Exact(want) => values.any(|v| *v == **want),
            FieldTest::Prefix(want) => values.any(|v| v.starts_with(want)),
            FieldTest::Present => values.next().is_some(),
            FieldTest::Absent => values.next().is_none(),
        }
    }

    /// Does every request that fits `self` fit `other` too?
    pub(crate) fn implies(&self, other: &Self) -> bool {
        use FieldTest::{Absent, Exact, Prefix, Present};
        self.name == other.name
            && match (&self.test, &other.test) {
                (Exact(a), Exact(b)) => a == b,
                (Exact(a) | Prefix(a), Prefix(b)) => a.starts_with(b),
                (Exact(_) | Prefix(_) | Present, Present) | (Absent, Absent) => true,
                // Every value starts with nothing.
                (Present, Prefix(b)) => b.is_empty(),
                _ => false,
            }
    }
}

/// What is asked of a query parameter. Where it stands several times, one of them must fit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QueryTest {
    /// Exactly this value once decoded, case-sensitive.
    Exact(Box<str>),
    /// Any value, also none (`?debug`).
    Present,
}

/// A query parameter and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryMatch {
    name: Box<str>,
    test: QueryTest,
}

impl QueryMatch {
    /// Name and value are given decoded; in requests they may be percent-encoded, with `+` for a space.
    pub fn new(name: &str, test: QueryTest) -> Result<Self, BadMatch> {
        if name.is_empty() { Err(BadMatch::QueryName) } else { Ok(Self { name: name.into(), test }) }
    }

    pub(crate) fn holds(&self, query: Option<&str>) -> bool {
        query.into_iter().flat_map(|q| q.split('&')).any(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            decodes_to(name, &self.name)
                && match &self.test {
                    QueryTest::Exact(want) => decodes_to(value, want),
                    QueryTest::Present => true,
                }
        })
    }

    /// Does every request that fits `self` fit `other` too?
    pub(crate) fn implies(&self, other: &Self) -> bool {
        self.name == other.name && (self.test == other.test || other.test == QueryTest::Present)
    }
}

/// Is `want` what `raw` stands for in a query (URL standard, `application/x-www-form-urlencoded`)? Decodes byte by
/// byte, so that nothing is allocated. A `%` without two digits stands for itself.
fn decodes_to(raw: &str, want: &str) -> bool {
    let mut raw = raw.as_bytes();
    let mut want = want.as_bytes().iter();
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    while let Some((&first, after)) = raw.split_first() {
        let (byte, after) = match (first, after) {
            (b'+', _) => (b' ', after),
            (b'%', [high, low, behind @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, behind),
                _ => (b'%', after),
            },
            _ => (first, after),
        };
        if want.next() != Some(&byte) {
            return false;
        }
        raw = after;
    }
    want.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(value: &str) -> FieldTest {
        FieldTest::Exact(value.as_bytes().into())
    }

    fn prefix(value: &str) -> FieldTest {
        FieldTest::Prefix(value.as_bytes().into())
    }

    #[test]
    fn a_field_is_tested_on_each_of_its_lines() {
        let mut fields = Fields::new();
        for (name, value) in [("X-Version", "1"), ("x-version", "2-beta"), ("Accept", "text/html")] {
            fields.push(name, value.as_bytes()).unwrap();
        }
        for (name, test, want) in [
            ("X-VERSION", exact("1"), true),
            ("x-version", exact("2"), false),
            ("x-version", exact("2-Beta"), false),
            ("x-version", prefix("2-"), true),
            ("x-version", prefix("3"), false),
            ("accept", FieldTest::Present, true),
            ("accept", FieldTest::Absent, false),
            ("x-none", FieldTest::Present, false),
            ("x-none", FieldTest::Absent, true),
            ("x-none", prefix(""), false),
        ] {
            let rule = FieldMatch::new(name, test).unwrap();
            assert_eq!(rule.holds(&fields), want, "{rule:?}");
        }
    }

    #[test]
    fn a_field_that_no_request_can_have_is_refused() {
        assert_eq!(FieldMatch::new("Host", FieldTest::Present), Err(BadMatch::Host));
        for (name, test) in [("", exact("a")), ("a b", exact("a")), ("a", exact("a\n")), ("a", exact(" a"))] {
            assert_eq!(FieldMatch::new(name, test), Err(BadMatch::Field));
        }
        assert_eq!(FieldMatch::new("a", prefix(" a")), Err(BadMatch::Field));
        assert!(FieldMatch::new("authorization", prefix("Bearer ")).is_ok());
    }

    #[test]
    fn a_query_parameter_is_compared_decoded() {
        for (query, name, test, want) in [
            ("a=1&b=2", "b", QueryTest::Exact("2".into()), true),
            ("a=1&a=2", "a", QueryTest::Exact("2".into()), true),
            ("a=1", "a", QueryTest::Exact("".into()), false),
            ("a", "a", QueryTest::Exact("".into()), true),
            ("a", "a", QueryTest::Present, true),
            ("aa=1", "a", QueryTest::Present, false),
            ("A=1", "a", QueryTest::Present, false),
            ("%61=x%20y+z", "a", QueryTest::Exact("x y z".into()), true),
            ("a=1=2", "a", QueryTest::Exact("1=2".into()), true),
            ("a=%", "a", QueryTest::Exact("%".into()), true),
            ("a=%4", "a", QueryTest::Exact("%4".into()), true),
            ("a=%c3%A9", "a", QueryTest::Exact("é".into()), true),
            ("", "a", QueryTest::Present, false),
        ] {
            assert_eq!(QueryMatch::new(name, test).unwrap().holds(Some(query)), want, "{query}");
        }
        assert_eq!(QueryMatch::new("", QueryTest::Present), Err(BadMatch::QueryName));
        assert!(!QueryMatch::new("a", QueryTest::Present).unwrap().holds(None));
    }
}
