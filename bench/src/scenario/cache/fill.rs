//! What many small objects take: time to fetch and keep them, and memory.
//!
//! There is room for all. Memory is what the processes hold, and files in memory with it; what an object takes beside its own
//! body is the price of keeping it. At the end the tenth that came first is asked for again: a cache that has let go of
//! something to save memory is seen to have done so.

use super::asking::{Source, Spent, load, spend};
use super::place::{Folder, InMemory, Room};
use super::{columns, mebibytes};
use crate::contender::{Contender, Tier};
use crate::lab::Lab;
use crate::table::{Cell, Table};
use anyhow::Result;
use std::path::Path;

/// The length of each object's body.
const BYTES: u64 = 1024;

struct Sample {
    /// Bytes in memory before and after.
    holds: [u64; 2],
    filled: Spent,
    again: Spent,
}

pub(super) fn table(lab: &Lab, source: &mut Source) -> Result<Table> {
    let objects = lab.options.objects;
    let folder = Folder::in_memory(lab)?;
    let memory = Tier::Memory { bytes: 0, files: folder.path().to_path_buf() };
    let (results, mut remarks) = lab.those_in_turns(
        |contender| contender.keeps(&memory),
        1,
        |server| measure(lab, source, server, objects, &folder),
    );
    let rows = results.iter().flat_map(|(server, rows)| rows.iter().map(|row| cells(*server, row, objects)));
    if results.iter().flat_map(|(_, rows)| rows).any(|row| beside(row, objects).is_none()) {
        remarks.push("Without a figure beside the body: it took that memory when it started".to_owned());
    }
    Ok(Table {
        title: format!("{objects} objects of 1 KiB, with room for all"),
        columns: columns(&[
            "server",
            "filled objects/s",
            "CPU us/object",
            "p99 ms",
            "MiB empty",
            "MiB full",
            "bytes/object beside its body",
            "kept of the first tenth %",
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
    objects: u64,
    folder: &Folder,
) -> Result<Sample> {
    let place = InMemory::start(lab, server, source.port, Room::ample(objects), folder)?;
    let empty = place.holds();
    let filled = spend(lab, source, &place.server, &load(place.cached.port, BYTES, objects))?;
    let full = place.holds();
    let again = spend(lab, source, &place.server, &load(place.cached.port, BYTES, objects / 10))?;
    Ok(Sample { holds: [empty, full], filled, again })
}

/// Bytes that an object takes beside its body; `None` where all lie in memory that was taken before.
fn beside(sample: &Sample, objects: u64) -> Option<f64> {
    let [empty, full] = sample.holds;
    let each = (full as f64 - empty as f64) / objects as f64 - BYTES as f64;
    (each > 0.0).then_some(each)
}

fn cells(server: Contender, sample: &Sample, objects: u64) -> Vec<Cell> {
    let [empty, full] = sample.holds;
    vec![
        Cell::Text(server.name()),
        Cell::Number(sample.filled.rate(), 0),
        Cell::Number(sample.filled.cpu, 2),
        Cell::Number(sample.filled.tally.p99, 2),
        Cell::Number(mebibytes(empty), 1),
        Cell::Number(mebibytes(full), 1),
        Cell::optional(beside(sample, objects), 0),
        Cell::Number(sample.again.hits(), 1),
        Cell::count(sample.filled.tally.errors + sample.again.tally.errors),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closedloop::Tally;

    #[test]
    fn an_object_costs_what_it_takes_beside_its_body() {
        let spent =
            |done, asked| Spent { tally: Tally { done, secs: 2.0, ..Tally::default() }, cpu: 3.0, asked };
        let sample = Sample {
            holds: [10 << 20, (10 << 20) + 1000 * 1500],
            filled: spent(1000, 1000),
            again: spent(100, 25),
        };
        let cells = cells(Contender::Tidegate, &sample, 1000);
        assert_eq!(cells[1], Cell::Number(500.0, 0));
        assert_eq!(cells[6], Cell::Number(476.0, 0));
        assert_eq!(cells[7], Cell::Number(75.0, 1));
        let taken_before = Sample { holds: [10 << 20, 10 << 20], ..sample };
        assert_eq!(super::cells(Contender::Haproxy, &taken_before, 1000)[6], Cell::Absent);
    }
}
