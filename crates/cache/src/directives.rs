//! `Cache-Control`, directive by directive (RFC 9111 section 5.2).
//!
//! *Promise*: names are whole tokens in any case, so `xmax-age` is none of ours; arguments may be quoted, whatever form a directive
//! prefers. What does not fit the grammar behind a name makes the argument malformed and hides nothing: `no-store; private` still
//! is `no-store`.
//! *Not here*: what directives mean together (`policy` for responses, `asked` for requests). No allocation but for quoted strings
//! with escapes.

use crate::{dates, lists};
use message::is_token_byte;
use std::borrow::Cow;

/// The directives that this cache acts upon. Of `immutable` (RFC 8246) it has nothing to do: it asks about what is fresh only where
/// the client wants that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    MaxAge,
    SMaxage,
    NoCache,
    NoStore,
    Private,
    Public,
    MustRevalidate,
    ProxyRevalidate,
    MustUnderstand,
    StaleWhileRevalidate,
    StaleIfError,
    MinFresh,
    MaxStale,
    OnlyIfCached,
}

impl Directive {
    const NAMES: &[(&str, Self)] = &[
        ("max-age", Self::MaxAge),
        ("s-maxage", Self::SMaxage),
        ("no-cache", Self::NoCache),
        ("no-store", Self::NoStore),
        ("private", Self::Private),
        ("public", Self::Public),
        ("must-revalidate", Self::MustRevalidate),
        ("proxy-revalidate", Self::ProxyRevalidate),
        ("must-understand", Self::MustUnderstand),
        ("stale-while-revalidate", Self::StaleWhileRevalidate),
        ("stale-if-error", Self::StaleIfError),
        ("min-fresh", Self::MinFresh),
        ("max-stale", Self::MaxStale),
        ("only-if-cached", Self::OnlyIfCached),
    ];

    /// The one of that name, in any case.
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        Self::NAMES.iter().find(|(text, _)| name.eq_ignore_ascii_case(text.as_bytes())).map(|(_, it)| *it)
    }
}

/// What stands behind a directive's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument<'a> {
    /// Nothing.
    None,
    /// A token or a quoted string, without its quotes.
    Text(Cow<'a, [u8]>),
    /// A number, where the field has numbers (structured fields).
    Number(u32),
    /// A string, where the field tells strings from numbers.
    String(Cow<'a, [u8]>),
    /// Something that is not an argument.
    Malformed,
}

impl Argument<'_> {
    /// Seconds, where it says a number of them.
    pub(crate) fn seconds(&self) -> Option<u32> {
        match self {
            Self::Text(text) => dates::seconds(text),
            Self::Number(seconds) => Some(*seconds),
            Self::None | Self::String(_) | Self::Malformed => None,
        }
    }

    /// The names of fields in it, in lower case. `None` where it names none, or something that is no name.
    pub(crate) fn field_names(&self) -> Option<Vec<Box<[u8]>>> {
        let (Self::Text(text) | Self::String(text)) = self else { return None };
        let names: Vec<Box<[u8]>> =
            lists::members(text).map(|name| name.to_ascii_lowercase().into_boxed_slice()).collect();
        let are_names = !names.is_empty() && names.iter().all(|name| name.iter().all(|b| is_token_byte(*b)));
        are_names.then_some(names)
    }
}

/// The directives of one line that this cache acts upon.
pub(crate) fn directives(line: &[u8]) -> impl Iterator<Item = (Directive, Argument<'_>)> {
    lists::members(line).filter_map(|member| {
        let end = member.iter().position(|b| !is_token_byte(*b)).unwrap_or(member.len());
        let (name, rest) = member.split_at(end);
        Some((Directive::of(name)?, argument(rest)))
    })
}

/// The argument that these bytes behind a name are. White space around `=` is not of the grammar.
fn argument(rest: &[u8]) -> Argument<'_> {
    match rest {
        [] => Argument::None,
        [b'=', quoted @ ..] if quoted.first() == Some(&b'"') => {
            lists::unquoted(quoted).map_or(Argument::Malformed, Argument::Text)
        }
        [b'=', token @ ..] if !token.is_empty() && token.iter().all(|b| is_token_byte(*b)) => {
            Argument::Text(Cow::Borrowed(token))
        }
        _ => Argument::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Vec<(Directive, Argument<'_>)> {
        directives(line.as_bytes()).collect()
    }

    fn said(text: &str) -> Argument<'_> {
        Argument::Text(Cow::Borrowed(text.as_bytes()))
    }

    #[test]
    fn directives_are_whole_tokens_in_any_case() {
        use Directive::{MaxAge, NoCache, NoStore, Private, Public};
        for (line, want) in [
            ("", vec![]),
            ("max-age=100", vec![(MaxAge, said("100"))]),
            ("MaX-aGe=100 ,  NO-STORE", vec![(MaxAge, said("100")), (NoStore, Argument::None)]),
            (",,public,", vec![(Public, Argument::None)]),
            ("xmax-age=1, max-agex=1, max-age-=1, -max-age=1, foo=max-age", vec![]),
            (r#"foo="max-age=100, no-store", public"#, vec![(Public, Argument::None)]),
            (r#"foo="a\", no-store", public"#, vec![(Public, Argument::None)]),
            (r#"max-age="100""#, vec![(MaxAge, said("100"))]),
            (r#"no-cache="a, b", private"#, vec![(NoCache, said("a, b")), (Private, Argument::None)]),
            ("max-age='100'", vec![(MaxAge, said("'100'"))]),
            // Not of the grammar, but not unseen either.
            ("max-age =100", vec![(MaxAge, Argument::Malformed)]),
            ("max-age= 100", vec![(MaxAge, Argument::Malformed)]),
            ("max-age=", vec![(MaxAge, Argument::Malformed)]),
            ("max-age=100 200", vec![(MaxAge, Argument::Malformed)]),
            ("max-age=1\"00\"", vec![(MaxAge, Argument::Malformed)]),
            ("no-store; private", vec![(NoStore, Argument::Malformed)]),
            (r#"foo="bar, no-store"#, vec![(NoStore, Argument::None)]),
        ] {
            assert_eq!(read(line), want, "{line}");
        }
    }

    #[test]
    fn a_list_of_names_is_one_or_is_none() {
        let names = |argument: Argument<'_>| {
            argument
                .field_names()
                .map(|names| names.iter().map(|n| String::from_utf8(n.to_vec()).unwrap()).collect::<Vec<_>>())
        };
        assert_eq!(names(said("Foo")), Some(vec!["foo".to_owned()]));
        assert_eq!(names(said(" Foo ,bar,")), Some(vec!["foo".to_owned(), "bar".to_owned()]));
        assert_eq!(names(said("")), None);
        assert_eq!(names(said(" , ")), None);
        assert_eq!(names(said("foo bar")), None);
        assert_eq!(names(Argument::None), None);
        assert_eq!(names(Argument::Malformed), None);
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in "(max-age|no-store|[=\", \\\\;a-b0-9-]){0,12}") {
            for (_, argument) in directives(line.as_bytes()) {
                let _ = (argument.seconds(), argument.field_names());
            }
        }

        #[test]
        fn no_store_is_seen_wherever_it_stands(before in "[a-z=\\\\\"]{0,8}", after in "[a-z=\\\\\"]{0,8}") {
            let line = format!("{before}, no-store, {after}");
            // Inside a quoted string it is text; a quote that closes behind it makes one.
            prop_assume!(!(before.contains('"') && after.contains('"')));
            prop_assert!(read(&line).iter().any(|(it, _)| *it == Directive::NoStore));
        }
    }
}
