//! The keeper's round: orders, output, the end of the program, and a look at the instance each second.

use super::cgroup::Group;
use super::ending::{self, Reaped};
use super::output::Output;
use super::tree::{Meter, Tree};
use super::{LAUNCH, next, owner, read_plan};
use crate::channel::{Channel, Heard, Order, Plan, Report};
use crate::watched::watched;
use rustix::process::{Pid, PidfdFlags, Signal};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// How often the instance is measured.
const LOOK: Duration = Duration::from_secs(1);
/// How often an instance that is to end is looked at.
const TICK: Duration = Duration::from_millis(20);
/// What a program has left running is given so long.
const GRACE_BEHIND_PROGRAM: Duration = Duration::from_secs(1);
/// How long what is left to say may take at the end.
const LAST_SAY: Duration = Duration::from_secs(1);
/// Reports that must be heard and could not be said yet. There are a handful of them in a life.
const OUTBOX_MOST: usize = 16;

/// A keeper at work.
pub(super) struct Keep {
    control: AsyncFd<Channel>,
    plan_file: OwnedFd,
    outbox: VecDeque<Report>,
    /// The program's process.
    pid: Option<Pid>,
    /// How it ended, once it has.
    exited: Option<Report>,
    /// Nobody holds the other end.
    orphaned: bool,
    /// From when on everything is killed; `None`: it may run.
    kill_at: Option<Instant>,
    group: Option<Group>,
    meter: Meter,
}

/// What a round woke up for.
enum Event {
    Order(io::Result<Heard<Order>>),
    Output,
    ProgramEnded,
    Tick,
    Look,
}

impl Keep {
    pub(super) fn new(control: AsyncFd<Channel>, plan_file: OwnedFd) -> Self {
        Self {
            control,
            plan_file,
            outbox: VecDeque::new(),
            pid: None,
            exited: None,
            orphaned: false,
            kill_at: None,
            group: None,
            meter: Meter::default(),
        }
    }

    /// Keeps the instance until all of it has ended.
    pub(super) async fn run(mut self) -> io::Result<()> {
        let plan = read_plan(&self.plan_file)?;
        match Group::make(&plan) {
            Ok(group) => self.group = group,
            Err(why) => self.report(Report::Trouble { what: format!("its limits are not kept: {why}") }),
        }
        let (pid, pipe) = self.launch()?;
        self.pid = Some(pid);
        self.report(Report::Started { pid: pid.as_raw_pid().cast_unsigned() });
        let mut output = Output::new(&plan, pipe)?;
        self.keep(&plan, pid, &mut output).await?;
        output.close();
        drop(self.group.take());
        if let Some(folder) = &plan.folder {
            // Made for this instance's socket; nothing else is in it.
            let _ = std::fs::remove_dir_all(folder);
        }
        self.report(Report::Gone);
        self.say_all().await;
        Ok(())
    }

    /// Starts what becomes the program, and gives the end of the pipe that all its output goes to.
    fn launch(&self) -> io::Result<(Pid, io::PipeReader)> {
        let (ours, theirs) = io::pipe()?;
        let me = rustix::process::getpid().as_raw_pid().to_string();
        let mut command = Command::new("/proc/self/exe");
        command.arg(LAUNCH).arg(me).args(self.group.as_ref().map(Group::path));
        command.stdin(Stdio::from(self.plan_file.try_clone()?));
        command.stdout(theirs.try_clone()?).stderr(theirs);
        // Not waited for through `Child`: whatever ends below this process is reaped in one place.
        Ok((Pid::from_child(&command.spawn()?), ours))
    }

    async fn keep(&mut self, plan: &Plan, pid: Pid, output: &mut Output) -> io::Result<()> {
        let pidfd = watched(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)?;
        let (mut tick, mut look) = (interval(TICK), interval(LOOK));
        for interval in [&mut tick, &mut look] {
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            let event = tokio::select! {
                biased;
                heard = next(&self.control), if !self.orphaned => Event::Order(heard),
                _ = pidfd.readable(), if self.exited.is_none() => Event::ProgramEnded,
                _ = tick.tick(), if self.kill_at.is_some() => Event::Tick,
                _ = look.tick() => Event::Look,
                () = output.read() => Event::Output,
            };
            match event {
                Event::Order(heard) => self.obey(heard, plan),
                Event::Output => continue,
                Event::ProgramEnded | Event::Tick => {}
                Event::Look => self.look(output),
            }
            if self.reap(output) {
                return Ok(());
            }
            if self.kill_at.is_some_and(|at| Instant::now() >= at) {
                self.kill();
            }
        }
    }

    fn obey(&mut self, heard: io::Result<Heard<Order>>, plan: &Plan) {
        match heard {
            Ok(Heard::Packet(order, _)) => match order {
                Order::Launch => {}
                Order::Terminate => self.terminate(),
                Order::Kill => self.kill_at = Some(Instant::now()),
                Order::Owns { port } => self.report(Report::Owner { port, owner: owner::of(port) }),
                Order::Tell => self.tell(),
            },
            Ok(Heard::Unknown) => {}
            Ok(Heard::Closed) | Err(_) => {
                self.orphaned = true;
                self.terminate();
                self.kill_within(Duration::from_millis(plan.grace_ms));
            }
        }
    }

    fn kill_within(&mut self, grace: Duration) {
        let at = Instant::now() + grace;
        self.kill_at = Some(self.kill_at.map_or(at, |sooner| sooner.min(at)));
    }

    /// SIGTERM to the program's group. Once the program was reaped the group's number may mean somebody else.
    fn terminate(&self) {
        let Some(pid) = self.pid.filter(|_| self.exited.is_none()) else {
            return Tree::below_this_process().signal(Signal::TERM);
        };
        if rustix::process::kill_process_group(pid, Signal::TERM).is_err() {
            // It has not come to making a group yet.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }

    fn kill(&self) {
        if let Some(group) = &self.group {
            group.kill();
        }
        Tree::below_this_process().signal(Signal::KILL);
    }

    fn tell(&mut self) {
        if let Some(pid) = self.pid {
            self.report(Report::Started { pid: pid.as_raw_pid().cast_unsigned() });
        }
        if let Some(exited) = self.exited.clone() {
            self.report(exited);
        }
    }

    /// Takes in whatever has ended below this process. True: nothing is left.
    fn reap(&mut self, output: &mut Output) -> bool {
        loop {
            match ending::reap() {
                Reaped::One(pid, status) if self.pid == Some(pid) && self.exited.is_none() => {
                    // What it said last is in the pipe, and somebody will want to read it.
                    output.drain();
                    let exited = Report::Exited { status, last_words: output.last_words() };
                    self.exited = Some(exited.clone());
                    self.report(exited);
                    Tree::below_this_process().signal(Signal::TERM);
                    self.kill_within(GRACE_BEHIND_PROGRAM);
                }
                Reaped::One(..) => {}
                Reaped::Running => return false,
                Reaped::NoneLeft => return true,
            }
        }
    }

    fn look(&mut self, output: &mut Output) {
        if let Some(what) = output.look() {
            self.report(Report::Trouble { what });
        }
        let used = self.group.as_ref().and_then(Group::used);
        let used = used.unwrap_or_else(|| Tree::below_this_process().used());
        if let Some((cores, memory)) = self.meter.take(used, Instant::now()) {
            // This one may be lost: the next comes in a second.
            let _ = self.control.get_ref().send(&Report::Usage { cores, memory }, None);
        }
        self.say();
    }

    fn report(&mut self, report: Report) {
        if self.outbox.len() < OUTBOX_MOST {
            self.outbox.push_back(report);
        }
        self.say();
    }

    /// Says what is left to say, as far as there is room.
    fn say(&mut self) {
        while let Some(report) = self.outbox.front() {
            match self.control.get_ref().send(report, None) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                // Said, or nobody is there to hear it.
                Ok(()) | Err(_) => drop(self.outbox.pop_front()),
            }
        }
    }

    async fn say_all(&mut self) {
        let until = Instant::now() + LAST_SAY;
        while !self.outbox.is_empty() && Instant::now() < until {
            sleep(TICK).await;
            self.say();
        }
    }
}
