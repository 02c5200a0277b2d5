//! Why the store did not do what it was asked for.
//!
//! The texts are for the operator. What a server says is cut short, and passwords are taken out of it: a server that does not
//! know `AUTH` repeats what came with it.

use redis::{ErrorKind, RedisError, ServerErrorKind};
use std::time::Duration;

/// Characters that are kept of what a server says.
const TEXT_MOST: usize = 160;

/// One question that was not answered as it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// There is no connection that works, and that was known before.
    #[error("no connection")]
    Away,
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The connection cannot be made, or broke.
    #[error("{0}")]
    Broken(String),
    /// The server refuses.
    #[error("it says {0:?}")]
    Refused(String),
    /// The server does not have the script.
    #[error("it does not have the script")]
    NoScript,
    /// An answer that this question cannot have.
    #[error("it answers with something else than was asked for")]
    Nonsense,
}

impl Trouble {
    /// From what the client library says. `secret` must not stand in the text.
    pub(crate) fn of(error: &RedisError, secret: Option<&str>) -> Self {
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::NoScript) => Self::NoScript,
            ErrorKind::Server(_) | ErrorKind::Extension => {
                let code = error.code().unwrap_or("ERR");
                Self::Refused(told(&format!("{code} {}", error.detail().unwrap_or_default()), secret))
            }
            ErrorKind::UnexpectedReturnType => Self::Nonsense,
            _ => Self::Broken(told(&error.to_string(), secret)),
        }
    }

    /// Whether the connection is of no use any more.
    pub(crate) fn breaks(&self) -> bool {
        matches!(self, Self::Late(_) | Self::Broken(_))
    }
}

/// What was said, short, on one line and without the secret.
fn told(text: &str, secret: Option<&str>) -> String {
    // Redis repeats the arguments of what it does not know behind these words.
    let text = text.split(", with args").next().unwrap_or_default();
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_MOST).collect();
    let text = text.trim();
    match secret.filter(|secret| !secret.is_empty()) {
        Some(secret) => text.replace(secret, "***"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_kept_short_and_without_secrets() {
        let unknown = "ERR unknown command 'AUTH', with args beginning with: 'ops' 'hunter2' ";
        assert_eq!(told(unknown, Some("hunter2")), "ERR unknown command 'AUTH'");
        assert_eq!(told("ERR no hunter2\r\nhere", Some("hunter2")), "ERR no ***  here");
        assert_eq!(told(&"x".repeat(5_000), None).len(), TEXT_MOST);
    }
}
