//! An attempt that is under way: counted as the endpoint's load until it is over, whatever ends it.

use crate::client::Local;
use balance::Outcome;
use base::Clock;
use std::rc::Rc;

/// Held from before the attempt until the last byte of its answer.
#[derive(Debug)]
pub struct Permit {
    local: Rc<Local>,
    member: usize,
    outcome: Outcome,
    clock: Clock,
    core: usize,
}

impl Permit {
    pub(crate) fn start(local: &Rc<Local>, member: usize, clock: &Clock, core: usize) -> Self {
        local.service.members[member].endpoint.load.start();
        local.service.meters.began(core);
        Self { local: Rc::clone(local), member, outcome: Outcome::Abandoned, clock: clock.clone(), core }
    }

    /// What came of it. Without a word it was abandoned.
    pub(crate) fn settle(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// The endpoint's name in the config.
    pub fn endpoint(&self) -> &str {
        &self.local.service.members[self.member].endpoint.label
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let service = &self.local.service;
        service.members[self.member].endpoint.load.finish(self.clock.now(), self.outcome);
        service.meters.ended(self.core);
    }
}
