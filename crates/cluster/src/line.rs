//! One connection to the store, to one server or to a cluster of them.
//!
//! Questions of all threads go over it one behind the other without waiting for each other's answers. It is never mended:
//! when it breaks, a [`Door`] makes another.

use crate::settings::{ClusterSettings, Mode, SettingsError};
use crate::trouble::Trouble;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, RedisError, TlsCertificates, TlsMode, Value,
};
use std::time::Duration;

/// Questions that may wait for their answers at a time; the others wait to be sent, within their own timeout.
const IN_FLIGHT: usize = 16_384;
/// Commands handed over to the connection that it has not taken yet.
const HANDED_OVER: usize = 1_024;
/// A connection may take this long at least: TLS, and names to be looked up, take more than a question.
const CONNECT_LEAST: Duration = Duration::from_secs(1);

/// A connection.
#[derive(Clone)]
pub(crate) struct Line {
    kind: Kind,
    timeout: Duration,
    secret: Option<Box<str>>,
}

#[derive(Clone)]
enum Kind {
    One(MultiplexedConnection),
    Many(ClusterConnection),
}

impl Line {
    /// Asks, and waits for the answer at most for the timeout.
    pub(crate) async fn ask(&self, command: &Cmd) -> Result<Value, Trouble> {
        // The connection is a handle; a copy of it is a few counters.
        let mut kind = self.kind.clone();
        let asked = async {
            match &mut kind {
                Kind::One(one) => one.req_packed_command(command).await,
                Kind::Many(many) => many.req_packed_command(command).await,
            }
        };
        match tokio::time::timeout(self.timeout, asked).await {
            Err(_) => Err(Trouble::Late(self.timeout)),
            Ok(Err(error)) if error.is_timeout() => Err(Trouble::Late(self.timeout)),
            Ok(Err(error)) => Err(Trouble::of(&error, self.secret.as_deref())),
            // What a server refuses is an answer like any other to the library.
            Ok(Ok(value)) => {
                value.extract_error().map_err(|error| Trouble::of(&error, self.secret.as_deref()))
            }
        }
    }

    /// Whether what is asked in one script must lie on one server.
    pub(crate) fn is_spread(&self) -> bool {
        matches!(self.kind, Kind::Many(_))
    }
}

/// Makes connections.
pub(crate) struct Door {
    way: Way,
    config: AsyncConnectionConfig,
    timeout: Duration,
    connect: Duration,
    secret: Option<Box<str>>,
}

enum Way {
    Single(Vec<Client>),
    Sentinel(Box<SentinelClient>),
    Cluster(Box<ClusterClient>),
}

impl Door {
    /// Checks the settings; nothing is connected.
    pub(crate) fn new(settings: &ClusterSettings) -> Result<Self, SettingsError> {
        let infos = settings.checked()?;
        let (timeout, connect) = (settings.timeout, settings.timeout.max(CONNECT_LEAST));
        // The library takes the process's provider. There is one; it may have been set already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let secret =
            settings.password.clone().or_else(|| infos[0].redis_settings().password().map(Into::into));
        let way = match &settings.mode {
            Mode::Single => infos
                .into_iter()
                .map(|info| single(info, settings))
                .collect::<Result<_, _>>()
                .map(Way::Single),
            Mode::Sentinel { master } => {
                sentinel(&infos, master, settings).map(|client| Way::Sentinel(Box::new(client)))
            }
            Mode::Cluster => spread(infos, settings).map(|client| Way::Cluster(Box::new(client))),
        };
        let other = |error| match Trouble::of(&error, secret.as_deref()) {
            Trouble::Broken(text) | Trouble::Refused(text) => SettingsError::Other(text),
            trouble => SettingsError::Other(trouble.to_string()),
        };
        let way = way.map_err(other)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect))
            .set_response_timeout(Some(timeout))
            .set_pipeline_buffer_size(HANDED_OVER)
            .set_concurrency_limit(IN_FLIGHT);
        Ok(Self { way, config, timeout, connect, secret })
    }

    /// Connects. Behind it the server has taken the password, and no more is known.
    pub(crate) async fn open(&mut self) -> Result<Line, Trouble> {
        // Each of several places may take its time.
        let places = if let Way::Single(clients) = &self.way { clients.len() } else { 3 };
        let patience = self.connect * u32::try_from(places).unwrap_or(u32::MAX);
        let secret = self.secret.clone();
        match tokio::time::timeout(patience, self.connect()).await {
            Err(_) => Err(Trouble::Late(patience)),
            Ok(Err(error)) if error.is_timeout() => Err(Trouble::Late(self.connect)),
            Ok(Err(error)) => Err(Trouble::of(&error, secret.as_deref())),
            Ok(Ok(kind)) => Ok(Line { kind, timeout: self.timeout, secret }),
        }
    }

    async fn connect(&mut self) -> Result<Kind, RedisError> {
        match &mut self.way {
            Way::Single(clients) => {
                let mut last = None;
                for client in clients {
                    match client.get_multiplexed_async_connection_with_config(&self.config).await {
                        Ok(connection) => return Ok(Kind::One(connection)),
                        Err(error) => last = Some(error),
                    }
                }
                Err(last.expect("the settings have at least one URL"))
            }
            Way::Sentinel(client) => {
                client.get_async_connection_with_config(&self.config).await.map(Kind::One)
            }
            Way::Cluster(client) => client.get_async_connection().await.map(Kind::Many),
        }
    }
}

fn certificates(settings: &ClusterSettings) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: settings.ca.clone() }
}

fn single(info: ConnectionInfo, settings: &ClusterSettings) -> Result<Client, RedisError> {
    let mut redis = info.redis_settings().clone();
    if let Some(username) = &settings.username {
        redis = redis.set_username(username);
    }
    if let Some(password) = &settings.password {
        redis = redis.set_password(password);
    }
    let is_tls = matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. });
    let info = info.set_redis_settings(redis);
    if is_tls { Client::build_with_tls(info, certificates(settings)) } else { Client::open(info) }
}

fn sentinel(
    infos: &[ConnectionInfo],
    master: &str,
    settings: &ClusterSettings,
) -> Result<SentinelClient, RedisError> {
    let addresses = infos.iter().map(|info| info.addr().clone());
    let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?;
    let at_sentinels = infos[0].redis_settings();
    if matches!(infos[0].addr(), redis::ConnectionAddr::TcpTls { .. }) {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates(settings))
            .set_client_to_sentinel_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_certificates(certificates(settings));
    }
    if let Some(username) = at_sentinels.username() {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = at_sentinels.password() {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if let Some(username) = &settings.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = &settings.password {
        builder = builder.set_client_to_redis_password(password);
    }
    builder.set_client_to_redis_db(at_sentinels.db()).build()
}

fn spread(infos: Vec<ConnectionInfo>, settings: &ClusterSettings) -> Result<ClusterClient, RedisError> {
    let connect = settings.timeout.max(CONNECT_LEAST);
    let is_tls = matches!(infos[0].addr(), redis::ConnectionAddr::TcpTls { .. });
    let mut builder = ClusterClientBuilder::new(infos)
        .connection_timeout(connect)
        .response_timeout(settings.timeout)
        // Enough to follow a key that has moved; more is done by asking anew.
        .retries(2)
        .min_retry_wait(1)
        .max_retry_wait(20);
    if let Some(username) = &settings.username {
        builder = builder.username(username);
    }
    if let Some(password) = &settings.password {
        builder = builder.password(password);
    }
    if is_tls {
        builder = builder.certs(certificates(settings));
    }
    builder.build()
}
