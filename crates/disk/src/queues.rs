//! Who goes when room is needed: S3-FIFO (Yang and others, SOSP 2023).
//!
//! New responses wait in a small queue for a tenth of the room. Whoever was used there by the time it is his turn moves to the main
//! queue; the others go first, so a scan over many responses that are never asked for again costs those that are used nothing. In the
//! main queue a use gives another turn. Keys that went from the small queue are remembered a while: who comes back goes straight to
//! the main one.
//!
//! The queues hold tickets; how often a response was used stands in the index. A ticket whose response is gone is passed over, and
//! tickets are swept out where most of them are such.
//! *Not here*: locks, files. Pure. *Cost*: constant for each response over its life.

use rustc_hash::FxHashSet;
use std::collections::VecDeque;

/// Keys that are remembered after they went, at most: 16 bytes each, twice.
const MAX_GHOSTS: usize = 1 << 16;
/// Uses that count, at most.
pub(crate) const MAX_USES: u8 = 3;

/// In which of the two queues a response is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tier {
    /// New.
    #[default]
    Small,
    /// Used more than once, or here before this process.
    Main,
}

/// What the index says about the response of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is not there any more, or another response is.
    Gone,
    /// It was used since it was looked at last, and has that many bytes. The index counts one use less, and has it in the main queue
    /// now.
    Used(u64),
    /// It was not.
    Idle,
}

/// A response in a queue: its key, and which body of that key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) key: u128,
    pub(crate) body: u64,
}

/// Both queues.
#[derive(Default)]
pub(crate) struct Queues {
    small: VecDeque<Ticket>,
    main: VecDeque<Ticket>,
    /// Bytes of the responses in the small queue.
    small_bytes: u64,
    ghosts: VecDeque<u128>,
    ghost_set: FxHashSet<u128>,
}

impl Queues {
    /// A new response.
    pub(crate) fn push(&mut self, ticket: Ticket, tier: Tier, bytes: u64) {
        match tier {
            Tier::Small => {
                self.small.push_back(ticket);
                self.small_bytes += bytes;
            }
            Tier::Main => self.main.push_back(ticket),
        }
    }

    /// Was it here not long ago, and went without a use?
    pub(crate) fn is_back(&self, key: u128) -> bool {
        self.ghost_set.contains(&key)
    }

    /// A response is gone, for whatever reason.
    pub(crate) fn left(&mut self, tier: Tier, bytes: u64) {
        if tier == Tier::Small {
            self.small_bytes = self.small_bytes.saturating_sub(bytes);
        }
    }

    /// Bytes of a response have changed.
    pub(crate) fn resized(&mut self, tier: Tier, old: u64, new: u64) {
        if tier == Tier::Small {
            self.small_bytes = self.small_bytes.saturating_sub(old) + new;
        }
    }

    /// The one that goes next, where there is any. `share`: bytes that new responses may take while there are others.
    pub(crate) fn victim(&mut self, share: u64, mut look: impl FnMut(Ticket) -> Look) -> Option<Ticket> {
        loop {
            let is_small = (self.small_bytes > share || self.main.is_empty()) && !self.small.is_empty();
            let ticket = if is_small { self.small.pop_front() } else { self.main.pop_front() }?;
            match look(ticket) {
                Look::Gone => {}
                Look::Used(bytes) => {
                    if is_small {
                        self.left(Tier::Small, bytes);
                    }
                    self.main.push_back(ticket);
                }
                Look::Idle => {
                    if is_small {
                        self.remember(ticket.key);
                    }
                    return Some(ticket);
                }
            }
        }
    }

    /// Takes out tickets whose responses are gone, where they are more than half. `live`: responses that are there.
    pub(crate) fn sweep(&mut self, live: usize, is_there: impl Fn(Ticket) -> bool) {
        if self.small.len() + self.main.len() > 2 * live + 1024 {
            self.small.retain(|ticket| is_there(*ticket));
            self.main.retain(|ticket| is_there(*ticket));
        }
    }

    fn remember(&mut self, key: u128) {
        if self.ghost_set.insert(key) {
            self.ghosts.push_back(key);
        }
        // As many as there are in the main queue, as the paper has it.
        let most = self.main.len().clamp(64, MAX_GHOSTS);
        while self.ghosts.len() > most {
            if let Some(oldest) = self.ghosts.pop_front() {
                self.ghost_set.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// An index of responses of 1 byte, with their uses.
    #[derive(Default)]
    struct Model {
        queues: Queues,
        uses: HashMap<u128, (u8, Tier)>,
        most: usize,
    }

    impl Model {
        fn with(most: usize) -> Self {
            Self { most, ..Self::default() }
        }

        fn ask(&mut self, key: u128) -> bool {
            if let Some((uses, _)) = self.uses.get_mut(&key) {
                *uses = (*uses + 1).min(MAX_USES);
                return true;
            }
            while self.uses.len() >= self.most {
                self.evict();
            }
            let tier = if self.queues.is_back(key) { Tier::Main } else { Tier::Small };
            self.queues.push(Ticket { key, body: 0 }, tier, 1);
            self.uses.insert(key, (0, tier));
            false
        }

        fn evict(&mut self) {
            let share = self.most as u64 / 10;
            let uses = &mut self.uses;
            let victim = self.queues.victim(share, |ticket| match uses.get_mut(&ticket.key) {
                None => Look::Gone,
                Some((0, _)) => Look::Idle,
                Some((uses, tier)) => {
                    *uses = if *tier == Tier::Small { 0 } else { *uses - 1 };
                    *tier = Tier::Main;
                    Look::Used(1)
                }
            });
            let key = victim.expect("somebody can go").key;
            let (_, tier) = self.uses.remove(&key).unwrap();
            self.queues.left(tier, 1);
        }
    }

    #[test]
    fn a_scan_over_a_thousand_times_as_many_does_not_push_out_what_is_used() {
        let mut model = Model::with(100);
        for key in 0..50 {
            model.ask(key);
            model.ask(key);
        }
        for key in 1000..101_000 {
            model.ask(key);
        }
        assert_eq!((0..50).filter(|key| model.uses.contains_key(key)).count(), 50);
    }

    #[test]
    fn what_comes_back_soon_goes_to_the_main_queue() {
        let mut model = Model::with(10);
        for key in 0..20 {
            model.ask(key);
        }
        assert!(!model.uses.contains_key(&5));
        model.ask(5);
        assert_eq!(model.uses[&5].1, Tier::Main);
    }

    #[test]
    fn what_was_used_once_long_ago_goes_in_the_end() {
        let mut model = Model::with(100);
        model.ask(1);
        model.ask(1);
        for round in 0..20 {
            for key in 0..200 {
                model.ask(1000 + round * 200 + key);
                model.ask(1000 + round * 200 + key);
            }
        }
        assert!(!model.uses.contains_key(&1));
    }

    #[test]
    fn tickets_of_what_is_gone_are_passed_over_and_swept() {
        let mut queues = Queues::default();
        for key in 0..3000 {
            queues.push(Ticket { key, body: 0 }, Tier::Small, 1);
        }
        let is_there = |ticket: Ticket| ticket.key >= 2990;
        queues.sweep(10, is_there);
        assert_eq!(queues.small.len(), 10);
        let look = |ticket: Ticket| if ticket.key == 2995 { Look::Idle } else { Look::Gone };
        assert_eq!(queues.victim(0, look), Some(Ticket { key: 2995, body: 0 }));
        assert_eq!(queues.victim(0, |_| Look::Gone), None);
    }
}
