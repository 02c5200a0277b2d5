//! A purge of half of what a cache holds, by its tag, while clients go on asking.
//!
//! Tidegate only: the others here have no tags, or want a program of their own in the configuration for it. What clients notice
//! of it stands in [`purging`](crate::purging).

use super::asking::{Source, load, spend, tool};
use super::columns;
use super::place::{Folder, InMemory, Room};
use crate::closedloop::Load;
use crate::contender::Contender;
use crate::lab::Lab;
use crate::purging::{GOES, Noticed, STAYS};
use crate::table::{Cell, Table};
use anyhow::{Result, ensure};
use std::path::Path;

/// The length of each object's body.
const BYTES: u64 = 1024;
/// So long before the purge, and from it on, in milliseconds.
const EACH: f64 = 1000.0;
/// Neither may take longer, in seconds.
const LONGEST: u64 = 60;

struct Sample {
    noticed: Noticed,
    /// Requests that the origin got from the purge on.
    fetched: u64,
}

pub(super) fn table(lab: &Lab, source: &mut Source) -> Result<Table> {
    let half = lab.options.objects / 2;
    let folder = Folder::in_memory(lab)?;
    let (results, remarks) = lab.those_in_turns(
        |contender| contender == Contender::Tidegate,
        1,
        |server| measure(lab, source, server, half, &folder),
    );
    let rows = results.iter().flat_map(|(server, rows)| rows.iter().map(|row| cells(*server, row)));
    Ok(Table {
        title: format!("Purge of {half} objects by their tag, {half} others stay, 64 connections"),
        columns: columns(&[
            "server",
            "answered after ms",
            "in effect after ms",
            "old answers",
            "p99 ms before",
            "p99 ms from then on",
            "longest ms before",
            "longest ms from then on",
            "answers from then on",
            "fetched again",
            "errors",
        ]),
        rows: rows.collect(),
        remarks,
    })
}

fn measure(
    lab: &Lab,
    source: &mut Source,
    server: (Contender, &Path),
    half: u64,
    folder: &Folder,
) -> Result<Sample> {
    let place = InMemory::start(lab, server, source.port, Room::ample(2 * half), folder)?;
    for tag in [STAYS, GOES] {
        let objects = Load { tag: tag.to_owned(), ..load(place.cached.port, BYTES, half) };
        let filled = spend(lab, source, &place.server, &objects)?;
        ensure!(filled.tally.errors == 0, "{} answers were wrong", filled.tally.errors);
    }
    let before = source.asked()?;
    let args = [
        place.cached.port.to_string(),
        place.cached.admin.to_string(),
        format!("--bytes={BYTES}"),
        format!("--objects={half}"),
        format!("--millis={EACH}"),
    ];
    let noticed: Noticed = tool(lab, "bench-purging", &args, LONGEST)?;
    let fetched = source.asked()? - before;
    judge(&noticed)?;
    Ok(Sample { noticed, fetched })
}

/// Whether there was a purge at all.
fn judge(noticed: &Noticed) -> Result<()> {
    let Noticed { status, said, effect, .. } = noticed;
    ensure!((200..300).contains(status), "the purge was answered with {status}: {said}");
    ensure!(*effect < 0.9 * EACH, "old answers still came {effect:.0} ms after the purge");
    Ok(())
}

fn cells(server: Contender, Sample { noticed, fetched }: &Sample) -> Vec<Cell> {
    vec![
        Cell::Text(server.name()),
        Cell::Number(noticed.answered, 1),
        Cell::Number(noticed.effect, 1),
        Cell::count(noticed.old),
        Cell::Number(noticed.p99_before, 2),
        Cell::Number(noticed.p99_during, 2),
        Cell::Number(noticed.max_before, 1),
        Cell::Number(noticed.max_during, 1),
        Cell::count(noticed.done),
        Cell::count(*fetched),
        Cell::count(noticed.errors),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purge_that_was_refused_or_without_effect_does_not_count() {
        let purged = Noticed { status: 200, effect: 3.0, ..Noticed::default() };
        judge(&purged).unwrap();
        let refused = Noticed { status: 404, said: "no such thing".into(), ..Noticed::default() };
        assert_eq!(
            judge(&refused).unwrap_err().to_string(),
            "the purge was answered with 404: no such thing"
        );
        assert!(judge(&Noticed { effect: 999.0, ..purged }).is_err());
    }
}
