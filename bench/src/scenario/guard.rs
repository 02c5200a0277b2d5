//! What it adds to the cost of a request that a server asks who is calling and how often.
//!
//! Each server is measured twice in a row with the very same requests: without any check, then with it. So the overhead is
//! the check's own, not that of longer requests, and a shared machine's drift cancels out of their ratio. Before anything is
//! measured a server must prove that its check is in force: who shows nothing, or a forgery, gets 401, and who exceeds a small
//! limit 429.

use super::{columns, traffic};
use crate::contender::{Check, Contender, Front, Guard, Plan};
use crate::credentials::{CONSUMERS, Credentials};
use crate::lab::{Lab, Origin};
use crate::load::{self, Load};
use crate::server::ask;
use crate::table::{Cell, Table, median};
use anyhow::{Result, ensure};
use std::path::Path;
use std::sync::Arc;

const CONNECTIONS: usize = 64;

/// Per second: more than any server can serve on a core, so that nobody is refused.
const NEVER_REACHED: u32 = 1_000_000;

/// A limit to run into, and how often one asks until then: more often than all servers admit within the second or two
/// that it takes.
const SOON_REACHED: u32 = 5;
const ASKED: u32 = 60;

struct Case {
    title: &'static str,
    check: Check,
    /// How many consumers call, in turns.
    consumers: usize,
}

const CASES: [Case; 5] = [
    Case { title: "Rate limit by client address", check: Check::Address, consumers: 1 },
    Case { title: "API key and rate limit, the same consumer each time", check: Check::Key, consumers: 1 },
    Case {
        title: "API key and rate limit, 1000 consumers in turns",
        check: Check::Key,
        consumers: CONSUMERS,
    },
    Case { title: "JWT (RS256) and rate limit, the same token each time", check: Check::Token, consumers: 1 },
    Case {
        title: "JWT (RS256) and rate limit, 1000 tokens in turns",
        check: Check::Token,
        consumers: CONSUMERS,
    },
];

/// The same load without the check and with it.
struct Pair {
    bare: traffic::Sample,
    guarded: traffic::Sample,
}

impl Pair {
    /// What the check adds to the CPU time of a request, in percent.
    fn overhead(&self) -> f64 {
        (self.guarded.cpu / self.bare.cpu - 1.0) * 100.0
    }

    /// What it takes of the requests per second, in percent.
    fn loss(&self) -> f64 {
        (1.0 - self.guarded.rate / self.bare.rate) * 100.0
    }
}

pub(super) fn run(lab: &Lab, show: &mut dyn FnMut(Table)) -> Result<()> {
    let origin = lab.origin(13)?;
    let credentials = Arc::new(Credentials::make(CONSUMERS)?);
    for case in &CASES {
        show(table(lab, &origin, case, &credentials)?);
    }
    Ok(())
}

fn table(lab: &Lab, origin: &Origin, case: &Case, credentials: &Arc<Credentials>) -> Result<Table> {
    let guard = |limit| Guard { check: case.check, limit, credentials: Arc::clone(credentials) };
    let plan = |guard| -> Result<Plan> { Ok(Plan { guard, ..lab.plan(origin, Front::Http1)? }) };
    let (bare, guarded) = (plan(None)?, plan(Some(guard(NEVER_REACHED)))?);
    let narrow = plan(Some(guard(SOON_REACHED)))?;
    let load = load(lab, case, &guarded)?;
    let mut proven = Vec::new();
    let (results, mut remarks) = lab.in_turns(&guarded, lab.options.reps, |server| {
        if !proven.contains(&server.0) {
            prove(lab, server, &narrow)?;
            proven.push(server.0);
        }
        Ok(Pair {
            bare: traffic::measure(lab, server, &bare, &load)?,
            guarded: traffic::measure(lab, server, &guarded, &load)?,
        })
    });
    let unable = lab.present.iter().filter(|(contender, _)| !contender.can(&guarded));
    remarks
        .extend(unable.map(|(contender, _)| format!("{}: left out: it has no such check", contender.name())));
    let rows = results.iter().map(|(contender, pairs)| row(*contender, pairs)).collect();
    let title = format!("{}, {CONNECTIONS} connections", case.title);
    let names = columns(&[
        "server",
        "requests/s without",
        "requests/s with",
        "fewer %",
        "CPU us/request without",
        "CPU us/request with",
        "overhead %",
        "p99 ms without",
        "p99 ms with",
        "errors",
    ]);
    Ok(Table { title, columns: names, rows, remarks })
}

fn row(contender: Contender, pairs: &[Pair]) -> Vec<Cell> {
    let middle =
        |value: &dyn Fn(&Pair) -> f64, decimals| Cell::optional(median(pairs.iter().map(value)), decimals);
    let p99 =
        |value: &dyn Fn(&Pair) -> Option<f64>| Cell::optional(median(pairs.iter().filter_map(value)), 2);
    vec![
        Cell::Text(contender.name()),
        middle(&|pair| pair.bare.rate, 0),
        middle(&|pair| pair.guarded.rate, 0),
        middle(&Pair::loss, 1),
        middle(&|pair| pair.bare.cpu, 2),
        middle(&|pair| pair.guarded.cpu, 2),
        middle(&Pair::overhead, 1),
        p99(&|pair| pair.bare.p99),
        p99(&|pair| pair.guarded.p99),
        Cell::count(pairs.iter().map(|pair| pair.bare.errors + pair.guarded.errors).sum()),
    ]
}

/// The requests of all consumers of the case, in turns.
fn load(lab: &Lab, case: &Case, plan: &Plan) -> Result<Load> {
    let path = plan.path();
    let field = |consumer| plan.guard.as_ref().map_or_else(String::new, |guard| guard.field(consumer));
    let request = |consumer| format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n", field(consumer));
    let script = lab.folder_for("load")?.join("requests.lua");
    std::fs::write(&script, load::script((0..case.consumers).map(request)))?;
    Ok(Load::Scripted { connections: CONNECTIONS, script })
}

/// Sees that the server refuses strangers and forgers, and those who come too often.
fn prove(lab: &Lab, server: (Contender, &Path), plan: &Plan) -> Result<()> {
    let _server = lab.start(server, plan)?;
    let (path, fields) = (plan.path(), plan.fields());
    if let Some(guard) = plan.guard.as_ref().filter(|guard| guard.check != Check::Address) {
        for (fields, shown) in [(String::new(), "nothing"), (guard.forged()?, "a forgery")] {
            let status = ask(plan.port, &path, &fields)?;
            ensure!(status == 401, "it answers those who show {shown} with {status}");
        }
    }
    for _ in 0..ASKED {
        match ask(plan.port, &path, &fields)? {
            200 => {}
            429 => return Ok(()),
            status => anyhow::bail!("it answers those who may come with {status}"),
        }
    }
    anyhow::bail!("it does not limit: {ASKED} requests were let through where {SOON_REACHED} a second may be")
}
