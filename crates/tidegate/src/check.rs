//! `tidegate check` and `tidegate schema`: what a config says, without serving it.

use crate::args::Check;
use crate::assemble::{self, Parts};
use crate::say;
use anyhow::{Result, anyhow};
use base::Clock;
use config::Report;
use observe::Meters;
use serde_json::Value;
use std::fmt::Write;
use std::process::ExitCode;
use upstream::Registry;

/// Checks a config, or explains a request.
pub(crate) fn check(args: &Check) -> Result<ExitCode> {
    let loaded = match config::load(&args.config) {
        Ok(loaded) => loaded,
        Err(report) => return Ok(told(args, &report)),
    };
    let (mut file, mut report) = (loaded.file, loaded.report);
    assemble::aside::add(&mut file);
    let meters = Meters::new(1);
    let registry = Registry::default();
    let parts = Parts {
        registry: &registry,
        meters: &meters,
        now: Clock::real().now(),
        access_log: None,
        listeners: Vec::new(),
        members: &crate::membership::Members::default(),
        secret: b"not for cookies",
        guarding: &crate::guarding::Guarding::new(&meters),
        caching: &crate::caching::Caching::default(),
    };
    crate::listeners::check(&file, &mut report);
    crate::programs::check(&file, &mut report);
    let site = assemble::site(&file, parts, &mut report);
    match (&args.explain, site) {
        (Some(request), Some((site, _))) => {
            let road = gateway::explain(&site, request, &args.headers).map_err(|why| anyhow!(why))?;
            say::line(&if args.json { pretty(&road) } else { road_in_words(&road) });
            Ok(ExitCode::SUCCESS)
        }
        _ => Ok(told(args, &report)),
    }
}

fn told(args: &Check, report: &Report) -> ExitCode {
    if args.json {
        say::line(&pretty(&report.to_json()));
    } else if report.problems().is_empty() {
        say::line(&format!("{}: no errors", args.config.display()));
    } else {
        say::report(&report.render(say::is_terminal()));
    }
    ExitCode::from(u8::from(report.has_errors()))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// One stage a paragraph.
fn road_in_words(road: &Value) -> String {
    let mut text = String::new();
    for stage in road["stages"].as_array().into_iter().flatten() {
        let word = |key: &str| stage[key].as_str().unwrap_or_default();
        let _ = writeln!(text, "{:<8} {}", word("stage"), word("result"));
        for (key, value) in stage.as_object().into_iter().flatten() {
            let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
            if !matches!(key.as_str(), "stage" | "result") && !empty {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let _ = writeln!(text, "         {key}: {value}");
            }
        }
    }
    text.trim_end().to_owned()
}

/// Prints the JSON Schema, or the reference page.
#[expect(clippy::unnecessary_wraps, reason = "all commands end alike")]
pub(crate) fn schema(markdown: bool) -> Result<ExitCode> {
    say::line(if markdown { config::reference() } else { pretty(&config::schema()) }.trim_end());
    Ok(ExitCode::SUCCESS)
}
