//! What the token endpoint answers (RFC 6749 section 5.1, OIDC Core section 3.1.3.3).

use crate::Denied;
use crate::token::strict;
use serde_json::Value;

/// The longest answer, in bytes.
const BYTES: usize = 256 << 10;

/// Tokens, none of them verified. Secrets: no `Debug`.
pub struct Tokens {
    /// Who has logged in.
    pub id_token: Box<str>,
    /// What was granted, where it is not what was asked for.
    pub scope: Option<Box<str>>,
}

impl Tokens {
    /// Reads the answer to [`super::Exchange::question`].
    pub fn read(status: u16, body: &[u8]) -> Result<Self, Denied> {
        match status {
            200 => {}
            // The code was used before, has expired, or was not ours: whoever shows it starts again.
            400..=499 => return Err(Denied::Invalid("the provider does not take the code")),
            _ => return Err(Denied::Unverified("the provider's token endpoint has failed")),
        }
        if body.len() > BYTES {
            return Err(Denied::Unverified("the provider's answer is too long"));
        }
        let mut answer = strict::object(body).map_err(Denied::Unverified)?;
        match answer.remove("id_token") {
            Some(Value::String(id_token)) => {
                let scope = answer.get("scope").and_then(Value::as_str).map(Into::into);
                Ok(Self { id_token: id_token.into(), scope })
            }
            _ => Err(Denied::Unverified("the provider has sent no ID token")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_an_id_token_or_is_none() {
        let tokens =
            Tokens::read(200, br#"{"id_token":"a.b.c","access_token":"x","scope":"openid"}"#).unwrap();
        assert_eq!((&*tokens.id_token, tokens.scope.as_deref()), ("a.b.c", Some("openid")));
        assert!(matches!(Tokens::read(400, br#"{"error":"invalid_grant"}"#), Err(Denied::Invalid(_))));
        for (status, body) in [
            (500, br#"{"id_token":"a"}"#.as_slice()),
            (302, b""),
            (200, b"{}"),
            (200, br#"{"id_token":7}"#),
            (200, br#"{"id_token":"a","id_token":"b"}"#),
            (200, b"nonsense"),
        ] {
            assert!(matches!(Tokens::read(status, body), Err(Denied::Unverified(_))), "{status}");
        }
    }
}
