//! One service that has instances: measured, decided upon, told.

use super::board::Board;
use super::hands::Hands;
use crate::assemble::instances::{Plan, Seen, decision as shown, view};
use crate::node::Node;
use balance::State;
use base::{Clock, Moment};
use instances::{FleetCount, Handed};
use scale::{Decision, Sample, Scaler};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use upstream::{Prospect, Service, Standing};

/// An instance that takes no connections for so long is replaced.
const DEAD_FOR: Duration = Duration::from_secs(5);
/// How many looks there are between two views for people.
const SHOW_EACH: u32 = 5;
/// The share of recent answers that the guard of latency looks at.
const GUARDED_PERCENT: u8 = 95;

/// A service that is scaled.
pub(super) struct Scaled {
    name: Box<str>,
    plan: Plan,
    scaler: Scaler,
    hands: Hands,
    /// It is known how many instances there were before; until then nothing is decided.
    begun: bool,
    /// The service in force.
    service: Option<Arc<Service>>,
    /// Requests that it had got when it was last looked at.
    counted: Option<(Moment, u64)>,
    looks: u32,
    /// How many are wanted, ready, starting and ending, as it was last looked at.
    standing: [u32; 4],
    /// Instances that cannot be reached, and since when.
    dead_since: HashMap<Box<str>, Moment>,
    /// Waits for requests that find nobody.
    ringing: Option<(Arc<Standing>, JoinHandle<()>)>,
    rung: Rc<Notify>,
    clock: Clock,
    board: Arc<Board>,
    node: Weak<Node>,
}

impl Scaled {
    pub(super) fn new(
        name: &str,
        plan: Plan,
        handed: Vec<Handed>,
        node: &Arc<Node>,
        board: &Arc<Board>,
        rung: &Rc<Notify>,
    ) -> Self {
        let there = u32::try_from(handed.iter().filter(|h| h.stays()).count()).unwrap_or(u32::MAX);
        let hands = Hands::new(name, &plan, node, handed);
        let scaler = Scaler::new(plan.scale.clone(), if there > 0 { there } else { plan.scale.initial() });
        let begun = hands.is_known();
        if begun {
            hands.want(scaler.wanted(), "start");
        }
        Self {
            name: name.into(),
            scaler,
            hands,
            begun,
            service: None,
            counted: None,
            looks: 0,
            standing: [0; 4],
            dead_since: HashMap::new(),
            ringing: None,
            rung: Rc::clone(rung),
            clock: node.clock(),
            board: Arc::clone(board),
            node: Arc::downgrade(node),
            plan,
        }
    }

    /// Another version of the config. False: its instances are launched by somebody else now.
    pub(super) fn follow(&mut self, plan: Plan) -> bool {
        if self.plan.driver != plan.driver && !self.hands.follow(&plan) {
            return false;
        }
        if self.plan.scale != plan.scale {
            self.scaler.configure(plan.scale.clone());
        }
        self.plan = plan;
        true
    }

    pub(super) fn hands(&self) -> &Hands {
        &self.hands
    }

    /// Another version of the service is in force.
    pub(super) fn see(&mut self, service: &Arc<Service>) {
        let standing = &service.standing;
        if self.ringing.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, standing)) {
            if let Some((_, old)) = self.ringing.take() {
                old.abort();
            }
            let (theirs, rung) = (Arc::clone(standing), Rc::clone(&self.rung));
            let ringing = tokio::task::spawn_local(async move {
                loop {
                    theirs.wanted.notified().await;
                    rung.notify_one();
                }
            });
            self.ringing = Some((Arc::clone(standing), ringing));
        }
        self.service = Some(Arc::clone(service));
    }

    /// Measures, decides where that is due, and shows what has come of it.
    pub(super) fn look(&mut self, frozen: bool) {
        let Some(service) = self.service.clone() else { return };
        if let Some(found) = self.hands.take_found() {
            // It goes on from as many as there are: the traffic that wanted them may be there still.
            self.scaler = Scaler::new(self.plan.scale.clone(), found);
            self.begun = true;
        }
        let fleet = self.hands.count(&service);
        let sample = self.measure(&service, &fleet);
        self.scaler.observe(&sample);
        if !frozen && self.begun && self.scaler.is_due(sample.at) {
            let decision = self.scaler.decide(sample.at);
            self.carry_out(&decision);
            self.looks = 0;
        }
        let wanted = self.scaler.wanted();
        service.standing.set_prospect(self.prospect(&fleet, wanted));
        if !frozen {
            self.replace_unwell(&service, sample.at);
        }
        let standing = [wanted, fleet.ready, fleet.starting, fleet.draining];
        if self.looks.is_multiple_of(SHOW_EACH) || self.standing != standing {
            self.standing = standing;
            let seen = Seen {
                wanted,
                held: service.standing.waiting(),
                concurrency: sample.concurrency,
                in_flight: &|name| pending(&service, name),
            };
            self.board.show(view(&self.name, &self.plan, &self.hands.view(&service), &seen));
        }
        self.looks = self.looks.wrapping_add(1);
    }

    /// What requests may wait for. What Tidegate has launched it launches again when that has ended, which requests may
    /// notice a tenth of a second before this does.
    fn prospect(&self, fleet: &FleetCount, wanted: u32) -> Prospect {
        let more_come = fleet.starting > 0 || fleet.ready < wanted;
        // With a dry run it is the cluster's workload that somebody else scales, who may have heard of it from here.
        let somebody_scales = !self.plan.dry_run || matches!(self.hands, Hands::Cluster(_));
        let more_may_come = somebody_scales && wanted < self.plan.scale.max;
        if fleet.crash_loop {
            // One that is starting may do its work for a while.
            if fleet.starting > 0 { Prospect::Again } else { Prospect::None }
        } else if more_come || more_may_come {
            Prospect::More
        } else if self.hands.fleet().is_some() && wanted > 0 {
            Prospect::Again
        } else {
            Prospect::None
        }
    }

    /// Another instance for each that lives and does not work: its checks fail, or it takes no connections any more.
    fn replace_unwell(&mut self, service: &Service, now: Moment) {
        let Some(fleet) = self.hands.fleet() else { return };
        let state = |m: &upstream::Member| m.endpoint.health.state();
        self.dead_since.retain(|name, _| {
            service.members.iter().any(|m| m.endpoint.label == *name && state(m) == State::Dead)
        });
        for member in &service.members {
            let name = &member.endpoint.label;
            match state(member) {
                State::Failing => {
                    fleet.replace(name, "its health check fails");
                }
                State::Dead => {
                    let since = *self.dead_since.entry(name.clone()).or_insert(now);
                    if now.since(since) >= DEAD_FOR {
                        fleet.replace(name, "it takes no connections");
                    }
                }
                _ => {}
            }
        }
    }

    fn measure(&mut self, service: &Service, fleet: &FleetCount) -> Sample {
        let at = self.clock.now();
        let pending: u32 = service.members.iter().map(|m| m.endpoint.load.pending()).sum();
        let requests = service.meters.requests();
        let rps = self.counted.replace((at, requests)).map(|(then, before)| {
            requests.saturating_sub(before) as f64 / at.since(then).as_secs_f64().max(0.001)
        });
        Sample {
            at,
            wall: SystemTime::now(),
            ready: fleet.ready,
            starting: fleet.starting,
            concurrency: Some(f64::from(pending) + f64::from(service.standing.waiting())),
            rps,
            latency_p95: service.standing.percentile(GUARDED_PERCENT),
            cpu: fleet.cpu,
            memory: fleet.memory,
            backlog: None,
            database: None,
            start_time: fleet.start_time,
            crash_loop: fleet.crash_loop,
        }
    }

    /// Has what was decided done, and remembers it.
    fn carry_out(&self, decision: &Decision) {
        if !self.plan.dry_run {
            self.hands.want(decision.to, &decision.text());
        }
        if let Some(node) = self.node.upgrade() {
            node.decided(&self.name, decision, self.plan.dry_run);
        }
        self.board.keep(&self.name, shown(decision));
    }
}

impl Drop for Scaled {
    fn drop(&mut self) {
        if let Some((_, ringing)) = self.ringing.take() {
            ringing.abort();
        }
    }
}

fn pending(service: &Service, name: &str) -> u32 {
    let member = service.members.iter().find(|m| *m.endpoint.label == *name);
    member.map_or(0, |member| member.endpoint.load.pending())
}
