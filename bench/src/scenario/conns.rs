//! Idle keep-alive connections: what each costs a server in memory.

use super::{columns, mebibytes};
use crate::contender::{Contender, Front, Plan};
use crate::lab::Lab;
use crate::server::OTHER_CORE;
use crate::table::{Cell, Table, median};
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

struct Sample {
    /// Resident bytes before the first connection.
    empty: u64,
    /// Resident bytes with all connections open and idle.
    full: u64,
    /// Connections that the server closed.
    lost: u64,
}

pub(super) fn run(lab: &Lab, show: &mut dyn FnMut(Table)) -> Result<()> {
    let count = lab.options.connections;
    let origin = lab.origin(13)?;
    let plan = Plan { connections: count + 100, ..lab.plan(&origin, Front::Http1)? };
    let (results, remarks) =
        lab.in_turns(&plan, lab.options.reps, |server| measure(lab, server, &plan, count));
    let rows = results.iter().map(|(server, rows)| {
        let empty = median(rows.iter().map(|row| mebibytes(row.empty)));
        let full = median(rows.iter().map(|row| mebibytes(row.full)));
        let each = full.zip(empty).map(|(full, empty)| (full - empty) * 1024.0 / count as f64);
        vec![
            Cell::Text(server.name()),
            Cell::optional(empty, 1),
            Cell::optional(full, 1),
            Cell::optional(each, 2),
            Cell::count(rows.iter().map(|row| row.lost).sum()),
        ]
    });
    let full = format!("MiB with {count}");
    show(Table {
        title: format!("{count} idle keep-alive connections, each used once"),
        columns: columns(&["server", "MiB with none", &full, "KiB per connection", "closed by the server"]),
        rows: rows.collect(),
        remarks,
    });
    Ok(())
}

fn measure(lab: &Lab, server: (Contender, &Path), plan: &Plan, count: usize) -> Result<Sample> {
    let (server, _) = lab.start(server, plan)?;
    let empty = server.usage().resident;
    let mut holder = Command::new("taskset")
        .args(["-c", OTHER_CORE])
        .arg(lab.helpers.join("bench-hold"))
        .args([plan.port.to_string(), count.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start the helper that holds connections")?;
    let mut said = BufReader::new(holder.stdout.take().context("the helper has no output")?);
    let held = number(&mut said, "held ").and_then(|held| {
        let full = server.usage().resident;
        // The end of its input makes the helper look at its connections once more and end.
        drop(holder.stdin.take());
        anyhow::ensure!(held == count as u64, "only {held} connections were opened");
        Ok(Sample { empty, full, lost: number(&mut said, "lost ")? })
    });
    drop(holder.stdin.take());
    holder.wait()?;
    held
}

/// The number on the helper's next line.
fn number(said: &mut impl BufRead, label: &str) -> Result<u64> {
    let mut line = String::new();
    said.read_line(&mut line)?;
    let number = line.strip_prefix(label).and_then(|rest| rest.trim().parse().ok());
    number.with_context(|| format!("the connections could not be held: expected \"{label}N\", got {line:?}"))
}
