//! Listening sockets over reloads: what did not change is left alone, what did reuses its socket where it can.

use anyhow::{Result, anyhow};
use config::{File, Listener as Typed};
use net::Listening;
use net::bind::{Address, Listener, bind};
use net::proxy_protocol::Accept;
use net::tls::{Alpn, CertPair, MinVersion, ServerSettings, ServerTls};
use observe::{ListenerMeters, Meters};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The listeners of one version of the config, and the names of all that ever were: a connection outlives a reload, and
/// is counted where it was accepted.
#[derive(Default)]
pub(crate) struct Listeners {
    active: Vec<(Typed, Arc<Listening>)>,
    names: Vec<String>,
}

impl Listeners {
    /// The listeners of another version of the config. Nothing of this one is touched.
    pub(crate) fn next(&self, file: &File, workers: usize) -> Result<Self> {
        let mut next = Self { active: Vec::new(), names: self.names.clone() };
        for typed in &file.listeners {
            let listening = match self.active.iter().find(|(was, _)| was == typed) {
                Some((_, same)) => Arc::clone(same),
                None => Arc::new(self.open(typed, workers, &mut next.names)?),
            };
            next.active.push((typed.clone(), listening));
        }
        Ok(next)
    }

    fn open(&self, typed: &Typed, workers: usize, names: &mut Vec<String>) -> Result<Listening> {
        let name = typed.address.to_string();
        let id = names.iter().position(|n| *n == name).unwrap_or_else(|| {
            names.push(name.clone());
            names.len() - 1
        });
        let tls = typed.tls.as_ref().map(|tls| load_tls(typed, tls)).transpose();
        let tls = tls.map_err(|e| anyhow!("listener {name}: {e}"))?;
        let sockets = match self.active.iter().find(|(was, _)| was.address == typed.address) {
            Some((_, same)) => {
                locked(same).iter().map(Listener::try_clone).collect::<std::io::Result<Vec<_>>>()?
            }
            None => sockets(&name, workers)?,
        };
        Ok(Listening {
            id,
            is_unix: matches!(sockets.first(), Some(Listener::Unix(_))),
            sockets: Mutex::new(sockets),
            tls,
            http1: typed.protocols.contains(&config::HttpVersion::Http1),
            http2: typed.protocols.contains(&config::HttpVersion::Http2),
            proxy_protocol: match typed.proxy_protocol {
                config::ProxyProtocol::Off => None,
                config::ProxyProtocol::V1 => Some(Accept::V1),
                config::ProxyProtocol::V2 => Some(Accept::V2),
                config::ProxyProtocol::Any => Some(Accept::Any),
            },
            max_connections: typed.max_connections.map_or(usize::MAX, |n| n as usize),
            open: AtomicUsize::new(0),
        })
    }

    /// For the workers.
    pub(crate) fn active(&self) -> Vec<Arc<Listening>> {
        self.active.iter().map(|(_, listening)| Arc::clone(listening)).collect()
    }

    /// The meters of all listeners there ever were, in the order of their numbers.
    pub(crate) fn meters(&self, meters: &Meters) -> Vec<Arc<ListenerMeters>> {
        self.names.iter().map(|name| meters.listener(name)).collect()
    }

    /// Where clients reach this node, as URLs.
    pub(crate) fn urls(&self) -> Vec<String> {
        let url = |(typed, listening): &(Typed, Arc<Listening>)| {
            let scheme = if typed.tls.is_some() { "https" } else { "http" };
            match locked(listening).first().and_then(Listener::local_addr) {
                Some(address) => format!("{scheme}://{address}"),
                None => format!("{scheme}+{}", typed.address),
            }
        };
        self.active.iter().map(url).collect()
    }

    /// Stops listening.
    pub(crate) fn close(&self) {
        self.active.iter().for_each(|(_, listening)| listening.close());
    }

    /// Takes up certificates that were renewed on disk.
    pub(crate) fn renew_certificates(&self) {
        for (typed, listening) in &self.active {
            let Some(tls) = &listening.tls else { continue };
            match tls.reload_if_changed() {
                net::tls::Reload::Unchanged => {}
                net::tls::Reload::Reloaded => {
                    observe::log::info(format_args!(
                        "listener {}: new certificates are in use",
                        typed.address
                    ));
                }
                net::tls::Reload::Kept(e) => observe::log::error(format_args!(
                    "listener {}: the new certificates are no good, the old ones stay in use: {e}",
                    typed.address
                )),
            }
        }
    }
}

fn locked(listening: &Listening) -> MutexGuard<'_, Vec<Listener>> {
    listening.sockets.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sockets(name: &str, workers: usize) -> Result<Vec<Listener>> {
    let address: Address = name.parse()?;
    // Alone first: that another program listens there must be an error, not a share of its traffic.
    let probe = bind(&address, false)?;
    match (&probe, probe.local_addr()) {
        (Listener::Tcp(_), Some(at)) => {
            drop(probe);
            // A port of 0 is now a real one, the same for all workers.
            let exact = match address {
                Address::All(_) => Address::All(at.port()),
                _ => Address::Ip(at),
            };
            (0..workers).map(|_| bind(&exact, true)).collect::<std::io::Result<_>>().map_err(Into::into)
        }
        _ => (0..workers).map(|_| probe.try_clone()).collect::<std::io::Result<_>>().map_err(Into::into),
    }
}

/// Loads all certificates, and reports those that cannot be loaded.
pub(crate) fn check(file: &File, report: &mut config::Report) {
    for (number, typed) in file.listeners.iter().enumerate() {
        if let Some(Err(e)) = typed.tls.as_ref().map(|tls| load_tls(typed, tls)) {
            let at = config::Path::new().key("listeners").index(number).key("tls");
            report.add(&at, e.to_string(), None, None);
        }
    }
}

fn load_tls(listener: &Typed, typed: &config::ListenerTls) -> Result<Arc<ServerTls>> {
    let first = typed.certificate.clone().zip(typed.key.clone());
    let more = typed.certificates.iter().map(|c| (c.certificate.clone(), c.key.clone()));
    let settings = ServerSettings {
        certificates: first
            .into_iter()
            .chain(more)
            .map(|(certificate, key)| CertPair { certificate, key })
            .collect(),
        client_ca: typed.client_ca.clone(),
        min_version: match typed.min_version {
            config::TlsVersion::Tls12 => MinVersion::Tls12,
            config::TlsVersion::Tls13 => MinVersion::Tls13,
        },
        alpn: Alpn {
            http1: listener.protocols.contains(&config::HttpVersion::Http1),
            http2: listener.protocols.contains(&config::HttpVersion::Http2),
        },
    };
    let tls = ServerTls::load(&settings)?;
    for certificate in tls.certificates() {
        if let Some(warning) = certificate.warning(std::time::SystemTime::now()) {
            observe::log::warning(format_args!("{warning}"));
        }
    }
    Ok(tls)
}
