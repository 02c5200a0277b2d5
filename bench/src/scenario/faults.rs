//! What clients notice when half of the instances behind a server go wrong.
//!
//! Ten instances, the same load at a fixed rate for every server, in turns: once with all ten well, which is the base, once
//! with GET and once with POST while one instance is killed halfway, one answers 500, one is ten times slower, one never
//! answers and one comes and goes. The faults begin when the load begins to count, so finding out counts too.

use super::columns;
use super::helper::Helper;
use crate::contender::{Contender, Pool};
use crate::fleet::{Conduct, FAULTY};
use crate::lab::Lab;
use crate::openloop::Tally;
use crate::port::free_port;
use crate::table::{Cell, Table, median};
use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde::Deserialize;
use std::path::Path;

/// Seconds before the load counts.
pub(crate) const WARM: u64 = 5;
/// A round in which the machine let the load tool send more than this percentage too late says nothing of the server.
const BEHIND_MOST: u64 = 1;
/// It is made again, so many times for one that counts.
const TRIES: u64 = 4;

/// What is sent, and whether things go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    AllWell,
    Get,
    Post,
}

/// A server with a way to run it.
struct Setup<'a> {
    name: String,
    contender: Contender,
    program: &'a Path,
    checked: bool,
}

/// One round of one server.
struct Sample {
    tally: Tally,
    fleet: Received,
}

/// What the instances say at the end.
#[derive(Deserialize)]
struct Received {
    received: Vec<u64>,
    repeated: u64,
}

pub(super) fn run(lab: &Lab, show: &mut dyn FnMut(Table)) -> Result<()> {
    let setups = setups(lab);
    ensure!(!setups.is_empty(), "none of these servers stands before several instances here");
    let mut bases = vec![None; setups.len()];
    for case in [Case::AllWell, Case::Get, Case::Post] {
        let mut samples: Vec<Vec<Sample>> = setups.iter().map(|_| Vec::new()).collect();
        let (mut remarks, mut disturbed) = (Vec::new(), 0);
        for _ in 0..lab.options.reps {
            for (setup, samples) in setups.iter().zip(&mut samples) {
                match undisturbed(|| measure(lab, setup, case)) {
                    Ok((sample, again)) => {
                        samples.push(sample);
                        disturbed += again;
                    }
                    Err(error) => remarks.push(format!("{}: a round not counted: {error:#}", setup.name)),
                }
            }
        }
        if disturbed > 0 {
            remarks.push(format!("{disturbed} rounds made again: the machine did not let the load tool run"));
        }
        let rows = setups.iter().zip(&samples).zip(&bases).filter(|((_, samples), _)| !samples.is_empty());
        let rows = rows.map(|((setup, samples), base)| row(case, &setup.name, samples, *base)).collect();
        show(Table { title: title(lab, case), columns: headings(case), rows, remarks });
        if case == Case::AllWell {
            bases = samples.iter().map(|samples| p99(samples)).collect();
        }
    }
    Ok(())
}

/// Every server that is there and can do it; Tidegate in two ways.
fn setups(lab: &Lab) -> Vec<Setup<'_>> {
    let mut setups = Vec::new();
    for (contender, program) in &lab.present {
        let setup = |name: String, checked| Setup { name, contender: *contender, program, checked };
        match contender {
            Contender::Tidegate => {
                setups.push(setup(contender.name(), false));
                setups.push(setup(format!("{} + health_check", contender.name()), true));
            }
            Contender::Nginx | Contender::NginxMainline | Contender::Haproxy | Contender::Envoy => {
                setups.push(setup(contender.name(), true));
            }
            Contender::Caddy
            | Contender::Traefik
            | Contender::Floor
            | Contender::Direct
            | Contender::Varnish
            | Contender::Bare => {}
        }
    }
    setups
}

fn title(lab: &Lab, case: Case) -> String {
    let (rate, secs) = (lab.options.rate, lab.options.fault_secs);
    match case {
        Case::AllWell => format!("Ten instances, all well, {rate} GET a second for {secs} s"),
        Case::Get => format!("Ten instances, five go wrong, {rate} GET a second for {secs} s"),
        Case::Post => format!("Ten instances, five go wrong, {rate} POST a second for {secs} s"),
    }
}

fn headings(case: Case) -> Vec<String> {
    let mut names = columns(&["server", "good %", "5xx / late / broken", "p50 ms", "p99 ms", "max ms"]);
    if case != Case::AllWell {
        names.extend(columns(&["p99 to all well", "to failing", "to slow", "to hanging", "to flapping"]));
        names.extend(columns(&["to bad %", "delivered twice"]));
    }
    names
}

fn row(case: Case, name: &str, samples: &[Sample], base: Option<f64>) -> Vec<Cell> {
    let sum = |value: fn(&Tally) -> u64| samples.iter().map(|sample| value(&sample.tally)).sum::<u64>();
    let of = |value: &dyn Fn(&Sample) -> f64| median(samples.iter().map(value));
    let good = sum(|t| t.good) as f64 / sum(|t| t.sent) as f64 * 100.0;
    let longest = samples.iter().map(|sample| sample.tally.max).max_by(f64::total_cmp);
    let failures = format!("{} / {} / {}", sum(|t| t.refused), sum(|t| t.late), sum(|t| t.broken));
    let mut row = vec![
        Cell::Text(name.to_owned()),
        Cell::Number(good, 3),
        Cell::Text(failures),
        Cell::optional(of(&|sample| sample.tally.p50), 1),
        Cell::optional(p99(samples), 1),
        Cell::optional(longest, 0),
    ];
    if case != Case::AllWell {
        row.push(Cell::optional(p99(samples).zip(base).map(|(now, base)| now / base), 2));
        for conduct in [Conduct::Fails, Conduct::Slow, Conduct::Hangs, Conduct::Flaps] {
            row.push(Cell::optional(of(&|sample| received(sample, conduct)), 0));
        }
        row.push(Cell::optional(of(&share_to_bad), 2));
        row.push(Cell::optional(of(&|sample| sample.fleet.repeated as f64), 0));
    }
    row
}

fn p99(samples: &[Sample]) -> Option<f64> {
    median(samples.iter().map(|sample| sample.tally.p99))
}

/// The requests that the instance of that conduct has received.
fn received(sample: &Sample, conduct: Conduct) -> f64 {
    let its = FAULTY.iter().zip(&sample.fleet.received).find(|(one, _)| **one == conduct);
    its.map_or(0.0, |(_, received)| *received as f64)
}

/// The percentage of requests that the four received which are bad from the beginning.
fn share_to_bad(sample: &Sample) -> f64 {
    let all: u64 = sample.fleet.received.iter().sum();
    let bad: f64 = [Conduct::Fails, Conduct::Slow, Conduct::Hangs, Conduct::Flaps]
        .into_iter()
        .map(|conduct| received(sample, conduct))
        .sum();
    bad * 100.0 / all.max(1) as f64
}

/// A round in which the load tool could send in time, and how many were made for nothing. The last one counts in any case.
fn undisturbed(measure: impl Fn() -> Result<Sample>) -> Result<(Sample, u64)> {
    let mut again = 0;
    loop {
        let sample = measure()?;
        if sample.tally.behind * 100 <= sample.tally.sent * BEHIND_MOST || again + 1 == TRIES {
            return Ok((sample, again));
        }
        again += 1;
    }
}

fn measure(lab: &Lab, setup: &Setup<'_>, case: Case) -> Result<Sample> {
    let conducts = if case == Case::AllWell { [Conduct::Healthy; FAULTY.len()] } else { FAULTY };
    let names: Vec<_> = conducts.iter().filter_map(Conduct::to_possible_value).collect();
    let names: Vec<_> = names.iter().map(PossibleValue::get_name).collect();
    let secs = lab.options.fault_secs;
    let dies_after = (secs / 2).to_string();
    let mut fleet = Helper::start(lab, "bench-fleet", &[&names.join(","), "--dies-after", &dies_after])?;
    let ports = fleet.line()?;
    let ports: Result<Vec<u16>, _> =
        ports.strip_prefix("ports ").context("no ports")?.split(' ').map(str::parse).collect();
    let pool = Pool {
        port: free_port()?,
        instances: ports.context("no ports")?,
        admin: free_port()?,
        checked: setup.checked,
    };
    let _server = lab.start_pool((setup.contender, setup.program), &pool)?;
    let (port, rate) = (pool.port.to_string(), lab.options.rate.to_string());
    let (warm, secs) = (WARM.to_string(), secs.to_string());
    let mut args = vec![port.as_str(), "--rate", &rate, "--warm", &warm, "--secs", &secs];
    if case == Case::Post {
        args.push("--post");
    }
    let mut load = Helper::start(lab, "bench-openloop", &args)?;
    load.line()?;
    fleet.tell()?;
    let tally = serde_json::from_str(&load.line()?).context("the load")?;
    fleet.hang_up();
    let fleet = serde_json::from_str(&fleet.line()?).context("the instances")?;
    Ok(Sample { tally, fleet })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(good: u64, p99: f64, received: Vec<u64>) -> Sample {
        let tally = Tally { sent: 1000, good, late: 1000 - good, p99, ..Tally::default() };
        Sample { tally, fleet: Received { received, repeated: 3 } }
    }

    #[test]
    fn a_row_sums_failures_and_takes_the_middle_of_the_rest() {
        let received = vec![90, 0, 90, 1, 90, 2, 90, 3, 90, 4];
        let samples = [
            sample(1000, 4.0, received.clone()),
            sample(998, 6.0, received.clone()),
            sample(999, 8.0, received),
        ];
        let row = row(Case::Get, "tidegate", &samples, Some(3.0));
        assert_eq!(row.len(), headings(Case::Get).len());
        assert_eq!(row[1], Cell::Number(99.9, 3));
        assert_eq!(row[2], Cell::Text("0 / 3 / 0".into()));
        assert_eq!(row[4], Cell::Number(6.0, 1));
        assert_eq!(row[6], Cell::Number(2.0, 2));
        assert_eq!(row[7..11], [1.0, 2.0, 3.0, 4.0].map(|n| Cell::Number(n, 0)));
        assert_eq!(row[11], Cell::Number(1000.0 / 460.0, 2));
    }

    #[test]
    fn a_round_that_the_machine_disturbed_is_made_again_a_few_times() {
        let rounds = |good_from: u64| {
            let round = std::cell::Cell::new(0);
            let measured = undisturbed(|| {
                round.set(round.get() + 1);
                let mut sample = sample(1000, 4.0, Vec::new());
                sample.tally.behind = if round.get() < good_from { 11 } else { 10 };
                Ok(sample)
            });
            (measured.unwrap().1, round.get())
        };
        assert_eq!([rounds(1), rounds(3), rounds(99)], [(0, 1), (2, 3), (3, 4)]);
    }

    #[test]
    fn while_all_are_well_nobody_is_bad() {
        let row = row(Case::AllWell, "nginx", &[sample(1000, 3.0, vec![100; 10])], None);
        assert_eq!(row.len(), headings(Case::AllWell).len());
        assert_eq!(row[1], Cell::Number(100.0, 3));
    }
}
