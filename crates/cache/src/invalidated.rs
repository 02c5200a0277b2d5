//! What an unsafe method makes worthless (RFC 9111 section 4.4).
//!
//! *Promise*: nothing of another origin, whatever the answer says.

use crate::{Asking, key};
use message::{Authority, Method, Name, ResponseHead, Scheme, Target};

/// Is the method safe (RFC 9110 section 9.2.1)? One that nobody knows is not.
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// The URLs that the answer to an unsafe method makes worthless, as [`crate::Purge`] has them (`host/path?query`): its own,
/// and those of `Location` and `Content-Location` where they have the same origin. Empty where the answer is an error, or the method
/// is safe. Queries are written by the settings in `asking`, those of the others too.
pub fn invalidated(asking: &Asking<'_>, answer: &ResponseHead) -> Vec<Box<str>> {
    let is_error = !answer.status.is_success() && !answer.status.is_redirection();
    if is_error || is_safe(&asking.head.method) {
        return Vec::new();
    }
    let mut urls = vec![asking.url()];
    for name in [Name::Location, Name::ContentLocation] {
        let Some(target) = answer.fields.get_str(name).and_then(|text| resolved(asking, text)) else {
            continue;
        };
        // Whether slashes are merged was decided before the request came here; both forms are few.
        for merge_slashes in [true, false] {
            let Ok(target) = Target::parse(target.as_bytes(), merge_slashes) else { continue };
            let authority = asking.head.authority.as_ref();
            let url = key::url(asking.settings, asking.scheme, authority, target.path(), target.query());
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
    }
    urls
}

/// Path and query of a reference (RFC 3986 section 5.2) with the origin of the request; dots are still in it. `None`: it has another
/// origin, or is none.
fn resolved(asking: &Asking<'_>, reference: &str) -> Option<String> {
    let base = &asking.head.target;
    let reference = reference.split_once('#').map_or(reference, |(before, _)| before);
    let reference = match scheme(reference) {
        Some((scheme, rest))
            if scheme.eq_ignore_ascii_case(asking.scheme.as_str()) && rest.starts_with("//") =>
        {
            rest
        }
        Some(_) => return None,
        None => reference,
    };
    if let Some(rest) = reference.strip_prefix("//") {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if !is_own(asking, authority) {
            return None;
        }
        return Some(if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") });
    }
    Some(match reference.chars().next() {
        None => base.as_str().to_owned(),
        Some('/') => reference.to_owned(),
        Some('?') => format!("{}{reference}", base.path()),
        Some(_) => {
            let folder = base.path().rfind('/').map_or("/", |at| &base.path()[..=at]);
            format!("{folder}{reference}")
        }
    })
}

/// The scheme in front of a reference, and what is behind its colon.
fn scheme(reference: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    is_scheme.then_some((scheme, rest))
}

/// Is it the host and the port of the request?
fn is_own(asking: &Asking<'_>, authority: &str) -> bool {
    let same = |own: &Authority, other: &Authority, scheme: Scheme| {
        own.host() == other.host() && key::other_port(own, scheme) == key::other_port(other, scheme)
    };
    match (&asking.head.authority, Authority::parse(authority.as_bytes())) {
        (Some(own), Ok(other)) => same(own, &other, asking.scheme),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeySettings;
    use crate::samples::{request, response};
    use proptest::prelude::*;

    fn after(method: Method, status: u16, lines: &[(&str, &str)]) -> Vec<Box<str>> {
        let head = request(method, "/a/b?y=1&x=2", &[]);
        let settings = KeySettings::default();
        let asking = Asking { settings: &settings, scheme: Scheme::Https, head: &head, consumer: None };
        invalidated(&asking, &response(status, lines))
    }

    const OWN: &str = "example.com/a/b?x=2&y=1";

    #[test]
    fn unsafe_methods_that_succeed_make_their_own_uri_worthless() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "get"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            for status in [200, 201, 204, 302, 303] {
                assert_eq!(*after(method.clone(), status, &[]), [OWN.into()], "{method} {status}");
            }
            for status in [400, 404, 500, 503] {
                assert!(after(method.clone(), status, &[]).is_empty(), "{method} {status}");
            }
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            assert!(after(method, 200, &[]).is_empty());
        }
    }

    #[test]
    fn locations_of_the_same_origin_go_too() {
        for (reference, want) in [
            ("/c?b&a", Some("example.com/c?a&b")),
            ("c", Some("example.com/a/c")),
            ("./c/../d", Some("example.com/a/d")),
            ("../c", Some("example.com/c")),
            ("?q", Some("example.com/a/b?q")),
            ("", None),
            ("#f", None),
            ("/c#f?x", Some("example.com/c")),
            ("https://example.com/c", Some("example.com/c")),
            ("HTTPS://EXAMPLE.com:443/c", Some("example.com/c")),
            ("https://example.com", Some("example.com/")),
            ("https://example.com?q", Some("example.com/?q")),
            ("//example.com/c", Some("example.com/c")),
            ("c:d", None),
            // Another origin (section 4.4: MUST NOT).
            ("http://example.com/c", None),
            ("https://example.com:8443/c", None),
            ("https://www.example.com/c", None),
            ("https://example.com.evil/c", None),
            ("https://user@example.com/c", None),
            ("//evil/c", None),
            ("https:/c", None),
            ("mailto:x", None),
            ("/%zz", None),
            ("/../../..", None),
        ] {
            for name in ["Location", "Content-Location"] {
                let got = after(Method::POST, 201, &[(name, reference)]);
                let want: Vec<Box<str>> = [Some(OWN), want].into_iter().flatten().map(Into::into).collect();
                assert_eq!(got, want, "{name}: {reference}");
            }
        }
        let both = after(Method::PUT, 200, &[("Location", "/c"), ("Content-Location", "/d")]);
        assert_eq!(both, [OWN.into(), "example.com/c".into(), Box::from("example.com/d")]);
        assert_eq!(after(Method::PUT, 200, &[("Location", "//example.com//c")])[1..].len(), 2);
    }

    proptest! {
        #[test]
        fn whatever_the_answer_says_only_the_own_origin_is_concerned(text in "(https?:)?[/a.:?#@%]{0,16}(example\\.com)?[/a:?]{0,6}") {
            for url in after(Method::POST, 200, &[("Location", &text)]) {
                prop_assert!(url.starts_with("example.com/"), "{}", url);
            }
        }
    }
}
