//! What a route asks of its callers, before it serves them: who they are, what they may, how often they may come.
//!
//! Plain data, made when a config is loaded; the stages `cors`, `identify` and `charge` go by it. A route that asks for
//! nothing has none of it.

use auth::{AllowRule, Consumer, Cors, IpRules};
use limit::{Allowance, Gates, Hasher, Limiter, Pending, Quotas};
use observe::{CoreCounter, LimitMeters, Meters};
use rustc_hash::FxHashMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

mod ways;

pub use ways::{ApiKeys, Certificates, Elsewhere, ForwardAuth, Login, Passwords, TokenSource, Tokens, WayIn};

/// What one route asks.
#[derive(Debug, Default)]
pub struct Guard {
    /// Which web sites may use it from a browser.
    pub cors: Option<Cors>,
    /// From which addresses it may be used.
    pub ips: Option<IpRules>,
    /// Limits that need nobody's name. They hold before anybody is asked for it, so guessing credentials is limited too.
    pub before: Vec<Arc<Limit>>,
    /// Who may use it.
    pub access: Option<Access>,
    /// Limits of callers.
    pub limits: Vec<Arc<Limit>>,
    /// How many requests of one caller are served at a time.
    pub concurrency: Option<Concurrency>,
    /// How fast one response may be sent.
    pub bandwidth: Option<Bandwidth>,
}

impl Limit {
    /// What clients are told of a policy with this name.
    pub fn told(name: &str, allowance: &Allowance) -> Box<[u8]> {
        let mut told = Vec::new();
        limit::text::policy(&mut told, name, allowance);
        told.into()
    }
}

impl Guard {
    /// Does it ask for nothing?
    pub fn is_empty(&self) -> bool {
        let Self { cors, ips, before, access, limits, concurrency, bandwidth } = self;
        cors.is_none()
            && ips.is_none()
            && access.is_none()
            && concurrency.is_none()
            && bandwidth.is_none()
            && before.is_empty()
            && limits.is_empty()
    }
}

/// Who may use a route.
#[derive(Debug)]
pub struct Access {
    /// The ways to be identified, in the order in which they are tried.
    pub ways: Vec<WayIn>,
    /// Scopes that a caller needs, all of them.
    pub scopes: Vec<Box<str>>,
    /// What else must hold.
    pub allow: Option<AllowRule>,
    /// The name of the place that is protected (RFC 9110 section 11.5).
    pub realm: Box<str>,
}

/// One policy.
#[derive(Debug)]
pub struct Limit {
    /// Its name, for clients and metrics.
    pub name: Box<str>,
    /// What the keys of its buckets are made with, so that no other policy has the same.
    pub id: Box<str>,
    /// What clients are told of it: its member of `RateLimit-Policy`.
    pub told: Box<[u8]>,
    /// By what requests are counted.
    pub by: Vec<By>,
    /// How often.
    pub allowance: Allowance,
    /// What a request counts.
    pub cost: Cost,
    /// Which requests it is for; absent: all.
    pub when: Option<AllowRule>,
    /// It is on trial: what is over it is counted, and served.
    pub shadow: bool,
    /// How long a request that is over it may be held back; zero: not at all.
    pub patience: Duration,
    /// Who else counts.
    pub sharing: Sharing,
    /// What holds while those who count together cannot be asked.
    pub on_store_error: OnStoreError,
    /// Its meters.
    pub meters: Arc<LimitMeters>,
}

/// By what requests are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The client's address; of IPv6 the first 64 bits.
    Ip,
    /// The caller; the address where nobody is known.
    Consumer,
    /// The credential; the caller where it has no id.
    Credential,
    /// The route.
    Route,
    /// One field of the request.
    Header(Box<str>),
    /// One claim of the caller.
    Claim(Box<str>),
    /// All together.
    Global,
}

/// What a request counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cost {
    /// That much.
    Fixed(u32),
    /// One, and then what the service's answer says in this field.
    Told(Box<str>),
}

/// Who else counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody: each node counts for itself.
    Alone,
    /// All nodes, which tell each other many times a second.
    Fast,
    /// All nodes, each request being counted in one place before it is served.
    Exact,
}

/// What holds while the store that the nodes share cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStoreError {
    /// Each node's share of the limit.
    Local,
    /// No limit.
    Allow,
    /// Nobody is served.
    Deny,
}

/// How many requests of one caller are served at a time.
#[derive(Debug)]
pub struct Concurrency {
    /// What the keys of its gates are made with.
    pub id: Box<str>,
    /// By what requests are counted.
    pub by: Vec<By>,
    /// How many.
    pub most: u32,
    /// Its meters.
    pub meters: Arc<LimitMeters>,
}

/// How fast one response may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bytes a second.
    pub rate: NonZeroU64,
}

/// What a plan allows to each consumer that has it, on all routes together.
#[derive(Debug, Default)]
pub struct PlanLimits {
    /// How often.
    pub limits: Vec<Arc<Limit>>,
    /// How many at a time.
    pub concurrency: Option<Arc<Concurrency>>,
    /// Its requests, by the way of identification.
    pub callers: CallersOf,
}

/// Counters of requests by way, for one plan.
#[derive(Debug, Default)]
pub struct CallersOf(Vec<Arc<CoreCounter>>);

impl CallersOf {
    /// For the plan of that name.
    pub fn new(meters: &Meters, plan: &str) -> Self {
        Self(auth::Way::ALL.iter().map(|way| meters.callers(way.as_str(), plan)).collect())
    }

    pub(crate) fn count(&self, core: usize, way: auth::Way) {
        if let Some(counter) = self.0.get(way as usize) {
            counter.add(core, 1);
        }
    }
}

/// What all routes' guards go by. Tables outlive reloads; the rest is of one config.
#[derive(Debug)]
pub struct Guards {
    /// The config's number: no two of one process have the same.
    pub config: u64,
    /// What is counted.
    pub tables: Arc<Tables>,
    /// The other nodes, where there are any.
    pub cluster: Option<Arc<cluster::Cluster>>,
    /// The plans, by name.
    pub plans: FxHashMap<Box<str>, PlanLimits>,
    /// The callers that the config names.
    pub consumers: FxHashMap<Box<str>, Arc<Consumer>>,
    /// Callers without a plan, by way.
    pub planless: CallersOf,
    /// No plan: an empty text, shared.
    pub nothing: Arc<str>,
    /// Where browsers log in, if they do.
    pub login: Option<Arc<Login>>,
}

/// What is counted, on this node and with others. Made once a process.
#[derive(Debug)]
pub struct Tables {
    /// Buckets.
    pub limiter: Limiter,
    /// Quotas.
    pub quotas: Quotas,
    /// Gates.
    pub gates: Arc<Gates>,
    /// The seed that keys are made with, in two halves: that of this node, until it has met others.
    pub seed: [AtomicU64; 2],
    /// Can the store be asked that the nodes share?
    pub shared_is_up: AtomicBool,
    /// How many nodes there are, as they were last seen.
    pub nodes: AtomicUsize,
    /// What other nodes have yet to be told.
    pub pending: Pending,
    /// When time began.
    pub since: Instant,
}

impl Tables {
    /// Makes keys.
    pub(crate) fn hasher(&self) -> Hasher {
        // Read in two steps: a request at the very moment of a change may have a key of its own, which harms nobody.
        Hasher::new(self.seed())
    }

    /// The two halves of a seed.
    pub fn halves(seed: [u8; 16]) -> [AtomicU64; 2] {
        let half = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&seed[at..at + 8]);
            AtomicU64::new(u64::from_le_bytes(bytes))
        };
        [half(0), half(8)]
    }

    /// The seed in force.
    pub fn seed(&self) -> [u8; 16] {
        let mut seed = [0; 16];
        for (bytes, half) in seed.chunks_exact_mut(8).zip(&self.seed) {
            bytes.copy_from_slice(&half.load(Ordering::Relaxed).to_le_bytes());
        }
        seed
    }

    /// Puts another seed in force.
    pub fn reseed(&self, seed: [u8; 16]) {
        for (half, new) in self.seed.iter().zip(Self::halves(seed)) {
            half.store(new.into_inner(), Ordering::Relaxed);
        }
    }

    /// Nanoseconds since time began; never 0.
    pub fn nanos(&self, now: Instant) -> u64 {
        // The first second is nobody's, so that a request which arrived before the tables were made has a time as well.
        u64::try_from(now.saturating_duration_since(self.since).as_nanos()).unwrap_or(u64::MAX)
            + 1_000_000_000
    }
}
