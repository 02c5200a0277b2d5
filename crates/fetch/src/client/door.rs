//! Where a server listens, and how its door is opened: TCP, TLS or a Unix socket.

use crate::trouble::Trouble;
use net::Stream;
use net::tls::{ClientSettings, ClientTls};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};

/// A connection on which a server is silent is asked by the kernel whether anybody is still there: after so long, so
/// often, so many times. A machine that vanished is noticed within about a minute.
const ALIVE_AFTER: Duration = Duration::from_secs(30);
const ALIVE_EVERY: Duration = Duration::from_secs(10);
const ALIVE_TIMES: u32 = 3;

/// A server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    place: Place,
    /// What stands in `Host`.
    pub authority: Box<str>,
    /// What stands in front of every path; empty, or `/something` without a slash at its end.
    pub prefix: Box<str>,
    tls: Option<ClientSettings>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A name or an address, and a port.
    Tcp(Box<str>, u16),
    Unix(PathBuf),
}

impl Door {
    /// From `http://` or `https://`, a host, and perhaps a port and a path. `tls`: how TLS is spoken where it is.
    pub fn at(url: &str, tls: ClientSettings) -> Result<Self, Trouble> {
        let bad = |why: &str| Trouble::Setup(format!("its URL {why}").into());
        let uri: http::Uri = url.parse().map_err(|_| bad("is none"))?;
        let (tls, port) = match uri.scheme_str() {
            Some("https") => (Some(tls), 443),
            Some("http") => (None, 80),
            _ => return Err(bad("must begin with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| bad("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("must not hold a user or a password"));
        }
        if uri.query().is_some() {
            return Err(bad("must not have a query"));
        }
        let host = authority.host();
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        Ok(Self {
            place: Place::Tcp(bare.into(), authority.port_u16().unwrap_or(port)),
            authority: authority.as_str().into(),
            prefix: uri.path().trim_end_matches('/').into(),
            tls,
        })
    }

    /// The door of a URL, and what is to be asked for there: its path and query.
    pub fn of(url: &str, tls: ClientSettings) -> Result<(Self, Box<str>), Trouble> {
        let url = url.split_once('#').map_or(url, |(url, _)| url);
        let begin = url.find("://").map_or(0, |at| at + 3);
        let end = url[begin..].find(['/', '?']).map_or(url.len(), |at| begin + at);
        let slash = if url[end..].starts_with('/') { "" } else { "/" };
        Ok((Self::at(&url[..end], tls)?, format!("{slash}{}", &url[end..]).into()))
    }

    /// A Unix socket.
    pub fn unix(path: &Path) -> Self {
        Self { place: Place::Unix(path.into()), authority: "localhost".into(), prefix: "".into(), tls: None }
    }

    /// Connects, and shakes hands where TLS is spoken. Files of TLS are read each time, so that new ones are followed.
    pub async fn open(&self, patience: Duration) -> Result<Stream, Trouble> {
        match tokio::time::timeout(patience, Box::pin(self.opened())).await {
            Ok(opened) => opened,
            Err(_) => Err(Trouble::Unreachable("no connection was made in time".into())),
        }
    }

    async fn opened(&self) -> Result<Stream, Trouble> {
        let tls = match &self.tls {
            Some(settings) => {
                Some(ClientTls::load(settings).map_err(|error| Trouble::Setup(error.to_string().into()))?)
            }
            None => None,
        };
        let unreachable = |error: io::Error| Trouble::Unreachable(error.to_string().into());
        let stream = self.connected().await.map_err(unreachable)?;
        match (tls, &self.place) {
            (Some(tls), Place::Tcp(host, _)) => tls.connect(stream, host).await.map_err(unreachable),
            _ => Ok(stream),
        }
    }

    async fn connected(&self) -> io::Result<Stream> {
        match &self.place {
            Place::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
            Place::Tcp(host, port) => {
                let tcp = TcpStream::connect((&**host, *port)).await?;
                tcp.set_nodelay(true)?;
                keep_alive(&tcp)?;
                Ok(Stream::Tcp(tcp))
            }
        }
    }
}

/// Has the kernel notice a peer that is gone without a word.
pub fn keep_alive(tcp: &TcpStream) -> io::Result<()> {
    let keepalive =
        TcpKeepalive::new().with_time(ALIVE_AFTER).with_interval(ALIVE_EVERY).with_retries(ALIVE_TIMES);
    SockRef::from(tcp).set_tcp_keepalive(&keepalive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_the_door_is() {
        for (url, host, port, authority, prefix, tls) in [
            ("https://10.0.0.1", "10.0.0.1", 443, "10.0.0.1", "", true),
            ("https://[::1]:6443/", "::1", 6443, "[::1]:6443", "", true),
            ("http://api.test/k8s/clusters/c-1/", "api.test", 80, "api.test", "/k8s/clusters/c-1", false),
        ] {
            let door = Door::at(url, ClientSettings::default()).unwrap();
            assert_eq!(door.place, Place::Tcp(host.into(), port), "{url}");
            assert_eq!((&*door.authority, &*door.prefix), (authority, prefix), "{url}");
            assert_eq!(door.tls.is_some(), tls, "{url}");
        }
    }

    #[test]
    fn a_url_says_what_is_to_be_asked_for() {
        for (url, authority, target) in [
            ("https://id.test", "id.test", "/"),
            ("https://id.test/keys?p=sign_in#top", "id.test", "/keys?p=sign_in"),
            ("http://id.test:8080?p=/a", "id.test:8080", "/?p=/a"),
        ] {
            let (door, asked) = Door::of(url, ClientSettings::default()).unwrap();
            assert_eq!((&*door.authority, &*asked), (authority, target), "{url}");
        }
        for url in ["", "/keys", "id.test/keys", "ftp://id.test/keys", "http://u:hunter2@x/", "https:///keys"]
        {
            let error = Door::of(url, ClientSettings::default()).unwrap_err().to_string();
            assert!(error.starts_with("cannot be asked: its URL ") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_is_no_place_for_a_server_is_refused_without_quoting_it() {
        for url in ["", "api", "/x", "ftp://x", "https://", "http://u:hunter2@x", "http://x/?token=hunter2"] {
            let error = Door::at(url, ClientSettings::default()).unwrap_err().to_string();
            assert!(error.starts_with("cannot be asked: its URL ") && !error.contains("hunter2"), "{error}");
        }
    }
}
