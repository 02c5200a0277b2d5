//! What an answer costs that is there: in memory, on disk, or as a static file.
//!
//! A server is filled first, until a whole round over all objects asks nothing of the origin; while it is measured the origin
//! must get none either, or the round does not count. Objects on disk are far more than what the server may keep in
//! memory; like static files they lie in the page cache of the system, as what is in use does on any machine.

use super::asking::{Source, load, spend};
use super::place::{Folder, InMemory, OPEN, Room};
use super::{Costs, columns, mebibytes};
use crate::closedloop::{Load, Until};
use crate::contender::{Cached, Contender, Tier};
use crate::lab::{Lab, Turns};
use crate::object::Object;
use crate::port::free_port;
use crate::server::Server;
use crate::table::{Cell, Table, median};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::time::Duration;

/// Of a thousand answers, so many may have been asked of the origin after all.
const MISSES_MOST: u64 = 1;
/// What stands before the paths of static files.
const PREFIX: &str = "/s";

/// What is asked for.
#[derive(Clone, Copy)]
struct Case {
    what: &'static str,
    bytes: u64,
    objects: u64,
    connections: usize,
}

/// Far more than what is asked for takes.
const ROOM: Room = Room { bytes: 1 << 30, objects: 10_000, overflows: false };

const KIB_64: u64 = 64 << 10;
const MIB_10: u64 = 10 << 20;

const MEMORY: [Case; 4] = [
    Case { what: "one object of 1 KiB", bytes: 1024, objects: 1, connections: 64 },
    Case { what: "1000 objects of 1 KiB in turns", bytes: 1024, objects: 1000, connections: 64 },
    Case { what: "one object of 64 KiB", bytes: KIB_64, objects: 1, connections: 64 },
    Case { what: "one object of 10 MiB", bytes: MIB_10, objects: 1, connections: 16 },
];

const FILES: [Case; 2] = [
    Case { what: "1000 objects of 64 KiB in turns", bytes: KIB_64, objects: 1000, connections: 64 },
    Case { what: "8 objects of 10 MiB in turns", bytes: MIB_10, objects: 8, connections: 16 },
];

/// What one round of one server came to, for one case.
#[derive(Clone, Copy)]
struct Sample {
    rate: f64,
    /// CPU microseconds for each answer.
    cpu: f64,
    p99: f64,
    /// Bytes of memory, with those of files in memory.
    holds: u64,
    errors: u64,
}

/// Hits in memory, beside a server that has but one answer.
pub(super) fn memory(lab: &Lab, source: &mut Source, show: &mut dyn FnMut(Table)) -> Result<()> {
    let folder = Folder::in_memory(lab)?;
    let memory = Tier::Memory { bytes: ROOM.bytes, files: folder.path().to_path_buf() };
    let able = |contender: Contender| contender.keeps(&memory) || contender == Contender::Bare;
    let turns = lab.those_in_turns(able, lab.options.reps, |server| {
        let place = InMemory::start(lab, server, source.port, ROOM, &folder)?;
        let measure = |case: &Case| {
            let load = Load { looks: looks(server.0, case), ..ask_for(place.cached.port, "", case) };
            let sample = measure(lab, source, server.0, &place.server, &load)?;
            Ok(Sample { holds: place.holds(), ..sample })
        };
        MEMORY.iter().map(measure).collect()
    });
    show_all("Hit in memory", &MEMORY, &turns, show);
    Ok(())
}

/// Hits on disk.
pub(super) fn disk(lab: &Lab, source: &mut Source, show: &mut dyn FnMut(Table)) -> Result<()> {
    let folder = Folder::on_disk(lab, "disk")?;
    let tier = || Ok(Tier::Disk { bytes: 2 << 30, folder: folder.emptied()? });
    let turns = in_files(lab, source, "", &tier, OPEN)?;
    show_all("Hit on disk", &FILES, &turns, show);
    Ok(())
}

/// Static files.
pub(super) fn files(lab: &Lab, source: &mut Source, show: &mut dyn FnMut(Table)) -> Result<()> {
    let folder = Folder::on_disk(lab, "static")?;
    let root = folder.emptied()?;
    for case in &FILES {
        write(&root, case)?;
    }
    let tier = || Ok(Tier::Static { root: root.clone() });
    let first = format!("{PREFIX}{}", Object { bytes: FILES[0].bytes, tag: "a", number: 0 });
    let turns = in_files(lab, source, PREFIX, &tier, &first)?;
    show_all("Static file", &FILES, &turns, show);
    Ok(())
}

/// Writes the objects of a case as files.
fn write(root: &Path, case: &Case) -> Result<()> {
    let body = vec![b'x'; case.bytes as usize];
    for number in 0..case.objects {
        let path = Object { bytes: case.bytes, tag: "a", number }.to_string();
        let path = root.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        std::fs::write(&path, &body)?;
    }
    Ok(())
}

fn in_files(
    lab: &Lab,
    source: &mut Source,
    prefix: &str,
    tier: &dyn Fn() -> Result<Tier>,
    ready: &str,
) -> Result<Turns<Vec<Sample>>> {
    let kind = tier()?;
    Ok(lab.those_in_turns(
        |contender| contender.keeps(&kind),
        lab.options.reps,
        |server| {
            let cached = Cached {
                port: free_port()?,
                origin: source.port,
                admin: free_port()?,
                tier: tier()?,
                objects: ROOM.objects,
                overflows: false,
            };
            let running = lab.start_cached(server, &cached, ready)?;
            let measure = |case: &Case| {
                let looks = prefix.is_empty() && looks(server.0, case);
                let load = Load { looks, ..ask_for(cached.port, prefix, case) };
                measure(lab, source, server.0, &running, &load)
            };
            FILES.iter().map(measure).collect()
        },
    ))
}

fn ask_for(port: u16, prefix: &str, case: &Case) -> Load {
    let prefix = prefix.to_owned();
    Load { connections: case.connections, prefix, ..load(port, case.bytes, case.objects) }
}

/// Whether bodies are looked at while the server is filled: those that are not too long for that, of servers whose bodies tell.
fn looks(contender: Contender, case: &Case) -> bool {
    contender != Contender::Bare && case.bytes <= KIB_64
}

fn measure(
    lab: &Lab,
    source: &mut Source,
    contender: Contender,
    server: &Server,
    load: &Load,
) -> Result<Sample> {
    source.fill(lab, load)?;
    let until = Until::Elapsed(Duration::from_secs(lab.options.cache_secs));
    let spent = spend(lab, source, server, &Load { until, looks: false, ..load.clone() })?;
    ensure!(
        spent.asked * 1000 <= spent.tally.done * MISSES_MOST,
        "{} had to ask the origin for {} of {} answers",
        contender.name(),
        spent.asked,
        spent.tally.done
    );
    Ok(Sample {
        rate: spent.rate(),
        cpu: spent.cpu,
        p99: spent.tally.p99,
        holds: server.usage().resident,
        errors: spent.tally.errors,
    })
}

fn show_all(title: &str, cases: &[Case], turns: &Turns<Vec<Sample>>, show: &mut dyn FnMut(Table)) {
    for (at, case) in cases.iter().enumerate() {
        show(table(title, case, turns, at));
    }
}

/// The table of the case at that place.
fn table(title: &str, case: &Case, (results, remarks): &Turns<Vec<Sample>>, at: usize) -> Table {
    let of = |rounds: &[Vec<Sample>]| rounds.iter().map(|round| round[at]).collect::<Vec<_>>();
    let cpu = |rows: &[Sample]| median(rows.iter().map(|row| row.cpu));
    let costs =
        Costs(results.iter().filter_map(|(server, rounds)| Some((*server, cpu(&of(rounds))?))).collect());
    let gibibytes = |answers: f64| answers * case.bytes as f64 / f64::from(1 << 30);
    let rows = results.iter().map(|(server, rounds)| {
        let rows = of(rounds);
        let rate = median(rows.iter().map(|row| row.rate));
        let [to_best, to_bare] = costs.ratios(cpu(&rows));
        vec![
            Cell::Text(server.name()),
            Cell::optional(rate, 0),
            Cell::optional(rate.map(gibibytes), 2),
            Cell::optional(cpu(&rows), 2),
            Cell::optional(cpu(&rows).map(|micros| micros / 1e3 / gibibytes(1.0)), 0),
            to_best,
            to_bare,
            Cell::optional(median(rows.iter().map(|row| row.p99)), 2),
            Cell::optional(rows.iter().map(|row| mebibytes(row.holds)).max_by(f64::total_cmp), 1),
            Cell::count(rows.iter().map(|row| row.errors).sum()),
        ]
    });
    let mut names = columns(&["server", "requests/s", "GiB/s", "CPU us/request", "CPU ms/GiB"]);
    names.extend(columns(&Costs::NAMES));
    names.extend(columns(&["p99 ms", "memory MiB", "errors"]));
    Table {
        title: format!("{title}: {}, {} connections", case.what, case.connections),
        columns: names,
        rows: rows.collect(),
        remarks: remarks.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rate: f64, cpu: f64) -> Sample {
        Sample { rate, cpu, p99: 1.0, holds: 3 << 20, errors: 1 }
    }

    #[test]
    fn a_row_takes_the_middle_and_tells_what_a_gibibyte_costs() {
        let rounds =
            |cpu: f64| [90.0, 100.0, 200.0].map(|rate| vec![sample(1.0, 1.0), sample(rate, cpu)]).to_vec();
        let turns: Turns<_> = (
            vec![
                (Contender::Tidegate, rounds(10.0)),
                (Contender::Nginx, rounds(20.0)),
                (Contender::Bare, rounds(8.0)),
            ],
            vec!["a remark".to_owned()],
        );
        let case = Case { bytes: 1 << 20, ..MEMORY[1] };
        let table = table("Hit", &case, &turns, 1);
        assert_eq!(table.title, "Hit: 1000 objects of 1 KiB in turns, 64 connections");
        let number = Cell::Number;
        let expect = [
            Cell::Text("tidegate".to_owned()),
            number(100.0, 0),
            number(100.0 / 1024.0, 2),
            number(10.0, 2),
            number(10.24, 0),
            number(0.5, 2),
            number(1.25, 2),
            number(1.0, 2),
            number(3.0, 1),
            number(3.0, 0),
        ];
        assert_eq!(table.rows[0], expect);
        assert_eq!((table.columns.len(), table.remarks.len()), (expect.len(), 1));
    }

    #[test]
    fn files_are_written_where_their_paths_lead() {
        let root = std::env::temp_dir().join(format!("tidegate-bench-test-{}-files", std::process::id()));
        write(&root, &Case { bytes: 77, objects: 2, ..FILES[0] }).unwrap();
        assert_eq!(std::fs::read(root.join("77/a/1")).unwrap(), [b'x'; 77]);
        std::fs::remove_dir_all(root).unwrap();
    }
}
