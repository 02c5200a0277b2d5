//! What is answered about instances: the list, the decisions of a service, and a restart.

use super::ServiceInstances;
use super::words::Note;
use crate::answer::{self, Answer, Problem};
use crate::edit::{self, Refusal};
use crate::node::Node;
use crate::query::Query;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

/// A service as the API shows it: all that the node says, and the same in words.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    data: &'a ServiceInstances,
    text: String,
    notes: Vec<Note>,
}

/// `/api/instances`: all services with instances, or the one that the query names.
pub(crate) fn list(node: &dyn Node, query: &str) -> Result<Answer, Problem> {
    let mut all = node.instances();
    if let Some(name) = Query::of(query).first("service") {
        all.retain(|one| one.service == name);
        if all.is_empty() {
            return Err(no_instances(node, &name));
        }
    }
    let told = |data: &ServiceInstances| json!(Told { data, text: data.sentence(), notes: data.notes() });
    Ok(answer::json(StatusCode::OK, &all.iter().map(told).collect()))
}

/// `/api/scale/{service}/decisions`: the last ones, the newest first.
pub(crate) fn decisions(node: &dyn Node, name: &str) -> Result<Answer, Problem> {
    let decisions = node.decisions(name).ok_or_else(|| no_instances(node, name))?;
    Ok(answer::json(StatusCode::OK, &json!(decisions)))
}

/// Has the instances of a service replaced, one after the other.
pub(crate) fn restart(node: &dyn Node, name: &str) -> Result<Answer, Problem> {
    let begun = node.restart(name).map_err(|refusal| match refusal {
        Refusal::NoService | Refusal::NoEndpoint(_) => no_instances(node, name),
        Refusal::NotNow(why) => edit::not_now(why),
        Refusal::Bad(detail, problems) => edit::bad(detail, problems),
    })?;
    Ok(answer::json(StatusCode::OK, &begun))
}

/// A service's line in `/api/status`: the numbers and the words, without each instance.
pub(crate) fn summary(service: &ServiceInstances) -> Value {
    json!({
        "service": service.service,
        "driver": service.driver,
        "wanted": service.wanted,
        "min": service.min,
        "max": service.max,
        "ready": service.ready,
        "starting": service.starting,
        "draining": service.draining,
        "dry_run": service.dry_run,
        "held": service.held,
        "concurrency": service.concurrency,
        "target": service.target,
        "crash_loop": service.crash_loop,
        "rollout": service.rollout,
        "start_seconds": service.start_seconds,
        "text": service.sentence(),
        "notes": service.notes(),
    })
}

/// No service of that name has instances. Says which have some.
fn no_instances(node: &dyn Node, name: &str) -> Problem {
    let exists = node.services().iter().any(|service| service.name == name);
    let begin = if exists { "Tidegate launches no instances of" } else { "There is no service" };
    let known = node.instances().into_iter().map(|one| one.service).collect();
    let has = match edit::listed(known) {
        None => "No service has instances.".to_owned(),
        Some(names) => format!("Services with instances: {names}."),
    };
    Problem::new(StatusCode::NOT_FOUND, format!("{begin} `{}`. {has}", edit::shown(name)))
}
