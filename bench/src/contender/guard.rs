//! What a server shall ask of callers, in `guard`: who they are, and how often they come. How each server is told stands
//! with its other configuration.
//!
//! All do the same work: an API key is looked up among a thousand, names its consumer and is not passed on to the origin;
//! a token's algorithm, signature, issuer, audience and end are checked, and it is passed on; the origin is told the
//! consumer. The limit is counted by consumer, else by client address, and is never reached: it is the counting that
//! costs. The rest is each one's own way: a cache of verified tokens where the server has one, big enough for all of them.

use crate::credentials::Credentials;
use anyhow::{Context, Result};
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What is asked before a request is passed on.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) check: Check,
    /// Requests per second of each caller, and as many at once.
    pub(crate) limit: u32,
    pub(crate) credentials: Arc<Credentials>,
}

/// What a caller must show. The limit is counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Nothing: the limit is by client address.
    Address,
    /// An API key in `X-API-Key`.
    Key,
    /// A JSON Web Token in `Authorization`.
    Token,
}

impl Guard {
    /// How many callers a server must be able to tell apart, with room to spare.
    pub(super) const CALLERS: usize = 2 * crate::credentials::CONSUMERS;

    /// The header field, with its end of line, by which a consumer is known; nothing where only addresses count.
    pub(crate) fn field(&self, consumer: usize) -> String {
        let known = &self.credentials;
        match self.check {
            Check::Address => String::new(),
            Check::Key => shown("X-API-Key", &known.keys[consumer]),
            Check::Token => shown("Authorization", &format!("Bearer {}", known.tokens[consumer])),
        }
    }

    /// A field as [`Guard::field`] makes it that looks right and is not: a key that nobody has, a token whose signature
    /// is another token's. Nothing where only addresses count.
    pub(crate) fn forged(&self) -> Result<String> {
        let known = &self.credentials;
        Ok(match self.check {
            Check::Address => String::new(),
            Check::Key => shown("X-API-Key", &"0".repeat(known.keys[0].len())),
            Check::Token => {
                let parts = |consumer: usize| known.tokens[consumer].rsplit_once('.').context("not a token");
                let ((text, _), (_, signature)) = (parts(0)?, parts(1)?);
                shown("Authorization", &format!("Bearer {text}.{signature}"))
            }
        })
    }

    /// Writes what some servers read from files: `jwks.json`, `issuer.pem` and `keys.map`.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::write(folder.join("jwks.json"), &self.credentials.jwks)?;
        std::fs::write(folder.join("issuer.pem"), &self.credentials.public_key)?;
        let map = self.credentials.named_keys().fold(String::new(), |mut text, (key, consumer)| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{key} {consumer}");
            text
        });
        std::fs::write(folder.join("keys.map"), map)
    }
}

fn shown(name: &str, value: &str) -> String {
    format!("{name}: {value}\r\n")
}
