//! Instances passed on to the process that takes this one's place.
//!
//! What is known of an instance goes as JSON, and with it a descriptor of the socket that its keeper is controlled by. Both
//! processes hold the socket for a while, so nothing ends whichever of them goes on. A container has no keeper and no
//! descriptor: its id is enough. A newer version may say more than this one knows, so unknown members are passed over
//! and missing ones have a value that is right for them.

use crate::host::Member;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use upstream::Place;

/// The version of what is passed on. A version that cannot be understood by its predecessors gets another number.
const VERSION: u32 = 1;

/// An instance on its way to another process.
#[derive(Debug)]
pub struct Handed {
    /// What is known of it.
    pub known: Known,
    /// What its keeper is controlled by, where it has one ([`Known::has_keeper`]).
    pub control: Option<OwnedFd>,
}

impl Handed {
    /// Is it there to stay, taking requests or about to?
    pub fn stays(&self) -> bool {
        matches!(self.known.phase, Phase::Starting | Phase::Ready)
    }

    /// The endpoint that it is, where it takes requests or finishes those that it has.
    pub fn member(&self) -> Option<Member> {
        let known = &self.known;
        let cordoned = match known.phase {
            Phase::Ready => false,
            Phase::Draining => true,
            Phase::Starting | Phase::Stopping => return None,
        };
        let place = known.place.as_ref()?.place();
        Some(Member { name: known.name.as_str().into(), place, cordoned })
    }
}

/// What is known of an instance, to be written and read with serde.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    pub(crate) version: u32,
    /// The service that it is of.
    pub service: String,
    /// `shop-1`.
    pub name: String,
    pub(crate) number: u32,
    pub(crate) revision: String,
    pub(crate) generation: u32,
    pub(crate) phase: Phase,
    pub(crate) place: Option<Spot>,
    pub(crate) pid: Option<u32>,
    pub(crate) id: String,
    pub(crate) folder: Option<PathBuf>,
    /// The engine's id of its container, where it is one.
    pub(crate) container: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub(crate) since: u64,
    /// Milliseconds.
    pub(crate) age: u64,
    /// Milliseconds.
    pub(crate) ready_after: Option<u64>,
    pub(crate) restarts: u32,
    pub(crate) last_words: Option<String>,
}

/// How far an instance has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Launched.
    Starting,
    /// It takes requests.
    Ready,
    /// It finishes what it has.
    Draining,
    /// It was told to end. What this version does not know is on its way out too, and ended orderly.
    #[default]
    #[serde(other)]
    Stopping,
}

/// Where an instance listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spot {
    /// At an address.
    Address(SocketAddr),
    /// On a Unix socket.
    Unix(PathBuf),
}

impl Default for Known {
    fn default() -> Self {
        Self {
            version: VERSION,
            service: String::new(),
            name: String::new(),
            number: 0,
            revision: String::new(),
            generation: 0,
            phase: Phase::default(),
            place: None,
            pid: None,
            id: String::new(),
            folder: None,
            container: None,
            since: 0,
            age: 0,
            ready_after: None,
            restarts: 0,
            last_words: None,
        }
    }
}

impl Known {
    /// Is it a process with a keeper, which is controlled by a descriptor?
    pub fn has_keeper(&self) -> bool {
        self.container.is_none()
    }

    /// Why it cannot be taken over, where it cannot.
    pub(crate) fn objection(&self) -> Option<String> {
        if self.version != VERSION {
            return Some(format!(
                "it is passed on in version {} of the language, which is unknown",
                self.version
            ));
        }
        let lacks = self.name.is_empty() || self.number == 0 || self.place.is_none();
        lacks.then(|| "it is not said what it is called or where it listens".into())
    }
}

impl Spot {
    pub(crate) fn of(place: &Place) -> Option<Self> {
        match place {
            Place::Address(address) => Some(Self::Address(*address)),
            Place::Unix(path) => Some(Self::Unix(path.clone())),
            Place::Name(..) => None,
        }
    }

    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Address(address) => Place::Address(*address),
            Self::Unix(path) => Place::Unix(path.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_on_is_understood_also_with_more_and_with_less_in_it() {
        let place = Some(Spot::Address(([127, 0, 0, 1], 8001).into()));
        let known =
            Known { name: "shop-1".into(), number: 1, place, phase: Phase::Ready, ..Known::default() };
        let mut text = serde_json::to_value(&known).unwrap();
        text["mood"] = "good".into();
        text.as_object_mut().unwrap().remove("restarts");
        let read: Known = serde_json::from_value(text.clone()).unwrap();
        assert_eq!((read.name.as_str(), read.phase, read.restarts), ("shop-1", Phase::Ready, 0));
        assert_eq!((&read.place, read.objection()), (&known.place, None));
        text["phase"] = "dancing".into();
        let read: Known = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(read.phase, Phase::Stopping);
        text["version"] = 2.into();
        let read: Known = serde_json::from_value(text).unwrap();
        assert!(read.objection().is_some());
    }

    #[test]
    fn a_container_is_known_by_its_id_and_what_an_older_version_says_is_a_process() {
        let known = Known { container: Some("4f1c".into()), ..Known::default() };
        let mut text = serde_json::to_value(&known).unwrap();
        let read: Known = serde_json::from_value(text.clone()).unwrap();
        assert_eq!((read.container.as_deref(), read.has_keeper()), (Some("4f1c"), false));
        text.as_object_mut().unwrap().remove("container");
        let read: Known = serde_json::from_value(text).unwrap();
        assert!(read.has_keeper());
    }
}
