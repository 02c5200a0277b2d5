//! A node's instances: who looks after them, and what comes of it.

use super::Node;
use crate::assemble::instances::{Plan, direction, endpoint, plan};
use crate::discovery;
use crate::membership::Members;
use crate::scaling::{HandedInstances, PodsNow, Scaling};
use anyhow::Result;
use config::File;
use instances::{Handed, Happening, Member};
use observe::log::{self, Level};
use observe::{Event, EventKind};
use scale::{Decision, Direction};
use std::sync::Arc;

/// Instances that an earlier process has handed over serve from the first moment.
pub(super) fn find_handed(members: &mut Members, file: &File, handed: &HandedInstances) {
    for (name, typed) in &file.services {
        if let Some(instances) = handed.get(name.as_str()) {
            let ready = instances.iter().filter_map(Handed::member);
            members.set_found(name.as_str(), ready.map(|member| endpoint(&member, typed)).collect());
        }
    }
}

impl Node {
    /// Looks after instances from now on, beginning with those that an earlier process has handed over.
    pub(crate) fn launch(self: &Arc<Self>, handed: HandedInstances) -> Result<()> {
        let _ = self.scaling.set(Scaling::start(self, handed)?);
        Ok(())
    }

    /// Who looks after instances, once somebody does.
    pub(crate) fn scaling(&self) -> Option<&Scaling> {
        self.scaling.get()
    }

    /// The services of the config that Tidegate launches instances for.
    pub(crate) fn instance_plans(&self) -> Vec<(Box<str>, Plan)> {
        let version = self.version();
        let zone = version.file.zone.as_ref();
        let one = |(name, typed): (&config::ServiceName, &config::Service)| {
            Some((name.as_str().into(), plan(name.as_str(), typed, zone)?))
        };
        version.file.services.iter().filter_map(one).collect()
    }

    /// A service is served by these instances from now on.
    pub(crate) fn set_instances(&self, service: &str, instances: &[Member]) {
        let done = self.renew(|members, file| {
            let typed = file.services.iter().find(|(name, _)| name.as_str() == service);
            // A fleet whose service is found elsewhere by now has not heard of that yet.
            let Some((_, typed)) = typed.filter(|_| !discovery::is_looked_for(file, service)) else { return };
            members.set_found(service, instances.iter().map(|member| endpoint(member, typed)).collect());
            for instance in instances {
                members.set_drained(service, &instance.name, instance.cordoned);
            }
        });
        if let Err(report) = done {
            observe::log::error(format_args!("service {service}: {}", report.render(false)));
        }
    }

    /// A service is served by these pods of a cluster from now on.
    pub(crate) fn set_pods(&self, service: &str, told: PodsNow) {
        let PodsNow { endpoints, ending, back } = told;
        let (many, ends) = (endpoints.len() - ending.len(), ending.len());
        let event = discovery::told(service, self.members().found(service), &endpoints);
        let done = self.renew(|members, _| {
            members.set_found(service, endpoints);
            // Only those: what operators have drained stays so.
            for (names, on) in [(&back, false), (&ending, true)] {
                for name in names {
                    members.set_drained(service, name, on);
                }
            }
        });
        match done {
            Ok(()) => {
                // Of pods that are not ready yet nobody needs to read.
                if event.is_some() || ends > 0 {
                    log::info(format_args!("service {service}: {many} pods take requests, {ends} end"));
                }
                if let Some(event) = event {
                    self.tell(event);
                }
            }
            Err(report) => log::error(format_args!("service {service}: {}", report.render(false))),
        }
    }

    /// Something happened to an instance: for the log, the last events and the meters.
    pub(crate) fn instance_happened(&self, service: &str, happening: &Happening) {
        let meters = self.meters.instances(service);
        let (level, kind, to) = match happening {
            Happening::Started { .. } => (Level::Info, EventKind::Instance, "started"),
            Happening::Ready { after, .. } => {
                meters.became_ready(*after);
                (Level::Info, EventKind::Instance, "ready")
            }
            Happening::Exited { was_ready, .. } => {
                if !was_ready {
                    meters.start_failed("exited");
                }
                (Level::Warning, EventKind::Instance, "exited")
            }
            Happening::NeverReady { .. } => {
                meters.start_failed("never_ready");
                (Level::Warning, EventKind::Instance, "failed")
            }
            Happening::CrashLoop { .. } => (Level::Error, EventKind::CrashLoop, "begun"),
            Happening::RolloutFailed { .. } => (Level::Error, EventKind::Instance, "failed"),
            Happening::Replacing { .. } | Happening::RolloutBegan { .. } => {
                (Level::Info, EventKind::Instance, "replaced")
            }
            Happening::Stopped { .. } | Happening::RolledOut { .. } => {
                (Level::Info, EventKind::Instance, "stopped")
            }
            Happening::DrainedLate { .. } | Happening::Killed { .. } | Happening::Trouble { .. } => {
                (Level::Warning, EventKind::Instance, "stopped")
            }
        };
        log::write(level, format_args!("service {service}: {happening}"));
        let event = Event::new(kind).of(service).to(to).because(&happening.to_string());
        self.tell(match happening.instance() {
            Some(name) => event.at(name),
            None => event,
        });
    }

    /// It was decided how many instances a service is to have.
    pub(crate) fn decided(&self, service: &str, decision: &Decision, dry_run: bool) {
        self.meters.instances(service).decided(direction(decision), decision.reason.as_str());
        if decision.direction() == Direction::Stay {
            return;
        }
        let dry = if dry_run { " (dry run: nothing is done)" } else { "" };
        let text = format!("{}{dry}", decision.text());
        log::info(format_args!("service {service}: {text}"));
        let event = Event::new(EventKind::Scaled).of(service);
        self.tell(event.from(&decision.from.to_string()).to(&decision.to.to_string()).because(&text));
    }
}
