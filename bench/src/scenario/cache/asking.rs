//! The origin that counts, the load tool, and what a server spends on the load.

use crate::closedloop::{Load, Order, Tally, Until};
use crate::lab::Lab;
use crate::scenario::helper::Helper;
use crate::server::{OTHER_CORE, Server};
use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use std::process::Command;
use std::time::{Duration, Instant};

/// No load lasts longer, in seconds, beside the time that it was given.
const LONGEST: u64 = 30;
/// A server that answers fewer requests a second than this is not waited for.
const SLOWEST: u64 = 2000;
/// How long a server may take until it has kept what it was asked for.
const KEEPS_WITHIN: Duration = Duration::from_secs(20);

/// The origin of all parts. Dropping it ends it.
pub(super) struct Source {
    pub(super) port: u16,
    helper: Helper,
}

impl Source {
    pub(super) fn start(lab: &Lab) -> Result<Self> {
        let mut helper = Helper::start(lab, "bench-source", &[])?;
        let said = helper.line()?;
        let port = said.strip_prefix("port ").and_then(|port| port.parse().ok()).context("no port")?;
        Ok(Self { port, helper })
    }

    /// How many requests it has got by now.
    pub(super) fn asked(&mut self) -> Result<u64> {
        self.helper.tell()?;
        self.helper.line()?.parse().context("not a count")
    }

    /// Asks for all objects of the load again and again until a whole round asks nothing of the source: then they are kept,
    /// and it was seen that they are.
    pub(super) fn fill(&mut self, lab: &Lab, load: &Load) -> Result<()> {
        let round = Load {
            until: Until::Requests(load.objects.max(2)),
            connections: load.connections.min(load.objects as usize),
            ..load.clone()
        };
        let deadline = Instant::now() + KEEPS_WITHIN;
        loop {
            let before = self.asked()?;
            let tally = ask(lab, &round)?;
            ensure!(
                tally.errors == 0,
                "{} of {} answers were wrong",
                tally.errors,
                tally.errors + tally.done
            );
            let asked = self.asked()? - before;
            if asked == 0 {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "it does not keep them: asked again for {} objects, it asked the origin {asked} times",
                load.objects
            );
        }
    }
}

/// What asks for the first of these objects, plainly: 64 connections, one request an object, in turns.
pub(super) fn load(port: u16, bytes: u64, objects: u64) -> Load {
    Load {
        port,
        connections: 64,
        prefix: String::new(),
        bytes,
        tag: "a".to_owned(),
        objects,
        from: 0,
        order: Order::InTurns,
        until: Until::Requests(objects),
        looks: true,
        first: None,
    }
}

/// Runs the load tool on the core that is not the server's.
pub(super) fn ask(lab: &Lab, load: &Load) -> Result<Tally> {
    let given = match load.until {
        Until::Requests(count) => count / SLOWEST,
        Until::Elapsed(time) => time.as_secs(),
    };
    tool(lab, "bench-closedloop", &args(load), LONGEST + given)
}

/// Runs one of our tools, and reads the JSON that it prints.
pub(super) fn tool<T: DeserializeOwned>(lab: &Lab, name: &str, args: &[String], secs: u64) -> Result<T> {
    let output = Command::new("timeout")
        .arg(secs.to_string())
        .args(["taskset", "-c", OTHER_CORE])
        .arg(lab.helpers.join(name))
        .args(args)
        .output()
        .context("could not start timeout (Debian package coreutils)")?;
    ensure!(
        output.status.success(),
        "the load tool: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    serde_json::from_slice(&output.stdout).context("the load tool")
}

fn args(load: &Load) -> Vec<String> {
    let mut args = vec![load.port.to_string()];
    let mut add = |name: &str, value: String| args.extend([format!("--{name}"), value]);
    add("connections", load.connections.to_string());
    add("prefix", load.prefix.clone());
    add("bytes", load.bytes.to_string());
    add("tag", load.tag.clone());
    add("objects", load.objects.to_string());
    add("from", load.from.to_string());
    if let Order::Zipf { skew, seed } = load.order {
        add("skew", skew.to_string());
        add("seed", seed.to_string());
    }
    match load.until {
        Until::Requests(count) => add("requests", count.to_string()),
        Until::Elapsed(time) => add("millis", time.as_millis().to_string()),
    }
    if let Some(path) = &load.first {
        add("first", path.clone());
    }
    if load.looks {
        args.push("--looks".to_owned());
    }
    args
}

/// What came of a load, and what it took of the server and of the origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    pub(super) tally: Tally,
    /// CPU microseconds of the server for each good answer.
    pub(super) cpu: f64,
    /// Requests that the origin got.
    pub(super) asked: u64,
}

impl Spent {
    /// Good answers per second.
    pub(super) fn rate(&self) -> f64 {
        self.tally.done as f64 / self.tally.secs
    }

    /// Of the good answers, the part that the origin was not asked for, in percent.
    pub(super) fn hits(&self) -> f64 {
        (1.0 - self.asked as f64 / self.tally.done as f64) * 100.0
    }
}

/// Loads a server, and sees what that takes.
pub(super) fn spend(lab: &Lab, source: &mut Source, server: &Server, load: &Load) -> Result<Spent> {
    let (asked, before) = (source.asked()?, server.usage());
    let tally = ask(lab, load)?;
    let after = server.usage();
    ensure!(tally.done > 0, "no good answer; {} others", tally.errors);
    let cpu = (after.cpu_micros - before.cpu_micros) / tally.done as f64;
    Ok(Spent { tally, cpu, asked: source.asked()? - asked })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tool_is_told_the_whole_load() {
        let zipf = Load { order: Order::Zipf { skew: 0.9, seed: 5 }, ..load(80, 1024, 7) };
        let text = args(&zipf).join(" ");
        assert!(
            text.starts_with("80 --connections 64 --prefix  --bytes 1024 --tag a --objects 7 "),
            "{text}"
        );
        assert!(text.ends_with("--skew 0.9 --seed 5 --requests 7 --looks"), "{text}");
        let until = Until::Elapsed(Duration::from_secs(2));
        let timed = Load { until, looks: false, first: Some("/1/a/1".into()), ..load(80, 1024, 7) };
        assert!(args(&timed).join(" ").ends_with("--from 0 --millis 2000 --first /1/a/1"));
    }

    #[test]
    fn hits_are_what_the_origin_was_not_asked_for() {
        let tally = Tally { done: 200, secs: 4.0, ..Tally::default() };
        let spent = Spent { tally, cpu: 1.0, asked: 50 };
        assert!((spent.hits() - 75.0).abs() < 1e-9 && (spent.rate() - 50.0).abs() < 1e-9);
    }
}
