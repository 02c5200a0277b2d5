//! Did a page of this site send the request, where a cookie says who is calling?
//!
//! Browsers add a cookie to requests that other sites make them send. What they add as well, and what no page can forge, is
//! where the request comes from: `Sec-Fetch-Site` (Fetch Metadata), `Origin` (RFC 6454), `Referer`. So no token has to be
//! carried through forms. Safe methods pass (RFC 9110 section 9.2.1), but for the start of a WebSocket, which is a GET that
//! a page of any site may send and whose answers it may read. A browser that says nothing at all is refused.
//!
//! *Not here*: requests that carry no cookie of ours. What a page has to know a key or a token for, it cannot forge.

use message::{Method, Scheme};

/// What a request says of where it comes from. The values are as they came.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Does it start a WebSocket?
    pub upgrade: bool,
    /// `Sec-Fetch-Site`.
    pub sec_fetch_site: Option<&'a [u8]>,
    /// `Origin`.
    pub origin: Option<&'a [u8]>,
    /// `Referer`.
    pub referer: Option<&'a [u8]>,
    /// Whom the client wanted to reach, with the port where it is not the scheme's own.
    pub host: &'a str,
    /// How the client reached us. Behind a proxy that ends TLS and does not say so this is `http`.
    pub scheme: Scheme,
}

/// May the request be taken for its user's own?
pub fn allowed(evidence: &Evidence<'_>) -> bool {
    let is_safe = matches!(*evidence.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    if is_safe && !evidence.upgrade {
        return true;
    }
    match (evidence.sec_fetch_site, evidence.origin, evidence.referer) {
        // `none`: typed into the bar of addresses, or from a bookmark.
        (Some(site), ..) => matches!(site, b"same-origin" | b"none"),
        (None, Some(origin), _) => is_own(origin, evidence),
        (None, None, Some(referer)) => is_own(origin_of(referer), evidence),
        (None, None, None) => false,
    }
}

/// Is the origin this very host? From clear text into TLS is another origin: whoever is on the line could have made it.
fn is_own(origin: &[u8], evidence: &Evidence<'_>) -> bool {
    let Some((scheme, host)) = std::str::from_utf8(origin).ok().and_then(|o| o.split_once("://")) else {
        return false;
    };
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => Scheme::Https,
        "http" if evidence.scheme == Scheme::Http => Scheme::Http,
        _ => return false,
    };
    let bare = |host: &'_ str| -> String {
        host.strip_suffix(&format!(":{}", scheme.default_port())).unwrap_or(host).to_ascii_lowercase()
    };
    !host.is_empty() && bare(host) == bare(evidence.host)
}

/// The part of a URL before its path; a name and a password before the host make it no origin of ours.
fn origin_of(url: &[u8]) -> &[u8] {
    let slashes = url.iter().enumerate().filter(|(_, b)| matches!(b, b'/' | b'?' | b'#'));
    slashes.map(|(at, _)| at).nth(2).map_or(url, |end| &url[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post<'a>(site: Option<&'a str>, origin: Option<&'a str>, referer: Option<&'a str>) -> Evidence<'a> {
        Evidence {
            method: &Method::POST,
            upgrade: false,
            sec_fetch_site: site.map(str::as_bytes),
            origin: origin.map(str::as_bytes),
            referer: referer.map(str::as_bytes),
            host: "app.example.com",
            scheme: Scheme::Https,
        }
    }

    #[test]
    fn reading_is_allowed_from_anywhere_and_a_websocket_is_not_reading() {
        let link =
            Evidence { method: &Method::GET, ..post(Some("cross-site"), Some("https://evil.example"), None) };
        assert!(allowed(&link));
        assert!(!allowed(&Evidence { upgrade: true, ..link }));
        assert!(allowed(&Evidence { upgrade: true, sec_fetch_site: Some(b"same-origin"), ..link }));
    }

    #[test]
    fn what_the_browser_says_of_the_site_decides() {
        for (site, want) in [
            ("same-origin", true),
            ("none", true),
            ("same-site", false),
            ("cross-site", false),
            ("", false),
            ("x", false),
        ] {
            assert_eq!(allowed(&post(Some(site), Some("https://app.example.com"), None)), want, "{site}");
        }
    }

    #[test]
    fn an_origin_must_be_this_host_by_a_scheme_that_is_no_weaker() {
        for (origin, want) in [
            ("https://app.example.com", true),
            ("https://APP.example.com:443", true),
            ("https://app.example.com:8443", false),
            ("http://app.example.com", false),
            ("https://app.example.com.evil.example", false),
            ("https://evil.example", false),
            ("https://", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(allowed(&post(None, Some(origin), None)), want, "{origin}");
            let clear = Evidence { scheme: Scheme::Http, ..post(None, Some(origin), None) };
            assert_eq!(allowed(&clear), want || origin == "http://app.example.com", "{origin}");
        }
    }

    #[test]
    fn a_referer_counts_where_nothing_else_is_said() {
        for (referer, want) in [
            ("https://app.example.com/form?x=https://evil.example/", true),
            ("https://app.example.com", true),
            ("https://app.example.com?x", true),
            ("https://evil.example/https://app.example.com/", false),
            ("https://app.example.com@evil.example/", false),
            ("https://app.example.com\\@evil.example/", false),
            ("app.example.com/", false),
        ] {
            assert_eq!(allowed(&post(None, None, Some(referer))), want, "{referer}");
            assert!(!allowed(&post(None, Some("https://evil.example"), Some(referer))), "{referer}");
        }
        assert!(!allowed(&post(None, None, None)));
    }
}
