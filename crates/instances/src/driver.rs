//! What a fleet asks of whatever launches its instances. There is one driver in production (`process`) and one that only
//! pretends, for the tests of the fleet's own mind.

use crate::passing::Known;
use crate::settings::FleetSettings;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::sync::mpsc::UnboundedSender;
use upstream::Place;

/// Launches instances.
pub(crate) trait Driver {
    /// Launches one. What becomes of it comes as events.
    fn launch(&self, launch: Launch<'_>, events: Events) -> Result<Box<dyn Handle>, String>;

    /// Takes one over that another process launched.
    fn adopt(
        &self,
        known: &Known,
        control: OwnedFd,
        settings: &Rc<FleetSettings>,
        events: Events,
    ) -> Result<Box<dyn Handle>, String>;
}

/// What is to be launched.
pub(crate) struct Launch<'a> {
    pub(crate) name: &'a str,
    /// Its number among the instances of the service, from 1.
    pub(crate) number: u32,
    pub(crate) settings: &'a Rc<FleetSettings>,
}

/// One instance, as long as the fleet holds it. Dropped, it ends, unless another process holds it too.
pub(crate) trait Handle {
    /// Where it listens.
    fn place(&self) -> &Place;

    /// Its first process.
    fn pid(&self) -> Option<u32>;

    /// What it used lately.
    fn usage(&self) -> Option<Usage>;

    /// Why it is not ready yet.
    fn waits_for(&self) -> Option<String>;

    /// SIGTERM.
    fn terminate(&self);

    /// SIGKILL to everything.
    fn kill(&self);

    /// It is still there a while after that: whatever is left to try.
    fn abandon(&self);

    /// Another process listens to what is reported of it; or that is over.
    fn pause(&self, on: bool);

    /// Puts what another process must know of it into `known`, and gives what that process controls it by.
    fn give(&self, known: &mut Known) -> io::Result<OwnedFd>;
}

/// What an instance uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usage {
    /// Cores.
    pub(crate) cores: f64,
    /// Bytes.
    pub(crate) memory: u64,
}

/// What becomes of an instance. A handful in a life, so they need no bound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// It has a process.
    Started(u32),
    /// It answers as it should.
    Ready,
    /// It never will: why.
    Hopeless(String),
    /// The program has ended: how, and its last lines.
    Exited(String, Option<String>),
    /// Nothing of it is left.
    Gone,
    /// Something is not as it was asked for.
    Trouble(String),
}

/// Where the events of one instance go.
#[derive(Clone)]
pub(crate) struct Events {
    pub(crate) id: u64,
    pub(crate) to: UnboundedSender<(u64, What)>,
}

impl Events {
    pub(crate) fn tell(&self, what: What) {
        // The fleet may be gone.
        let _ = self.to.send((self.id, what));
    }
}
