//! Where the store is and how it is spoken to; checked before anything is connected.
//!
//! *Promise*: neither the settings' `Debug` nor an error here has a password in it, though URLs may carry one.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use std::fmt;
use std::time::Duration;

/// How the servers belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// One server; where several are named, the first that works.
    #[default]
    Single,
    /// Sentinels, which know the server.
    Sentinel {
        /// Their name for it.
        master: Box<str>,
    },
    /// Redis Cluster: the keys are spread over several.
    Cluster,
}

/// How the nodes find and use what they share.
#[derive(Clone)]
pub struct ClusterSettings {
    /// `redis://[user:password@]host[:port][/db]`, `rediss://` for TLS, `redis+unix:///path`; at least one.
    pub urls: Vec<Box<str>>,
    /// How they belong together.
    pub mode: Mode,
    /// Who we are there, where the URL does not say. With sentinels: at the server; what the URL says holds at the sentinels.
    pub username: Option<Box<str>>,
    /// The password that belongs to it.
    pub password: Option<Box<str>>,
    /// Who may sign the server's certificate, in PEM; the system's authorities where it is `None`.
    pub ca: Option<Vec<u8>>,
    /// What the names of all keys begin with, so that several installations may share a server.
    pub prefix: Box<str>,
    /// How long one question may take.
    pub timeout: Duration,
    /// This node's name: another on each, and the same in both processes of an upgrade.
    pub node: Box<str>,
    /// The seed that this node would use alone.
    pub seed: [u8; 16],
}

impl fmt::Debug for ClusterSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterSettings")
            .field("places", &self.places())
            .field("mode", &self.mode)
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

/// Why the settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No URL.
    #[error("no URL")]
    NoUrl,
    /// The URL of that number, from 0, is none of Redis'.
    #[error("URL {0}: expected redis://HOST[:PORT][/DB], rediss://.. or redis+unix:///PATH")]
    Url(usize),
    /// The prefix has characters that names of keys should not have.
    #[error("prefix: expected 1 to 64 letters, digits and `_ . : -`")]
    Prefix,
    /// No time is too little.
    #[error("timeout: expected more than 0")]
    Timeout,
    /// What the client library does not take, such as a certificate that is none.
    #[error("{0}")]
    Other(String),
    /// The thread cannot be started.
    #[error("cannot start the thread: {0}")]
    Thread(String),
}

impl ClusterSettings {
    /// Checks them; the places in the order of the URLs.
    pub(crate) fn checked(&self) -> Result<Vec<ConnectionInfo>, SettingsError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        if self.urls.is_empty() {
            return Err(SettingsError::NoUrl);
        }
        if self.prefix.is_empty() || self.prefix.len() > 64 || !self.prefix.chars().all(allowed) {
            return Err(SettingsError::Prefix);
        }
        if self.timeout.is_zero() {
            return Err(SettingsError::Timeout);
        }
        // The library's own words may repeat the URL, password and all.
        let urls = self.urls.iter().enumerate();
        urls.map(|(n, url)| (**url).into_connection_info().map_err(|_| SettingsError::Url(n))).collect()
    }

    /// Hosts and ports, for people.
    pub(crate) fn places(&self) -> String {
        let place = |url: &str| match url.into_connection_info() {
            Ok(info) => match info.addr() {
                ConnectionAddr::Unix(path) => path.display().to_string(),
                address => address.to_string(),
            },
            Err(_) => "?".to_owned(),
        };
        self.urls.iter().map(|url| place(url)).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> ClusterSettings {
        ClusterSettings {
            urls: vec![url.into()],
            mode: Mode::Single,
            username: None,
            password: Some("hunter2".into()),
            ca: None,
            prefix: "tidegate".into(),
            timeout: Duration::from_millis(100),
            node: "a".into(),
            seed: [0; 16],
        }
    }

    #[test]
    fn servers_are_found_by_their_urls() {
        for (url, place) in [
            ("redis://127.0.0.1:6380", "127.0.0.1:6380"),
            ("rediss://ops:hunter2@redis.internal/2", "redis.internal:6379"),
            ("redis+unix:///run/redis.sock", "/run/redis.sock"),
        ] {
            let settings = settings(url);
            assert!(settings.checked().is_ok(), "{url}");
            assert_eq!(settings.places(), place);
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_without_its_password() {
        let wrong = settings("http://ops:hunter2@redis/");
        assert_eq!(wrong.checked().err(), Some(SettingsError::Url(0)));
        assert!(!format!("{wrong:?} {}", SettingsError::Url(0)).contains("hunter2"));
        assert!(!format!("{:?}", settings("redis://:hunter2@redis/")).contains("hunter2"));
        let none = ClusterSettings { urls: vec![], ..settings("") };
        assert_eq!(none.checked().err(), Some(SettingsError::NoUrl));
        let prefix = ClusterSettings { prefix: "{a}".into(), ..settings("redis://a") };
        assert_eq!(prefix.checked().err(), Some(SettingsError::Prefix));
        let timeout = ClusterSettings { timeout: Duration::ZERO, ..settings("redis://a") };
        assert_eq!(timeout.checked().err(), Some(SettingsError::Timeout));
    }
}
