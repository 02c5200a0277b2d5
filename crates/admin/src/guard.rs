//! Who may talk to the admin server, and what other web sites may not make a browser do.
//!
//! With a token everybody must show it: as a bearer token, or as the password of basic authentication, which is what
//! a browser can ask for. Without one, only requests that name this machine by address, as `localhost`, or by a
//! configured name get in: a page that points its own name at 127.0.0.1 (DNS rebinding) is refused. A `POST` that a
//! browser says comes from another site (`Sec-Fetch-Site`, `Origin`) is refused in either case.

use crate::answer::Problem;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode};
use message::Authority;
use observe::log::{Level, Throttle};
use std::net::{IpAddr, Ipv4Addr};

/// Who may talk to the admin server.
#[derive(Clone, Default)]
pub struct Settings {
    /// The secret that everybody must show, but at `/healthz` and `/readyz`.
    pub token: Option<String>,
    /// Host names, beside addresses and `localhost`, by which this machine is called. Only looked at without a token.
    pub hosts: Vec<String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "***");
        f.debug_struct("Settings").field("token", &token).field("hosts", &self.hosts).finish()
    }
}

impl Settings {
    /// Refuses a request that may not come in.
    pub(crate) fn check<B>(&self, request: &Request<B>, peer: IpAddr) -> Result<(), Problem> {
        let host = host(request)?;
        match &self.token {
            Some(token) => check_token(token, request.headers(), peer)?,
            None => self.check_host(host.as_ref())?,
        }
        if *request.method() == Method::GET || *request.method() == Method::HEAD {
            return Ok(());
        }
        check_site(request.headers(), host.as_ref())
    }

    fn check_host(&self, host: Option<&Authority>) -> Result<(), Problem> {
        let known = host.is_none_or(|host| {
            let host = host.host();
            is_own_name(host) || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
        });
        if known {
            return Ok(());
        }
        let detail = "This host name is not known here. Use the address or localhost, or set a token.";
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }
}

/// Whom the request wants to reach. `None` only where it does not say, which no browser does.
fn host<B>(request: &Request<B>) -> Result<Option<Authority>, Problem> {
    let bad = || Problem::new(StatusCode::BAD_REQUEST, "The host is malformed, or there are two.");
    let mut named: Option<Authority> = None;
    let fields = request.headers().get_all(header::HOST).iter().map(HeaderValue::as_bytes);
    for raw in fields.chain(request.uri().authority().map(|a| a.as_str().as_bytes())) {
        let one = Authority::parse(raw).map_err(|_| bad())?;
        if named.as_ref().is_some_and(|n| *n != one) {
            return Err(bad());
        }
        named = Some(one);
    }
    Ok(named)
}

/// An address or a name that never leaves this machine (RFC 6761 section 6.3).
fn is_own_name(host: &str) -> bool {
    host.starts_with('[')
        || host.parse::<Ipv4Addr>().is_ok()
        || host == "localhost"
        || host.ends_with(".localhost")
}

fn check_token(token: &str, headers: &HeaderMap, peer: IpAddr) -> Result<(), Problem> {
    static WRONG: Throttle = Throttle::new();
    let shown = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let detail = match shown.map(credentials) {
        Some(Some(shown)) if is_same(&shown, token.as_bytes()) => return Ok(()),
        Some(_) => {
            WRONG.write(Level::Warning, format_args!("admin: {peer} showed a wrong token"));
            "The token is wrong."
        }
        None => "Show the token as `Authorization: Bearer TOKEN`, or as the password.",
    };
    // A line for each: some browsers read only the first challenge of a line.
    Err(Problem::new(StatusCode::UNAUTHORIZED, detail)
        .header(header::WWW_AUTHENTICATE, "Bearer realm=\"tidegate\"")
        .header(header::WWW_AUTHENTICATE, "Basic realm=\"tidegate\", charset=\"UTF-8\""))
}

/// The secret in an `Authorization` field: a bearer token (RFC 6750), or the password of `Basic` (RFC 7617).
fn credentials(field: &[u8]) -> Option<Vec<u8>> {
    let space = field.iter().position(|&b| b == b' ')?;
    let (scheme, rest) = (&field[..space], field[space..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(rest.to_vec());
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let pair = BASE64_STANDARD.decode(rest).ok()?;
    let colon = pair.iter().position(|&b| b == b':')?;
    Some(pair[colon + 1..].to_vec())
}

/// Compares without telling by the time it takes where the difference is. The length may be told.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let difference = a.iter().zip(b).fold(0, |d, (a, b)| std::hint::black_box(d | (a ^ b)));
    difference == 0
}

/// Refuses what a browser says comes from another site's page. Programs send neither field.
fn check_site(headers: &HeaderMap, host: Option<&Authority>) -> Result<(), Problem> {
    const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    let mut sites = headers.get_all(SITE).iter();
    let same_site = sites.all(|s| matches!(s.as_bytes(), b"same-origin" | b"none"));
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if same_site && origins.all(|o| host.is_some_and(|host| is_origin_of(o.as_bytes(), host))) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "Another site's page may not ask for a change."))
}

fn is_origin_of(origin: &[u8], host: &Authority) -> bool {
    let rest = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
    rest.is_some_and(|rest| Authority::parse(rest).is_ok_and(|a| a == *host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &Settings, method: &str, fields: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri("/api/status");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let result = settings.check(&request.body(()).unwrap(), Ipv4Addr::LOCALHOST.into());
        result.map_or_else(|p| p.into_answer().status().as_u16(), |()| 200)
    }

    #[test]
    fn without_a_token_only_this_machines_own_names_get_in() {
        let settings = Settings { token: None, hosts: vec!["Gate.internal".to_owned()] };
        for (host, status) in [
            ("127.0.0.1:9090", 200),
            ("10.1.2.3", 200),
            ("[::1]:9090", 200),
            ("localhost:9090", 200),
            ("LOCALHOST", 200),
            ("a.localhost", 200),
            ("gate.INTERNAL:9090", 200),
            ("evil.example", 403),
            ("localhost.evil.example", 403),
            ("127.0.0.1.evil.example", 403),
            ("127.1", 403),
            ("user@127.0.0.1", 400),
            ("", 400),
        ] {
            assert_eq!(check(&settings, "GET", &[("host", host)]), status, "{host}");
        }
        assert_eq!(check(&settings, "GET", &[("host", "localhost"), ("host", "evil.example")]), 400);
    }

    #[test]
    fn a_host_in_the_target_counts_too() {
        let request = Request::builder().uri("http://evil.example/").header("host", "localhost");
        let result = Settings::default().check(&request.body(()).unwrap(), Ipv4Addr::LOCALHOST.into());
        assert!(result.is_err());
    }

    #[test]
    fn with_a_token_everybody_must_show_it() {
        let settings = Settings { token: Some("s3cret:x".to_owned()), hosts: Vec::new() };
        for (shown, status) in [
            ("Bearer s3cret:x", 200),
            ("bearer   s3cret:x", 200),
            ("Basic YW55Om5v", 401),
            ("Basic YW55OnMzY3JldDp4", 200),
            ("Basic !!", 401),
            ("Bearer s3cret:y", 401),
            ("Bearer s3cret:", 401),
            ("Bearer s3cret:xx", 401),
            ("Bearer", 401),
            ("s3cret:x", 401),
        ] {
            let fields = [("host", "gate.example"), ("authorization", shown)];
            assert_eq!(check(&settings, "GET", &fields), status, "{shown}");
        }
        assert_eq!(check(&settings, "GET", &[("host", "localhost")]), 401);
    }

    #[test]
    fn a_change_that_another_sites_page_asks_for_is_refused() {
        let settings = Settings::default();
        for (name, value, status) in [
            ("origin", "http://localhost:9090", 200),
            ("origin", "http://localhost:8080", 403),
            ("origin", "http://evil.example", 403),
            ("origin", "null", 403),
            ("sec-fetch-site", "same-origin", 200),
            ("sec-fetch-site", "none", 200),
            ("sec-fetch-site", "same-site", 403),
            ("sec-fetch-site", "cross-site", 403),
            ("accept", "*/*", 200),
        ] {
            let fields = [("host", "localhost:9090"), (name, value)];
            assert_eq!(check(&settings, "POST", &fields), status, "{name}: {value}");
            assert_eq!(check(&settings, "GET", &fields), 200, "reading: {name}: {value}");
        }
    }

    #[test]
    fn the_token_is_not_shown_where_settings_are() {
        let settings = Settings { token: Some("s3cret".to_owned()), hosts: Vec::new() };
        assert!(!format!("{settings:?}").contains("s3cret"));
    }
}
