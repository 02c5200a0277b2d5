//! `tidegate endpoints`: shows and changes the endpoints of a running node, through its admin API.
//!
//! A rolling replacement is three steps: `add --wait` the new one, `remove --wait` the old one, end its process.

use crate::args::At;
use crate::ask::{ask, ask_with, segment};
use crate::{say, status};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often the requests under way are looked at while they are waited for.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, Subcommand)]
pub(crate) enum Endpoints {
    /// Show the endpoints of a service, or of all.
    List {
        /// The name of the service.
        service: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Add an endpoint, or give the one with this URL other settings and take it back into service.
    Add(Add),
    /// Take an endpoint away: no new requests at once, those under way end.
    Remove(Leave),
    /// Send an endpoint no new requests; those under way end.
    Drain(Leave),
    /// Let requests come to an endpoint again.
    Undrain {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        at: At,
    },
}

/// Which endpoint.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The name of the service.
    service: String,
    /// The URL of the endpoint.
    url: String,
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    which: Which,
    /// Its share of the requests, compared with the other endpoints.
    #[arg(long, value_name = "N")]
    weight: Option<u32>,
    /// Endpoints of a lower number are used first.
    #[arg(long, value_name = "N")]
    priority: Option<u32>,
    /// Use it only while no other endpoint can be used.
    #[arg(long)]
    backup: bool,
    /// The zone it stands in.
    #[arg(long)]
    zone: Option<String>,
    /// Connections to it at a time.
    #[arg(long, value_name = "N")]
    max_connections: Option<u32>,
    /// Requests under way there at a time.
    #[arg(long, value_name = "N")]
    max_requests: Option<u32>,
    /// Wait so long, such as 30s, until it is up.
    #[arg(long, value_name = "TIME", value_parser = period)]
    wait: Option<Duration>,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Args)]
pub(crate) struct Leave {
    #[command(flatten)]
    which: Which,
    /// Wait so long, such as 30s, until no request is under way there. What is to be removed then stays drained instead
    /// where some still are.
    #[arg(long, value_name = "TIME", value_parser = period)]
    wait: Option<Duration>,
    #[command(flatten)]
    at: At,
}

fn period(text: &str) -> Result<Duration, String> {
    let period = serde_json::from_value::<config::Period>(json!(text));
    period.map(config::Period::get).map_err(|e| e.to_string())
}

/// Shows or changes endpoints.
pub(crate) fn endpoints(what: &Endpoints) -> Result<ExitCode> {
    match what {
        Endpoints::List { service, at } => list(service.as_deref(), at),
        Endpoints::Add(add) => {
            let path = format!("{}/endpoints", path_of(&add.which.service));
            let (code, added) = ask_with(&add.at, "POST", &path, description(add).to_string())?;
            match add.wait {
                Some(wait) if code == 200 && !is_up(add, wait)? => Ok(ExitCode::from(1)),
                _ => told(&add.at, code, &added, "was added"),
            }
        }
        Endpoints::Remove(leave) => {
            if leave.wait.is_some() {
                ask(&leave.at, "POST", &at_endpoint(&leave.which, "/drain"))?;
                if !is_idle(leave)? {
                    return Ok(ExitCode::from(1));
                }
            }
            let (code, last) = ask(&leave.at, "DELETE", &at_endpoint(&leave.which, ""))?;
            told(&leave.at, code, &last, "was taken away")
        }
        Endpoints::Drain(leave) => {
            let (code, drained) = ask(&leave.at, "POST", &at_endpoint(&leave.which, "/drain"))?;
            if leave.wait.is_some() && !is_idle(leave)? {
                return Ok(ExitCode::from(1));
            }
            told(&leave.at, code, &drained, "gets no new requests")
        }
        Endpoints::Undrain { which, at } => {
            let (code, undrained) = ask(at, "POST", &at_endpoint(which, "/undrain"))?;
            let now = format!("is {}", undrained["state"].as_str().unwrap_or_default());
            told(at, code, &undrained, &now)
        }
    }
}

fn list(service: Option<&str>, at: &At) -> Result<ExitCode> {
    let (_, mut status) = ask(at, "GET", "/api/status")?;
    if let Some(name) = service {
        // Asked for once more, so that an unknown name is told by the node and in its words.
        let (_, one) = ask(at, "GET", &path_of(name))?;
        if at.json {
            say::line(&serde_json::to_string_pretty(&one["endpoints"])?);
            return Ok(ExitCode::SUCCESS);
        }
        for (list, key) in [("services", "service"), ("endpoints", "service")] {
            if let Some(all) = status[list].as_array_mut() {
                all.retain(|entry| entry[key] == name);
            }
        }
    } else if at.json {
        say::line(&serde_json::to_string_pretty(&status["endpoints"])?);
        return Ok(ExitCode::SUCCESS);
    }
    say::line(&status::services_in_words(&status));
    Ok(ExitCode::SUCCESS)
}

/// What was typed, as the config file would have it. What is wrong with it is told by the node.
fn description(add: &Add) -> Value {
    let mut description = Map::new();
    description.insert("url".into(), json!(add.which.url));
    let numbers = [
        ("weight", add.weight),
        ("priority", add.priority),
        ("max_connections", add.max_connections),
        ("max_requests", add.max_requests),
    ];
    for (key, number) in numbers.into_iter().filter_map(|(key, number)| Some((key, number?))) {
        description.insert(key.into(), json!(number));
    }
    if let Some(zone) = &add.zone {
        description.insert("zone".into(), json!(zone));
    }
    if add.backup {
        description.insert("backup".into(), json!(true));
    }
    description.into()
}

/// Tells what the node answered to a change.
fn told(at: &At, code: u16, answer: &Value, done: &str) -> Result<ExitCode> {
    if code == 422 {
        bail!("{}", answer["detail"].as_str().unwrap_or("the node refused and did not say why"));
    }
    if at.json {
        say::line(&serde_json::to_string_pretty(answer)?);
        return Ok(ExitCode::SUCCESS);
    }
    let word = |key: &str| answer[key].as_str().unwrap_or_default();
    let pending = requests(answer["pending"].as_u64().unwrap_or(0));
    say::line(&format!("{} {done}, {pending} under way there", word("url")));
    say::line(&format!(
        "service {}: {}/{} endpoints up",
        word("service"),
        answer["endpoints_up"],
        answer["endpoints_total"]
    ));
    Ok(ExitCode::SUCCESS)
}

/// Waits until an endpoint that was added is up. Says why where it is not.
fn is_up(add: &Add, wait: Duration) -> Result<bool> {
    let until = Instant::now() + wait;
    loop {
        let endpoint = seen(&add.at, &add.which)?;
        if endpoint["up"] == true {
            return Ok(true);
        }
        if Instant::now() >= until {
            let state = endpoint["state"].as_str().unwrap_or("gone");
            let why = endpoint["check"].as_str().map_or_else(String::new, |why| format!(": {why}"));
            say::error(&format!("{} was added and is {state}, not up{why}", add.which.url));
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
}

/// Waits until no request is under way at an endpoint that is drained. Says so where some still are.
fn is_idle(leave: &Leave) -> Result<bool> {
    let until = Instant::now() + leave.wait.unwrap_or_default();
    loop {
        match seen(&leave.at, &leave.which)?["pending"].as_u64().unwrap_or(0) {
            0 => return Ok(true),
            pending if Instant::now() >= until => {
                let (pending, url) = (requests(pending), &leave.which.url);
                say::error(&format!("{pending} still under way at {url}, which stays drained"));
                return Ok(false);
            }
            _ => std::thread::sleep(LOOK),
        }
    }
}

/// An endpoint as the node shows it now; nothing where it is gone.
fn seen(at: &At, which: &Which) -> Result<Value> {
    let (_, mut service) = ask(at, "GET", &path_of(&which.service))?;
    let label = crate::newcomer::label(&which.url);
    let endpoints = service["endpoints"].as_array_mut().context("the node did not list the endpoints")?;
    Ok(endpoints.iter_mut().find(|endpoint| endpoint["url"] == label).map(Value::take).unwrap_or_default())
}

fn requests(number: u64) -> String {
    if number == 1 { "1 request".into() } else { format!("{number} requests") }
}

fn path_of(service: &str) -> String {
    format!("/api/services/{}", segment(service))
}

fn at_endpoint(which: &Which, door: &str) -> String {
    let query: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("url", &which.url).finish();
    format!("{}/endpoints{door}?{query}", path_of(&which.service))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_urls_travel_whole() {
        let which = Which { service: "a b/c".into(), url: "unix:/run/a&b=c.sock".into() };
        assert_eq!(
            at_endpoint(&which, "/drain"),
            "/api/services/a%20b%2Fc/endpoints/drain?url=unix%3A%2Frun%2Fa%26b%3Dc.sock"
        );
    }
}
