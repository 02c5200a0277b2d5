//! A question to an authority: a form that is posted, with the gateway's own credentials.
//!
//! It holds secrets, so it has no `Debug`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use std::fmt;

/// How a client shows its secret (OIDC Core section 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuthMethod {
    /// In `Authorization` (`client_secret_basic`).
    #[default]
    Basic,
    /// In the form (`client_secret_post`).
    Post,
}

/// Who the gateway is to an authority.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientAuth {
    /// `client_id`.
    pub id: Box<str>,
    /// Its secret; empty: none, as public clients have it.
    pub secret: Box<str>,
    /// How it is shown.
    pub method: ClientAuthMethod,
}

impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAuth").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is posted.
pub struct Question {
    /// Fields of the head, besides those of the body's length.
    pub fields: Vec<(&'static str, String)>,
    /// The form.
    pub body: String,
}

impl Question {
    /// A form with these members, and the client's credentials.
    pub(super) fn new(members: &[(&str, &str)], client: &ClientAuth) -> Self {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(members);
        let mut fields = vec![
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("accept", "application/json".to_owned()),
        ];
        if client.secret.is_empty() || client.method == ClientAuthMethod::Post {
            form.append_pair("client_id", &client.id);
        }
        if !client.secret.is_empty() {
            match client.method {
                ClientAuthMethod::Basic => fields.push(("authorization", basic(client))),
                ClientAuthMethod::Post => drop(form.append_pair("client_secret", &client.secret)),
            }
        }
        Self { fields, body: form.finish() }
    }
}

/// Both parts are form-encoded first, so a colon in the name does no harm (RFC 6749 section 2.3.1).
fn basic(client: &ClientAuth) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(&client.id), encoded(&client.secret))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(secret: &str, method: ClientAuthMethod) -> Question {
        let client = ClientAuth { id: "gate:way".into(), secret: secret.into(), method };
        Question::new(&[("token", "a&b=c d")], &client)
    }

    fn authorization(question: &Question) -> Option<&str> {
        question.fields.iter().find(|(name, _)| *name == "authorization").map(|(_, value)| &**value)
    }

    #[test]
    fn the_secret_goes_where_the_authority_wants_it_and_nowhere_else() {
        let basic = question("s&cret", ClientAuthMethod::Basic);
        assert_eq!(basic.body, "token=a%26b%3Dc+d");
        // gate%3Away:s%26cret
        assert_eq!(authorization(&basic), Some("Basic Z2F0ZSUzQXdheTpzJTI2Y3JldA=="));
        let post = question("s&cret", ClientAuthMethod::Post);
        assert_eq!(post.body, "token=a%26b%3Dc+d&client_id=gate%3Away&client_secret=s%26cret");
        assert_eq!(authorization(&post), None);
        let public = question("", ClientAuthMethod::Basic);
        assert_eq!(public.body, "token=a%26b%3Dc+d&client_id=gate%3Away");
        assert_eq!(authorization(&public), None);
    }
}
