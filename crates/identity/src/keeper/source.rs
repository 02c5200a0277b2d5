//! Where an issuer's keys are, and one look there.
//!
//! *Promise*: a look ends within [`PATIENCE`] for each question, and reads 1 MiB at most. A redirect is not followed: what an
//! operator has not named says nothing about whom to trust.
//! *Not here*: when to look.

use auth::Denied;
use auth::token::oidc::Discovery;
use auth::token::{KeySet, KeySetError};
use fetch::{Client, Door, Question, Trouble};
use message::Method;
use net::tls::ClientSettings;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer or a file. Large issuers publish some ten keys of 2 KiB.
pub(super) const BYTES_MOST: usize = 1 << 20;

/// Where an issuer's keys are.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// The URL of a JWK set (RFC 7517).
    Jwks(Box<str>),
    /// The URL that is the issuer's name: its discovery document says where the JWK set is.
    Discovery(Box<str>),
    /// A file with a JWK set, or with public keys in PEM.
    File(PathBuf),
}

/// Why a look brought no keys. No secret stands in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKeys {
    /// The issuer did not give them.
    #[error("the issuer {0}")]
    Server(#[from] Trouble),
    /// Its discovery document does not say where they are.
    #[error("{0}")]
    Discovery(&'static str),
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    File(Box<str>),
    /// What came are no keys.
    #[error("what it gave is of no use: {0}")]
    Unusable(#[from] KeySetError),
}

/// What a look has brought.
pub(super) struct Found {
    /// The keys, not read yet.
    pub(super) body: Vec<u8>,
    /// What the issuer says of itself, where it was asked.
    pub(super) discovery: Option<Arc<Discovery>>,
}

impl Found {
    pub(super) fn only(body: Vec<u8>) -> Self {
        Self { body, discovery: None }
    }
}

impl NoKeys {
    /// How long the issuer asks to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        if let Self::Server(trouble) = self { trouble.retry_after() } else { None }
    }
}

impl Source {
    /// For people: without the query of a URL, in which a key may stand.
    pub fn shown(&self) -> Box<str> {
        match self {
            Self::Jwks(url) | Self::Discovery(url) => url.split(['?', '#']).next().unwrap_or_default().into(),
            Self::File(path) => path.display().to_string().into(),
        }
    }

    /// What is there now.
    pub(super) async fn look(&self, tls: &ClientSettings) -> Result<Found, NoKeys> {
        match self {
            Self::Jwks(url) => Ok(Found::only(get(url, tls).await?)),
            Self::Discovery(issuer) => {
                let document = get(&Discovery::url(issuer), tls).await?;
                let discovery = Discovery::read(&document, issuer).map_err(|denied| undiscovered(&denied))?;
                let body = get(&discovery.jwks_uri, tls).await?;
                Ok(Found { body, discovery: Some(Arc::new(discovery)) })
            }
            Self::File(path) => {
                let path = path.clone();
                let reading = timeout(PATIENCE, spawn_blocking(move || read(&path))).await;
                let read = reading.ok().and_then(Result::ok);
                read.unwrap_or_else(|| Err(NoKeys::File("not in time".into()))).map(Found::only)
            }
        }
    }

    /// The keys in what was found.
    pub(super) fn keys(&self, found: &[u8]) -> Result<KeySet, NoKeys> {
        let is_pem = matches!(self, Self::File(_)) && !found.trim_ascii_start().starts_with(b"{");
        Ok(if is_pem { KeySet::from_pem(found)? } else { KeySet::from_jwks(found)? })
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

/// Why a document was not believed, in the words for it.
fn undiscovered(denied: &Denied) -> NoKeys {
    match denied {
        Denied::Unverified(why) => NoKeys::Discovery(why),
        _ => NoKeys::Discovery("the provider's document makes no sense"),
    }
}

async fn get(url: &str, tls: &ClientSettings) -> Result<Vec<u8>, NoKeys> {
    let (door, target) = Door::of(url, tls.clone())?;
    let question = Question { most: BYTES_MOST, ..Question::new(Method::GET, &target, PATIENCE) };
    let reply = Box::pin(Client { door }.ask(question)).await?;
    if (300..400).contains(&reply.status) {
        return Err(Trouble::refused(reply.status, "redirects are not followed", None).into());
    }
    Ok(reply.granted()?.body.into())
}

/// A file, whole.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, NoKeys> {
    let mut found = Vec::new();
    let reading = File::open(path).and_then(|file| file.take(BYTES_MOST as u64 + 1).read_to_end(&mut found));
    match reading {
        Err(error) => Err(NoKeys::File(error.to_string().into())),
        Ok(_) if found.len() > BYTES_MOST => Err(KeySetError::TooLong.into()),
        Ok(_) => Ok(found),
    }
}
