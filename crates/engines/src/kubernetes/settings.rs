//! Where the API server is and as whom it is asked: what a pod finds around itself, or what somebody says.

use super::token::Token;
use fetch::Trouble;
use net::tls::{CertPair, ClientSettings};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the kubelet puts a pod's own account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// How long one question may take. An API server gives up by itself after 60 s; by then the answer is of no use here.
const PATIENCE: Duration = Duration::from_secs(10);

/// An API server and the account to ask it with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `https://10.96.0.1:443`; a path is put in front of those of the API.
    pub url: Box<str>,
    /// Where the Service and the workload are.
    pub namespace: Box<str>,
    /// As whom.
    pub token: Token,
    /// PEM file of the only CAs to trust; the machine's own where there is none. Read for each connection.
    pub ca: Option<PathBuf>,
    /// A client certificate, instead of a token or beside it.
    pub identity: Option<CertPair>,
    /// How long one question may take.
    pub timeout: Duration,
}

impl Settings {
    /// That server, that namespace, nobody in particular.
    pub fn at(url: &str, namespace: &str) -> Self {
        Self {
            url: url.into(),
            namespace: namespace.into(),
            token: Token::None,
            ca: None,
            identity: None,
            timeout: PATIENCE,
        }
    }

    /// What a pod finds: the address in its environment, its account's token, CA and namespace in files.
    pub fn in_cluster() -> Result<Self, Trouble> {
        Self::in_cluster_of(|name| std::env::var(name).ok(), Path::new(ACCOUNT))
    }

    /// The same with another environment and another folder of the account.
    pub fn in_cluster_of(
        environment: impl Fn(&str) -> Option<String>,
        account: &Path,
    ) -> Result<Self, Trouble> {
        let variable = |name: &str| {
            environment(name).filter(|value| !value.is_empty()).ok_or_else(|| {
                Trouble::Setup(format!("{name} is not set: this is no pod of a cluster").into())
            })
        };
        let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
        // An IPv6 address comes without brackets.
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let path = account.join("namespace");
        let namespace = std::fs::read_to_string(&path)
            .map_err(|error| Trouble::Setup(format!("cannot read {}: {error}", path.display()).into()))?;
        Ok(Self {
            token: Token::File(account.join("token")),
            ca: Some(account.join("ca.crt")),
            ..Self::at(&format!("https://{host}:{port}"), namespace.trim())
        })
    }

    pub(super) fn tls(&self) -> ClientSettings {
        ClientSettings { ca: self.ca.clone(), identity: self.identity.clone(), ..ClientSettings::default() }
    }
}
