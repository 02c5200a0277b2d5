//! One instance and its keeper, as Tidegate holds them.

use super::orphans;
use super::spot::Spot;
use crate::channel::{Channel, Heard, Order, Owner, Report};
use crate::driver::{Events, Handle, Usage, What};
use crate::host::Launched;
use crate::passing::{self, Known};
use crate::ready::{self, Answerer};
use crate::settings::FleetSettings;
use crate::watched::watched;
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::process::Child;
use tokio::sync::{Notify, watch};
use upstream::{Place, Task};

/// A keeper answers at once; one that does not is as good as none.
const ANSWER: Duration = Duration::from_secs(2);

/// The handle. Dropped, it closes the socket, and with the last holder of that the keeper ends the instance.
pub(super) struct Kept {
    link: Rc<Link>,
    _reader: Task,
    /// Asks whether it is ready, until it is.
    _starter: Option<Task>,
}

/// What the tasks of one instance share.
pub(super) struct Link {
    control: AsyncFd<Channel>,
    spot: Spot,
    id: String,
    pid: Cell<Option<u32>>,
    usage: Cell<Option<Usage>>,
    owner: Cell<Option<Owner>>,
    answered: Notify,
    paused: watch::Sender<bool>,
    abandoned: Notify,
    /// Why it is not ready yet.
    waits_for: RefCell<Option<String>>,
}

impl Kept {
    pub(super) fn new(
        control: Channel,
        keeper: Option<Child>,
        spot: Spot,
        (id, pid): (String, Option<u32>),
        settings: &Rc<FleetSettings>,
        starting: bool,
        events: Events,
    ) -> io::Result<Self> {
        let link = Rc::new(Link {
            control: watched(control)?,
            spot,
            id,
            pid: Cell::new(pid),
            usage: Cell::default(),
            owner: Cell::default(),
            answered: Notify::new(),
            paused: watch::Sender::new(false),
            abandoned: Notify::new(),
            waits_for: RefCell::default(),
        });
        let starter = starting
            .then(|| Task::start(become_ready(Rc::clone(&link), Rc::clone(settings), events.clone())));
        let reader = Task::start(listen(Rc::clone(&link), keeper, events));
        Ok(Self { link, _reader: reader, _starter: starter })
    }

    /// Lets the keeper say again what another process may have heard instead of this one.
    pub(super) fn ask_how_it_stands(&self) {
        self.link.order(&Order::Tell);
    }
}

impl Handle for Kept {
    fn place(&self) -> Option<&Place> {
        Some(&self.link.spot.place)
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
        self.link.order(&Order::Terminate);
    }

    fn kill(&self) {
        self.link.order(&Order::Kill);
    }

    fn abandon(&self) {
        self.link.abandoned.notify_one();
    }

    fn pause(&self, on: bool) {
        self.link.paused.send_replace(on);
        if !on {
            self.ask_how_it_stands();
        }
    }

    fn give(&self, known: &mut Known) -> io::Result<Option<OwnedFd>> {
        let Link { spot, id, pid, .. } = &*self.link;
        known.place = passing::Spot::of(&spot.place);
        (known.folder, known.pid, known.id) = (spot.folder.clone(), pid.get(), id.clone());
        self.link.control.get_ref().duplicate().map(Some)
    }
}

impl Link {
    /// An order that finds no room is one to a keeper that does not work any more: what follows is for timeouts.
    fn order(&self, order: &Order) {
        let _ = self.control.get_ref().send(order, None);
    }

    /// Who listens on the instance's port. `None`: the keeper does not say.
    async fn owner(&self, port: u16) -> Option<Owner> {
        self.owner.set(None);
        self.order(&Order::Owns { port });
        let answer = async {
            loop {
                self.answered.notified().await;
                if let Some(owner) = self.owner.get() {
                    return owner;
                }
            }
        };
        tokio::time::timeout(ANSWER, answer).await.ok()
    }

    async fn next(&self) -> io::Result<Heard<Report>> {
        loop {
            let mut ready = self.control.readable().await?;
            if let Ok(heard) = ready.try_io(|channel| channel.get_ref().receive()) {
                return heard;
            }
        }
    }
}

/// Asks until the instance is ready. *Promise*: a port where somebody else answers makes nobody ready: who listens there
/// is asked of the keeper before requests are sent.
async fn become_ready(link: Rc<Link>, settings: Rc<FleetSettings>, events: Events) {
    let answerer = async || {
        // The folder of a socket is the instance's own.
        let Some(port) = link.spot.port() else { return Answerer::Instance };
        match link.owner(port).await {
            Some(Owner::Instance) => Answerer::Instance,
            Some(Owner::Foreign) => Answerer::Foreign(format!(
                "port {port} is listened on by a process that is not of this instance"
            )),
            Some(Owner::Nobody) => Answerer::Nobody("nobody listens on its port".into()),
            None => Answerer::Nobody("its keeper does not answer".into()),
        }
    };
    ready::become_ready(&link.spot.place, &settings.ready, &link.waits_for, answerer, &events).await;
}

/// Hears the reports of a keeper until it ends.
async fn listen(link: Rc<Link>, mut keeper: Option<Child>, events: Events) {
    let mut paused = link.paused.subscribe();
    let (mut exited, mut gone) = (false, false);
    loop {
        // The sender is in `link`.
        let _ = paused.wait_for(|paused| !paused).await;
        let heard = tokio::select! {
            heard = link.next() => heard,
            _ = paused.changed() => continue,
            () = link.abandoned.notified() => {
                if let Some(keeper) = &mut keeper {
                    // With it the kernel kills the program; what else there is is found below.
                    let _ = keeper.start_kill();
                }
                break;
            }
        };
        match heard {
            Ok(Heard::Packet(Report::Started { pid }, _)) => {
                if link.pid.replace(Some(pid)) != Some(pid) {
                    events.tell(What::Started(Launched::Process(pid)));
                }
            }
            Ok(Heard::Packet(Report::Usage { cores, memory }, _)) => {
                link.usage.set(Some(Usage { cores, memory }));
            }
            Ok(Heard::Packet(Report::Exited { status, last_words }, _)) => {
                if !std::mem::replace(&mut exited, true) {
                    events.tell(What::Exited(status, Some(last_words).filter(|w| !w.is_empty())));
                }
            }
            Ok(Heard::Packet(Report::Gone, _)) => {
                gone = true;
                break;
            }
            Ok(Heard::Packet(Report::Owner { owner, .. }, _)) => {
                link.owner.set(Some(owner));
                link.answered.notify_one();
            }
            Ok(Heard::Packet(Report::Trouble { what }, _)) => events.tell(What::Trouble(what)),
            Ok(Heard::Unknown) => {}
            Ok(Heard::Closed) | Err(_) => break,
        }
    }
    if !gone {
        clean_up(&link).await;
    }
    if let Some(mut keeper) = keeper {
        // Whoever started it takes it in. In a task of its own, because the fleet lets this one go with the instance.
        tokio::task::spawn_local(async move { keeper.wait().await });
    }
    events.tell(What::Gone);
}

/// What a keeper does at its end, for one that could not.
async fn clean_up(link: &Link) {
    let (id, folder) = (link.id.clone(), link.spot.folder.clone());
    let work = move || {
        orphans::end(&id);
        if let Some(folder) = folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    };
    let _ = tokio::task::spawn_blocking(work).await;
}
