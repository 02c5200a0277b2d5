//! One container, as its fleet holds it. What becomes of it is in `life`.

use super::life::live;
use crate::driver::{Events, Handle, Usage, What};
use crate::passing::{self, Known};
use crate::settings::FleetSettings;
use engines::docker::{Engine, Recipe};
use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::sync::{Notify, watch};
use upstream::{Place, Task};

/// The handle. Dropped, the container lives on.
pub(super) struct Contained {
    link: Rc<Link>,
    _life: Task,
}

/// How it begins.
pub(super) enum Begin {
    /// It is to be launched.
    Launch(Box<Recipe>),
    /// It runs already.
    Adopt {
        /// The engine's id of it.
        id: Box<str>,
        /// Where it listens.
        place: Place,
        /// Its first process.
        pid: Option<u32>,
    },
}

/// What it was told. What comes later is stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// Nothing yet.
    Live,
    /// To end, within its time.
    Terminate,
    /// To end at once.
    Kill,
    /// Nobody waits for it any more.
    Abandon,
}

/// What the tasks of one container share.
pub(super) struct Link {
    pub(super) name: Box<str>,
    /// As the engine knows it before it has an id.
    pub(super) full_name: String,
    pub(super) engine: Engine,
    pub(super) settings: Rc<FleetSettings>,
    pub(super) id: OnceCell<Box<str>>,
    pub(super) place: OnceCell<Place>,
    pid: Cell<Option<u32>>,
    pub(super) usage: Cell<Option<Usage>>,
    /// Why it is not ready yet.
    pub(super) waits_for: RefCell<Option<String>>,
    pub(super) orders: watch::Sender<Order>,
    /// Rung when it may have ended.
    pub(super) doubted: Notify,
    pub(super) events: Events,
}

impl Contained {
    pub(super) fn new(
        name: &str,
        engine: &Engine,
        owner: &str,
        begin: Begin,
        settings: &Rc<FleetSettings>,
        starting: bool,
        events: Events,
    ) -> Self {
        let link = Rc::new(Link {
            name: name.into(),
            full_name: format!("{owner}-{name}"),
            engine: engine.clone(),
            settings: Rc::clone(settings),
            id: OnceCell::new(),
            place: OnceCell::new(),
            pid: Cell::default(),
            usage: Cell::default(),
            waits_for: RefCell::new(Some("the engine makes its container".into())),
            orders: watch::Sender::new(Order::Live),
            doubted: Notify::new(),
            events,
        });
        if let Begin::Adopt { id, place, pid } = &begin {
            link.runs(id.clone(), Some(place.clone()), *pid);
        }
        let recipe = match begin {
            Begin::Launch(recipe) => Some(recipe),
            Begin::Adopt { .. } => None,
        };
        let life = Task::start(live(Rc::clone(&link), recipe, starting));
        Self { link, _life: life }
    }

    pub(super) fn link(&self) -> &Rc<Link> {
        &self.link
    }
}

impl Handle for Contained {
    fn place(&self) -> Option<&Place> {
        self.link.place.get()
    }

    fn pid(&self) -> Option<u32> {
        self.link.pid.get()
    }

    fn usage(&self) -> Option<Usage> {
        self.link.usage.get()
    }

    fn waits_for(&self) -> Option<String> {
        self.link.waits_for.borrow().clone()
    }

    fn terminate(&self) {
        self.link.order(Order::Terminate);
    }

    fn kill(&self) {
        self.link.order(Order::Kill);
    }

    fn abandon(&self) {
        self.link.order(Order::Abandon);
    }

    /// The engine tells everybody who asks, so nobody has to be silent.
    fn pause(&self, _on: bool) {}

    fn give(&self, known: &mut Known) -> io::Result<Option<OwnedFd>> {
        let (Some(id), Some(place)) = (self.link.id.get(), self.link.place.get()) else {
            return Err(io::Error::other("its launch is still under way"));
        };
        known.container = Some(id.to_string());
        known.place = passing::Spot::of(place);
        known.pid = self.link.pid.get();
        Ok(None)
    }
}

impl Link {
    /// Is that the id of it?
    pub(super) fn is(&self, id: &str) -> bool {
        self.id.get().is_some_and(|known| **known == *id)
    }

    /// It may have ended.
    pub(super) fn doubt(&self) {
        self.doubted.notify_one();
    }

    pub(super) fn tell(&self, what: What) {
        self.events.tell(what);
    }

    fn order(&self, order: Order) {
        self.orders.send_if_modified(|known| {
            let is_stronger = order > *known;
            *known = order.max(*known);
            is_stronger
        });
    }

    /// It was launched, or is adopted; either happens once.
    pub(super) fn runs(&self, id: Box<str>, place: Option<Place>, pid: Option<u32>) {
        let _ = self.id.set(id);
        if let Some(place) = place {
            let _ = self.place.set(place);
        }
        self.pid.set(pid);
    }
}
