//! Takes out what was purged or is stale beyond all use, part by part.
//!
//! It is no more than tidying up: what was purged is never served, and what nobody asks for is pushed out by others.
//! *Cost*: the read lock of a part for a moment an item, about 0.4 us each. A part is looked through once a minute, and every 15 seconds
//! while there are purges; with a million responses that is 7 ms of a second, or 27 ms while there are purges.

use super::item::Item;
use super::table::Table;
use crate::{Content, Entry, Purges, Standing};
use message::Name;
use std::sync::{Arc, Mutex, PoisonError};

/// Items of which one call looks at no more, but for the rest of the part that it is in.
const ITEMS: usize = 50_000;
/// How often a part is looked through where nothing was purged, in milliseconds.
const EVERY: u64 = 60_000;
/// How often where something was, in milliseconds: unsafe methods purge too, so there may be purges all the time.
const EVERY_PURGE: u64 = 15_000;
/// How long a stale response is kept by which the origin may be asked whether it is still good, in seconds: a day. The answer
/// saves sending the body once more.
const KEPT_WITH_VALIDATOR: i64 = 86_400;
/// How long any other stale response is kept, in seconds: for clients that take what is stale.
const KEPT: i64 = 60;

/// Where it is.
#[derive(Debug)]
pub(super) struct Sweeper(Mutex<State>);

#[derive(Debug)]
struct State {
    next: usize,
    done: Box<[Option<Done>]>,
}

/// When a part was looked through.
#[derive(Clone, Copy, Debug)]
struct Done {
    at: u64,
    purge: u64,
}

impl Done {
    /// When it is looked through again, if that is the latest purge by now.
    fn due(self, latest: u64) -> u64 {
        self.at.saturating_add(if self.purge == latest { EVERY } else { EVERY_PURGE })
    }
}

impl Sweeper {
    pub(super) fn new(parts: usize) -> Self {
        Self(Mutex::new(State { next: 0, done: vec![None; parts].into() }))
    }

    /// Goes on.
    pub(super) fn sweep(&self, table: &Table, purges: &Purges, now: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut looked_at = 0;
        for _ in 0..table.parts() {
            let part = state.next;
            state.next = (part + 1) % table.parts();
            // The number of before the look: a purge that comes meanwhile is another reason to look.
            let purge = purges.latest();
            if state.done[part].is_some_and(|done| now < done.due(purge)) {
                continue;
            }
            state.done[part] = Some(Done { at: now, purge });
            looked_at += sweep(table, part, purges, now);
            if looked_at >= ITEMS {
                break;
            }
        }
    }
}

/// Looks through a part; how many items were in it.
fn sweep(table: &Table, part: usize, purges: &Purges, now: u64) -> usize {
    let part = table.part(part);
    let mut looked_at = 0;
    // The iterator takes the lock anew for each item.
    for (place, item) in part.iter() {
        looked_at += 1;
        if is_dead(&item, purges, now) {
            part.remove_if(&place, |there| there.is_same(&item));
        }
    }
    looked_at
}

fn is_dead(item: &Item, purges: &Purges, now: u64) -> bool {
    match item {
        // Small, and pushed out when nobody asks for any of the variants.
        Item::Varies(..) => false,
        Item::Entry(_, entry) => {
            is_lost(entry) || is_useless(entry, now) || purges.standing(entry) == Standing::Gone
        }
    }
}

/// Its body does not come any more: it was cut, or nobody else knows of it.
fn is_lost(entry: &Entry) -> bool {
    match &entry.content {
        Content::Growing(flow) => !flow.is_open() || (Arc::strong_count(flow) == 1 && !flow.has_ended()),
        Content::Whole(_) | Content::File { .. } => false,
    }
}

/// It is stale, and it has been for longer than anybody takes it.
fn is_useless(entry: &Entry, now: u64) -> bool {
    let freshness = &entry.freshness;
    let grace = i64::from(freshness.stale_while_revalidate.max(freshness.stale_if_error));
    let has_validator = entry.fields.has(Name::Etag) || entry.fields.has(Name::LastModified);
    let kept = if has_validator { KEPT_WITH_VALIDATOR } else { KEPT };
    freshness.left_at(now) < -grace.max(kept)
}
