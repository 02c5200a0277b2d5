//! The addresses in a line of `Forwarded` (RFC 7239 section 4), from its right end.
//!
//! A line grows at its right end, and what stands further left may be a client's own. So it is taken apart from the right:
//! a quotation mark that a client has left open takes nothing away from what a proxy wrote behind it, and a comma inside
//! of quotation marks is not taken for one between elements, since what follows it is no element then.
//!
//! *Not here*: `by`, `host` and `proto`, which are passed on and not read.

use super::address;
use message::is_token_byte;
use std::borrow::Cow;
use std::net::IpAddr;

/// Elements of one line that are looked at: more proxies than any request passes.
const HOPS_MOST: usize = 64;
/// Commas that may stand inside of one element's quotation marks.
const COMMAS_MOST: usize = 16;

/// What is no element.
struct Malformed;

/// A parameter of an element, and what follows it.
struct Pair<'a> {
    name: &'a [u8],
    value: Cow<'a, [u8]>,
    rest: &'a [u8],
}

/// What each element says of its hop, the last first. `None`: it tells no address.
pub(super) fn hops(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let (before, hop) = last(rest?);
        rest = before;
        Some(hop)
    })
    .take(HOPS_MOST)
}

/// What stands before the last element, and what that says of its hop.
fn last(line: &[u8]) -> (Option<&[u8]>, Option<IpAddr>) {
    let commas = line.iter().enumerate().rev().filter(|&(_, &b)| b == b',').map(|(at, _)| Some(at));
    for comma in commas.chain([None]).take(COMMAS_MOST) {
        if let Ok(node) = node_of(&line[comma.map_or(0, |at| at + 1)..]) {
            return (comma.map(|at| &line[..at]), node.and_then(|node| address(&node)));
        }
    }
    (None, None)
}

/// The value of `for` in an element, where it has one.
fn node_of(mut element: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Malformed> {
    let mut node = None;
    loop {
        element = element.trim_ascii_start();
        match element {
            [] => return Ok(node),
            [b';', rest @ ..] => element = rest,
            _ => {
                let Pair { name, value, rest } = pair(element)?;
                // RFC 7239 section 4: a parameter stands in an element once.
                if name.eq_ignore_ascii_case(b"for") && node.replace(value).is_some() {
                    return Err(Malformed);
                }
                element = rest.trim_ascii_start();
                if !matches!(element, [] | [b';', ..]) {
                    return Err(Malformed);
                }
            }
        }
    }
}

/// Takes the next parameter.
fn pair(text: &[u8]) -> Result<Pair<'_>, Malformed> {
    let equals = text.iter().position(|&b| b == b'=').ok_or(Malformed)?;
    let (name, value) = (&text[..equals], &text[equals + 1..]);
    if name.is_empty() || !name.iter().all(|&b| is_token_byte(b)) {
        return Err(Malformed);
    }
    if let [b'"', quoted @ ..] = value {
        let (value, rest) = unquoted(quoted)?;
        return Ok(Pair { name, value: Cow::Owned(value), rest });
    }
    // Colons and brackets should be quoted, and many proxies write them bare.
    let end = value.iter().position(|&b| matches!(b, b';' | b' ' | b'\t')).unwrap_or(value.len());
    let (value, rest) = value.split_at(end);
    if value.is_empty() || value.iter().any(|&b| !b.is_ascii_graphic() || matches!(b, b'"' | b',' | b'\\')) {
        return Err(Malformed);
    }
    Ok(Pair { name, value: Cow::Borrowed(value), rest })
}

/// The text behind an opening quotation mark (RFC 9110 section 5.6.4), and what follows the closing one.
fn unquoted(text: &[u8]) -> Result<(Vec<u8>, &[u8]), Malformed> {
    let mut value = Vec::new();
    let mut rest = text;
    loop {
        match rest {
            [b'"', behind @ ..] => return Ok((value, behind)),
            [b'\\', escaped, behind @ ..] => {
                value.push(*escaped);
                rest = behind;
            }
            [] | [b'\\'] => return Err(Malformed),
            [byte, behind @ ..] => {
                value.push(*byte);
                rest = behind;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<String> {
        hops(line.as_bytes()).map(|hop| hop.map_or_else(|| "?".to_owned(), |ip| ip.to_string())).collect()
    }

    #[test]
    fn elements_are_read_from_the_right() {
        for (line, want) in [
            ("for=1.2.3.4", &["1.2.3.4"][..]),
            ("for=1.2.3.4, For=5.6.7.8;proto=http", &["5.6.7.8", "1.2.3.4"]),
            ("for=1.2.3.4;;by=_a ; for_=x,for=\"5.6.7.8:99\"", &["5.6.7.8", "1.2.3.4"]),
            ("for=\"[2001:db8::1]:47\", for=[2001:db8::2]", &["2001:db8::2", "2001:db8::1"]),
            ("for=\"1.2\\.3.4\"", &["1.2.3.4"]),
            ("for=unknown, for=_a, by=_b", &["?", "?", "?"]),
            ("for=1.2.3.4, , for=5.6.7.8", &["5.6.7.8", "?", "1.2.3.4"]),
            ("for=1.2.3.4;host=\"a, b, for=6.6.6.6\"", &["1.2.3.4"]),
            ("for=1.2.3.4;host=\"a\\\", for=6.6.6.6\"", &["1.2.3.4"]),
            ("", &["?"]),
        ] {
            assert_eq!(read(line), want, "{line}");
        }
    }

    #[test]
    fn a_malformed_element_ends_the_line() {
        for line in [
            "for=1.2.3.4 for=5.6.7.8",
            "for=1.2.3.4;for=5.6.7.8",
            "for =1.2.3.4",
            "for= 1.2.3.4",
            "for=",
            "for",
            "=1.2.3.4",
            "for=\"1.2.3.4",
            "for=\"1.2.3.4\"x",
            "for=1.2.3.4\"",
            "for=\"1.2.3.4\\",
            "f\u{f6}r=1.2.3.4",
        ] {
            assert_eq!(read(line), ["?"], "{line}");
        }
        assert_eq!(
            read("for=6.6.6.6, for=1.2.3.4;x, for=5.6.7.8"),
            ["5.6.7.8", "?"],
            "nothing behind the fault"
        );
    }

    #[test]
    fn what_a_client_left_open_takes_nothing_from_a_proxy() {
        for lie in ["for=\"6.6.6.6", "for=6.6.6.6;x=\"", "\"", "x=\"\\", ",,,\""] {
            assert_eq!(read(&format!("{lie}, for=1.2.3.4;proto=http"))[0], "1.2.3.4", "{lie}");
            assert_eq!(read(&format!("{lie}, for=\"[2001:db8::1]\""))[0], "2001:db8::1", "{lie}");
        }
    }

    #[test]
    fn a_line_without_end_is_looked_at_in_part() {
        assert_eq!(read(&"for=1.2.3.4, ".repeat(5000)).len(), HOPS_MOST);
        assert_eq!(read(&format!("for=\"{}\"", ",".repeat(5000))), ["?"]);
    }
}
