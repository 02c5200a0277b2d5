//! Reload with many routes while requests flow: how long until a new route answers, and what fails meanwhile.

use super::{columns, mebibytes};
use crate::contender::{Contender, Front, Plan};
use crate::lab::Lab;
use crate::load::{Load, Outcome};
use crate::server::answers;
use crate::table::{Cell, Table, median};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const ROUTES: usize = 10_000;

/// How long a reload may take.
const PATIENCE: Duration = Duration::from_secs(30);

struct Sample {
    /// From the signal to the first answer on a route that was not there before.
    took: Duration,
    /// What the load tool saw from before to after.
    load: Outcome,
    /// Resident bytes afterwards, in old and new processes.
    resident: u64,
}

pub(super) fn run(lab: &Lab, show: &mut dyn FnMut(Table)) -> Result<()> {
    let origin = lab.origin(13)?;
    let plan = Plan { routes: Some(ROUTES), ..lab.plan(&origin, Front::Http1)? };
    let able: Vec<_> = lab.present.iter().filter(|(server, _)| server.can(&plan)).collect();
    let (results, mut remarks) =
        lab.in_turns(&plan, lab.options.reps, |server| match server.0.reload_signal() {
            Some(_) => measure(lab, server, &plan).map(Some),
            None => Ok(None),
        });
    let no_signal = able.iter().filter(|(server, _)| server.reload_signal().is_none());
    remarks.extend(no_signal.map(|(server, _)| format!("{}: no reload by signal, left out", server.name())));
    let rows = results.iter().filter_map(|(server, rows)| {
        let rows: Option<Vec<&Sample>> = rows.iter().map(Option::as_ref).collect();
        let rows = rows?;
        Some(vec![
            Cell::Text(server.name()),
            Cell::optional(median(rows.iter().map(|row| row.took.as_secs_f64() * 1000.0)), 0),
            Cell::count(rows.iter().map(|row| row.load.errors).sum()),
            Cell::count(rows.iter().map(|row| row.load.done).sum()),
            Cell::optional(median(rows.iter().filter_map(|row| row.load.p99)), 2),
            Cell::optional(median(rows.iter().map(|row| mebibytes(row.resident))), 1),
        ])
    });
    show(Table {
        title: format!("Reload of {ROUTES} routes under 64 connections"),
        columns: columns(&["server", "reload ms", "errors", "requests", "p99 ms", "memory MiB after"]),
        rows: rows.collect(),
        remarks,
    });
    Ok(())
}

fn measure(lab: &Lab, (contender, program): (Contender, &Path), plan: &Plan) -> Result<Sample> {
    let (server, _) = lab.start((contender, program), plan)?;
    let signal = contender.reload_signal().context("this server does not reload by signal")?;
    let more = Plan { routes: Some(ROUTES + 1), ..plan.clone() };
    ensure!(!answers(plan.port, &more.path()), "the route answers before it is there");
    let (port, path, helpers, secs) = (plan.port, plan.path(), lab.helpers.clone(), lab.options.secs + 1);
    let load =
        thread::spawn(move || Load::Http1 { connections: 64, tls: false }.run(port, &path, secs, &helpers));
    // Half of the load comes before the reload.
    thread::sleep(Duration::from_secs(secs) / 2);
    contender.prepare(program, &more, &lab.folder_for(&contender.name())?)?;
    let signalled = Instant::now();
    server.signal(signal);
    let mut took = None;
    while took.is_none() && signalled.elapsed() < PATIENCE {
        if answers(plan.port, &more.path()) {
            took = Some(signalled.elapsed());
        } else {
            thread::sleep(Duration::from_millis(2));
        }
    }
    let load = load.join().map_err(|_| anyhow::anyhow!("the load's thread panicked"))??;
    let took =
        took.with_context(|| format!("the new route did not answer within {} s", PATIENCE.as_secs()))?;
    Ok(Sample { took, load, resident: server.usage().resident })
}
