//! What `WWW-Authenticate` says to a caller (RFC 6750 section 3): that a token is wanted, that this one is not taken, or which
//! scopes are missing.
//!
//! It tells a caller no more than whether to come back with another token. The reason in words is in the log.

use crate::Denied;
use std::fmt::Write;

/// A token is wanted, and none was shown: no error (RFC 6750 section 3.1).
pub fn wanted(realm: &str) -> String {
    let mut text = String::from("Bearer realm=");
    quote(&mut text, realm);
    text
}

/// The token that was shown is not taken.
pub fn invalid(realm: &str, why: &Denied) -> String {
    let described = match why {
        // Not the token's fault, or there was none: nothing is said of it.
        Denied::Absent | Denied::Unverified(_) => return wanted(realm),
        Denied::Expired => "the token has expired",
        Denied::Early => "the token is not valid yet",
        Denied::Malformed(_) => "the token is malformed",
        Denied::Invalid(_) | Denied::Revoked | Denied::Stranger(_) => "the token is not valid",
    };
    format!("{}, error=\"invalid_token\", error_description=\"{described}\"", wanted(realm))
}

/// The token is taken, and does not allow this. `scopes`: what would.
pub fn insufficient<'a>(realm: &str, scopes: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = format!("{}, error=\"insufficient_scope\"", wanted(realm));
    let words: Vec<&str> = scopes.into_iter().collect();
    if !words.is_empty() {
        text.push_str(", scope=");
        quote(&mut text, &words.join(" "));
    }
    text
}

/// A quoted string (RFC 9110 section 5.6.4). What may not stand in one, even behind a backslash, becomes a question mark.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => drop(write!(out, "\\{c}")),
            ' '..='~' => out.push(c),
            _ => out.push('?'),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_says_what_the_rfc_says_and_no_reason_of_ours() {
        assert_eq!(wanted("tidegate"), r#"Bearer realm="tidegate""#);
        assert_eq!(
            invalid("tidegate", &Denied::Expired),
            r#"Bearer realm="tidegate", error="invalid_token", error_description="the token has expired""#
        );
        for why in [Denied::Revoked, Denied::Invalid("of another issuer"), Denied::Stranger("x")] {
            let text = invalid("tidegate", &why);
            assert!(
                text.ends_with(r#"error="invalid_token", error_description="the token is not valid""#),
                "{text}"
            );
        }
        assert_eq!(invalid("tidegate", &Denied::Absent), wanted("tidegate"));
        assert_eq!(
            insufficient("tidegate", ["orders:read", "orders:write"]),
            r#"Bearer realm="tidegate", error="insufficient_scope", scope="orders:read orders:write""#
        );
    }

    #[test]
    fn a_realm_cannot_end_its_string_nor_the_line() {
        assert_eq!(wanted("a\"b\\c\r\nd\u{e9}"), r#"Bearer realm="a\"b\\c??d?""#);
    }
}
