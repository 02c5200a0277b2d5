//! One worker's side of the services: pickers, waiting connections.

use crate::endpoint::Endpoint;
use crate::service::Service;
use balance::{Picker, Tried};
use base::{Clock, IdSource};
use net::{Idle, Multiplexed};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Exchanges that one HTTP/2 connection should carry before another is opened: each connection is one core's lock on
/// the upstream's side, and upstreams often allow 100.
const STREAMS_WANTED: usize = 64;
/// HTTP/2 connections that a worker opens to one endpoint.
const H2_MOST: usize = 8;

/// A worker's connections to upstreams.
#[derive(Debug)]
pub struct Client {
    pub(crate) core: usize,
    pub(crate) clock: Clock,
    pub(crate) random: RefCell<IdSource>,
    pools: RefCell<HashMap<usize, Rc<Pool>>>,
}

/// A worker's connections to one endpoint.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) idle: Rc<Idle>,
    multiplexed: RefCell<Vec<Multiplexed>>,
}

/// A service as one worker sees it.
#[derive(Debug)]
pub struct Local {
    pub(crate) service: Arc<Service>,
    picker: RefCell<Picker>,
    pub(crate) pools: Vec<Rc<Pool>>,
}

impl Client {
    /// For the worker of that number.
    pub fn new(core: usize, clock: Clock) -> Self {
        Self { core, clock, random: RefCell::default(), pools: RefCell::default() }
    }

    /// Takes up a version of the services. Connections to endpoints that are still there stay, those to others close.
    pub fn adopt(&self, services: &[Arc<Service>]) -> Vec<Rc<Local>> {
        let mut pools = self.pools.borrow_mut();
        let mut kept = HashMap::new();
        let locals = services
            .iter()
            .map(|service| {
                let settings = &service.settings;
                let mine: Vec<_> = service
                    .members
                    .iter()
                    .map(|member| {
                        let id = member.endpoint.id;
                        let pool = kept.entry(id).or_insert_with(|| {
                            pools.get(&id).cloned().unwrap_or_else(|| {
                                Rc::new(Pool {
                                    idle: Idle::new(settings.max_idle, settings.idle_timeout),
                                    multiplexed: RefCell::default(),
                                })
                            })
                        });
                        pool.idle.set(settings.max_idle, settings.idle_timeout);
                        Rc::clone(pool)
                    })
                    .collect();
                let picker = Picker::new(settings.policy, &service.members, &mut self.random.borrow_mut());
                Rc::new(Local { service: Arc::clone(service), picker: RefCell::new(picker), pools: mine })
            })
            .collect();
        for (id, pool) in pools.iter() {
            if !kept.contains_key(id) {
                pool.idle.set(0, std::time::Duration::ZERO);
            }
        }
        *pools = kept;
        locals
    }

    /// Closes connections that waited too long. Called now and then.
    pub fn sweep(&self, now: Instant) {
        for pool in self.pools.borrow().values() {
            pool.idle.sweep(now);
            pool.multiplexed.borrow_mut().retain(Multiplexed::is_usable);
        }
    }
}

impl Local {
    /// The endpoint for the next attempt.
    pub(crate) fn pick(&self, client: &Client, tried: &Tried) -> Option<usize> {
        let members = &self.service.members;
        if let [_] = members[..] {
            return Some(0); // Nothing to choose, so no clock to read.
        }
        self.picker.borrow_mut().pick(members, tried, client.clock.now(), &mut client.random.borrow_mut())
    }

    pub(crate) fn endpoint(&self, member: usize) -> &Endpoint {
        &self.service.members[member].endpoint
    }
}

impl Pool {
    /// An HTTP/2 connection with room, if one is open. Where all are busy and more are allowed, there is none.
    pub(crate) fn multiplexed(&self) -> Option<Multiplexed> {
        let mut open = self.multiplexed.borrow_mut();
        open.retain(Multiplexed::is_usable);
        let idlest = open.iter().min_by_key(|c| c.open())?;
        (idlest.open() < STREAMS_WANTED || open.len() >= H2_MOST).then(|| idlest.clone())
    }

    /// Keeps a new HTTP/2 connection for others.
    pub(crate) fn share(&self, connection: &Multiplexed) {
        let mut open = self.multiplexed.borrow_mut();
        if open.len() < H2_MOST {
            open.push(connection.clone());
        }
    }
}
