//! Listening sockets over reloads and upgrades: what did not change is left alone, what did reuses its socket where it
//! can, and so does what an earlier process or the service manager has handed over.
//!
//! Each worker listens on a socket of its own. Where fewer were handed over, workers share them at first
//! ([`Listeners::widen`] says why); where more were, a worker listens on several, since each has its queue.

use crate::handed::{self, Handed, Sockets};
use anyhow::{Result, anyhow};
use config::{File, Listener as Typed};
use net::Listening;
use net::bind::{Address, Listener, SocketFile, bind};
use net::proxy_protocol::Accept;
use net::tls::{Alpn, CertPair, ClientAuth, MinVersion, ServerSettings, ServerTls};
use observe::{ListenerMeters, Meters};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The listeners of one version of the config, and the names of all that ever were: a connection outlives a reload, and
/// is counted where it was accepted.
#[derive(Default)]
pub(crate) struct Listeners {
    active: Vec<Active>,
    names: Vec<String>,
}

/// A listener in force.
struct Active {
    typed: Typed,
    listening: Arc<Listening>,
    /// The file of a Unix socket, where it is ours to remove.
    file: Option<SocketFile>,
    /// How many of its sockets are no copies of others.
    own: usize,
}

impl Listeners {
    /// The listeners of another version of the config. Nothing of this one is touched.
    pub(crate) fn next(&self, file: &File, workers: usize, handed: &mut Sockets) -> Result<Self> {
        let mut next = Self { active: Vec::new(), names: self.names.clone() };
        for typed in &file.listeners {
            let active = match self.active.iter().find(|was| was.typed == *typed) {
                Some(same) => Active {
                    typed: typed.clone(),
                    listening: Arc::clone(&same.listening),
                    file: same.file.clone(),
                    own: same.own,
                },
                None => self.open(typed, workers, handed, &mut next.names)?,
            };
            next.active.push(active);
        }
        Ok(next)
    }

    fn open(
        &self,
        typed: &Typed,
        workers: usize,
        handed: &mut Sockets,
        names: &mut Vec<String>,
    ) -> Result<Active> {
        let name = typed.address.to_string();
        let id = names.iter().position(|n| *n == name).unwrap_or_else(|| {
            names.push(name.clone());
            names.len() - 1
        });
        let tls = typed.tls.as_ref().map(|tls| load_tls(typed, tls)).transpose();
        let tls = tls.map_err(|e| anyhow!("listener {name}: {e}"))?;
        let (sockets, file, own) = match self.active.iter().find(|was| was.typed.address == typed.address) {
            Some(same) => (copies(&locked(&same.listening))?, same.file.clone(), same.own),
            None => sockets(&name, workers, handed)?,
        };
        let listening = Listening {
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
        };
        Ok(Active { typed: typed.clone(), listening: Arc::new(listening), file, own })
    }

    /// Gives each worker a socket of its own where several share one. To be done only when this process serves: a
    /// socket that shares a port gets its part of the connections from the first moment on, and would lose them if an
    /// upgrade came to nothing.
    pub(crate) fn widen(&mut self) {
        for active in &mut self.active {
            let mut sockets = locked(&active.listening);
            let Some(first) = sockets.first() else { continue };
            let address =
                active.typed.address.to_string().parse::<Address>().ok().and_then(|a| exact(&a, first));
            let (Some(address), true) = (address, first.shares_its_port()) else { continue };
            for copy in sockets.iter_mut().skip(active.own) {
                // Sockets of another user share nothing with ours. Copies do as well, but for the kernel's spreading.
                let Ok(socket) = bind(&address, true) else { break };
                *copy = socket;
                active.own += 1;
            }
        }
    }

    /// All sockets, for another process.
    pub(crate) fn handed(&self) -> Result<Vec<Handed>> {
        let one = |active: &Active| {
            Ok(Handed {
                name: active.typed.address.to_string(),
                // A copy has no queue of its own, and the next process may have other workers.
                sockets: copies(&locked(&active.listening)[..active.own])?,
                file: active.file.clone(),
            })
        };
        self.active.iter().map(one).collect()
    }

    /// For the workers.
    pub(crate) fn active(&self) -> Vec<Arc<Listening>> {
        self.active.iter().map(|active| Arc::clone(&active.listening)).collect()
    }

    /// The meters of all listeners there ever were, in the order of their numbers.
    pub(crate) fn meters(&self, meters: &Meters) -> Vec<Arc<ListenerMeters>> {
        self.names.iter().map(|name| meters.listener(name)).collect()
    }

    /// Where clients reach this node, as URLs.
    pub(crate) fn urls(&self) -> Vec<String> {
        let url = |Active { typed, listening, .. }: &Active| {
            let scheme = if typed.tls.is_some() { "https" } else { "http" };
            match locked(listening).first().and_then(Listener::local_addr) {
                Some(address) => format!("{scheme}://{address}"),
                None => format!("{scheme}+{}", typed.address),
            }
        };
        self.active.iter().map(url).collect()
    }

    /// Stops listening. Other processes that have the sockets do not notice.
    pub(crate) fn close(&self) {
        self.active.iter().for_each(|active| active.listening.close());
    }

    /// Removes the files of Unix sockets, for nobody listens on them any more.
    pub(crate) fn remove_files(&self) {
        self.active.iter().filter_map(|active| active.file.as_ref()).for_each(handed::remove);
    }

    /// Stops listening where `next` listens no more.
    pub(crate) fn leave(&self, next: &Self) {
        for was in &self.active {
            if next.active.iter().any(|is| Arc::ptr_eq(&is.listening, &was.listening)) {
                continue;
            }
            // Connections hold the listener, and with it they would hold sockets that nobody accepts on.
            was.listening.close();
            if let Some(file) = &was.file
                && !next.active.iter().any(|is| is.file.as_ref() == Some(file))
            {
                handed::remove(file);
            }
        }
    }

    /// Takes up certificates that were renewed on disk.
    pub(crate) fn renew_certificates(&self) {
        for Active { typed, listening, .. } in &self.active {
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

fn copies(sockets: &[Listener]) -> Result<Vec<Listener>> {
    sockets.iter().map(Listener::try_clone).collect::<std::io::Result<_>>().map_err(Into::into)
}

/// The sockets for the listener of that name, at least one for each worker, the file that goes with them, and how many
/// are no copies.
fn sockets(
    name: &str,
    workers: usize,
    handed: &mut Sockets,
) -> Result<(Vec<Listener>, Option<SocketFile>, usize)> {
    let address: Address = name.parse()?;
    if let Some(Handed { mut sockets, file, .. }) = handed.take(name, &address)
        && !sockets.is_empty()
    {
        let own = sockets.len();
        for number in own..workers {
            sockets.push(sockets[number % own].try_clone()?);
        }
        return Ok((sockets, file, own));
    }
    let sockets = bind_all(&address, workers)?;
    let (file, own) = match &address {
        Address::Unix(path) => (SocketFile::at(path).ok(), 1),
        _ => (None, sockets.len()),
    };
    Ok((sockets, file, own))
}

/// The address with the port that the socket has, the same for all workers where 0 was asked for.
fn exact(address: &Address, bound: &Listener) -> Option<Address> {
    let at = bound.local_addr()?;
    Some(match address {
        Address::All(_) => Address::All(at.port()),
        _ => Address::Ip(at),
    })
}

fn bind_all(address: &Address, workers: usize) -> Result<Vec<Listener>> {
    // Alone first: that another program listens there must be an error, not a share of its traffic.
    let probe = bind(address, false)?;
    match exact(address, &probe) {
        Some(exact) => {
            drop(probe);
            (0..workers).map(|_| bind(&exact, true)).collect::<std::io::Result<_>>().map_err(Into::into)
        }
        None => (0..workers).map(|_| probe.try_clone()).collect::<std::io::Result<_>>().map_err(Into::into),
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
        client_auth: match typed.client_auth {
            config::ClientAuth::Required => ClientAuth::Required,
            config::ClientAuth::Optional => ClientAuth::Optional,
        },
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
