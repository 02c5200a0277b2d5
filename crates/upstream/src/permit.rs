//! An attempt that is under way: counted as the endpoint's load until it is over, whatever ends it.

use crate::client::Local;
use balance::Outcome;
use base::Moment;
use std::rc::Rc;

/// Held from before the attempt until the last byte of its answer.
#[derive(Debug)]
pub struct Permit {
    local: Rc<Local>,
    member: usize,
    settled: Option<(Outcome, Moment)>,
    core: usize,
}

impl Permit {
    pub(crate) fn start(local: &Rc<Local>, member: usize, core: usize) -> Self {
        local.service.members[member].endpoint.load.start();
        local.service.meters.began(core);
        Self { local: Rc::clone(local), member, settled: None, core }
    }

    /// What came of it. Without a word it was abandoned.
    pub(crate) fn settle(&mut self, outcome: Outcome, at: Moment) {
        self.settled = Some((outcome, at));
    }

    /// The endpoint's name in the config.
    pub fn endpoint(&self) -> &str {
        &self.local.service.members[self.member].endpoint.label
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let service = &self.local.service;
        // An abandoned attempt teaches nothing, so its time does not matter.
        let (outcome, at) = self.settled.unwrap_or((Outcome::Abandoned, Moment::ORIGIN));
        service.members[self.member].endpoint.load.finish(at, outcome);
        service.meters.ended(self.core);
    }
}
