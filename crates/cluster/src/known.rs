//! What this node remembers of quotas that all nodes share, so that a server that has lost its data gets it back from whoever
//! asks next.
//!
//! Bounded: at most 64 Ki quotas. When a part is full it begins anew; then a quota is not given back to a server that
//! loses its data at that very time, and nothing else is lost. *Cost*: a short lock of one of 16 parts.

use crate::names::word;
use limit::{Key, Window};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const PARTS: usize = 16;
const MOST_IN_PART: usize = 4_096;

/// The first second of a window, and what was used in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) start: u64,
    pub(crate) used: u64,
}

type Part = HashMap<(Key, &'static str), Use>;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Known {
    parts: [Mutex<Part>; PARTS],
}

impl Known {
    /// What is remembered; zero where nothing is.
    pub(crate) fn of(&self, key: Key, window: Window) -> Use {
        self.part(key).get(&(key, word(window))).copied().unwrap_or_default()
    }

    /// A later window holds, and in the same the greater use.
    pub(crate) fn learn(&self, key: Key, window: Window, now: Use) {
        let mut part = self.part(key);
        if part.len() >= MOST_IN_PART {
            part.clear();
        }
        let known = part.entry((key, word(window))).or_insert(now);
        if now.start > known.start || (now.start == known.start && now.used > known.used) {
            *known = now;
        }
    }

    fn part(&self, key: Key) -> MutexGuard<'_, Part> {
        let part = &self.parts[(key.0 % PARTS as u128) as usize];
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
