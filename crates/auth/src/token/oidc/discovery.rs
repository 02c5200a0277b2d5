//! What a provider says of itself (OIDC Discovery section 4, RFC 8414).
//!
//! Its document must name the issuer that was asked, to the letter, so that one provider cannot stand in for another. Its URLs
//! are where secrets go, so they are HTTPS, unless the operator has written the issuer itself without.

use crate::token::strict;
use crate::{Claims, Denied};
use serde_json::Value;

/// The longest document, in bytes.
const BYTES: usize = 256 << 10;
/// The longest URL, in bytes.
const URL: usize = 2048;

/// A provider's endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Its name, which `iss` must be.
    pub issuer: Box<str>,
    /// Where its keys are.
    pub jwks_uri: Box<str>,
    /// Where the browser logs in.
    pub authorization_endpoint: Option<Box<str>>,
    /// Where a code becomes tokens.
    pub token_endpoint: Option<Box<str>>,
    /// Where the browser logs out.
    pub end_session_endpoint: Option<Box<str>>,
    /// Where tokens can be asked about.
    pub introspection_endpoint: Option<Box<str>>,
    /// Does it always name itself in a callback (RFC 9207)?
    pub names_itself: bool,
}

impl Discovery {
    /// Where the document of an issuer is.
    pub fn url(issuer: &str) -> String {
        format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
    }

    /// Reads the document that the issuer of that name has sent.
    pub fn read(bytes: &[u8], issuer: &str) -> Result<Self, Denied> {
        if bytes.len() > BYTES {
            return Err(Denied::Unverified("the provider's document is too long"));
        }
        let document = strict::object(bytes).map_err(Denied::Unverified)?;
        if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(Denied::Unverified("the provider's document names another issuer"));
        }
        let url = |name| url(&document, name, issuer);
        Ok(Self {
            issuer: issuer.into(),
            jwks_uri: url("jwks_uri")?
                .ok_or(Denied::Unverified("the provider's document has no `jwks_uri`"))?,
            authorization_endpoint: url("authorization_endpoint")?,
            token_endpoint: url("token_endpoint")?,
            end_session_endpoint: url("end_session_endpoint")?,
            introspection_endpoint: url("introspection_endpoint")?,
            names_itself: document.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
        })
    }
}

fn url(document: &Claims, name: &str, issuer: &str) -> Result<Option<Box<str>>, Denied> {
    let bad = Denied::Unverified("the provider's document has a URL that is not to be trusted");
    let text = match document.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.len() <= URL => text,
        Some(_) => return Err(bad),
    };
    let rest = match text.split_once("://") {
        Some(("https", rest)) => rest,
        Some(("http", rest)) if issuer.starts_with("http://") => rest,
        _ => return Err(bad),
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte));
    if !is_plain || authority.is_empty() || authority.contains('@') {
        return Err(bad);
    }
    Ok(Some(text.as_str().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.test/realm";

    fn read(changes: &[(&str, Value)]) -> Result<Discovery, Denied> {
        let mut document = serde_json::json!({
            "issuer": ISSUER,
            "jwks_uri": "https://keys.test/jwks",
            "authorization_endpoint": "https://id.test/authorize?tenant=1",
            "token_endpoint": "https://id.test/token",
            "authorization_response_iss_parameter_supported": true,
        });
        for (name, value) in changes {
            document[*name] = value.clone();
        }
        Discovery::read(document.to_string().as_bytes(), ISSUER)
    }

    #[test]
    fn the_endpoints_of_the_provider_that_was_asked_are_taken() {
        let found = read(&[]).unwrap();
        assert_eq!((&*found.issuer, &*found.jwks_uri), (ISSUER, "https://keys.test/jwks"));
        assert_eq!(found.token_endpoint.as_deref(), Some("https://id.test/token"));
        assert!(found.names_itself && found.end_session_endpoint.is_none());
        assert_eq!(Discovery::url(ISSUER), "https://id.test/realm/.well-known/openid-configuration");
        assert_eq!(Discovery::url("https://a/"), "https://a/.well-known/openid-configuration");
    }

    #[test]
    fn another_issuer_or_a_url_that_leads_elsewhere_is_refused() {
        for issuer in ["https://id.test/realm/", "https://evil.test", "", "HTTPS://id.test/realm"] {
            assert!(read(&[("issuer", issuer.into())]).is_err(), "{issuer}");
        }
        for url in [
            "http://id.test/token",
            "javascript://x",
            "https://",
            "https:///token",
            "https://id.test@evil.test/",
            "https://id.test/#x",
            "https://id.test/\r\nx: y",
            "https://id.test/a b",
            "//id.test",
            "",
        ] {
            assert!(read(&[("token_endpoint", url.into())]).is_err(), "{url}");
        }
        assert!(read(&[("jwks_uri", Value::Null)]).is_err());
        assert!(read(&[("token_endpoint", 7.into())]).is_err());
        let plain = br#"{"issuer":"http://127.0.0.1:9","jwks_uri":"http://127.0.0.1:9/jwks"}"#;
        assert!(Discovery::read(plain, "http://127.0.0.1:9").is_ok(), "the operator wants it so");
    }
}
