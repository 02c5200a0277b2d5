//! A fleet whose instances pretend: what each does stands in its command, `ready 100` or `crash 50`.

use crate::driver::{Driver, Events, Handle, Launch, Usage, What};
use crate::fleet::Fleet;
use crate::host::{Happening, Host, InFlight, Launched, Member};
use crate::passing::Known;
use crate::settings::FleetSettings;
use crate::view::FleetView;
use base::Clock;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep};
use upstream::Place;

/// Runs a test on one thread, with time that jumps to the next timer when nothing else can go on.
pub(super) fn run(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

/// Lets so much time pass, in steps that are small enough for everything that happens meanwhile.
pub(super) async fn pass(millis: u64) {
    sleep(Duration::from_millis(millis)).await;
}

/// A service `shop` whose instances do that.
pub(super) fn settings(does: &str) -> FleetSettings {
    FleetSettings::new("shop", does.split(' ').map(str::to_owned).collect())
}

/// What is seen from the outside.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) members: RefCell<Vec<Member>>,
    pub(super) in_flight: RefCell<HashMap<String, InFlight>>,
    pub(super) happenings: RefCell<Vec<Happening>>,
    /// Fewest that took requests since it was set.
    pub(super) fewest: Cell<usize>,
    /// Asked back whenever something is told.
    pub(super) curious: RefCell<Option<std::rc::Weak<Fleet>>>,
}

impl Seen {
    pub(super) fn names(&self) -> Vec<String> {
        self.members.borrow().iter().filter(|m| !m.cordoned).map(|m| m.name.to_string()).collect()
    }

    pub(super) fn count(&self, label: &str) -> usize {
        self.happenings.borrow().iter().filter(|h| h.as_str() == label).count()
    }

    pub(super) fn busy(&self, name: &str, requests: u32) {
        self.in_flight.borrow_mut().insert(name.into(), InFlight { requests, streams: 0 });
    }
}

impl Host for Seen {
    fn endpoints(&self, service: &str, members: &[Member]) {
        assert_eq!(service, "shop");
        *self.members.borrow_mut() = members.to_vec();
        self.fewest.set(self.fewest.get().min(self.names().len()));
    }

    fn in_flight(&self, _service: &str, name: &str) -> InFlight {
        self.in_flight.borrow().get(name).copied().unwrap_or_default()
    }

    fn tell(&self, _service: &str, happening: &Happening) {
        self.happenings.borrow_mut().push(happening.clone());
        if let Some(fleet) = self.curious.borrow().as_ref().and_then(std::rc::Weak::upgrade) {
            let _ = fleet.view();
            fleet.want(fleet.view().wanted);
        }
    }
}

/// What the instances did.
#[derive(Default)]
pub(super) struct Stage {
    pub(super) launches: RefCell<Vec<(String, Instant)>>,
    pub(super) processes: Cell<usize>,
    pub(super) most_processes: Cell<usize>,
    pub(super) memory: Rc<Cell<u64>>,
    pub(super) kills: Cell<usize>,
}

pub(super) struct Play {
    pub(super) fleet: Rc<Fleet>,
    pub(super) seen: Rc<Seen>,
    pub(super) stage: Rc<Stage>,
}

impl Play {
    pub(super) fn new(settings: FleetSettings) -> Self {
        let (seen, stage) = (Rc::<Seen>::default(), Rc::<Stage>::default());
        let driver = Box::new(Pretends(Rc::clone(&stage)));
        let host: Rc<dyn Host> = Rc::clone(&seen) as _;
        let fleet = Fleet::with_driver(settings, host, Clock::real(), driver);
        *seen.curious.borrow_mut() = Some(Rc::downgrade(&fleet));
        Self { fleet, seen, stage }
    }

    /// With so many ready.
    pub(super) async fn with(settings: FleetSettings, count: u32) -> Self {
        let play = Self::new(settings);
        play.fleet.want(count);
        play.until(|view| view.ready == count).await;
        play.seen.fewest.set(count as usize);
        play
    }

    /// Lets time pass until it is so.
    pub(super) async fn until(&self, is_so: impl Fn(&FleetView) -> bool) -> FleetView {
        for _ in 0..60_000 {
            let (view, count) = (self.fleet.view(), self.fleet.count());
            let counted = (count.ready, count.starting, count.draining, count.crash_loop);
            assert_eq!(counted, (view.ready, view.starting, view.draining, view.crash_loop.is_some()));
            let live = view.ready + view.starting + view.draining;
            assert_eq!(live as usize, view.instances.len());
            if is_so(&view) {
                return view;
            }
            pass(10).await;
        }
        panic!("it never comes to that: {:#?}", self.fleet.view());
    }

    pub(super) fn launches(&self) -> usize {
        self.stage.launches.borrow().len()
    }
}

struct Pretends(Rc<Stage>);

struct Pretended {
    place: Place,
    stage: Rc<Stage>,
    events: Events,
    memory: Rc<Cell<u64>>,
    ended: Rc<Cell<bool>>,
    stubborn: bool,
}

impl Driver for Pretends {
    fn launch(&self, launch: Launch<'_>, events: Events) -> Result<Box<dyn Handle>, String> {
        let stage = Rc::clone(&self.0);
        stage.launches.borrow_mut().push((launch.name.into(), Instant::now()));
        let command = launch.settings.program.command.clone();
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        if words[0] == "missing" {
            return Err("it is not there".into());
        }
        stage.processes.set(stage.processes.get() + 1);
        stage.most_processes.set(stage.most_processes.get().max(stage.processes.get()));
        let handle = Pretended {
            place: Place::Address(([127, 0, 0, 1], 8000 + launch.number as u16).into()),
            memory: Rc::clone(&stage.memory),
            ended: Rc::default(),
            stubborn: words.contains(&"stubborn"),
            events,
            stage,
        };
        let number = |at: usize| words.get(at).and_then(|n| n.parse().ok()).map(Duration::from_millis);
        let (first, second) = (number(1), number(2));
        let (kind, events) = (words[0].to_owned(), handle.events.clone());
        let ends = handle.ends();
        let number_of_it = launch.number;
        spawn_local(async move {
            events.tell(What::Started(Launched::Process(1)));
            sleep(first.unwrap_or_default()).await;
            match &*kind {
                "ready" => events.tell(What::Ready),
                "troubled" => {
                    events.tell(What::Trouble(format!("{number_of_it} lines are lost")));
                    events.tell(What::Ready);
                }
                "crash" => ends("exit status 1"),
                "serves" => {
                    events.tell(What::Ready);
                    sleep(second.unwrap_or_default()).await;
                    ends("exit status 2");
                }
                "foreign" => events.tell(What::Hopeless("somebody else is there".into())),
                _ => {}
            }
        });
        Ok(Box::new(handle))
    }

    fn adopt(
        &self,
        _known: &Known,
        _control: Option<OwnedFd>,
        _settings: &Rc<FleetSettings>,
        _events: Events,
    ) -> Result<Box<dyn Handle>, String> {
        Err("nothing is handed over here".into())
    }
}

impl Pretended {
    fn ends(&self) -> impl Fn(&str) + use<> {
        let (ended, stage, events) = (Rc::clone(&self.ended), Rc::clone(&self.stage), self.events.clone());
        move |status| {
            if !ended.replace(true) {
                stage.processes.set(stage.processes.get() - 1);
                events.tell(What::Exited(status.into(), Some("last words".into())));
                events.tell(What::Gone);
            }
        }
    }
}

impl Handle for Pretended {
    fn place(&self) -> Option<&Place> {
        Some(&self.place)
    }

    fn pid(&self) -> Option<u32> {
        Some(1)
    }

    fn usage(&self) -> Option<Usage> {
        Some(Usage { cores: 0.5, memory: self.memory.get() })
    }

    fn waits_for(&self) -> Option<String> {
        Some("nobody listens".into())
    }

    fn terminate(&self) {
        if !self.stubborn {
            let ends = self.ends();
            spawn_local(async move {
                sleep(Duration::from_millis(20)).await;
                ends("signal 15");
            });
        }
    }

    fn kill(&self) {
        self.stage.kills.set(self.stage.kills.get() + 1);
        self.ends()("signal 9");
    }

    fn abandon(&self) {
        self.events.tell(What::Gone);
    }

    fn pause(&self, _on: bool) {}

    fn give(&self, _known: &mut Known) -> io::Result<Option<OwnedFd>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Drop for Pretended {
    fn drop(&mut self) {
        self.ends()("the end of its fleet");
    }
}
