//! How often a cache that is too small has what is asked for.
//!
//! Objects are asked for by Zipf's law, from a seed; a tenth of them fits. Bodies are 3 KiB and there are 4 KiB for each, so
//! that no server's way to round up decides: an object with its head fits in a block of a file system (nginx), in four blocks
//! of `HAProxy`'s, and in memory that is handed out in any other way. It is whole mebibytes, as `HAProxy` counts. As many requests as there are objects come
//! before it counts, and as many while it does. A cache that is larger than it was told to be shows it in its memory.

use super::asking::{Source, Spent, load, spend};
use super::place::{Folder, InMemory, Room};
use super::{columns, mebibytes};
use crate::closedloop::{Load, Order, Until};
use crate::contender::{Contender, Tier};
use crate::lab::Lab;
use crate::table::{Cell, Table};
use crate::zipf::Zipf;
use anyhow::Result;
use std::path::Path;

/// What is asked of caches in practice lies between these, mostly.
const SKEWS: [f64; 2] = [0.9, 1.1];
/// The length of each object's body.
const BYTES: u64 = 3 * 1024;
/// What the memory is reckoned by.
const ROOM: u64 = 4 * 1024;
/// One of so many objects fits.
const FITS: u64 = 10;

struct Sample {
    spent: Spent,
    /// Bytes in memory more than at the beginning.
    more: u64,
}

pub(super) fn tables(lab: &Lab, source: &mut Source, show: &mut dyn FnMut(Table)) -> Result<()> {
    for skew in SKEWS {
        show(table(lab, source, skew)?);
    }
    Ok(())
}

fn table(lab: &Lab, source: &mut Source, skew: f64) -> Result<Table> {
    let keys = lab.options.keys;
    let (room, best) = (room(keys), best(keys, skew));
    let folder = Folder::in_memory(lab)?;
    let memory = Tier::Memory { bytes: room, files: folder.path().to_path_buf() };
    let (results, mut remarks) = lab.those_in_turns(
        |contender| contender.keeps(&memory),
        1,
        |server| measure(lab, source, server, skew, &folder),
    );
    remarks.push(format!(
        "A cache that always held the tenth that is asked for most would have {best:.1} % of what is asked for"
    ));
    let rows = results.iter().flat_map(|(server, rows)| rows.iter().map(|row| cells(*server, row, best)));
    Ok(Table {
        title: format!(
            "Zipf's law, skew {skew}: {keys} objects of 3 KiB, {:.0} MiB of memory",
            mebibytes(room)
        ),
        columns: columns(&[
            "server",
            "hits %",
            "of the best possible %",
            "requests/s",
            "CPU us/request",
            "p99 ms",
            "MiB more than empty",
            "errors",
        ]),
        rows: rows.collect(),
        remarks,
    })
}

/// The memory for so many objects, of which a tenth fits, in bytes.
fn room(keys: u64) -> u64 {
    (keys / FITS * ROOM).next_multiple_of(1 << 20)
}

/// The percentage that a cache would have that knew beforehand what is asked for most.
fn best(keys: u64, skew: f64) -> f64 {
    Zipf::new(keys as usize, skew).share((room(keys) / ROOM) as usize) * 100.0
}

fn measure(
    lab: &Lab,
    source: &mut Source,
    server: (Contender, &Path),
    skew: f64,
    folder: &Folder,
) -> Result<Sample> {
    let keys = lab.options.keys;
    let (bytes, objects) = (room(keys), room(keys) / ROOM);
    let place = InMemory::start(lab, server, source.port, Room { bytes, objects, overflows: true }, folder)?;
    let empty = place.holds();
    let ask = |seed| Load {
        order: Order::Zipf { skew, seed },
        until: Until::Requests(keys),
        ..load(place.cached.port, BYTES, keys)
    };
    spend(lab, source, &place.server, &ask(1))?;
    let spent = spend(lab, source, &place.server, &ask(2))?;
    Ok(Sample { spent, more: place.holds().saturating_sub(empty) })
}

fn cells(server: Contender, sample: &Sample, best: f64) -> Vec<Cell> {
    let spent = &sample.spent;
    vec![
        Cell::Text(server.name()),
        Cell::Number(spent.hits(), 1),
        Cell::Number(spent.hits() / best * 100.0, 1),
        Cell::Number(spent.rate(), 0),
        Cell::Number(spent.cpu, 2),
        Cell::Number(spent.tally.p99, 2),
        Cell::Number(mebibytes(sample.more), 1),
        Cell::count(spent.tally.errors),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closedloop::Tally;

    #[test]
    fn memory_is_whole_mebibytes_for_a_tenth() {
        assert_eq!(room(50_000), 20 << 20);
        assert_eq!(room(1_000_000), 391 << 20);
    }

    #[test]
    fn the_best_possible_is_to_hold_what_is_asked_for_most() {
        assert!((60.0..80.0).contains(&best(50_000, 0.9)), "{}", best(50_000, 0.9));
        assert!(best(50_000, 1.1) > best(50_000, 0.9));
    }

    #[test]
    fn hits_are_told_as_they_are_and_beside_the_best() {
        let tally = Tally { done: 1000, secs: 1.0, ..Tally::default() };
        let sample = Sample { spent: Spent { tally, cpu: 1.0, asked: 400 }, more: 1 << 20 };
        let cells = cells(Contender::Nginx, &sample, 80.0);
        assert_eq!([&cells[1], &cells[2]], [&Cell::Number(60.0, 1), &Cell::Number(75.0, 1)]);
        assert_eq!(cells[6], Cell::Number(1.0, 1));
    }
}
