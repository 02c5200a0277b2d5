//! Services whose instances Tidegate launches or counts, as an operator sees them: `/api/instances`, the status, the page.
//!
//! Plain data that the node fills in. Field names are the names in the JSON: part of the interface. How it is put into
//! words stands in `words.rs`, so that the page, the API and the commands tell one story; what is answered over HTTP in
//! `answers.rs`. *Not here*: launching and deciding. *Cost*: none on the hot path; the node is asked when somebody looks,
//! and every five seconds for the chart (`steps.rs`).

mod answers;
mod steps;
mod words;

pub(crate) use answers::{decisions, list, restart, summary};
pub(crate) use steps::{Point, Steps};

use observe::time_text;
use serde::{Serialize, Serializer};
use std::time::{SystemTime, UNIX_EPOCH};

/// A service with instances.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ServiceInstances {
    /// Its name.
    pub service: String,
    /// Who launches them: `process`, `kubernetes`, `exec`, `webhook` or `advise`.
    pub driver: &'static str,
    /// How many are wanted.
    pub wanted: u32,
    /// Fewest that may be wanted now.
    pub min: u32,
    /// Most that may be wanted now.
    pub max: u32,
    /// Those that take requests.
    pub ready: u32,
    /// Those that were launched and do not take requests yet.
    pub starting: u32,
    /// Those that take no new requests, and end.
    pub draining: u32,
    /// Decisions are recorded and not followed.
    pub dry_run: bool,
    /// Requests that wait until an instance is ready.
    pub held: u32,
    /// Requests under way and waiting, on average over the last moments.
    pub concurrency: Option<f64>,
    /// What of that one instance is to carry.
    pub target: Option<f64>,
    /// Instances end as soon as they start; how that looks, in a sentence.
    pub crash_loop: Option<String>,
    /// A rolling replacement that is under way or has failed, in a sentence.
    pub rollout: Option<String>,
    /// How long an instance takes to become ready, as learnt.
    pub start_seconds: Option<f64>,
    /// The instances, where Tidegate knows them.
    pub instances: Vec<InstanceView>,
    /// The last decision.
    pub last: Option<DecisionView>,
}

/// One instance.
#[derive(Clone, Debug, Serialize)]
pub struct InstanceView {
    /// Its name, such as `shop-1`.
    pub name: String,
    /// `starting`, `ready`, `draining` or `stopping`.
    pub state: &'static str,
    /// Where it takes requests: an address, or `unix:` and a path.
    pub place: String,
    /// Its process.
    pub pid: Option<u32>,
    /// What it was launched as: another revision is another command, environment or file.
    pub revision: String,
    /// Since when it has been in that state; in the JSON seconds since 1970.
    #[serde(serialize_with = "seconds")]
    pub since: SystemTime,
    /// How long it took to become ready.
    pub ready_after_seconds: Option<f64>,
    /// Requests under way there.
    pub in_flight: u32,
    /// CPU of its whole process tree, in cores.
    pub cpu: Option<f64>,
    /// Memory of its whole process tree, in bytes.
    pub memory: Option<u64>,
    /// How often one of this name ended unasked and was launched again.
    pub restarts: u32,
    /// The last lines that the one before it wrote.
    pub last_words: Option<String>,
}

/// One decision, with the sum behind it.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionView {
    /// When, for the last time where it was repeated; in the JSON as events write times.
    #[serde(serialize_with = "text")]
    pub at: SystemTime,
    /// Instances that took requests.
    pub ready: u32,
    /// Instances that were starting.
    pub starting: u32,
    /// How many were wanted before.
    pub from: u32,
    /// How many are wanted since.
    pub to: u32,
    /// `up`, `down` or `stay`.
    pub direction: &'static str,
    /// What it comes down to: the label of `tidegate_scale_decisions_total`.
    pub reason: &'static str,
    /// The sum in one sentence.
    pub text: String,
    /// What each signal wants.
    pub proposals: Vec<ProposalView>,
    /// What bent the greatest of them into `to`, in that order.
    pub limits: Vec<LimitView>,
    /// The short average decides, and counts do not fall.
    pub panicking: bool,
    /// So many equal decisions in a row are this one entry; 1 where it stands alone.
    pub repeated: u32,
}

/// What one signal wants.
#[derive(Clone, Debug, Serialize)]
pub struct ProposalView {
    /// Which: `concurrency`, `rps`, `cpu`, `memory`, `latency`, `queue` or `forecast`.
    pub signal: &'static str,
    /// Its average over the stable window, in the signal's unit.
    pub stable: Option<f64>,
    /// Its average over the panic window.
    pub panic: Option<f64>,
    /// What one instance is to carry, in the same unit.
    pub target: f64,
    /// Instances.
    pub wants: u32,
}

/// What bent a proposal.
#[derive(Clone, Debug, Serialize)]
pub struct LimitView {
    /// Which bound, as a label.
    pub reason: &'static str,
    /// The count before it.
    pub from: u32,
    /// The count after it.
    pub to: u32,
}

fn seconds<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

fn text<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&time_text(*time))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A decision of that reason and text: from so many to so many.
    pub(crate) fn decision(reason: &'static str, from: u32, to: u32, text: &str) -> DecisionView {
        DecisionView {
            at: UNIX_EPOCH,
            ready: from,
            starting: 0,
            from,
            to,
            direction: "up",
            reason,
            text: text.to_owned(),
            proposals: Vec::new(),
            limits: Vec::new(),
            panicking: false,
            repeated: 1,
        }
    }

    #[test]
    fn times_are_written_as_elsewhere_in_the_api() {
        let json = serde_json::to_value(decision("steady", 1, 1, "")).unwrap();
        assert_eq!(json["at"], "1970-01-01T00:00:00.000Z");
    }
}
