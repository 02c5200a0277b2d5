//! Instances as containers of an engine: Docker, or Podman (`engines::docker`).
//!
//! A container has no keeper: the engine starts it, ends it and counts what it uses. So it outlives a Tidegate that is
//! killed, and the next one finds it by its labels; where Tidegate ends in order it is ended like a process.
//!
//! *Promise*: what the engine says of a container when it is asked is what counts; its events are only a reason to ask.
//! While the engine cannot be reached containers go on getting requests.
//! *Not here*: when instances are launched and ended (`fleet`); lines that a container writes, which the engine keeps.
//! *Cost*: a stream of events for each service, and a question for each container every two seconds.

mod contained;
mod knock;
mod life;
mod recipe;
mod register;

use crate::driver::{Driver, Events, Handle, Launch, Search};
use crate::passing::{Known, Phase, Spot};
use crate::settings::{self, FleetSettings};
use contained::{Begin, Contained};
use engines::docker::{Container, Engine, Place};
use register::Register;
use std::cell::OnceCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, SystemTime};
use upstream::Task;

/// The driver of one engine.
pub(crate) struct Containers {
    settings: settings::Container,
    engine: Engine,
    register: Rc<Register>,
    /// Hears what the engine tells, from the first container on.
    follower: OnceCell<Task>,
}

impl Containers {
    /// How long a launch may take: the engine fetches the image first where it does not have it.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(700);

    /// The engine that the settings name. Asks nobody yet.
    pub(crate) fn at(settings: &settings::Container) -> Result<Self, String> {
        let named = settings.socket.clone().map(Place::Unix);
        let place = named.or_else(Place::found).ok_or(
            "there is no engine: DOCKER_HOST is not set, and neither Docker nor Podman has a socket where it usually is",
        )?;
        let engine = Engine::at(&place, &settings.owner).map_err(|trouble| in_words(&trouble))?;
        Ok(Self { settings: settings.clone(), engine, register: Rc::default(), follower: OnceCell::new() })
    }

    /// Are those that the settings mean to be found here?
    pub(crate) fn are_at(&self, settings: &settings::Container) -> bool {
        (&self.settings.socket, &self.settings.owner) == (&settings.socket, &settings.owner)
    }

    /// Looks for containers of the service; what does not run of them is removed.
    pub(crate) fn search(&self, service: &str) -> Search {
        let (engine, service) = (self.engine.clone(), service.to_owned());
        Box::pin(async move {
            let found = engine.adopt(Some(&service)).await.map_err(|trouble| in_words(&trouble))?;
            let mut all = Vec::new();
            for container in found.running {
                match known(&container) {
                    Some(known) => all.push(known),
                    // It is ours, and nothing can be done with it.
                    None => engine.remove(&container.id).await.map_err(|trouble| in_words(&trouble))?,
                }
            }
            Ok(all)
        })
    }

    fn begin(
        &self,
        name: &str,
        begin: Begin,
        settings: &Rc<FleetSettings>,
        starting: bool,
        events: Events,
    ) -> Box<dyn Handle> {
        let contained =
            Contained::new(name, &self.engine, &self.settings.owner, begin, settings, starting, events);
        self.register.enter(name, contained.link());
        self.follower.get_or_init(|| {
            let (engine, register) = (self.engine.clone(), Rc::clone(&self.register));
            Task::start(async move {
                engine.follow(|news| register.hear(&news)).await;
            })
        });
        Box::new(contained)
    }
}

impl Driver for Containers {
    fn launch(&self, launch: Launch<'_>, events: Events) -> Result<Box<dyn Handle>, String> {
        let container = launch.settings.container.as_ref().ok_or("its settings are those of a process")?;
        let recipe = recipe::recipe(launch.name, launch.settings, container);
        Ok(self.begin(launch.name, Begin::Launch(Box::new(recipe)), launch.settings, true, events))
    }

    fn adopt(
        &self,
        known: &Known,
        _control: Option<OwnedFd>,
        settings: &Rc<FleetSettings>,
        events: Events,
    ) -> Result<Box<dyn Handle>, String> {
        let id = known.container.as_deref().ok_or("it is not said which container it is")?;
        let place = known.place.as_ref().ok_or("it is not said where it listens")?.place();
        let begin = Begin::Adopt { id: id.into(), place, pid: known.pid };
        Ok(self.begin(&known.name, begin, settings, known.phase == Phase::Starting, events))
    }
}

/// What is known of a container that was found. It has to show again that it is ready.
fn known(container: &Container) -> Option<Known> {
    let number = container.name.strip_prefix(&*container.service)?.strip_prefix('-')?.parse().ok()?;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Some(Known {
        service: container.service.to_string(),
        name: container.name.to_string(),
        number: Some(number).filter(|number| *number > 0)?,
        revision: container.revision.to_string(),
        phase: Phase::Starting,
        place: Some(Spot::Address(container.address?)),
        pid: container.pid,
        container: Some(container.id.to_string()),
        since: u64::try_from(since.as_millis()).unwrap_or_default(),
        ..Known::default()
    })
}

fn in_words(trouble: &engines::Trouble) -> String {
    format!("the engine {trouble}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use engines::docker::State;

    fn container(name: &str, address: Option<&str>) -> Container {
        Container {
            id: "abc".into(),
            name: name.into(),
            service: "shop".into(),
            revision: "r1".into(),
            state: State::Running,
            address: address.map(|address| address.parse().unwrap()),
            pid: Some(7),
        }
    }

    #[test]
    fn a_container_that_was_found_is_known_by_its_name_and_must_become_ready_anew() {
        let known = known(&container("shop-12", Some("127.0.0.1:5"))).unwrap();
        assert_eq!((known.number, known.name.as_str(), known.revision.as_str()), (12, "shop-12", "r1"));
        assert_eq!((known.phase, known.has_keeper(), known.objection()), (Phase::Starting, false, None));
    }

    #[test]
    fn what_has_no_number_or_no_address_is_no_instance() {
        for (name, address) in [
            ("shop", Some("127.0.0.1:5")),
            ("shop-0", Some("127.0.0.1:5")),
            ("shop-x", Some("127.0.0.1:5")),
            ("cart-1", Some("127.0.0.1:5")),
            ("shop-1", None),
        ] {
            assert!(known(&container(name, address)).is_none(), "{name}");
        }
    }

    #[test]
    fn another_image_is_at_the_same_engine_and_another_owner_is_not() {
        let settings = settings::Container {
            image: "shop:1".into(),
            port: 80,
            socket: Some("/nowhere/docker.sock".into()),
            owner: "gate".into(),
            network: None,
            volumes: Vec::new(),
        };
        let containers = Containers::at(&settings).unwrap();
        assert!(containers.are_at(&settings::Container { image: "shop:2".into(), ..settings.clone() }));
        assert!(!containers.are_at(&settings::Container { owner: "other".into(), ..settings.clone() }));
        assert!(Containers::at(&settings::Container { owner: "a b".into(), ..settings }).is_err());
    }
}
