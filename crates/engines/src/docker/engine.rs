//! The engine itself, over its API: look, stop, remove, find again. How containers are launched and
//! followed stands beside it.
//!
//! Source: the Engine API, <https://docs.docker.com/reference/api/engine/>; what is used is the same from version 1.25 on,
//! and in Podman.

use super::container::{Container, Inspected, State};
use super::place::Place;
use super::recipe::{OWNER, SERVICE, checked};
use fetch::Trouble;
use fetch::{Client, Door, Question, Reply};
use message::Method;
use net::tls::ClientSettings;
use serde::Deserialize;
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// How long one question may take. Engines on slow disks take seconds to make a container.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The newest version of the API that this speaks, and the oldest: `Init` came with that.
const NEWEST: (u32, u32) = (1, 44);
const OLDEST: (u32, u32) = (1, 25);
/// Containers of ours on one engine.
const CONTAINERS_MOST: usize = 1024;

/// A Docker engine, or Podman. Clones share it.
#[derive(Clone, Debug)]
pub struct Engine(pub(super) Rc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) owner: Box<str>,
    /// `/v1.44`, once it is known.
    pub(super) version: RefCell<Option<Box<str>>>,
}

/// What was found of earlier days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Containers that run.
    pub running: Vec<Container>,
    /// Containers that did not run any more, or never had, and are removed now.
    pub removed: Vec<Container>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    pub(super) id: Box<str>,
}

impl Engine {
    /// The engine at that place. `owner`: whose its containers are; two Tidegates at one engine need two names. Asks
    /// nobody yet.
    pub fn at(place: &Place, owner: &str) -> Result<Self, Trouble> {
        checked("owner", owner)?;
        let door = match place {
            Place::Unix(path) => Door::unix(path),
            Place::Url(url) => Door::at(url, ClientSettings::default())?,
        };
        let client = Client { door };
        Ok(Self(Rc::new(Inner { client, owner: owner.into(), version: RefCell::default() })))
    }

    /// The version of the API that is spoken with it: the newest that both know. Shows that the engine answers.
    pub async fn version(&self) -> Result<Box<str>, Trouble> {
        self.prefix().await.map(|prefix| prefix.trim_start_matches("/v").into())
    }

    /// How a container stands; `None`: there is none of ours by that id.
    pub async fn inspect(&self, id: &str) -> Result<Option<Container>, Trouble> {
        checked("container", id)?;
        match self.get(&format!("/containers/{id}/json")).await {
            Ok(reply) => Ok(reply.json::<Inspected>("container")?.container(&self.0.owner)),
            Err(trouble) if trouble.status() == Some(404) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Asks a container to end, and ends it when `grace` has passed; in whole seconds, rounded up. One that has ended, or
    /// is gone, is no error.
    pub async fn stop(&self, id: &str, grace: Duration) -> Result<(), Trouble> {
        checked("container", id)?;
        let seconds = grace.as_millis().div_ceil(1000);
        let target = format!("/containers/{id}/stop?t={seconds}");
        gone_is_well(self.ask(Method::POST, &target, grace + PATIENCE).await, &[304, 404])
    }

    /// Removes a container with its anonymous volumes, also one that runs. One that is gone is no error.
    pub async fn remove(&self, id: &str) -> Result<(), Trouble> {
        checked("container", id)?;
        let target = format!("/containers/{id}?force=true&v=true");
        // 409: somebody is removing it.
        gone_is_well(self.ask(Method::DELETE, &target, PATIENCE).await, &[404, 409])
    }

    /// All containers of ours, of one service or of all, whatever they do.
    pub async fn list(&self, service: Option<&str>) -> Result<Vec<Container>, Trouble> {
        let mut labels = vec![format!("{OWNER}={}", self.0.owner)];
        labels.extend(service.map(|service| format!("{SERVICE}={service}")));
        let filters = json!({ "label": labels }).to_string();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("all", "true")
            .append_pair("filters", &filters)
            .finish();
        let listed: Vec<Listed> =
            self.get(&format!("/containers/json?{query}")).await?.json("list of containers")?;
        let mut containers = Vec::new();
        for Listed { id } in listed.iter().take(CONTAINERS_MOST) {
            // One may have gone since it was listed.
            containers.extend(self.inspect(id).await?);
        }
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(containers)
    }

    /// What is there from earlier days: containers that run are kept, leftovers are removed. For the start, before
    /// anything is launched.
    pub async fn adopt(&self, service: Option<&str>) -> Result<Adopted, Trouble> {
        let mut adopted = Adopted::default();
        for container in self.list(service).await? {
            if container.state == State::Running {
                adopted.running.push(container);
            } else {
                self.remove(&container.id).await?;
                adopted.removed.push(container);
            }
        }
        Ok(adopted)
    }

    async fn get(&self, target: &str) -> Result<Reply, Trouble> {
        self.ask(Method::GET, target, PATIENCE).await
    }

    pub(super) async fn ask(
        &self,
        method: Method,
        target: &str,
        patience: Duration,
    ) -> Result<Reply, Trouble> {
        let target = format!("{}{target}", self.prefix().await?);
        self.0.client.ask(Question::new(method, &target, patience)).await?.granted()
    }

    /// `/v1.44`: in front of every path.
    pub(super) async fn prefix(&self) -> Result<Box<str>, Trouble> {
        if let Some(known) = self.0.version.borrow().clone() {
            return Ok(known);
        }
        let reply = self.0.client.ask(Question::new(Method::GET, "/_ping", PATIENCE)).await?.granted()?;
        let prefix: Box<str> = spoken(reply.api_version.as_deref())?.into();
        *self.0.version.borrow_mut() = Some(prefix.clone());
        Ok(prefix)
    }
}

/// The version that is spoken with an engine that says this of itself.
fn spoken(theirs: Option<&str>) -> Result<String, Trouble> {
    let theirs = theirs.and_then(|text| text.split_once('.'));
    let theirs = theirs.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    let theirs: (u32, u32) = theirs.ok_or_else(|| Trouble::Garbled("no version of its API".into()))?;
    if theirs < OLDEST {
        return Err(Trouble::Garbled("a version of its API that is too old".into()));
    }
    let (major, minor) = theirs.min(NEWEST);
    Ok(format!("/v{major}.{minor}"))
}

/// Some refusals say that what was wanted is so already.
pub(super) fn gone_is_well(asked: Result<Reply, Trouble>, well: &[u16]) -> Result<(), Trouble> {
    match asked {
        Err(trouble) if trouble.status().is_some_and(|status| well.contains(&status)) => Ok(()),
        asked => asked.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_that_both_know_is_spoken() {
        for (theirs, ours) in [("1.44", "/v1.44"), ("1.51", "/v1.44"), ("2.0", "/v1.44"), ("1.41", "/v1.41")]
        {
            assert_eq!(spoken(Some(theirs)).as_deref(), Ok(ours), "{theirs}");
        }
        for theirs in [Some("1.24"), Some("x"), Some("1"), Some(""), None] {
            assert!(spoken(theirs).is_err(), "{theirs:?}");
        }
    }
}
