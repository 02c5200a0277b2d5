//! A request that tells how many instances are wanted: `POST` with a JSON body.
//!
//! Each telling of one decision has the same `Idempotency-Key`. Over TLS the certificate is verified. A redirect is not
//! followed: it is an answer like any other that is no success.

use super::Wanted;
use bytes::Bytes;
use http::Uri;
use message::{Fields, Method, Name, RequestHead, Target, Version};
use net::tls::{ClientSettings, ClientTls};
use net::{Ask, Body, Connection, Stream};
use std::rc::Weak;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// Where to tell it.
#[derive(Clone)]
pub struct Webhook {
    host: Box<str>,
    port: u16,
    /// What stands in `Host`.
    authority: Box<str>,
    path: Box<str>,
    token: Option<Box<str>>,
    tls: Option<Arc<ClientTls>>,
    timeout: Duration,
}

impl std::fmt::Debug for Webhook {
    /// Without the token, and without the path, which may be one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Webhook {
    /// That URL, with that bearer token. `tls`: whom to trust, where the URL is one of `https`.
    pub fn new(
        url: &str,
        token: Option<&str>,
        tls: &ClientSettings,
        timeout: Duration,
    ) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|_| "this is no URL".to_owned())?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("a URL of `http` or `https` is needed".into()),
        };
        let authority = uri.authority().ok_or("the URL has no host")?;
        if authority.as_str().contains('@') {
            return Err("the URL must not have a user or a password: `token` is for that".into());
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Target::parse(path.as_bytes(), false).map_err(|e| e.to_string())?;
        if token.is_some_and(|token| !token.bytes().all(|b| b.is_ascii_graphic())) {
            return Err("the token has characters that no token has".into());
        }
        let tls = secure.then(|| ClientTls::load(tls)).transpose().map_err(|e| e.to_string())?;
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).into(),
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            authority: authority.as_str().into(),
            path: path.into(),
            token: token.map(Into::into),
            tls,
            timeout,
        })
    }

    /// Tells it. Any status of 200 to 299: it was heard.
    pub async fn tell(&self, wanted: &Wanted) -> Result<(), String> {
        let status = tokio::time::timeout(self.timeout, Box::pin(self.ask(wanted)))
            .await
            .unwrap_or_else(|_| Err(format!("no answer after {:?}", self.timeout)))?;
        if (200..300).contains(&status) { Ok(()) } else { Err(format!("answered {status}")) }
    }

    async fn ask(&self, wanted: &Wanted) -> Result<u16, String> {
        let text = serde_json::to_vec(wanted).map_err(|e| e.to_string())?;
        let head = self.head(wanted)?;
        let mut body = Body::full(Bytes::from(text));
        let stream = self.connect().await.map_err(|e| format!("cannot connect: {e}"))?;
        let ask = Ask {
            head: &head,
            host: &self.authority,
            body: &mut body,
            expects_continue: false,
            interim: None,
            timeout: self.timeout,
            idle: self.timeout,
            began: Instant::now(),
        };
        let answer = Connection::new(stream, Weak::new(), None).exchange(ask).await;
        let answer = answer.map_err(|failure| failure.cause.to_string())?;
        // What else it says is nobody's concern; the connection closes.
        Ok(answer.head.status.as_u16())
    }

    fn head(&self, wanted: &Wanted) -> Result<RequestHead, String> {
        let target = Target::parse(self.path.as_bytes(), false).map_err(|e| e.to_string())?;
        let mut fields = Fields::new();
        fields.add(Name::ContentType, b"application/json");
        fields.add(Name::Connection, b"close");
        fields.push_checked(b"idempotency-key", wanted.key().as_bytes());
        if let Some(token) = &self.token {
            fields.push_checked(b"authorization", format!("Bearer {token}").as_bytes());
        }
        let version = Version::HTTP_11;
        Ok(RequestHead { method: Method::POST, target, authority: None, version, fields, upgrade: None })
    }

    async fn connect(&self) -> std::io::Result<Stream> {
        let stream = Stream::Tcp(TcpStream::connect((&*self.host, self.port)).await?);
        stream.set_nodelay()?;
        match &self.tls {
            Some(tls) => tls.connect(stream, &self.host).await,
            None => Ok(stream),
        }
    }
}
