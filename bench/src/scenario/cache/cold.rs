//! A thousand requests at once for an object that nobody has asked for yet, and that takes 200 ms to get.
//!
//! A cache should ask for it once, and give everybody the answer as soon as it is there. Connections are open and in use
//! before. It is repeated with other objects.

use super::asking::{Source, Spent, load, spend};
use super::columns;
use super::place::{Folder, InMemory, OPEN, Room};
use crate::closedloop::{Load, Until};
use crate::contender::{Contender, Tier};
use crate::lab::Lab;
use crate::object::Object;
use crate::source::{SLOW, TAKES};
use crate::table::{Cell, Table, median};
use anyhow::Result;
use std::path::Path;

/// Requests at once.
const REQUESTS: u16 = 1000;
/// Objects, one after the other.
const TIMES: u64 = 5;

pub(super) fn table(lab: &Lab, source: &mut Source) -> Result<Table> {
    let folder = Folder::in_memory(lab)?;
    let memory = Tier::Memory { bytes: 0, files: folder.path().to_path_buf() };
    let (results, remarks) = lab.those_in_turns(
        |contender| contender.keeps(&memory),
        1,
        |server| measure(lab, source, server, &folder),
    );
    let rows = results.iter().flat_map(|(server, rows)| rows.iter().map(|times| cells(*server, times)));
    Ok(Table {
        title: format!(
            "{REQUESTS} requests at once for one object that takes {} ms, {TIMES} objects",
            TAKES.as_millis()
        ),
        columns: columns(&[
            "server",
            "fetches",
            "most fetches",
            "p50 ms over the fetch",
            "p99 ms over the fetch",
            "longest ms over the fetch",
            "CPU us/request",
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
    folder: &Folder,
) -> Result<Vec<Spent>> {
    let place = InMemory::start(lab, server, source.port, Room::ample(1000), folder)?;
    let object = |number| Load {
        connections: REQUESTS.into(),
        tag: SLOW.to_owned(),
        from: number,
        until: Until::Requests(REQUESTS.into()),
        first: Some(OPEN.to_owned()),
        ..load(place.cached.port, 1024, 1)
    };
    // What connections are used for first must be there, or it would count among the fetches.
    let open = Object::at(OPEN).map_or(load(place.cached.port, 64, 1), |open| Load {
        tag: open.tag.to_owned(),
        ..load(place.cached.port, open.bytes, 1)
    });
    source.fill(lab, &open)?;
    (0..TIMES).map(|number| spend(lab, source, &place.server, &object(number))).collect()
}

fn cells(server: Contender, times: &[Spent]) -> Vec<Cell> {
    let fetch = TAKES.as_secs_f64() * 1e3;
    let over = |value: fn(&Spent) -> f64| median(times.iter().map(|spent| value(spent) - fetch));
    let fetches = times.iter().map(|spent| spent.asked);
    let (spent, requests) = times.iter().fold((0.0, 0.0), |(spent, requests), one| {
        let done = one.tally.done as f64;
        (spent + one.cpu * done, requests + done)
    });
    let longest = times.iter().map(|spent| spent.tally.max - fetch).max_by(f64::total_cmp);
    vec![
        Cell::Text(server.name()),
        Cell::optional(median(fetches.clone().map(|fetches| fetches as f64)), 0),
        Cell::count(fetches.max().unwrap_or(0)),
        Cell::optional(over(|spent| spent.tally.p50), 1),
        Cell::optional(over(|spent| spent.tally.p99), 1),
        Cell::optional(longest, 1),
        Cell::optional(Some(spent / requests), 1),
        Cell::count(times.iter().map(|spent| spent.tally.errors).sum()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closedloop::Tally;

    #[test]
    fn waiting_counts_from_when_the_object_could_be_there() {
        let spent = |asked, max| Spent {
            tally: Tally { done: 1000, p50: 201.0, p99: 203.5, max, ..Tally::default() },
            cpu: 9.0,
            asked,
        };
        let cells = cells(Contender::Haproxy, &[spent(1, 204.0), spent(7, 210.0), spent(1, 204.0)]);
        assert_eq!([&cells[1], &cells[2]], [&Cell::Number(1.0, 0), &Cell::Number(7.0, 0)]);
        let over = [&Cell::Number(1.0, 1), &Cell::Number(3.5, 1), &Cell::Number(10.0, 1)];
        assert_eq!([&cells[3], &cells[4], &cells[5]], over);
    }
}
