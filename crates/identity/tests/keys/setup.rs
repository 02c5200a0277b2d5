//! Keys and tokens of an issuer, a keeper that looks after it, and what it has told.

use auth::Denied;
use auth::token::{Issuer, JwtSettings, Verified};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use identity::{Keeper, LaneSettings, News, Source, Verifiers, Wanted};
use serde_json::json;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Far more than anything here needs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// So seldom that only the first look is made by itself.
pub(crate) const SELDOM: Duration = Duration::from_secs(3600);
pub(crate) const OFTEN: Duration = Duration::from_millis(100);

/// A key that signs.
pub(crate) struct Signer {
    kid: &'static str,
    pair: Ed25519KeyPair,
}

impl Signer {
    pub(crate) fn new(kid: &'static str) -> Self {
        Self { kid, pair: Ed25519KeyPair::generate().unwrap() }
    }

    pub(crate) fn jwk(&self) -> serde_json::Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": x })
    }

    /// The public key in PEM (RFC 8410).
    pub(crate) fn pem(&self) -> String {
        let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        der.extend_from_slice(self.pair.public_key().as_ref());
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    }

    /// A token for that subject, good for an hour.
    pub(crate) fn token(&self, subject: &str) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let header = json!({ "alg": "EdDSA", "kid": self.kid }).to_string();
        let claims = json!({ "sub": subject, "exp": now + 3600 }).to_string();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// A JWK set of these.
pub(crate) fn jwks(signers: &[&Signer]) -> String {
    json!({ "keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>() }).to_string()
}

/// A folder that goes with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("identity-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

impl Folder {
    /// Waits for one copy, and gives its path. What is still being written has a name with a dot in front.
    pub(crate) async fn copy(&self) -> PathBuf {
        let whole =
            || self.files().into_iter().find(|path| !path.file_name().unwrap().as_bytes().starts_with(b"."));
        until("a copy", || whole().is_some()).await;
        whole().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One issuer, its keeper, and threads to verify on.
pub(crate) struct Setup {
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) keeper: Keeper,
    pub(crate) verifiers: Verifiers,
    news: Arc<Mutex<Vec<News>>>,
}

pub(crate) fn issuer() -> Arc<Issuer> {
    Arc::new(Issuer::new("corp", JwtSettings::default(), None))
}

pub(crate) fn wanted(issuer: &Arc<Issuer>, source: &Source, refresh: Duration) -> Wanted {
    let (issuer, source) = (Arc::clone(issuer), source.clone());
    Wanted { issuer, source, refresh, tls: net::tls::ClientSettings::default() }
}

impl Setup {
    pub(crate) fn start(source: &Source, refresh: Duration) -> Self {
        Self::kept_in(None, source, refresh)
    }

    pub(crate) fn kept_in(folder: Option<&Folder>, source: &Source, refresh: Duration) -> Self {
        let (issuer, news) = (issuer(), Arc::new(Mutex::new(Vec::new())));
        let told = Arc::clone(&news);
        let on_news = Arc::new(move |news: &News| told.lock().unwrap().push(news.clone()));
        let wanted = wanted(&issuer, source, refresh);
        let keeper = Keeper::start(vec![wanted], folder.map(|folder| folder.0.clone()), on_news).unwrap();
        let lane = LaneSettings { threads: 2, queue: 1000 };
        let verifiers = Verifiers::new(lane, lane, |_, _| false).unwrap();
        Self { issuer, keeper, verifiers, news }
    }

    /// Waits for keys.
    pub(crate) async fn known(&self) {
        until("keys", || self.issuer.keys_known()).await;
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<Arc<Verified>, Denied> {
        identity::verify(&self.verifiers, &self.keeper, &self.issuer, token, DEADLINE).await
    }

    /// What was told, as the lines of a log.
    pub(crate) fn news(&self) -> Vec<String> {
        self.news.lock().unwrap().iter().map(ToString::to_string).collect()
    }

    /// Waits until so much has been told, and gives the last of it.
    pub(crate) async fn told(&self, count: usize) -> String {
        until("news", || self.news.lock().unwrap().len() >= count).await;
        self.news()[count - 1].clone()
    }

    /// Looks that brought keys, and looks that did not.
    pub(crate) fn looks(&self) -> (u64, u64) {
        let view = &self.keeper.views()[0];
        (view.answered, view.failed)
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
