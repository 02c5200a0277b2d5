//! Values of a request's fields, as parts of a key: two requests that mean the same have the same (RFC 9111 section 4.1).
//!
//! What means the same: several lines and one, white space around commas, and for the fields of content negotiation the order of
//! members with different weights, letters' case, and `q=1` where nothing is said.
//!
//! *Promise*: values that may mean something else stay apart; a field that is absent equals only an absent one. No part runs into
//! the next.
//! *Cost*: no allocation; a field of negotiation with up to 24 members is sorted in place.

use crate::lists;
use message::{Name, RequestHead};
use siphasher::sip128::SipHasher13;
use std::cmp::Reverse;
use std::hash::Hasher as _;

/// So many members of a negotiation are sorted; more are taken as they are.
const MOST: usize = 24;
/// The longest member that is put into lower case.
const LONGEST: usize = 64;

/// Adds the value that a request has for a field. `name` in lower case.
pub(crate) fn add(state: &mut SipHasher13, name: &str, head: &RequestHead) {
    let known = Name::of(name.as_bytes());
    if known == Name::Host {
        // It stands beside the fields.
        return match &head.authority {
            Some(authority) => add_lines(state, std::iter::once(authority.as_str().as_bytes())),
            None => state.write_u8(ABSENT),
        };
    }
    let lines = || head.fields.all_named(name);
    if lines().next().is_none() {
        state.write_u8(ABSENT);
    } else if is_negotiation(known, name)
        && let Some(wishes) = Wishes::read(known, lines())
    {
        wishes.add(state);
    } else if is_list(known) {
        state.write_u8(LIST);
        lines().flat_map(lists::pieces).for_each(|piece| part(state, piece));
        state.write_u64(END);
    } else {
        add_lines(state, lines());
    }
}

/// Bytes with their length before them.
pub(crate) fn part(state: &mut SipHasher13, bytes: &[u8]) {
    state.write(&(bytes.len() as u64).to_le_bytes());
    state.write(bytes);
}

const ABSENT: u8 = 0;
const LINES: u8 = 1;
const LIST: u8 = 2;
const WISHES: u8 = 3;
/// No length: what ends a sequence of parts.
const END: u64 = u64::MAX;

fn add_lines<'a>(state: &mut SipHasher13, lines: impl Iterator<Item = &'a [u8]>) {
    state.write_u8(LINES);
    lines.for_each(|line| part(state, line));
    state.write_u64(END);
}

/// Is it a list of what the client would like (RFC 9110 section 12.5)?
fn is_negotiation(known: Name, name: &str) -> bool {
    matches!(known, Name::Accept | Name::AcceptEncoding | Name::AcceptLanguage) || name == "accept-charset"
}

/// May white space stand around its commas? Of fields that nobody knows it is taken to be so, as lines that are joined have it
/// (RFC 9110 section 5.3); in these it may mean something.
fn is_list(known: Name) -> bool {
    !matches!(
        known,
        Name::Authorization
            | Name::ContentType
            | Name::Cookie
            | Name::IdempotencyKey
            | Name::Origin
            | Name::Referer
            | Name::UserAgent
            | Name::XRequestId
    )
}

/// What a client would like, in a fixed order.
struct Wishes<'a> {
    all: [(&'a [u8], u16); MOST],
    count: usize,
}

impl<'a> Wishes<'a> {
    /// `None` where they are too many, or one is not a plain word with a weight: then it is a list like others.
    fn read(known: Name, lines: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut wishes = Self { all: [(b"", 0); MOST], count: 0 };
        for member in lines.flat_map(lists::members) {
            *wishes.all.get_mut(wishes.count)? = wish(known, member)?;
            wishes.count += 1;
        }
        let all = &mut wishes.all[..wishes.count];
        if known == Name::AcceptEncoding {
            // Only weights tell codings apart (RFC 9110 section 12.5.3).
            all.sort_unstable_by(|(a, p), (b, q)| lower(a).cmp(lower(b)).then(p.cmp(q)));
        } else {
            // Members of one weight stay as they are: many servers take the first for the best. The sort is stable, and takes room
            // for so few on the stack.
            all.sort_by_key(|(_, weight)| Reverse(*weight));
        }
        Some(wishes)
    }

    fn add(&self, state: &mut SipHasher13) {
        state.write_u8(WISHES);
        for (word, weight) in &self.all[..self.count] {
            let mut text = [0; LONGEST];
            let text = &mut text[..word.len()];
            text.copy_from_slice(word);
            text.make_ascii_lowercase();
            part(state, text);
            state.write(&weight.to_le_bytes());
        }
        state.write_u64(END);
    }
}

/// A word and its weight in thousandths.
fn wish(known: Name, member: &[u8]) -> Option<(&[u8], u16)> {
    let (word, weight) = match member.iter().position(|b| *b == b';') {
        None => (member, 1000),
        Some(end) => {
            let parameter = lists::trim(&member[end + 1..]);
            let text = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="))?;
            (lists::trim(&member[..end]), weight(text)?)
        }
    };
    let is_word = word.iter().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'=' | b';'));
    if word.is_empty() || word.len() > LONGEST || !is_word {
        return None;
    }
    // RFC 9110 section 8.4.1: the old names mean the same.
    let word: &[u8] = match known {
        Name::AcceptEncoding if word.eq_ignore_ascii_case(b"x-gzip") => b"gzip",
        Name::AcceptEncoding if word.eq_ignore_ascii_case(b"x-compress") => b"compress",
        _ => word,
    };
    Some((word, weight))
}

/// RFC 9110 section 12.4.2, in thousandths.
fn weight(text: &[u8]) -> Option<u16> {
    let (first, fraction) = match text {
        [first] | [first, b'.'] => (first, &[][..]),
        [first, b'.', fraction @ ..] if fraction.len() <= 3 => (first, fraction),
        _ => return None,
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |at: usize| fraction.get(at).map_or(0, |b| u16::from(b - b'0'));
    let thousandths = digit(0) * 100 + digit(1) * 10 + digit(2);
    match (first, thousandths) {
        (b'0', _) => Some(thousandths),
        (b'1', 0) => Some(1000),
        _ => None,
    }
}

fn lower(word: &[u8]) -> impl Iterator<Item = u8> {
    word.iter().map(u8::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{get, request};
    use message::Method;
    use proptest::prelude::*;
    use siphasher::sip128::Hasher128 as _;

    fn hash(head: &RequestHead, name: &str) -> u128 {
        let mut state = SipHasher13::new_with_key(b"0123456789abcdef");
        add(&mut state, name, head);
        state.finish128().as_u128()
    }

    fn of(name: &str, lines: &[&str]) -> u128 {
        let lines: Vec<_> = lines.iter().map(|value| (name, *value)).collect();
        hash(&get("/", &lines), &name.to_ascii_lowercase())
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        // RFC 9111 section 4.1.
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("Foo", &["1, 2"], &["1", "2"]),
            ("Foo", &["1,2"], &["1 ,\t2"]),
            ("foo", &["a, \"b, c\""], &["a,\"b, c\""]),
            ("Accept-Encoding", &["gzip, br"], &["br,gzip"]),
            ("Accept-Encoding", &["gzip, br"], &["GZIP;q=1.0 , br;Q=1"]),
            ("Accept-Encoding", &["gzip", "br;q=0.5"], &["br; q=0.50, x-gzip,"]),
            ("Accept-Language", &["en, de;q=0.5"], &["DE;q=0.5, en;q=1"]),
            ("Accept", &["text/html, */*;q=0.1"], &["*/*;q=0.1,Text/HTML"]),
            ("Accept-Charset", &["utf-8"], &["UTF-8;q=1.000"]),
        ];
        for (name, one, other) in rows {
            assert_eq!(of(name, one), of(name, other), "{name} {one:?} {other:?}");
        }
    }

    #[test]
    fn what_may_mean_something_else_stays_apart() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("Foo", &[], &[""]),
            ("Foo", &["1"], &["2"]),
            ("Foo", &["a"], &["A"]),
            ("Foo", &["1, 2"], &["2, 1"]),
            ("Foo", &["1"], &["1", "1"]),
            ("Foo", &["1,"], &["1"]),
            ("Foo", &["\"a, b\""], &["\"a,b\""]),
            ("Foo", &["ab", "c"], &["a", "bc"]),
            ("Accept-Encoding", &[], &[""]),
            ("Accept-Encoding", &["gzip"], &["gzip;q=0"]),
            ("Accept-Encoding", &["gzip;q=0"], &[""]),
            ("Accept-Encoding", &["gzip;q=0.5, br"], &["gzip, br;q=0.5"]),
            ("Accept-Encoding", &["gzip"], &["gzip, identity"]),
            ("Accept-Language", &["en, de"], &["de, en"]),
            ("Accept", &["text/html;level=1"], &["text/html;level=2"]),
            ("Accept", &["text/html;q=2"], &["text/html"]),
            ("User-Agent", &["a, b"], &["a,b"]),
            ("Cookie", &["a=1,2"], &["a=1, 2"]),
        ];
        for (name, one, other) in rows {
            assert_ne!(of(name, one), of(name, other), "{name} {one:?} {other:?}");
        }
    }

    #[test]
    fn the_host_stands_beside_the_fields() {
        let mut other = get("/", &[]);
        other.authority = None;
        assert_ne!(hash(&get("/", &[]), "host"), hash(&other, "host"));
        assert_eq!(hash(&get("/", &[]), "host"), hash(&request(Method::HEAD, "/x", &[]), "host"));
    }

    #[test]
    fn many_wishes_are_a_list_like_others() {
        let many = |last: &str| format!("{}{last}", "x, ".repeat(40));
        assert_ne!(of("Accept-Encoding", &[&many("a")]), of("Accept-Encoding", &[&many("b")]));
        assert_eq!(
            of("Accept-Encoding", &[&many("a")]),
            of("Accept-Encoding", &[&many("a").replace(", ", ",")])
        );
    }

    proptest! {
        #[test]
        fn any_value_has_a_place(value in "[a-c,;=q0-1.\" ]{0,30}") {
            for name in ["Accept", "Accept-Encoding", "Foo", "Cookie"] {
                prop_assert_eq!(of(name, &[&value]), of(name, &[&value]));
            }
        }

        #[test]
        fn the_order_of_codings_does_not_matter(mut codings in proptest::collection::vec("[a-c]{1,2}(;q=0\\.[0-9])?", 1..8)) {
            let one = of("Accept-Encoding", &[&codings.join(",")]);
            codings.reverse();
            prop_assert_eq!(one, of("Accept-Encoding", &[&codings.join(" , ")]));
        }
    }
}
