//! Instances that a Kubernetes cluster runs: its pods get the requests, and the cluster is told how many there should be.
//!
//! Two tasks of the thread of instances. One follows the `EndpointSlice`s of the Service and puts the pods in force with
//! the event that tells of them; the other sets the replicas of the workload and looks now and then whether they are
//! still as many as wanted.
//!
//! *Promise*: the replicas that are there at the start are where the first decision begins; only the newest count is told,
//! until the cluster has it; while the cluster says nothing, the pods that were known stay.
//! *Not here*: how the cluster is asked (`engines`), how many are wanted (`scale`), which pods those are (`pods.rs`).

use super::host::Gate;
use super::pods::Pods;
use crate::assemble::cluster::Cluster;
use crate::node::Node;
use engines::Trouble;
use engines::kubernetes::{Api, News, Slices, Workload};
use instances::{FleetCount, FleetView, Host};
use scale::Backoff;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often it is looked whether somebody else has set another count.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A workload of a cluster, as the instances of a service.
pub(super) struct Replicas {
    known: Rc<Known>,
    wanted: watch::Sender<Option<u32>>,
    tasks: Vec<JoinHandle<()>>,
}

/// What is known of it.
struct Known {
    service: Box<str>,
    cluster: Cluster,
    node: Weak<Node>,
    pods: RefCell<Pods>,
    /// The replicas in force, as the cluster said last.
    in_force: Cell<Option<u32>>,
    /// Replicas that were there at the start, until they were taken over.
    found: Cell<Option<u32>>,
    /// Why its pods cannot be followed.
    unseen: RefCell<Option<String>>,
    /// Why the count was not heard.
    unheard: RefCell<Option<String>>,
}

impl Replicas {
    pub(super) fn new(service: &str, cluster: &Cluster, node: &Arc<Node>) -> Rc<Self> {
        let known = Rc::new(Known {
            service: service.into(),
            cluster: cluster.clone(),
            node: Arc::downgrade(node),
            pods: RefCell::default(),
            in_force: Cell::new(None),
            found: Cell::new(None),
            unseen: RefCell::default(),
            unheard: RefCell::default(),
        });
        let (wanted, newest) = watch::channel(None);
        let tasks = match known.parts() {
            Ok((slices, workload)) => {
                let theirs = Rc::clone(&known);
                let following = tokio::task::spawn_local(async move {
                    slices.follow(|news| theirs.hear(&news)).await;
                });
                let mut tasks = vec![following];
                // Where nothing is to be done, not even the right to look at the workload is needed.
                if !cluster.watch_only {
                    tasks.push(tokio::task::spawn_local(keep(Rc::clone(&known), workload, newest)));
                }
                tasks
            }
            Err(trouble) => {
                known.see(Some(&trouble));
                Vec::new()
            }
        };
        Rc::new(Self { known, wanted, tasks })
    }

    /// So many are wanted.
    pub(super) fn want(&self, count: u32) {
        // The task looks at it again by itself; it is woken for another count only.
        self.wanted.send_if_modified(|wanted| wanted.replace(count) != Some(count));
    }

    /// The replicas that were there at the start, once they are known.
    pub(super) fn take_found(&self) -> Option<u32> {
        self.known.found.take()
    }

    /// How many are there.
    pub(super) fn count(&self) -> FleetCount {
        self.known.pods.borrow().counted(self.known.in_force.get())
    }

    /// Who is there.
    pub(super) fn view(&self) -> FleetView {
        let known = &*self.known;
        let rollout = known.unseen.borrow().clone().or_else(|| known.unheard.borrow().clone());
        FleetView { rollout, ..known.pods.borrow().view(known.in_force.get()) }
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Known {
    fn parts(&self) -> Result<(Slices, Workload), Trouble> {
        let cluster = &self.cluster;
        let api = Api::new(cluster.settings()?)?;
        let slices = api.slices(&cluster.service, cluster.port.clone())?;
        Ok((slices, api.workload(cluster.kind, &cluster.name)?))
    }

    /// What the cluster tells of the pods.
    fn hear(&self, news: &News<'_>) {
        match news {
            News::Endpoints { endpoints, left_out } => {
                if *left_out > 0 {
                    self.warn(format_args!("{left_out} pods are more than can be used"));
                }
                let told = self.pods.borrow_mut().take(endpoints, &self.cluster);
                if self.cluster.watch_only && self.in_force.get().is_none() {
                    let ready = self.pods.borrow().ready();
                    self.in_force.set(Some(ready));
                    self.found.set(Some(ready));
                }
                if let Some(node) = self.node.upgrade() {
                    node.set_pods(&self.service, told);
                }
            }
            News::Trouble(trouble) => self.see(Some(trouble)),
            News::Well => self.see(None),
        }
    }

    /// Why the pods cannot be followed, where they cannot.
    fn see(&self, trouble: Option<&Trouble>) {
        let what = trouble.map(|trouble| {
            format!("the pods of {} cannot be followed: the cluster {trouble}", self.cluster.service)
        });
        match &what {
            Some(what) => self.warn(format_args!("{what}; those that are known stay")),
            None if self.unseen.borrow().is_some() => self.info(format_args!("its pods are followed again")),
            None => {}
        }
        self.unseen.replace(what);
    }

    /// Why a count was not heard, where it was not.
    fn heard(&self, trouble: Option<String>) {
        if let Some(trouble) =
            trouble.as_ref().filter(|trouble| self.unheard.borrow().as_ref() != Some(trouble))
        {
            self.warn(format_args!("{trouble}"));
        }
        self.unheard.replace(trouble);
    }

    fn warn(&self, what: std::fmt::Arguments<'_>) {
        observe::log::warning(format_args!("service {}: {what}", self.service));
    }

    fn info(&self, what: std::fmt::Arguments<'_>) {
        observe::log::info(format_args!("service {}: {what}", self.service));
    }

    /// The pods that are to go first, the first one first.
    fn victims(&self) -> Vec<Box<str>> {
        let gate = Gate(self.node.clone());
        self.pods.borrow().victims(|name| gate.in_flight(&self.service, name))
    }

    /// Has the cluster run so many.
    async fn scale(&self, workload: &Workload, count: u32) -> Result<(), String> {
        let failed =
            |trouble: Trouble| format!("that {count} pods are wanted was not heard: the cluster {trouble}");
        let victims =
            if self.in_force.get().is_some_and(|now| now > count) { self.victims() } else { Vec::new() };
        let names: Vec<&str> = victims.iter().map(|name| &**name).collect();
        let scaled = workload.want(count, &names).await.map_err(failed)?;
        if scaled.from > scaled.to && scaled.unmarked.is_none() && self.cluster.chooses() {
            let going = (scaled.from - scaled.to) as usize;
            self.pods.borrow_mut().mark(victims.into_iter().take(going));
        }
        if let Some(trouble) = &scaled.unmarked {
            self.warn(format_args!("the cluster chooses by itself which pods go, since it {trouble}"));
        }
        if self.in_force.replace(Some(scaled.to)).is_some_and(|before| before != scaled.from) {
            self.info(format_args!("somebody else has set {} replicas", scaled.from));
        }
        if scaled.from != scaled.to {
            self.info(format_args!(
                "{} goes from {} to {} replicas",
                self.cluster.name, scaled.from, scaled.to
            ));
        }
        if scaled.to == count {
            return Ok(());
        }
        Err(format!("{count} pods are wanted, and the cluster makes it {}", scaled.to))
    }

    /// Takes the marks back from pods that were to go and have stayed.
    async fn spare(&self, workload: &Workload) {
        let stayed = self.pods.borrow_mut().take_stayed();
        let names: Vec<&str> = stayed.iter().map(|name| &**name).collect();
        if let Err(trouble) = workload.spare(&names).await {
            self.warn(format_args!("pods that stay are marked as the first to go: the cluster {trouble}"));
        }
    }
}

/// Finds out how many replicas there are, and then has as many as are wanted.
async fn keep(known: Rc<Known>, workload: Workload, mut newest: watch::Receiver<Option<u32>>) {
    let mut backoff = Backoff::new(Duration::ZERO);
    loop {
        match workload.wanted().await {
            Ok(count) => {
                known.heard(None);
                known.in_force.set(Some(count));
                known.found.set(Some(count));
                break;
            }
            Err(trouble) => {
                known.heard(Some(format!("how many replicas there are is not known: the cluster {trouble}")));
                tokio::time::sleep(backoff.failed(base::Moment::ORIGIN)).await;
            }
        }
    }
    backoff.lived(Duration::ZERO);
    loop {
        let wanted = *newest.borrow_and_update();
        let mut pause = LOOK_AGAIN;
        if let Some(count) = wanted {
            let done = known.scale(&workload, count).await;
            if done.is_ok() {
                backoff.lived(Duration::ZERO);
            } else {
                pause = backoff.failed(base::Moment::ORIGIN);
            }
            known.heard(done.err());
        }
        tokio::select! {
            // Who was marked has had the time to go.
            () = tokio::time::sleep(pause) => known.spare(&workload).await,
            // A newer count does not wait for what the older one brought about.
            changed = newest.changed() => if changed.is_err() { return },
        }
    }
}
