//! A workload's count of replicas, read and set through `/scale`, which is the same for all kinds.
//!
//! A count is set as what it is, not as a difference, and only where another one is in force, so saying it twice is saying
//! it once. It is bound to the version that was read: where somebody else changed the workload in between (409), it is
//! read again.
//!
//! Before a Deployment shrinks, the pods that should go are marked (`controller.kubernetes.io/pod-deletion-cost`), since
//! the cluster would choose others. That is its best effort: pods that are not ready go first in any case. A `StatefulSet`
//! always loses its last pods, so there nothing is marked.
//! *Not here*: a `HorizontalPodAutoscaler` for the same workload, which would undo each count.

use super::api::{Api, checked};
use super::slice::Metadata;
use fetch::Pace;
use fetch::Trouble;
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

/// How often a count is tried that others contend for. Each status of a rollout changes the version, too.
const TRIES: usize = 8;
/// What a pod costs that should go first; a pod without a word costs 0.
const COST: &str = "-1000";
const ANNOTATION: &str = "controller.kubernetes.io/pod-deletion-cost";
/// Pods that one step may mark.
const MARKS_MOST: usize = 1024;

/// What kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Deployment`.
    Deployment,
    /// `StatefulSet`.
    StatefulSet,
    /// `ReplicaSet`.
    ReplicaSet,
}

impl Kind {
    const fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::ReplicaSet => "replicasets",
        }
    }

    /// Does the cluster choose which pods go?
    const fn chooses(self) -> bool {
        !matches!(self, Self::StatefulSet)
    }
}

/// A Deployment or something like it.
#[derive(Clone, Debug)]
pub struct Workload {
    api: Api,
    kind: Kind,
    name: Box<str>,
}

/// How a workload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Replicas that are wanted.
    pub wanted: u32,
    /// Pods that are there, ready or not.
    pub replicas: u32,
    /// Those that are ready.
    pub ready: u32,
    /// Those of the newest template.
    pub updated: u32,
    /// The cluster has seen the last change of what is wanted: `observedGeneration` has reached `generation`. Until then
    /// the other numbers belong to what was wanted before.
    pub settled: bool,
}

/// What came of setting a count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaled {
    /// The count before.
    pub from: u32,
    /// The count in force; another one than was wanted where a rule of the cluster has changed it.
    pub to: u32,
    /// Why pods could not be marked: the cluster chooses by itself then.
    pub unmarked: Option<Trouble>,
}

#[derive(Deserialize)]
struct Scale {
    metadata: Metadata,
    spec: Option<ScaleSpec>,
}

#[derive(Deserialize)]
struct ScaleSpec {
    /// Absent: 0, since Go leaves it out then.
    #[serde(default)]
    replicas: u32,
}

#[derive(Deserialize)]
struct Object {
    metadata: Generation,
    spec: ObjectSpec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct Generation {
    #[serde(default)]
    generation: i64,
}

#[derive(Deserialize)]
struct ObjectSpec {
    /// Absent: 1, by the API's default.
    replicas: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: i64,
    replicas: u32,
    ready_replicas: u32,
    updated_replicas: u32,
}

impl Scale {
    fn count(&self) -> u32 {
        self.spec.as_ref().map_or(0, |spec| spec.replicas)
    }
}

impl Workload {
    pub(super) fn new(api: Api, kind: Kind, name: &str) -> Self {
        Self { api, kind, name: name.into() }
    }

    /// How it stands. Needs the right to `get` the workload itself.
    pub async fn standing(&self) -> Result<Standing, Trouble> {
        let object: Object = self.api.get(&self.path("")).await?.json("workload")?;
        let status = object.status;
        Ok(Standing {
            wanted: object.spec.replicas.unwrap_or(1),
            replicas: status.replicas,
            ready: status.ready_replicas,
            updated: status.updated_replicas,
            settled: status.observed_generation >= object.metadata.generation,
        })
    }

    /// How many replicas are wanted now, by whoever said so last.
    pub async fn wanted(&self) -> Result<u32, Trouble> {
        Ok(self.scale().await?.count())
    }

    /// Wants so many replicas. `victims`: the pods that should go where they become fewer, the first one first; no more
    /// of them are marked than go. A mark stays with a pod that did not go: [`Workload::spare`] takes it back.
    pub async fn want(&self, count: u32, victims: &[&str]) -> Result<Scaled, Trouble> {
        let (mut pace, mut unmarked, mut marked) = (Pace::default(), None, false);
        for _ in 0..TRIES {
            let scale = self.scale().await?;
            let from = scale.count();
            if from == count {
                return Ok(Scaled { from, to: from, unmarked });
            }
            if from > count && self.kind.chooses() && !marked {
                marked = true;
                let going = victims.len().min((from - count) as usize);
                unmarked = self.mark(&victims[..going]).await.err();
            }
            let asked = match self.patch(count, &scale.metadata.resource_version).await {
                Ok(to) => return Ok(Scaled { from, to, unmarked }),
                Err(trouble) if trouble.status() == Some(409) => trouble.retry_after(),
                Err(trouble) => return Err(trouble),
            };
            // Nothing is wrong with the server: what helps is another moment, not a longer wait.
            pace.well();
            sleep(pace.next(asked)).await;
        }
        Err(Trouble::Contended)
    }

    /// Marks pods that should go first when the workload shrinks. One that is gone already is as good as marked.
    pub async fn mark(&self, pods: &[&str]) -> Result<(), Trouble> {
        self.annotate(pods, Some(COST)).await
    }

    /// Takes the marks back from pods that are to stay after all.
    pub async fn spare(&self, pods: &[&str]) -> Result<(), Trouble> {
        self.annotate(pods, None).await
    }

    async fn annotate(&self, pods: &[&str], cost: Option<&str>) -> Result<(), Trouble> {
        let change = json!({ "metadata": { "annotations": { ANNOTATION: cost } } });
        for pod in pods.iter().take(MARKS_MOST) {
            checked("pod", pod)?;
            let target = format!("/api/v1/namespaces/{}/pods/{pod}", self.api.namespace());
            match self.api.merge(&target, &change).await {
                Err(trouble) if trouble.status() != Some(404) => return Err(trouble),
                _ => {}
            }
        }
        Ok(())
    }

    async fn scale(&self) -> Result<Scale, Trouble> {
        self.api.get(&self.path("/scale")).await?.json("scale")
    }

    async fn patch(&self, count: u32, version: &str) -> Result<u32, Trouble> {
        let change = json!({ "metadata": { "resourceVersion": version }, "spec": { "replicas": count } });
        let scale: Scale = self.api.merge(&self.path("/scale"), &change).await?.json("scale")?;
        Ok(scale.count())
    }

    fn path(&self, behind: &str) -> String {
        let (namespace, kind) = (self.api.namespace(), self.kind.plural());
        format!("/apis/apps/v1/namespaces/{namespace}/{kind}/{}{behind}", self.name)
    }
}
