//! The cache of a running node as operators see it, and what they purge: `/api/cache`, `/api/purge`, the dashboard.
//!
//! *Promise*: all of an order is understood before anything of it is purged; then it is in force here, outlasts a restart, and goes
//! to the other nodes, whoever waits for the answer or not. *Not here*: what a purge does (the room `cache`), how other nodes hear
//! of it (`caching.rs`). *Cost*: none on the road.

use super::Node;
use crate::caching::Made;
use admin::{CacheView, DiskView, MemoryView, PurgeOrder, PurgeRefusal, PurgesView, Purging};
use cache::{Purge, What};
use gateway::Site;
use observe::log;
use std::sync::Arc;

/// Bytes of a tag at most: none that is kept is longer.
const TAG_LONGEST: usize = 1024;
/// Things that the log names of one order.
const NAMED: usize = 10;

impl Node {
    /// What is kept where.
    pub(super) fn shown_cache(&self) -> CacheView {
        self.caching.made().map_or_else(CacheView::default, |made| view(&made))
    }

    /// What is known of purges.
    pub(super) fn shown_purges(&self) -> PurgesView {
        let Some(made) = self.caching.made() else { return PurgesView::default() };
        let purges = made.store.purges();
        PurgesView { latest: purges.latest(), kept: purges.all().1.len() }
    }

    /// Purges.
    pub(super) fn purged(&self, order: PurgeOrder) -> Purging<'_> {
        Box::pin(async move {
            let made = self.caching.made().ok_or_else(|| {
                PurgeRefusal::NotNow("This node has no cache: no route has `cache`.".to_owned())
            })?;
            let merge_slashes = self.version().file.limits.merge_slashes;
            let purges = meant(&self.site(), &order, merge_slashes).map_err(PurgeRefusal::Bad)?;
            let names: Vec<String> = purges.iter().map(|purge| purge.what.to_string()).collect();
            log::info(format_args!(
                "purged{}: {}",
                if order.soft { " softly" } else { "" },
                in_short(&names)
            ));
            // On a task of its own: it goes on when whoever asked has left.
            let done = tokio::spawn(async move { made.purging.purge_all(purges).await }).await;
            done.map_err(|_| {
                PurgeRefusal::NotNow("It was begun and broke off: purge once more.".to_owned())
            })?;
            Ok(names)
        })
    }
}

fn view(made: &Made) -> CacheView {
    let memory = made.store.counts();
    let disk = made.disk.as_ref().map(|disk| disk.counts());
    CacheView {
        memory: Some(MemoryView {
            objects: memory.objects,
            bytes: memory.bytes,
            capacity: memory.capacity,
            evictions: memory.evictions,
            insertions: memory.insertions,
            flights: memory.flights,
        }),
        disk: disk.map(|disk| DiskView {
            objects: disk.objects,
            bytes: disk.bytes,
            capacity: disk.capacity,
            evictions: disk.evictions,
            writes: disk.writes,
            refused: disk.refused,
            damaged: disk.damaged,
            is_loaded: disk.is_loaded,
        }),
    }
}

/// What an order means; or what is wrong with the first thing in it that means nothing.
fn meant(site: &Arc<Site>, order: &PurgeOrder, merge_slashes: bool) -> Result<Vec<Purge>, String> {
    let mut all = Vec::new();
    if order.all {
        all.push(What::All);
    }
    for text in &order.urls {
        all.push(gateway::purge_url(site, text, merge_slashes)?);
    }
    for text in &order.prefixes {
        all.extend(gateway::purge_prefix(site, text, merge_slashes)?);
    }
    for text in &order.tags {
        all.push(tag(text)?);
    }
    Ok(all.into_iter().map(|what| Purge { what, is_soft: order.soft }).collect())
}

fn tag(text: &str) -> Result<What, String> {
    if text.contains(char::is_control) {
        return Err("A tag has no control characters.".to_owned());
    }
    match text.len() {
        0 => Err("A tag has at least one character.".to_owned()),
        1..=TAG_LONGEST => Ok(What::Tag(text.into())),
        long => Err(format!("A tag has at most {TAG_LONGEST} bytes, and this one has {long}.")),
    }
}

/// The first of many names.
fn in_short(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let first = names[..names.len() - more].join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_taken_as_it_was_typed_where_it_is_one() {
        assert_eq!(tag("a b"), Ok(What::Tag("a b".into())));
        assert!(tag(&"t".repeat(TAG_LONGEST)).is_ok());
        for bad in [String::new(), "a\nb".to_owned(), "t".repeat(TAG_LONGEST + 1)] {
            assert!(tag(&bad).is_err(), "{} bytes", bad.len());
        }
    }

    #[test]
    fn the_log_names_the_first_things_of_a_long_order() {
        let names = |many: usize| vec!["t".to_owned(); many];
        assert_eq!(in_short(&names(2)), "t, t");
        assert!(in_short(&names(NAMED)).ends_with("t, t"));
        assert!(in_short(&names(1000)).ends_with("t, t and 990 more"));
    }
}
