//! `cargo run -p sim [-- --seed N] [--only WORD]`: the policies side by side, in each situation.
#![allow(clippy::print_stdout, reason = "printing tables is what this program is for")]

use balance::{BudgetSettings, Policy};
use clap::Parser;
use sim::{Report, Retry, Scenario, Setup, run};
use std::time::Duration;

/// Compares policies of balancing in virtual time
#[derive(Parser)]
struct Args {
    /// Another seed gives other chances
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only situations whose name holds this word
    #[arg(long, default_value = "")]
    only: String,
}

fn main() {
    let args = Args::parse();
    for scenario in Scenario::all().iter().filter(|scenario| scenario.name.contains(&args.only)) {
        policies(scenario, args.seed);
    }
    for (name, part) in [("half go wrong", half as fn(u64)), ("brown out", retries), ("joins", slow_start)] {
        if name.contains(&args.only) {
            part(args.seed);
        }
    }
}

/// A row for each policy: by itself, with outlier detection, and with retries too.
fn policies(scenario: &Scenario, seed: u64) {
    println!(
        "\n{} ({} endpoints, {} requests a second, {} s)",
        scenario.name,
        scenario.servers.len(),
        scenario.rate,
        scenario.lasts.as_secs()
    );
    let part = "   p50    p99    good   bad";
    println!("{:14} |{:^31}|{:^31}|{:^31}|", "", "plain", "outlier detection", "and a retry");
    println!("{:14} |{part:31}|{part:31}|{part:31}| attempts", "policy");
    for policy in Policy::ALL {
        let plain = Setup::plain(policy);
        let with_all = run(scenario, &plain.clone().detecting().retrying(), seed);
        println!(
            "{:14} |{}|{}|{}| x {:.3}",
            policy.as_str(),
            numbers(&run(scenario, &plain, seed)),
            numbers(&run(scenario, &plain.detecting(), seed)),
            numbers(&with_all),
            with_all.amplification()
        );
    }
}

/// p50 and p99, the share of good answers, the share of attempts to bad endpoints.
fn numbers(report: &Report) -> String {
    format!(
        "{:>6} {:>6} {:>7.2}% {:>6.2}% ",
        millis(report.percentile(0.5)),
        millis(report.percentile(0.99)),
        report.success() * 100.0,
        report.share_to_bad() * 100.0
    )
}

fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    if millis < 10.0 { format!("{millis:.1}") } else { format!("{millis:.0}") }
}

/// What each endpoint that goes wrong gets, where clients leave after 5 s and nothing but that ends an attempt.
fn half(seed: u64) {
    let scenario = Scenario::half_go_wrong();
    println!("\n{}, clients leave after 5 s: attempts at each endpoint that is not well", scenario.name);
    println!("  {:14}   p50    p99     good  | dies  500  slow hangs flaps", "policy");
    for policy in Policy::ALL {
        let setup = Setup::plain(policy).detecting().retrying().impatient_clients();
        let report = run(&scenario, &setup, seed);
        let bad = report.by_second.iter().zip(&report.bad).filter(|(_, bad)| **bad);
        let bad: Vec<_> = bad.map(|(seconds, _)| format!("{:>6}", seconds.iter().sum::<u64>())).collect();
        println!(
            "  {:14}{:>6} {:>6} {:>8.3}% |{}",
            policy.as_str(),
            millis(report.percentile(0.5)),
            millis(report.percentile(0.99)),
            report.success() * 100.0,
            bad.concat()
        );
    }
}

/// What retries add while every endpoint fails, with the budget and without.
fn retries(seed: u64) {
    let scenario = Scenario::brown_out();
    println!("\n{}: attempts for each request, over all and in the worst second", scenario.name);
    for attempts in 1..=3 {
        for (name, budget) in [("within the budget", Some(BudgetSettings::default())), ("without", None)] {
            let retry = Some(Retry { attempts, budget });
            let report = run(&scenario, &Setup { retry, ..Setup::plain(Policy::P2cEwma) }, seed);
            println!(
                "  {attempts} retries, {name:17}  x {:.3}  x {:.2}",
                report.amplification(),
                report.worst_second() / scenario.rate
            );
        }
    }
}

/// What an endpoint gets that joins, in parts of what the others get.
fn slow_start(seed: u64) {
    let scenario = Scenario::scale_out();
    println!("\n{}: its part of an equal share in each of the seconds that follow", scenario.name);
    // `first` gives an endpoint all that it can take, whenever it comes.
    for policy in Policy::ALL.into_iter().filter(|&policy| policy != Policy::First) {
        let report = run(&scenario, &Setup::plain(policy), seed);
        let part = |second| format!("{:>5.0}%", report.share_in_second(0, second) * 1e3);
        println!("  {:14}{}", policy.as_str(), (10..24).map(part).collect::<String>());
    }
}
