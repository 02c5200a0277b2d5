//! Quotas by the calendar: how much each key has used of its hour, day or month.
//!
//! Counts lie in the same kind of table as buckets. What changed since the last look is handed over to be saved and told to
//! other nodes, and what was saved comes back at the start.
//!
//! *Promise*: a window never gives more than its count while the key keeps its place, whatever the workers do at once; a clock
//! that steps back gives nothing back; memory is fixed. A key whose count is not saved is told once for each look.
//! *Not here*: files, other nodes, the clock.
//! *Cost*: a line of the cache and one compare-and-swap; a lock only for a key's first change after a look.

use crate::policy::{Allowance, Decision, Key, Keyed, Window};
use crate::shards::{PARTS, Shards};
use crate::table::{Table, Visit};
use crate::tally::{MOST, Tally};
use std::time::Duration;

/// What is used of one quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaUse {
    /// Whose.
    pub key: Key,
    /// Of which kind of window.
    pub window: Window,
    /// When that window began, in unix seconds.
    pub start: u64,
    /// How much.
    pub used: u64,
}

/// Quotas of keys. All times are unix seconds.
#[derive(Debug)]
pub struct Quotas {
    table: Table,
    /// Keys that have changed since they were told.
    changed: Shards<Vec<Key>>,
    /// How many such keys a part remembers. Those that find no room are tried again with their next request.
    most_changed: usize,
}

impl Quotas {
    /// Quotas that take at most so many bytes: two thirds for counts, 16 for each key, the rest for what is to be saved.
    pub fn new(bytes: usize) -> Self {
        let table = Table::new(bytes / 3 * 2);
        let most_changed = (bytes / 3 / size_of::<Key>() / PARTS).max(1);
        Self { table, changed: Shards::new(), most_changed }
    }

    /// May a request of this cost go on? A cost of 0 takes nothing and asks whether one of cost 1 would be admitted.
    pub fn take(&self, keyed: &Keyed, cost: u32, unix: u64) -> Decision {
        let quota = Quota::of(&keyed.allowance);
        if cost == 0 {
            return quota.decide(Tally::at(self.table.get(keyed.key), quota.window, unix), 0, unix).1;
        }
        let decide = |word| quota.decide(Tally::at(word, quota.window, unix), cost, unix);
        self.update(keyed.key, unix, decide)
    }

    /// Takes a cost that is known only afterwards, in any case. What is above the count is not carried into the next window.
    pub fn charge(&self, keyed: &Keyed, cost: u32, unix: u64) {
        let window = Quota::of(&keyed.allowance).window;
        if cost > 0 {
            let with = |word| (Some(Tally::at(word, window, unix).with(u64::from(cost))), ());
            self.update(keyed.key, unix, with);
        }
    }

    /// What was saved before: at least so much is used of that window. An older window is forgotten, a newer one stays.
    pub fn restore(&self, key: Key, window: Window, start: u64, used: u64) {
        self.table
            .update(key, &visit(start), |word| (at_least(word, window, start, used).map(Tally::pack), ()));
    }

    /// What other nodes have seen: like [`Quotas::restore`], and to be saved here.
    pub fn correct(&self, key: Key, window: Window, start: u64, used_at_least: u64) {
        self.update(key, start, |word| (at_least(word, window, start, used_at_least), ()));
    }

    /// What has changed since the last call, each key once.
    pub fn changed(&self) -> Vec<QuotaUse> {
        let keys = self.changed.all().flat_map(|mut part| std::mem::take(&mut *part));
        keys.filter_map(|key| self.told(key)).collect()
    }

    /// How many keys have a place, those with an old window included.
    pub fn len(&self) -> u64 {
        self.table.len()
    }

    /// Has no key come yet?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys can have a place.
    pub fn capacity(&self) -> u64 {
        self.table.capacity()
    }

    /// How many keys lost their place within their window, so that they began anew. It only grows.
    pub fn evictions(&self) -> u64 {
        self.table.evictions()
    }

    /// Changes the count of a key, and remembers that it has changed.
    fn update<R>(&self, key: Key, unix: u64, mut change: impl FnMut(u64) -> (Option<Tally>, R)) -> R {
        let (newly, answer) = self.table.update(key, &visit(unix), |word| {
            let (tally, answer) = change(word);
            let Some(tally) = tally else { return (None, (false, answer)) };
            let changed = Tally { changed: true, ..tally };
            (Some(changed.pack()), (!tally.changed, answer))
        });
        if newly && !self.remember(key) {
            self.told(key);
        }
        answer
    }

    /// Puts a key on the list of those that have changed, where there is room.
    fn remember(&self, key: Key) -> bool {
        let mut part = self.changed.of(key);
        let room = part.len() < self.most_changed;
        if room {
            part.push(key);
        }
        room
    }

    /// Takes the note from a key's count that it has changed; what it is then.
    fn told(&self, key: Key) -> Option<QuotaUse> {
        let word = self.table.alter(key, |word| {
            let tally = Tally::unpack(word)?;
            Some(Tally { changed: false, ..tally }.pack())
        })?;
        let Tally { window, number, used, .. } = Tally::unpack(word)?;
        Some(QuotaUse { key, window, start: window.start(number), used })
    }
}

/// A quota, from any allowance.
#[derive(Clone, Copy, Debug)]
struct Quota {
    count: u64,
    window: Window,
}

impl Quota {
    /// A bucket, which a [`Limiter`](crate::Limiter) should hold, becomes the most that it admits in an hour: a caller that
    /// mixes the two up is still limited.
    fn of(allowance: &Allowance) -> Self {
        match *allowance {
            Allowance::Quota { count, window } => Self { count: count.min(MOST), window },
            Allowance::Bucket { rate, burst } => {
                let hour = 3_600_000_000_000 * u128::from(rate.count.get()) / rate.per.as_nanos().max(1);
                let hour = u64::try_from(hour).unwrap_or(MOST);
                Self { count: hour.saturating_add(u64::from(burst.get())).min(MOST), window: Window::Hour }
            }
        }
    }

    /// What becomes of a request, and the count to keep where it is admitted. A cost of 0 is admitted where 1 would be.
    fn decide(self, tally: Tally, cost: u32, unix: u64) -> (Option<Tally>, Decision) {
        let left = self.count.saturating_sub(tally.used);
        let reset = Duration::from_secs(tally.window.start(tally.number + 1).saturating_sub(unix));
        let admitted = u64::from(cost.max(1)) <= left;
        let decision = Decision {
            admitted,
            limit: self.count,
            remaining: if admitted { left - u64::from(cost) } else { left },
            reset,
            retry_after: if admitted { Duration::ZERO } else { reset },
        };
        (admitted.then(|| tally.with(u64::from(cost))), decision)
    }
}

/// The count that says at least so much, where that is news.
fn at_least(word: u64, window: Window, start: u64, used: u64) -> Option<Tally> {
    let number = window.number(start);
    let before = Tally::unpack(word).filter(|tally| tally.window == window && tally.number >= number);
    let used = used.min(MOST);
    match before {
        Some(tally) if tally.number > number || tally.used >= used => None,
        Some(tally) => Some(Tally { used, ..tally }),
        None => Some(Tally { used, ..Tally::fresh(window, number) }),
    }
}

/// What the table needs to know of now. Idle time counts in steps of 128 s: half of what 16 bits of them hold is longer than
/// the longest window.
fn visit(unix: u64) -> Visit<impl Fn(u64) -> bool> {
    Visit { tick: (unix >> 7) as u16, over: move |word| Tally::is_over(word, unix) }
}
