//! What a fleet asks of whatever launches its instances: processes (`process`), containers (`container`), both behind
//! one door (`launcher`), and one that only pretends, for the tests of the fleet's own mind.

use crate::host::Launched;
use crate::passing::Known;
use crate::settings::FleetSettings;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;
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
        control: Option<OwnedFd>,
        settings: &Rc<FleetSettings>,
        events: Events,
    ) -> Result<Box<dyn Handle>, String>;

    /// How long a launch may take before there is something that can become ready: an image may have to be fetched.
    fn patience(&self, _settings: &FleetSettings) -> Duration {
        Duration::ZERO
    }

    /// Looks for instances of the service that have outlived the process that launched them. `None`: none can have.
    fn search(&self, _settings: &Rc<FleetSettings>) -> Option<Search> {
        None
    }
}

/// Those that are found, or why it could not be looked.
pub(crate) type Search = Pin<Box<dyn Future<Output = Result<Vec<Known>, String>>>>;

/// What is to be launched.
pub(crate) struct Launch<'a> {
    pub(crate) name: &'a str,
    /// Its number among the instances of the service, from 1.
    pub(crate) number: u32,
    pub(crate) settings: &'a Rc<FleetSettings>,
}

/// One instance, as long as the fleet holds it. Dropped, a process ends, unless another process holds it too; a container
/// lives on.
pub(crate) trait Handle {
    /// Where it listens, once that is known. It is before it is ready.
    fn place(&self) -> Option<&Place>;

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

    /// Puts what another process must know of it into `known`, and gives the descriptor that it is controlled by, where
    /// there is one.
    fn give(&self, known: &mut Known) -> io::Result<Option<OwnedFd>>;
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
    /// It runs.
    Started(Launched),
    /// It answers as it should.
    Ready,
    /// It never will: why.
    Hopeless(String),
    /// It could not be launched, and nothing is left of it: why.
    Failed(String),
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
