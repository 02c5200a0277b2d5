//! Origins that a CORS rule names (RFC 6454 section 6.1).

use super::url::authority;
use super::{Bad, word};

word!(
    /// An origin as browsers send it, `https://app.example.com`; `https://*.example.com` for all below a name; `*` for
    /// any. Lower case, without the scheme's own port.
    Origin, "origin", "an origin such as `https://app.example.com`, `https://*.example.com` or `*`", &["string"], origin
);

fn origin(text: &str) -> Result<String, Bad> {
    if text == "*" {
        return Ok(text.into());
    }
    if text == "null" {
        return Err(Bad::because("any sandboxed page has the origin `null`"));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let host = text.trim_end_matches('/');
        let looks_right = host.contains(['.', ':']) && origin(&format!("https://{host}")).is_ok();
        let reason = Bad::because("the scheme is missing");
        return Err(if looks_right { reason.or_mean(format_args!("https://{host}")) } else { Bad::plain() });
    };
    let lower = scheme.to_ascii_lowercase();
    let is_scheme = lower.starts_with(|c: char| c.is_ascii_lowercase())
        && lower.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !is_scheme || text.len() > 512 {
        return Err(Bad::plain());
    }
    let place = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    if place != rest {
        return Err(Bad::because("an origin has no path").or_mean(format_args!("{lower}://{place}")));
    }
    let (below, name) = place.strip_prefix("*.").map_or(("", place), |name| ("*.", name));
    if name.contains('*') {
        return Err(Bad::because("`*` stands for the first names of a host: `https://*.example.com`"));
    }
    let own = match lower.as_str() {
        "http" => 80,
        "https" => 443,
        _ => 0,
    };
    let (host, port) = authority(name, own.max(1)).map_err(|bad| Bad { hint: None, ..bad })?;
    let typed_port = name.rsplit_once(':').is_some_and(|(_, behind)| !behind.ends_with(']'));
    if typed_port && port == own {
        let reason = format!("browsers leave the port {own} out");
        let name = name.rsplit_once(':').map_or(name, |(name, _)| name);
        return Err(Bad::because(reason).or_mean(format_args!("{lower}://{below}{name}")));
    }
    if !below.is_empty() && !host.contains('.') {
        return Err(Bad::because("that would be every name of a whole top-level domain"));
    }
    Ok(format!("{lower}://{below}{}", name.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Typed;

    #[test]
    fn an_origin_is_what_browsers_send() {
        for (text, meant) in [
            ("https://app.example.com", "https://app.example.com"),
            ("HTTPS://App.Example.com", "https://app.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("http://[::1]", "http://[::1]"),
            ("https://*.example.com:8443", "https://*.example.com:8443"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("*", "*"),
        ] {
            assert_eq!(Origin::read(text).map(|origin| origin.to_string()), Ok(meant.into()), "{text}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        let hint = |text| Origin::read(text).map_err(|bad| bad.hint.unwrap_or_default()).unwrap_err();
        assert_eq!(hint("https://a.com/"), "did you mean `https://a.com`?");
        assert_eq!(hint("https://a.com/b?c"), "did you mean `https://a.com`?");
        assert_eq!(hint("app.example.com"), "did you mean `https://app.example.com`?");
        assert_eq!(hint("https://a.com:443"), "did you mean `https://a.com`?");
        assert_eq!(hint("https://*.a.com:443"), "did you mean `https://*.a.com`?");
        for text in [
            "",
            "null",
            "https://",
            "https://*",
            "https://*.com",
            "https://a.*.com",
            "https://u@a.com",
            "1x://a",
            "https://a:0",
        ] {
            assert!(Origin::read(text).is_err(), "{text}");
        }
    }
}
