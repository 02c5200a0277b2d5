//! Prints what one search costs among 10, 1,000 and 10,000 rules: `cargo run -p route --profile fast --example find_cost`.
//!
//! The rules are those of a REST API under two hosts; requests go round over all of them, so that a large table also
//! pays for the cache lines that it touches.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use message::{Fields, Method};
use route::{Ask, Find, HostPattern, Params, PathTemplate, Rule, Table};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 2_000_000;

fn rule(i: usize) -> Rule {
    let path = match i % 4 {
        0 => format!("/v1/resource{i}"),
        1 => format!("/v1/resource{i}/{{id}}"),
        2 => format!("/v1/resource{i}/{{id}}/parts/{{part}}"),
        _ => format!("/static/bundle{i}/*"),
    };
    let mut rule = Rule::new(PathTemplate::parse(&path).expect("a valid path"));
    rule.host = (i.is_multiple_of(2)).then(|| HostPattern::parse("*.example.com").expect("a valid host"));
    rule
}

fn path(i: usize) -> String {
    match i % 4 {
        0 => format!("/v1/resource{i}"),
        1 => format!("/v1/resource{i}/12345"),
        2 => format!("/v1/resource{i}/12345/parts/67890"),
        _ => format!("/static/bundle{i}/css/main.css"),
    }
}

fn main() {
    let fields = Fields::new();
    for rules in [10, 1_000, 10_000] {
        let started = Instant::now();
        let (table, problems) = Table::build((0..rules).map(|i| (rule(i), i)).collect());
        assert!(problems.is_empty());
        let built = started.elapsed();
        let paths: Vec<String> = (0..rules).map(path).collect();
        let mut params = Params::new();
        let mut found = 0_usize;
        let started = Instant::now();
        for i in 0..ROUNDS {
            let path = &paths[i % rules];
            let ask =
                Ask { method: &Method::GET, host: "api.example.com", path, query: None, fields: &fields };
            found += usize::from(matches!(table.find(black_box(&ask), &mut params), Find::Route(..)));
        }
        let each = started.elapsed().as_nanos() as f64 / ROUNDS as f64;
        assert_eq!(found, ROUNDS);
        println!("{rules:>6} rules: {each:6.1} ns a search, built in {built:.1?}");
    }
}
