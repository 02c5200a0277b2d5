//! One worker's side of the services: pickers, waiting connections.

use crate::endpoint::Endpoint;
use crate::service::{HashOn, Service};
use crate::standing::Adaptive;
use balance::{Lineup, Pick, Picker, Seen, State, Tried};
use base::{Clock, IdSource, Moment};
use net::{Idle, Multiplexed};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Exchanges that one HTTP/2 connection should carry before another is opened: each connection is one core's lock on
/// the upstream's side, and upstreams often allow 100.
const STREAMS_WANTED: usize = 64;
/// HTTP/2 connections that a worker opens to one endpoint.
const H2_MOST: usize = 8;
/// How long a connection waits for its next exchange in a worker that drains: for the few requests that are yet to come,
/// and no longer. Such a worker may live on for an hour with its streams, and an endpoint that is to be stopped waits
/// until nobody is connected to it.
const LEAVING_IDLE: Duration = Duration::from_secs(1);
/// How often a pool that lends looks whether it is still needed.
const LEND_LOOK: Duration = Duration::from_secs(5);

/// A worker's connections to upstreams.
#[derive(Debug)]
pub struct Client {
    pub(crate) core: usize,
    pub(crate) clock: Clock,
    pub(crate) random: RefCell<IdSource>,
    pools: RefCell<HashMap<usize, Rc<Pool>>>,
    locals: RefCell<Vec<Rc<Local>>>,
    /// The worker drains.
    leaving: Cell<bool>,
}

/// A worker's connections to one endpoint.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) idle: Rc<Idle>,
    multiplexed: RefCell<Vec<Multiplexed>>,
    /// The number of connections is bounded for all workers together.
    lends: Cell<bool>,
    /// Somebody listens for workers that want one.
    listening: Cell<bool>,
}

/// A service as one worker sees it.
#[derive(Debug)]
pub struct Local {
    pub(crate) service: Arc<Service>,
    picker: RefCell<Picker>,
    /// The states that the picker knows.
    generation: Cell<u64>,
    /// The one endpoint, where there is just one and nothing to consider.
    sole: Cell<bool>,
    pub(crate) pools: Vec<Rc<Pool>>,
    pub(crate) clock: Clock,
}

impl Client {
    /// For the worker of that number.
    pub fn new(core: usize, clock: Clock) -> Self {
        Self {
            core,
            clock,
            random: RefCell::default(),
            pools: RefCell::default(),
            locals: RefCell::default(),
            leaving: Cell::new(false),
        }
    }

    /// The worker drains: connections that wait are soon closed.
    pub fn leave(&self) {
        self.leaving.set(true);
        for local in &*self.locals.borrow() {
            let settings = &local.service.settings;
            for pool in &local.pools {
                pool.idle.set(settings.max_idle, self.kept_for(settings.idle_timeout));
            }
        }
    }

    fn kept_for(&self, idle_timeout: Duration) -> Duration {
        if self.leaving.get() { idle_timeout.min(LEAVING_IDLE) } else { idle_timeout }
    }

    /// Takes up a version of the services. One that is the same goes on as it is; connections to endpoints that are
    /// still there stay, those to others close.
    pub fn adopt(&self, services: &[Arc<Service>]) -> Vec<Rc<Local>> {
        let mut pools = self.pools.borrow_mut();
        let mut kept = HashMap::with_capacity(pools.len());
        let mut known: HashMap<*const Service, Rc<Local>> =
            self.locals.take().into_iter().map(|local| (Arc::as_ptr(&local.service), local)).collect();
        let locals: Vec<_> = services
            .iter()
            .map(|service| {
                let local = known.remove(&Arc::as_ptr(service));
                let local = local.unwrap_or_else(|| self.local(service, &pools));
                for (member, pool) in service.members.iter().zip(&local.pools) {
                    kept.insert(member.endpoint.id, Rc::clone(pool));
                }
                local
            })
            .collect();
        for (id, pool) in pools.iter() {
            if !kept.contains_key(id) {
                pool.idle.set(0, Duration::ZERO);
            }
        }
        *pools = kept;
        self.locals.replace(locals.clone());
        locals
    }

    fn local(&self, service: &Arc<Service>, pools: &HashMap<usize, Rc<Pool>>) -> Rc<Local> {
        let settings = &service.settings;
        let idle_timeout = self.kept_for(settings.idle_timeout);
        let pools = service.members.iter().map(|member| {
            let pool = pools.get(&member.endpoint.id).cloned();
            let pool = pool.unwrap_or_else(|| Pool::open(settings.max_idle, idle_timeout));
            // Where connections are few, those that wait are lent by all workers to each other.
            if !pool.lends.replace(member.max_connections.is_some()) && pool.lends.get() {
                // Those that were opened without a bound are not counted.
                pool.idle.clear();
            }
            pool.idle.set(settings.max_idle, idle_timeout);
            pool
        });
        let pools = pools.collect();
        let generation = service.standing.circle.generation();
        let picker = self.picker(service);
        Rc::new(Local {
            service: Arc::clone(service),
            picker: RefCell::new(picker),
            generation: Cell::new(generation),
            sole: Cell::new(service.has_one_choice()),
            pools,
            clock: self.clock.clone(),
        })
    }

    /// A picker among those that may be picked now.
    fn picker(&self, service: &Service) -> Picker {
        let settings = &service.settings;
        let lineup = Lineup::of(&service.members, &settings.lineup);
        let random = &mut self.random.borrow_mut();
        Picker::new(settings.picker, &service.members, lineup, service.table.clone(), random)
    }

    /// Closes connections that waited too long. Called now and then.
    pub fn sweep(&self, now: Instant) {
        for pool in self.pools.borrow().values() {
            pool.idle.sweep(now);
            let wanted = |c: &Multiplexed| c.is_usable() && !(self.leaving.get() && c.open() == 0);
            pool.multiplexed.borrow_mut().retain(wanted);
        }
    }
}

impl Local {
    /// The endpoint for the next attempt.
    pub(crate) fn pick(&self, client: &Client, tried: &Tried, hash: Option<u64>) -> Pick {
        let generation = self.service.standing.circle.generation();
        if self.generation.get() != generation {
            let lineup = Lineup::of(&self.service.members, &self.service.settings.lineup);
            let random = &mut client.random.borrow_mut();
            self.picker.borrow_mut().adopt(&self.service.members, lineup, random);
            self.sole.set(self.service.has_one_choice());
            self.generation.set(generation);
        }
        if self.sole.get() {
            return Pick::Endpoint(0); // Nothing to choose, so no clock to read.
        }
        let members = &self.service.members;
        let random = &mut client.random.borrow_mut();
        self.picker.borrow_mut().pick(members, tried, hash, client.clock.now(), random)
    }

    /// The endpoint whose ejection is over and that this request may try, if there is one.
    pub(crate) fn trial(&self, now: Moment) -> Option<usize> {
        self.service.standing.circle.take_trial(&self.service.members, now)
    }

    /// May that endpoint take a request at all? For those that are asked for by name.
    pub(crate) fn takes(&self, member: usize) -> bool {
        let endpoint = self.endpoint(member);
        endpoint.health.state() == State::Up && endpoint.load.pending() < self.most(member)
    }

    /// Is there room for one more request, as far as can be told without picking?
    pub(crate) fn has_room(&self) -> bool {
        let picker = self.picker.borrow();
        let mut shares = picker.lineup().shares().filter(|(share, _)| *share > 0.0);
        let free = |at: &u32| {
            let member = *at as usize;
            self.endpoint(member).load.pending() < self.most(member)
        };
        let adaptive = self.service.standing.adaptive.as_ref();
        adaptive.is_none_or(Adaptive::has_room) && shares.any(|(_, members)| members.iter().any(free))
    }

    /// An attempt has shown how an endpoint is. `trial`: it decides whether the endpoint comes back.
    pub(crate) fn learn(&self, member: usize, seen: Seen, core: usize, trial: bool, at: Moment) {
        let Service { members, standing, settings, .. } = &*self.service;
        let endpoint = self.endpoint(member);
        if seen != Seen::Good {
            endpoint.meters.failed(core);
        }
        let change = if trial {
            standing.circle.end_trial(members, member, Some(seen == Seen::Good), &settings.outliers, at)
        } else {
            let suspicion = endpoint.health.record(seen, &settings.outliers);
            suspicion.and_then(|why| standing.circle.suspect(members, member, why, &settings.outliers, at))
        };
        if let Some(change) = change {
            self.service.note(&change);
        }
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        &self.service.settings.name
    }

    /// What the service's policy hashes, where it is one that does.
    pub fn hash_on(&self) -> Option<&HashOn> {
        self.service.table.as_ref().map(|_| &self.service.settings.hash_on)
    }

    /// Are endpoints told until when an answer is waited for?
    pub fn tells_deadline(&self) -> bool {
        self.service.settings.timeouts.told
    }

    /// How long the service may take to answer, where a route says nothing.
    pub fn request_timeout(&self) -> Duration {
        self.service.settings.timeouts.request
    }

    /// Requests that the endpoint takes at once.
    pub(crate) fn most(&self, member: usize) -> u32 {
        balance::Endpoint::max_requests(&self.service.members[member])
    }

    pub(crate) fn endpoint(&self, member: usize) -> &Arc<Endpoint> {
        &self.service.members[member].endpoint
    }
}

impl Pool {
    fn open(max_idle: usize, idle_timeout: Duration) -> Rc<Self> {
        Rc::new(Self {
            idle: Idle::new(max_idle, idle_timeout),
            multiplexed: RefCell::default(),
            lends: Cell::new(false),
            listening: Cell::new(false),
        })
    }

    /// Gives a waiting connection up whenever another worker wants one and no more may be opened. Begins when it is
    /// first needed, ends with the pool.
    pub(crate) fn lend(self: &Rc<Self>, endpoint: &Arc<Endpoint>) {
        if !self.lends.get() || self.listening.replace(true) {
            return;
        }
        let (pool, endpoint) = (Rc::downgrade(self), Arc::clone(endpoint));
        tokio::task::spawn_local(async move {
            let mut wanted = endpoint.connections.wanted.notified();
            loop {
                let rung = tokio::time::timeout(LEND_LOOK, wanted).await;
                // Listens again before it gives one, since whoever does not get that one rings at once.
                wanted = endpoint.connections.wanted.notified();
                let Some(pool) = pool.upgrade() else { return };
                if rung.is_ok() {
                    pool.give_up_one();
                }
            }
        });
    }

    /// Closes a connection that waits, or one of HTTP/2 as soon as its exchanges have ended.
    fn give_up_one(&self) {
        if self.idle.take().is_none() {
            drop(self.multiplexed.borrow_mut().pop());
        }
    }

    /// The HTTP/2 connection with the fewest exchanges, where no other one may be opened.
    pub(crate) fn busy(&self) -> Option<Multiplexed> {
        self.multiplexed.borrow().iter().filter(|c| c.is_usable()).min_by_key(|c| c.open()).cloned()
    }

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
