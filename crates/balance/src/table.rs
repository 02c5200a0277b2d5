//! The tables of the hash policies: which endpoints a key asks for, one after the other.
//!
//! A table is built over *all* endpoints of a service, once for each version of the config, and shared by the workers.
//! Health does not change it: a key whose endpoint may not be picked now goes on to the next one of its own sequence.
//! So only the keys of a missing endpoint move, they spread over all others, and they come back when it does.
//!
//! A sequence is bounded. Where it holds nobody who may be picked (most of the service is out), the endpoint comes
//! from rendezvous hashing over those that may: each gets a score from key and endpoint, the highest wins. That looks
//! at all of them, but it too moves no key that need not move.

use crate::ask::Ask;
use crate::hash::{salted, unit};
use crate::maglev::Maglev;
use crate::ring::Ring;
use crate::{Endpoint, Policy};
use std::collections::HashMap;
use std::sync::Arc;

/// What `maglev` or `ring_hash` looks up keys in.
#[derive(Debug)]
pub struct Table {
    kind: Kind,
    endpoints: usize,
}

#[derive(Debug)]
enum Kind {
    Maglev(Maglev),
    Ring(Ring),
}

/// An endpoint as the tables see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    /// Its identity.
    pub(crate) key: u64,
    pub(crate) weight: u64,
}

impl Table {
    /// The table of those endpoints; `None` for a policy that needs none, and for an empty list.
    pub fn build<E: Endpoint>(policy: Policy, endpoints: &[E]) -> Option<Arc<Self>> {
        if endpoints.is_empty() {
            return None;
        }
        let kind = match policy {
            Policy::Maglev => Kind::Maglev(Maglev::of(&owners(endpoints))),
            Policy::RingHash => Kind::Ring(Ring::of(&owners(endpoints))),
            _ => return None,
        };
        Some(Arc::new(Self { kind, endpoints: endpoints.len() }))
    }

    /// How many endpoints it was built for.
    pub(crate) fn endpoints(&self) -> usize {
        self.endpoints
    }

    /// The first endpoint in the sequence of a key that may take the request and of which `fits` is true.
    pub(crate) fn find<E: Endpoint>(
        &self,
        hash: u64,
        ask: &Ask<'_, E>,
        fits: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let wanted = |&at: &usize| ask.has(at) && ask.may(at) && fits(at);
        let found = match &self.kind {
            Kind::Maglev(maglev) => maglev.walk(hash).find(wanted),
            Kind::Ring(ring) => ring.walk(hash).find(wanted),
        };
        found.or_else(|| rendezvous(hash, ask, fits))
    }
}

/// The endpoint that a key likes best of all that may be picked. Weighted as in Schindelhauer and Schomaker 2005: the
/// least of `-ln(u) / weight` with an even `u` from key and endpoint.
fn rendezvous<E: Endpoint>(hash: u64, ask: &Ask<'_, E>, fits: impl Fn(usize) -> bool) -> Option<usize> {
    let distance = |at: usize| {
        let endpoint = &ask.endpoints[at];
        -(1.0 - unit(salted(endpoint.key(), hash))).ln() / f64::from(endpoint.weight().get())
    };
    let they = ask.members.iter().map(|&at| at as usize).filter(|&at| ask.may(at) && fits(at));
    they.map(|at| (distance(at), at)).min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, at)| at)
}

/// The endpoints with their identities. One that is listed twice gets a second identity, or one of the two would take
/// no keys.
fn owners<E: Endpoint>(endpoints: &[E]) -> Vec<Owner> {
    let mut seen: HashMap<u64, u64> = HashMap::new();
    let owner = |endpoint: &E| {
        let key = endpoint.key();
        let before = seen.entry(key).or_default();
        *before += 1;
        let key = if *before == 1 { key } else { salted(key, *before) };
        Owner { key, weight: endpoint.weight().get().into() }
    };
    endpoints.iter().map(owner).collect()
}
