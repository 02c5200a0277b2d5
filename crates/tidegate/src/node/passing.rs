//! A node whose place another process takes, or that has taken another's: the states on that way.

use super::Node;
use crate::drain::IDLE_PATIENCE;
use crate::handed::Sockets;
use crate::scaling::Scaling;
use anyhow::Result;
use net::bind::Listener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What the process is called in lists of processes once another has taken its place (at most 15 bytes, prctl(2)).
const REPLACED: &std::ffi::CStr = c"tidegate-old";

/// How long the admin API may take to accept no more. It does so at once.
const QUIET_TIMEOUT: Duration = Duration::from_secs(1);

/// Said to the second who asks.
pub(crate) const UNDER_WAY: &str = "another process is taking this one's place already";

/// An upgrade is under way for as long as this lives.
pub(crate) struct UnderWay<'a>(&'a AtomicBool);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Node {
    /// Does it let go of its work?
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Is another process about to take this one's place, or has it done so?
    pub(crate) fn is_passing(&self) -> bool {
        self.is_upgrading() || self.successor.get().is_some()
    }

    /// Is another process being started to take this one's place?
    pub(crate) fn is_upgrading(&self) -> bool {
        self.upgrading.load(Ordering::Acquire)
    }

    /// The process that has taken this one's place.
    pub(crate) fn successor(&self) -> Option<u32> {
        self.successor.get().map(|(pid, _)| *pid)
    }

    /// Will no more requests come? Behind an upgrade, that is when idle connections have had their time to ask once
    /// more. What is under way may go on for an hour, and needs nobody to look after endpoints.
    pub(crate) fn has_only_streams(&self) -> bool {
        self.successor.get().is_some_and(|(_, since)| since.elapsed() > IDLE_PATIENCE)
    }

    /// This process has taken the place of that one.
    pub(crate) fn took_over(&self, predecessor: u32) {
        self.meters.upgraded(true);
        observe::log::info(format_args!(
            "process {} has taken the place of process {predecessor}",
            std::process::id()
        ));
    }

    /// Remembers the socket of the admin API, to be handed over with the others.
    pub(crate) fn keep_admin(&self, socket: Listener) {
        let _ = self.admin.set(socket);
    }

    /// Copies of all sockets and instances, for another process. From now on no instance is started or ended.
    pub(crate) fn sockets(&self) -> Result<Sockets> {
        let admin = self.admin.get().map(Listener::try_clone).transpose()?;
        let listeners = self.version().listeners.handed()?;
        let instances = self.scaling().map(Scaling::hand_over).unwrap_or_default();
        Ok(Sockets { listeners, admin, instances })
    }

    /// Has this process replaced, and waits until it is, or until it is known why not.
    pub(super) async fn ask_for_upgrade(&self) -> Result<u32, String> {
        if self.is_passing() {
            return Err(UNDER_WAY.into());
        }
        let (ask, answer) = oneshot::channel();
        self.upgrades.try_send(ask).map_err(|e| match e {
            tokio::sync::mpsc::error::TrySendError::Full(_) => UNDER_WAY.to_owned(),
            tokio::sync::mpsc::error::TrySendError::Closed(_) => {
                "this process cannot be replaced: it is about to end, or was not started by `tidegate run`"
                    .into()
            }
        })?;
        answer
            .await
            .unwrap_or_else(|_| Err("this process has been replaced meanwhile, or is about to end".into()))
    }

    /// `None` where one is under way.
    pub(crate) fn begin_upgrade(&self) -> Option<UnderWay<'_>> {
        (!self.upgrading.swap(true, Ordering::AcqRel)).then_some(UnderWay(&self.upgrading))
    }

    /// No other process came to take this one's place.
    pub(crate) fn upgrade_failed(&self) {
        self.meters.upgraded(false);
        if let Some(scaling) = self.scaling() {
            scaling.go_on();
        }
    }

    /// Begins to drain, for that process serves. Its clients do not know, so they are given time to ask once more.
    pub(crate) fn give_way(&self, successor: u32) {
        let _ = self.successor.set((successor, Instant::now()));
        self.draining.store(true, Ordering::Release);
        if let Some(scaling) = self.scaling() {
            scaling.let_go();
        }
        self.manager.replaced_by(successor);
        // Only for people who look.
        let _ = rustix::thread::set_name(REPLACED);
        self.workers.drain_within(IDLE_PATIENCE);
        self.version().listeners.close();
        self.drain_begun.notify_one();
    }

    /// Somebody waits for the end: idle connections are closed at once.
    pub(crate) fn stop_waiting(&self) {
        self.workers.drain();
    }

    /// Waits until the admin API accepts no more. Whoever is told then that another process has taken over finds that one
    /// behind the admin address, and no more the one that is about to end.
    pub(crate) async fn until_unasked(&self) {
        if self.admin.get().is_some() {
            let _ = tokio::time::timeout(QUIET_TIMEOUT, self.admin_quiet.notified()).await;
        }
    }

    /// Drops what is under way.
    pub(crate) fn cut(&self) {
        self.workers.cut();
    }

    /// How often each worker has ticked.
    pub(crate) fn ticks(&self) -> Vec<u64> {
        self.workers.ticks()
    }
}
