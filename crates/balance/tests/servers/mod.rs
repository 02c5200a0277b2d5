//! Endpoints for tests and benches.
#![allow(dead_code, reason = "each of the programs that share this uses another part of it")]

use balance::{
    Endpoint, Health, Lineup, LineupSettings, Load, Pick, Picker, PickerSettings, Place, Policy, State,
    Table, Weight, stable_hash,
};
use base::{IdSource, Moment};
use std::time::Duration;

pub(crate) struct Server {
    pub(crate) load: Load,
    pub(crate) health: Health,
    pub(crate) weight: Weight,
    pub(crate) place: Place,
    pub(crate) max_requests: u32,
    pub(crate) key: u64,
}

impl Endpoint for Server {
    fn load(&self) -> &Load {
        &self.load
    }

    fn weight(&self) -> Weight {
        self.weight
    }

    fn health(&self) -> &Health {
        &self.health
    }

    fn key(&self) -> u64 {
        self.key
    }

    fn place(&self) -> Place {
        self.place
    }

    fn max_requests(&self) -> u32 {
        self.max_requests
    }
}

/// Endpoints that are up, with those weights.
pub(crate) fn servers(weights: &[u16]) -> Vec<Server> {
    let server = |(n, &weight): (u32, &u16)| Server {
        load: Load::new(Moment::ORIGIN),
        health: Health::new(State::Up, Moment::ORIGIN),
        weight: Weight::new(weight.into()).expect("a weight"),
        place: Place::default(),
        max_requests: u32::MAX,
        key: stable_hash(&n.to_le_bytes()),
    };
    (0..).zip(weights).map(server).collect()
}

/// Endpoints in those states.
pub(crate) fn in_states(states: &[State]) -> Vec<Server> {
    let mut servers = servers(&vec![1; states.len()]);
    for (server, &state) in servers.iter_mut().zip(states) {
        server.health = Health::new(state, Moment::ORIGIN);
    }
    servers
}

pub(crate) fn lineup(servers: &[Server]) -> Lineup {
    Lineup::of(servers, &LineupSettings::default())
}

pub(crate) fn settings(policy: Policy) -> PickerSettings {
    PickerSettings { policy, bounded_load: None, slow_start: Duration::ZERO }
}

/// A picker as a service makes it: the line-up of now, and the table where one is wanted.
pub(crate) fn picker_with(settings: PickerSettings, servers: &[Server], random: &mut IdSource) -> Picker {
    Picker::new(settings, servers, lineup(servers), Table::build(settings.policy, servers), random)
}

pub(crate) fn picker(policy: Policy, servers: &[Server], random: &mut IdSource) -> Picker {
    picker_with(settings(policy), servers, random)
}

/// The endpoint of a pick that found one.
pub(crate) fn endpoint(pick: Pick) -> usize {
    match pick {
        Pick::Endpoint(endpoint) => endpoint,
        other => panic!("expected an endpoint, got {other:?}"),
    }
}
