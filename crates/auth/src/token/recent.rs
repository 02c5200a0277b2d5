//! Answers that still hold: verified tokens, and what others were asked about a caller.
//!
//! A table of sets of four places, of fixed size, shared by all workers. Whoever looks takes no lock and writes nothing but
//! a share of the answer. The hash only leads to the place: it is of the whole key, under a secret seed, and then the whole
//! key is compared, so no two keys are ever taken for each other. What is held is bounded in bytes: newcomers push out what
//! has expired, else what stood there.
//!
//! *Not here*: what makes an answer untrue before its time; `generation` is a way to drop all at once.

use arc_swap::ArcSwapOption;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use twox_hash::XxHash3_64;

/// Places that one key may stand in.
const WAYS: usize = 4;
/// Bytes a place is reckoned with when the table is made: a token, its claims and what holds them.
const PLACE: usize = 2048;
/// What an answer weighs beside its key and value: the place, counters, allocations.
const FRAME: usize = 192;

/// A bounded table of answers. The keys are secrets, so it has no `Debug`.
pub struct Recent<V> {
    places: Box<[Place<V>]>,
    seed: u64,
    most: usize,
    held: AtomicUsize,
    hand: AtomicUsize,
}

struct Place<V> {
    /// The hash of the key that stands here, so that most look-ups of absent keys touch no answer. A hint only.
    tag: AtomicU64,
    answer: ArcSwapOption<Answer<V>>,
}

struct Answer<V> {
    key: Box<[u8]>,
    holds: Holds,
    weight: usize,
    value: V,
}

/// When an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    /// Not before this Unix second. A clock that steps back makes nobody valid too early.
    pub from: u64,
    /// Before this Unix second.
    pub until: u64,
    /// Only as long as the one who asks is of this generation.
    pub generation: u64,
}

impl Holds {
    fn now(&self, unix: u64, generation: u64) -> bool {
        self.from <= unix && unix < self.until && self.generation == generation
    }
}

impl<V> Recent<V> {
    /// A table for answers of about `bytes` bytes altogether.
    pub fn new(bytes: usize) -> Self {
        let places = (bytes / PLACE).clamp(16 * WAYS, 1 << 22).next_power_of_two();
        let empty = || Place { tag: AtomicU64::new(0), answer: ArcSwapOption::const_empty() };
        Self {
            places: std::iter::repeat_with(empty).take(places).collect(),
            // What the standard library's maps are seeded with; nobody can choose keys that crowd one place.
            seed: RandomState::new().hash_one(0x7469_6465_u64),
            most: bytes,
            held: AtomicUsize::new(0),
            hand: AtomicUsize::new(0),
        }
    }

    /// What the answers weigh now, in bytes.
    pub fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    fn hash(&self, key: &[u8]) -> u64 {
        // An odd tag is never that of an empty place.
        XxHash3_64::oneshot_with_seed(self.seed, key) | 1
    }

    fn set(&self, hash: u64) -> &[Place<V>] {
        let first = ((hash >> 32) as usize * WAYS) & (self.places.len() - 1);
        &self.places[first..first + WAYS]
    }

    /// The answer for a key, where it still holds.
    pub fn recall(&self, key: &[u8], unix: u64, generation: u64) -> Option<V>
    where
        V: Clone,
    {
        let hash = self.hash(key);
        self.set(hash).iter().filter(|place| place.tag.load(Relaxed) == hash).find_map(|place| {
            let answer = place.answer.load();
            let answer = answer.as_ref()?;
            (*answer.key == *key && answer.holds.now(unix, generation)).then(|| answer.value.clone())
        })
    }

    /// Keeps an answer whose value weighs `weight` bytes; one that is heavier than a sixteenth of the table is not kept.
    pub fn keep(&self, key: &[u8], value: V, weight: usize, holds: Holds, unix: u64) {
        let weight = weight + key.len() + FRAME;
        if weight > self.most / 16 || holds.until <= unix {
            return;
        }
        let hash = self.hash(key);
        let place = self.place_for(hash, unix, holds.generation);
        self.held.fetch_add(weight, Relaxed);
        let answer = Arc::new(Answer { key: key.into(), holds, weight, value });
        self.forget(place.answer.swap(Some(answer)));
        place.tag.store(hash, Relaxed);
        self.make_room();
    }

    /// Where the key stands already, a place that is free or out of date, else the next in turn.
    fn place_for(&self, hash: u64, unix: u64, generation: u64) -> &Place<V> {
        let set = self.set(hash);
        let is_free = |place: &&Place<V>| {
            place.answer.load().as_ref().is_none_or(|answer| !answer.holds.now(unix, generation))
        };
        let same = set.iter().find(|place| place.tag.load(Relaxed) == hash);
        same.or_else(|| set.iter().find(is_free))
            .unwrap_or_else(|| &set[self.hand.fetch_add(1, Relaxed) % WAYS])
    }

    /// Clears places in turn until no more is held than may be.
    fn make_room(&self) {
        for _ in 0..self.places.len() {
            if self.held.load(Relaxed) <= self.most {
                return;
            }
            let at = self.hand.fetch_add(1, Relaxed) % self.places.len();
            self.forget(self.places[at].answer.swap(None));
        }
    }

    fn forget(&self, answer: Option<Arc<Answer<V>>>) {
        if let Some(answer) = answer {
            self.held.fetch_sub(answer.weight, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALWAYS: Holds = Holds { from: 0, until: 100, generation: 0 };

    #[test]
    fn an_answer_is_recalled_for_its_key_its_time_and_its_generation_only() {
        let recent = Recent::new(1 << 20);
        recent.keep(b"key", 7, 10, Holds { from: 10, until: 20, generation: 3 }, 10);
        assert_eq!(recent.recall(b"key", 10, 3), Some(7));
        assert_eq!(recent.recall(b"key", 19, 3), Some(7));
        for (key, unix, generation) in
            [(b"key", 9, 3), (b"key", 20, 3), (b"key", 15, 2), (b"key", 15, 4), (b"kez", 15, 3)]
        {
            assert_eq!(recent.recall(key, unix, generation), None);
        }
        assert_eq!(recent.recall(b"", 15, 3), None);
    }

    #[test]
    fn the_later_answer_for_a_key_takes_the_place_of_the_earlier() {
        let recent = Recent::new(1 << 20);
        for n in 0..1000 {
            recent.keep(b"key", n, 10, ALWAYS, 1);
        }
        assert_eq!(recent.recall(b"key", 1, 0), Some(999));
        assert_eq!(recent.held(), 10 + 3 + FRAME);
    }

    #[test]
    fn a_flood_of_keys_is_bounded_in_bytes() {
        let most = 1 << 18;
        let recent = Recent::new(most);
        for n in 0..20_000_u32 {
            recent.keep(&n.to_le_bytes(), n, 5_000, ALWAYS, 1);
            assert!(recent.held() <= most, "{}", recent.held());
        }
        let kept = (0..20_000_u32).filter(|n| recent.recall(&n.to_le_bytes(), 1, 0) == Some(*n)).count();
        assert!((20..=most / 5_000).contains(&kept), "{kept}");
    }

    #[test]
    fn what_is_too_heavy_or_has_expired_is_not_kept() {
        let recent = Recent::new(1 << 18);
        recent.keep(b"heavy", 1, 1 << 15, ALWAYS, 1);
        recent.keep(b"late", 1, 1, ALWAYS, 100);
        assert_eq!((recent.recall(b"heavy", 1, 0), recent.recall(b"late", 99, 0)), (None, None));
        assert_eq!(recent.held(), 0);
    }

    #[test]
    fn threads_that_keep_and_recall_at_once_never_see_the_answer_of_another_key() {
        let recent = Recent::new(1 << 18);
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let recent = &recent;
                scope.spawn(move || {
                    for n in 0..20_000_u64 {
                        let key = (n * 7 + thread) % 3_000;
                        if let Some(value) = recent.recall(&key.to_le_bytes(), 1, 0) {
                            assert_eq!(value, key);
                        }
                        recent.keep(&key.to_le_bytes(), key, 200, ALWAYS, 1);
                    }
                });
            }
        });
        let counted: usize =
            recent.places.iter().filter_map(|place| Some(place.answer.load().as_ref()?.weight)).sum();
        assert_eq!(recent.held(), counted);
    }
}
