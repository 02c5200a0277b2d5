//! What a picker must know of an endpoint, and where the endpoint stands among the others.

use crate::{Health, Load, Weight};
use std::sync::Arc;

/// What a picker must know of an endpoint.
pub trait Endpoint {
    /// Its load, shared by all workers.
    fn load(&self) -> &Load;

    /// Its weight.
    fn weight(&self) -> Weight;

    /// Its health, shared by all workers.
    fn health(&self) -> &Health;

    /// A stable identity, for hash policies: [`stable_hash`](crate::stable_hash) of its name. The same on every
    /// node and in every version of the config, or keys would move where nothing has changed.
    fn key(&self) -> u64;

    /// Where it stands. One priority and no zones where nothing else is said.
    fn place(&self) -> Place {
        Place::default()
    }

    /// The most requests that may be pending there; one with so many is passed over.
    fn max_requests(&self) -> u32 {
        u32::MAX
    }
}

/// Where an endpoint stands among the others of its service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// 0 comes first; the next takes what those before it have no room for.
    pub priority: u8,
    /// It stands behind all priorities, for the case that they fail.
    pub backup: bool,
    /// It is in the zone of this process.
    pub local_zone: bool,
}

impl<E: Endpoint + ?Sized> Endpoint for &E {
    fn load(&self) -> &Load {
        (**self).load()
    }

    fn weight(&self) -> Weight {
        (**self).weight()
    }

    fn health(&self) -> &Health {
        (**self).health()
    }

    fn key(&self) -> u64 {
        (**self).key()
    }

    fn place(&self) -> Place {
        (**self).place()
    }

    fn max_requests(&self) -> u32 {
        (**self).max_requests()
    }
}

impl<E: Endpoint + ?Sized> Endpoint for Arc<E> {
    fn load(&self) -> &Load {
        (**self).load()
    }

    fn weight(&self) -> Weight {
        (**self).weight()
    }

    fn health(&self) -> &Health {
        (**self).health()
    }

    fn key(&self) -> u64 {
        (**self).key()
    }

    fn place(&self) -> Place {
        (**self).place()
    }

    fn max_requests(&self) -> u32 {
        (**self).max_requests()
    }
}
