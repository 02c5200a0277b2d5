//! Where an instance is to listen: a port that is free, or a path for a socket.
//!
//! A free port is learnt by asking the kernel for one and letting it go again. *Promise*: a port that this process has
//! given out is not given out again before it has come back, so no two instances of a process compete for one.
//! Somebody else may take it in between: then the instance cannot listen, or another one answers, and both are noticed
//! (`ready`).

use crate::settings::{FleetSettings, Listen};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use upstream::Place;

/// Bytes of a socket's path, the one at its end included (`sun_path`, unix(7)).
const PATH_MOST: usize = 108;
/// How often the kernel is asked for a port that is not given out already.
const TRIES: usize = 64;

/// Ports given out by this process, to all its services.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A place to listen at, which comes back when it is dropped.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) place: Place,
    /// The folder that was made for the socket. Its keeper removes it.
    pub(super) folder: Option<PathBuf>,
    lease: Option<u16>,
}

impl Spot {
    /// A place for the instance of that number.
    pub(super) fn take(settings: &FleetSettings, number: u32, id: &str) -> Result<Self, String> {
        match settings.listen {
            Listen::Auto => Self::free(),
            Listen::Port(first) => {
                let port = u32::from(first) + number - 1;
                Self::at(u16::try_from(port).map_err(|_| format!("there is no port {port}"))?)
            }
            Listen::Socket => Self::socket(settings.program.user.is_some(), id),
        }
    }

    /// A place that another process has taken, for an instance that came from there.
    pub(super) fn taken(place: Place, folder: Option<PathBuf>) -> Self {
        let lease = match &place {
            Place::Address(address) if given().insert(address.port()) => Some(address.port()),
            _ => None,
        };
        Self { place, folder, lease }
    }

    fn free() -> Result<Self, String> {
        for _ in 0..TRIES {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .and_then(|listener| listener.local_addr())
                .map_err(|e| format!("there is no free port: {e}"))?
                .port();
            if given().insert(port) {
                return Ok(Self::of_port(port));
            }
        }
        Err("there is no free port".into())
    }

    fn at(port: u16) -> Result<Self, String> {
        if !given().insert(port) {
            return Err(format!("port {port} is in use by another instance"));
        }
        let spot = Self::of_port(port);
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|e| format!("port {port} is taken: {e}"))?;
        Ok(spot)
    }

    fn of_port(port: u16) -> Self {
        let place = Place::Address(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        Self { place, folder: None, lease: Some(port) }
    }

    /// A path in a folder that only this user can enter, or whoever the program runs as.
    fn socket(other_user: bool, id: &str) -> Result<Self, String> {
        // The runtime folder is this user's alone.
        let runtime =
            std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|d| d.is_dir() && !other_user);
        let base = runtime.unwrap_or_else(std::env::temp_dir);
        let folder = base.join(format!("tidegate-{}", id.get(..16).unwrap_or(id)));
        let path = folder.join("s");
        if path.as_os_str().len() >= PATH_MOST {
            return Err(format!("{} is too long for a socket's path", path.display()));
        }
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
        Ok(Self { place: Place::Unix(path), folder: Some(folder), lease: None })
    }

    pub(super) fn port(&self) -> Option<u16> {
        match &self.place {
            Place::Address(address) => Some(address.port()),
            Place::Name(..) | Place::Unix(_) => None,
        }
    }

    /// The port as text, or none.
    pub(super) fn port_text(&self) -> String {
        self.port().map(|port| port.to_string()).unwrap_or_default()
    }

    /// The path as text, or none.
    pub(super) fn socket_text(&self) -> String {
        match &self.place {
            Place::Unix(path) => Path::to_string_lossy(path),
            Place::Address(_) | Place::Name(..) => Cow::default(),
        }
        .into_owned()
    }
}

impl Drop for Spot {
    fn drop(&mut self) {
        if let Some(port) = self.lease {
            given().remove(&port);
        }
    }
}

fn given() -> MutexGuard<'static, BTreeSet<u16>> {
    GIVEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn settings(listen: Listen) -> FleetSettings {
        FleetSettings { listen, ..FleetSettings::new("shop", vec!["shop".into()]) }
    }

    #[test]
    fn no_port_is_given_out_twice_before_it_has_come_back() {
        let settings = settings(Listen::Auto);
        let spots: Vec<_> = (0..200).map(|_| Spot::take(&settings, 1, "").unwrap()).collect();
        let ports: BTreeSet<_> = spots.iter().filter_map(Spot::port).collect();
        assert_eq!(ports.len(), 200);
        assert!(ports.is_subset(&given()));
        drop(spots);
        assert!(ports.is_disjoint(&given()));
    }

    #[test]
    fn a_fixed_port_follows_the_number_and_a_taken_one_is_refused() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let why = Spot::take(&settings(Listen::Port(port - 1)), 2, "").unwrap_err();
        assert!(why.starts_with(&format!("port {port} is taken")), "{why}");
        drop(taken);
        let spot = Spot::take(&settings(Listen::Port(port - 1)), 2, "").unwrap();
        assert_eq!(spot.port(), Some(port));
        assert!(Spot::take(&settings(Listen::Port(port)), 1, "").is_err(), "it is given out");
        assert!(Spot::take(&settings(Listen::Port(65535)), 2, "").is_err());
    }

    #[test]
    fn a_socket_is_in_a_folder_that_nobody_else_enters() {
        let id = format!("{:016x}", std::process::id());
        let spot = Spot::take(&settings(Listen::Socket), 1, &id).unwrap();
        let folder = spot.folder.clone().unwrap();
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(spot.socket_text().len() < PATH_MOST);
        assert!(Spot::take(&settings(Listen::Socket), 1, &id).is_err(), "somebody else made that folder");
        std::fs::remove_dir(folder).unwrap();
    }
}
