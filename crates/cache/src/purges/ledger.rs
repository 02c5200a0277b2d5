//! The purges that still matter, each once, and the look-up of a response among them. Without locks.
//!
//! A name (a URL, a prefix, a tag) has at most two purges that matter: the latest hard one, and the latest soft one where that came
//! after it. All are in one log by their numbers, so that the oldest can be forgotten: a hard one by raising the floor to it, below
//! which everything is gone, a soft one by raising the soft floor, below which everything is stale.

use super::{Purge, Standing, What};
use crate::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Purges that are remembered one by one. Invalidations by clients' unsafe methods come here too (RFC 9111 section 4.4), so it has
/// to be many: what was not asked for during so many purges is fetched anew.
const MOST: usize = 100_000;
/// Bytes of their names.
const MOST_BYTES: usize = 32 << 20;
/// Prefixes among them. A response is held against each that is new to it, one by one.
const MOST_PREFIXES: usize = 1_024;

/// The purges that still matter.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    floor: u64,
    soft_floor: u64,
    urls: Names,
    tags: Names,
    prefixes: Names,
    /// The numbers of prefixes, in order.
    by_prefix: BTreeMap<u64, Arc<str>>,
    log: BTreeMap<u64, Record>,
    /// Bytes of all names in the log.
    bytes: usize,
}

/// What stands in the log.
#[derive(Clone, Debug)]
struct Record {
    kind: Kind,
    name: Arc<str>,
    is_soft: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Url,
    Prefix,
    Tag,
}

/// The latest purges of names. The names come from outside, so the hash is one that nobody can foresee.
#[derive(Debug, Default)]
struct Names {
    latest: HashMap<Arc<str>, Latest>,
    /// No name has a later one.
    newest: u64,
}

/// Zero: none.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    hard: u64,
    soft: u64,
}

impl Ledger {
    /// Empty, above that floor.
    pub(super) fn from(floor: u64) -> Self {
        Self { floor, ..Self::default() }
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// Takes a purge up, with a number above all others. Returns the ledger that it makes superfluous, if so: it may be large,
    /// and is to be dropped without the lock.
    pub(super) fn add(&mut self, number: u64, purge: &Purge) -> Option<Self> {
        if number <= self.floor {
            // Whatever it concerned is gone.
            return None;
        }
        match (&purge.what, purge.is_soft) {
            (What::All, false) => return Some(std::mem::replace(self, Self::from(number))),
            (What::All, true) => {
                self.soft_floor = number;
                self.forget_soft();
            }
            (What::Url(name), is_soft) => self.record(number, Kind::Url, name, is_soft),
            (What::Prefix(name), is_soft) => self.record(number, Kind::Prefix, name, is_soft),
            (What::Tag(name), is_soft) => self.record(number, Kind::Tag, name, is_soft),
        }
        self.trim();
        None
    }

    /// How does a response stand of which is known that no purge up to `known` concerns it?
    pub(super) fn standing(&self, entry: &Entry, known: u64) -> Standing {
        if known < self.floor {
            return Standing::Gone;
        }
        let mut later = Later { known, is_hard: false, is_soft: known < self.soft_floor };
        if self.urls.newest > known {
            later.note(self.urls.latest.get(&*entry.url));
        }
        if self.tags.newest > known {
            entry.tags.iter().for_each(|tag| later.note(self.tags.latest.get(&**tag)));
        }
        if self.prefixes.newest > known {
            let new = self.by_prefix.range(known + 1..).map(|(_, prefix)| prefix);
            new.filter(|prefix| entry.url.starts_with(&***prefix))
                .for_each(|prefix| later.note(self.prefixes.latest.get(prefix)));
        }
        later.standing()
    }

    /// The floor, and all others ascending.
    pub(super) fn all(&self) -> (u64, Vec<(u64, Purge)>) {
        let named = self.log.iter().map(|(number, record)| (*number, record.purge()));
        let mut all: Vec<_> = named.collect();
        if self.soft_floor > self.floor {
            let at = all.partition_point(|(number, _)| *number < self.soft_floor);
            all.insert(at, (self.soft_floor, Purge { what: What::All, is_soft: true }));
        }
        (self.floor, all)
    }

    /// Writes it down in the place of what it makes superfluous: a hard one of both, a soft one of a soft one.
    fn record(&mut self, number: u64, kind: Kind, name: &str, is_soft: bool) {
        let known = self.names(kind).latest.get_key_value(name).map(|(name, latest)| (name.clone(), *latest));
        let (name, before) = known.unwrap_or_else(|| (name.into(), Latest::default()));
        self.unlog(before.soft);
        if !is_soft {
            self.unlog(before.hard);
        }
        let latest = if is_soft {
            Latest { hard: before.hard, soft: number }
        } else {
            Latest { hard: number, soft: 0 }
        };
        let names = self.names(kind);
        names.latest.insert(name.clone(), latest);
        names.newest = number;
        if kind == Kind::Prefix {
            self.by_prefix.insert(number, name.clone());
        }
        self.bytes += name.len();
        self.log.insert(number, Record { kind, name, is_soft });
    }

    /// Forgets the oldest until it fits.
    fn trim(&mut self) {
        while self.by_prefix.len() > MOST_PREFIXES
            && let Some((&number, _)) = self.by_prefix.first_key_value()
        {
            self.give_up(number);
        }
        while (self.log.len() > MOST || self.bytes > MOST_BYTES)
            && let Some((&number, _)) = self.log.first_key_value()
        {
            self.give_up(number);
        }
    }

    /// Raises a floor to that one, in its place.
    fn give_up(&mut self, number: u64) {
        let is_soft = self.log.get(&number).is_some_and(|record| record.is_soft);
        self.forget(number);
        if is_soft {
            self.soft_floor = self.soft_floor.max(number);
            return;
        }
        self.floor = self.floor.max(number);
        while let Some((&older, _)) = self.log.first_key_value()
            && older < number
        {
            self.forget(older);
        }
    }

    fn forget_soft(&mut self) {
        let soft = self.log.iter().filter(|(_, record)| record.is_soft).map(|(number, _)| *number);
        for number in soft.collect::<Vec<_>>() {
            self.forget(number);
        }
    }

    /// Takes one out, and its name where nothing else is known of it.
    fn forget(&mut self, number: u64) {
        let Some(record) = self.unlog(number) else { return };
        let latest = &mut self.names(record.kind).latest;
        let Some(of_name) = latest.get_mut(&record.name) else { return };
        if of_name.hard == number {
            of_name.hard = 0;
        } else if of_name.soft == number {
            of_name.soft = 0;
        }
        if (of_name.hard, of_name.soft) == (0, 0) {
            latest.remove(&record.name);
        }
    }

    /// Takes one out of the log.
    fn unlog(&mut self, number: u64) -> Option<Record> {
        let record = self.log.remove(&number)?;
        self.bytes -= record.name.len();
        if record.kind == Kind::Prefix {
            self.by_prefix.remove(&number);
        }
        Some(record)
    }

    fn names(&mut self, kind: Kind) -> &mut Names {
        match kind {
            Kind::Url => &mut self.urls,
            Kind::Prefix => &mut self.prefixes,
            Kind::Tag => &mut self.tags,
        }
    }
}

impl Record {
    fn purge(&self) -> Purge {
        let name: Box<str> = (&*self.name).into();
        let what = match self.kind {
            Kind::Url => What::Url(name),
            Kind::Prefix => What::Prefix(name),
            Kind::Tag => What::Tag(name),
        };
        Purge { what, is_soft: self.is_soft }
    }
}

/// What came later than what is known of a response.
struct Later {
    known: u64,
    is_hard: bool,
    is_soft: bool,
}

impl Later {
    fn note(&mut self, latest: Option<&Latest>) {
        let latest = latest.copied().unwrap_or_default();
        self.is_hard |= latest.hard > self.known;
        self.is_soft |= latest.soft > self.known;
    }

    fn standing(&self) -> Standing {
        match (self.is_hard, self.is_soft) {
            (true, _) => Standing::Gone,
            (false, true) => Standing::Soft,
            (false, false) => Standing::Good,
        }
    }
}
