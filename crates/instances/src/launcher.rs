//! Whichever driver the settings ask for: processes of this machine, or containers of an engine.
//!
//! *Promise*: the instances of one fleet may be of both, so a service that moves from the one to the other is replaced
//! like for any other change: one after the other, and without a gap.

use crate::container::Containers;
use crate::driver::{Driver, Events, Handle, Launch, Search};
use crate::passing::Known;
use crate::process::Processes;
use crate::settings::{Container, FleetSettings};
use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

/// The driver of a fleet.
#[derive(Default)]
pub(crate) struct Launcher {
    processes: Processes,
    /// The engine in use. Another one takes its place with other settings; what was launched by the old one holds that.
    containers: RefCell<Option<Rc<Containers>>>,
}

impl Launcher {
    fn containers(&self, settings: &Container) -> Result<Rc<Containers>, String> {
        let mut kept = self.containers.borrow_mut();
        if let Some(containers) = kept.as_ref().filter(|containers| containers.are_at(settings)) {
            return Ok(Rc::clone(containers));
        }
        let containers = Rc::new(Containers::at(settings)?);
        *kept = Some(Rc::clone(&containers));
        Ok(containers)
    }
}

impl Driver for Launcher {
    fn launch(&self, launch: Launch<'_>, events: Events) -> Result<Box<dyn Handle>, String> {
        match &launch.settings.container {
            None => self.processes.launch(launch, events),
            Some(container) => self.containers(container)?.launch(launch, events),
        }
    }

    fn adopt(
        &self,
        known: &Known,
        control: Option<OwnedFd>,
        settings: &Rc<FleetSettings>,
        events: Events,
    ) -> Result<Box<dyn Handle>, String> {
        if known.has_keeper() {
            return self.processes.adopt(known, control, settings, events);
        }
        // What is there may be a container where a process is wanted now: it is at the engine that it was launched by.
        let kept = self.containers.borrow().clone();
        let containers = match (&settings.container, kept) {
            (Some(container), _) => self.containers(container)?,
            (None, Some(kept)) => kept,
            (None, None) => return Err("it is a container, and the settings name no engine".into()),
        };
        containers.adopt(known, control, settings, events)
    }

    fn patience(&self, settings: &FleetSettings) -> Duration {
        if settings.container.is_some() { Containers::PATIENCE } else { Duration::ZERO }
    }

    fn search(&self, settings: &Rc<FleetSettings>) -> Option<Search> {
        let container = settings.container.as_ref()?;
        Some(match self.containers(container) {
            Ok(containers) => containers.search(&settings.service),
            Err(why) => Box::pin(std::future::ready(Err(why))),
        })
    }
}
