//! Servers under load: what a request (a handshake, a mebibyte) costs in CPU time.
//!
//! CPU is user plus system time of the server's whole process tree over the load's time, divided by the answers.

use super::{Costs, columns, mebibytes};
use crate::contender::{Contender, Front, Plan};
use crate::lab::Lab;
use crate::load::Load;
use crate::table::{Cell, Table, median};
use anyhow::Result;
use std::path::Path;
use std::time::Instant;

/// A kind of load and what it counts.
pub(super) struct Case {
    pub(super) title: String,
    pub(super) front: Front,
    pub(super) load: Load,
    pub(super) unit: Unit,
    /// Bytes of each answer's body.
    pub(super) body: usize,
}

/// What one answer is called in a table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    Request,
    Connection,
    Mebibyte,
}

impl Unit {
    /// The name of one, and of many.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Request => ("request", "requests"),
            Self::Connection => ("connection", "connections"),
            Self::Mebibyte => ("MiB", "MiB"),
        }
    }
}

/// What one round of one server came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Answers per second.
    pub(super) rate: f64,
    /// CPU microseconds per answer.
    pub(super) cpu: f64,
    /// Milliseconds.
    pub(super) p99: Option<f64>,
    /// Resident bytes after the load.
    resident: u64,
    pub(super) errors: u64,
}

/// HTTP/1.1 keep-alive.
pub(super) fn proxy(lab: &Lab, show: &mut dyn FnMut(Table)) -> Result<()> {
    for connections in [64, 512] {
        show(table(lab, &case(&format!("HTTP/1.1 keep-alive, {connections} connections"), connections))?);
    }
    Ok(())
}

/// HTTP/2 with prior knowledge in, HTTP/1.1 out.
pub(super) fn h2(lab: &Lab, show: &mut dyn FnMut(Table)) -> Result<()> {
    let load = Load::Http2 { connections: 64, streams: 32 };
    let title = "HTTP/2 without TLS in, HTTP/1.1 out, 64 connections of 32 streams";
    show(table(lab, &Case { front: Front::Http2, load, ..case(title, 64) })?);
    Ok(())
}

/// Bodies of 1 MiB.
pub(super) fn stream(lab: &Lab, show: &mut dyn FnMut(Table)) -> Result<()> {
    show(table(
        lab,
        &Case { unit: Unit::Mebibyte, body: 1 << 20, ..case("Bodies of 1 MiB, 16 connections", 16) },
    )?);
    Ok(())
}

/// New connections, then keep-alive, over TLS 1.3.
pub(super) fn tls(lab: &Lab, show: &mut dyn FnMut(Table)) -> Result<()> {
    let title = "New TLS 1.3 connections, ECDSA P-256, X25519, never resumed, one request each, 32 at a time";
    let load = Load::Handshakes { threads: 32 };
    show(table(lab, &Case { front: Front::Tls, load, unit: Unit::Connection, ..case(title, 32) })?);
    let load = Load::Http1 { connections: 64, tls: true };
    let title = "HTTP/1.1 keep-alive over TLS 1.3, 64 connections";
    show(table(lab, &Case { front: Front::Tls, load, ..case(title, 64) })?);
    Ok(())
}

/// The plain case, that the others differ from.
fn case(title: &str, connections: usize) -> Case {
    Case {
        title: title.to_owned(),
        front: Front::Http1,
        load: Load::Http1 { connections, tls: false },
        unit: Unit::Request,
        body: 13,
    }
}

fn table(lab: &Lab, case: &Case) -> Result<Table> {
    let origin = lab.origin(case.body)?;
    let plan = lab.plan(&origin, case.front)?;
    let (results, remarks) =
        lab.in_turns(&plan, lab.options.reps, |server| measure(lab, server, &plan, &case.load));
    let cpu = |rows: &[Sample]| median(rows.iter().map(|row| row.cpu));
    let costs = Costs(results.iter().filter_map(|(server, rows)| Some((*server, cpu(rows)?))).collect());
    let rows = results.iter().map(|(server, rows)| {
        let [to_best, to_floor] = costs.ratios(cpu(rows));
        vec![
            Cell::Text(server.name()),
            Cell::optional(median(rows.iter().map(|row| row.rate)), 0),
            Cell::optional(cpu(rows), 2),
            to_best,
            to_floor,
            Cell::optional(median(rows.iter().filter_map(|row| row.p99)), 2),
            Cell::optional(rows.iter().map(|row| mebibytes(row.resident)).max_by(f64::total_cmp), 1),
            Cell::count(rows.iter().map(|row| row.errors).sum()),
        ]
    });
    let (one, many) = case.unit.names();
    let (rate, cost) = (format!("{many}/s"), format!("CPU us/{one}"));
    let columns =
        columns(&["server", &rate, &cost, Costs::TO_BEST, Costs::TO_FLOOR, "p99 ms", "memory MiB", "errors"]);
    Ok(Table { title: case.title.clone(), columns, rows: rows.collect(), remarks })
}

/// Starts a server, warms it up for a second, and measures it under load.
pub(super) fn measure(lab: &Lab, server: (Contender, &Path), plan: &Plan, load: &Load) -> Result<Sample> {
    let (server, _) = lab.start(server, plan)?;
    let path = plan.path();
    load.run(plan.port, &path, 1, &lab.helpers)?;
    let before = server.usage();
    let started = Instant::now();
    let outcome = load.run(plan.port, &path, lab.options.secs, &lab.helpers)?;
    let took = started.elapsed().as_secs_f64();
    let after = server.usage();
    Ok(Sample {
        rate: outcome.done as f64 / took,
        cpu: (after.cpu_micros - before.cpu_micros) / outcome.done as f64,
        p99: outcome.p99,
        resident: after.resident,
        errors: outcome.errors,
    })
}
