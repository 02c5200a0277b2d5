//! The door of the room: who takes this attempt?
//!
//! A pick draws a group of the line-up (there is mostly one), and lets the policy choose in it. Only where that gives
//! nobody, because all were tried or are full, the other groups are asked.

use crate::ask::Ask;
use crate::chooser::Chooser;
use crate::hash::{salted, unit};
use crate::lineup::{Lineup, LineupSettings};
use crate::{Endpoint, Policy, Table, Tried};
use base::{IdSource, Moment};
use std::sync::Arc;
use std::time::Duration;

/// How often another endpoint is chosen instead of one in its slow start.
const RAMP_REDRAWS: usize = 8;
/// Tells the lot of a key in a slow start apart from the other uses of its hash.
const RAMP_SALT: u64 = 0x7261_6d70;

/// What counts once all were tried.
static NONE_TRIED: Tried = Tried::none();

/// How endpoints are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PickerSettings {
    /// The policy.
    pub policy: Policy,
    /// For hash policies: how far above the average load an endpoint may be, 1.25 for a quarter. `None`: no bound.
    pub bounded_load: Option<f32>,
    /// How long an endpoint that came (back) takes until it has its full share. Zero: at once.
    pub slow_start: Duration,
}

/// What came of picking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The endpoint at that position of the list.
    Endpoint(usize),
    /// All that may be picked have as many requests pending as they may have.
    Full,
    /// There is nobody who may be picked.
    Nobody,
}

/// Picks endpoints for one worker and one list of endpoints. A list with other endpoints, weights or places gets a
/// new picker; a change of health a new line-up ([`Picker::adopt`]).
#[derive(Clone, Debug)]
pub struct Picker {
    settings: PickerSettings,
    lineup: Lineup,
    table: Option<Arc<Table>>,
    /// One for each group.
    choosers: Vec<Chooser>,
}

impl Picker {
    /// A picker for that list. The table is that of [`Table::build`] for the same list; a hash policy without one
    /// picks by chance.
    pub fn new<E: Endpoint>(
        settings: PickerSettings,
        endpoints: &[E],
        lineup: Lineup,
        table: Option<Arc<Table>>,
        random: &mut IdSource,
    ) -> Self {
        let table = table.filter(|table| table.endpoints() == endpoints.len());
        let mut picker = Self { settings, lineup, table, choosers: Vec::new() };
        picker.choosers = picker.choosers(endpoints, random);
        picker
    }

    /// Goes on with another line-up of the same list.
    pub fn adopt<E: Endpoint>(&mut self, endpoints: &[E], lineup: Lineup, random: &mut IdSource) {
        self.lineup = lineup;
        self.choosers = self.choosers(endpoints, random);
    }

    /// Who may be picked, as far as this picker knows.
    pub fn lineup(&self) -> &Lineup {
        &self.lineup
    }

    /// The endpoint for one attempt. Endpoints that this request has tried are left out while another one may be
    /// picked. `hash` is the [`stable_hash`](crate::stable_hash) of the request's key, where the policy wants one and
    /// the request has one.
    pub fn pick<E: Endpoint>(
        &mut self,
        endpoints: &[E],
        tried: &Tried,
        hash: Option<u64>,
        now: Moment,
        random: &mut IdSource,
    ) -> Pick {
        if self.lineup.endpoints() != endpoints.len() {
            // Another list than the picker was made for: rather start anew than pick beyond its end.
            let lineup = Lineup::of(endpoints, &LineupSettings::default());
            *self = Self::new(self.settings, endpoints, lineup, self.table.take(), random);
        }
        if self.lineup.is_empty() {
            return Pick::Nobody;
        }
        let group = self.lineup.draw(hash, random);
        let mut request = Request { endpoints, tried, hash, now, random };
        match self.among(group, &mut request) {
            Some(endpoint) => Pick::Endpoint(endpoint),
            None => self.elsewhere(group, request),
        }
    }

    /// Chooses in one group.
    fn among<E: Endpoint>(&mut self, group: usize, request: &mut Request<'_, E>) -> Option<usize> {
        let members = &*self.lineup.groups()[group].members;
        let chooser = &mut self.choosers[group];
        let Request { endpoints, tried, hash, now, .. } = *request;
        let slow_start = self.settings.slow_start;
        let ask = Ask { endpoints, members, out: tried, hash, now, slow_start };
        let chosen = chooser.choose(&ask, self.table.as_deref(), request.random)?;
        if !endpoints[chosen].health().is_ramping() || slow_start.is_zero() {
            return Some(chosen);
        }
        // Slow start: each such endpoint takes its part of the requests that come to it and leaves the rest to others.
        let mut out = tried.clone();
        let mut candidate = chosen;
        for _ in 0..RAMP_REDRAWS {
            if request.is_taken_by(candidate, slow_start) {
                return Some(candidate);
            }
            out.insert(candidate);
            let ask = Ask { out: &out, ..ask };
            match chooser.choose(&ask, self.table.as_deref(), request.random) {
                Some(other) => candidate = other,
                None => break,
            }
        }
        // Only such endpoints are left: then they share the work as if there was no slow start.
        Some(chosen)
    }

    /// Where nobody in the group drawn may take the request.
    #[cold]
    fn elsewhere<E: Endpoint>(&mut self, drawn: usize, mut request: Request<'_, E>) -> Pick {
        for group in
            (0..self.lineup.sharing()).filter(|&group| group != drawn).chain(self.reserve(request.tried))
        {
            if let Some(endpoint) = self.among(group, &mut request) {
                return Pick::Endpoint(endpoint);
            }
        }
        if request.tried.is_empty() {
            return Pick::Full;
        }
        // Nobody else is there: one that was tried is better than none.
        request.tried = &NONE_TRIED;
        for group in [drawn].into_iter().chain(0..self.reserve(&NONE_TRIED).end) {
            if let Some(endpoint) = self.among(group, &mut request) {
                return Pick::Endpoint(endpoint);
            }
        }
        Pick::Full
    }

    /// The groups without a share that may help. Backups help a request that has tried all others, but not where
    /// another one is just full: for that there is a queue.
    fn reserve(&self, tried: &Tried) -> std::ops::Range<usize> {
        let groups = self.lineup.groups();
        let sharing = self.lineup.sharing();
        let standing_by = groups[sharing..].iter().filter(|group| group.backup).count();
        let front = groups.len() - standing_by;
        let all_tried =
            groups[..front].iter().all(|group| tried.among(&group.members) == group.members.len());
        sharing..if all_tried { groups.len() } else { front }
    }

    fn choosers<E: Endpoint>(&self, endpoints: &[E], random: &mut IdSource) -> Vec<Chooser> {
        let of =
            |group: &crate::lineup::Group| Chooser::of(&self.settings, endpoints, &group.members, random);
        self.lineup.groups().iter().map(of).collect()
    }
}

/// One request for an endpoint.
struct Request<'a, E> {
    endpoints: &'a [E],
    tried: &'a Tried,
    hash: Option<u64>,
    now: Moment,
    random: &'a mut IdSource,
}

impl<E: Endpoint> Request<'_, E> {
    /// Does an endpoint that may be in its slow start take it? By lot; for a key the lot is always the same, so that it
    /// moves once while the endpoint grows.
    fn is_taken_by(&mut self, endpoint: usize, window: Duration) -> bool {
        let health = self.endpoints[endpoint].health();
        if !health.is_ramping() {
            return true;
        }
        let lot = match self.hash {
            Some(hash) => salted(hash ^ self.endpoints[endpoint].key(), RAMP_SALT),
            None => self.random.next_u64(),
        };
        unit(lot) < f64::from(health.ramp(self.now, window))
    }
}
