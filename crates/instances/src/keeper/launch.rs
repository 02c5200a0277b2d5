//! The second hop: the process that becomes the program.
//!
//! A keeper starts this very program once more (`__launch`), which puts bounds on itself and then becomes the program by
//! exec. What would be a hook between fork and exec elsewhere is plain code here, in a process with one thread.
//! The order matters: a change of user clears the signal that was asked for at the parent's death, so that is asked for last,
//! and whether the keeper still lives is looked at behind it (prctl(2)).
//!
//! An error is a line on standard error, which is the instance's own output by now, and the exit status that shells use:
//! 127 where there is no such program, 126 where it cannot be run.

use super::{INSTANCE_ID, cgroup, identity, read_plan};
use crate::channel::Plan;
use rustix::process::{Pid, Resource, Rlimit, Signal};
use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

const NOT_FOUND: u8 = 127;
const CANNOT_RUN: u8 = 126;

/// Variables that are meant for Tidegate alone: those of the service manager, and of an upgrade.
const NOT_INHERITED: [&str; 7] = [
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "TIDEGATE_PREDECESSOR",
];

/// Why there is no program.
struct Refusal(u8, String);

/// Becomes the program, or says why not. `keeper` is the number of the process that started this one,
/// `cgroup` the group that was made for the instance.
pub(super) fn run(keeper: Option<OsString>, cgroup: Option<OsString>) -> ExitCode {
    let Err(Refusal(status, why)) = launch(keeper, cgroup);
    // Nobody reads it where the keeper is gone.
    let _ = writeln!(io::stderr(), "tidegate: {why}");
    ExitCode::from(status)
}

fn launch(keeper: Option<OsString>, cgroup: Option<OsString>) -> Result<Infallible, Refusal> {
    let keeper = keeper
        .and_then(|k| k.to_str()?.parse().ok())
        .and_then(Pid::from_raw)
        .ok_or_else(|| refused("a program is launched by a keeper, never by hand", &""))?;
    let input = io::stdin().as_fd().try_clone_to_owned().map_err(|e| refused("there is no plan", &e))?;
    let plan = read_plan(&input).map_err(|e| refused("the plan cannot be read", &e))?;
    drop(input);
    // A session of its own: no terminal's signals, and a group to end it by.
    rustix::process::setsid().map_err(|e| refused("cannot make a session", &e))?;
    if let Some(cgroup) = cgroup {
        cgroup::join(Path::new(&cgroup)).map_err(|e| refused("cannot join its cgroup", &e))?;
    }
    bound(&plan);
    identity::assume(&plan).map_err(|why| Refusal(CANNOT_RUN, why))?;
    if let Some(cwd) = &plan.program.cwd {
        let cannot = |e| refused(&format!("cannot work in {}", cwd.display()), &e);
        std::env::set_current_dir(cwd).map_err(cannot)?;
    }
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| refused("cannot be tied to its keeper", &e))?;
    if rustix::process::getppid() != Some(keeper) {
        return Err(refused("the keeper has ended", &""));
    }
    Err(become_program(&plan))
}

/// Limits and priority. What is not permitted is told, and the program runs without it.
fn bound(plan: &Plan) {
    let program = &plan.program;
    let limit = |resource, name: &str, value: Option<u64>| {
        let Some(value) = value else { return };
        // `None` is no bound. A hard bound below the value is raised, which takes privileges.
        let maximum = rustix::process::getrlimit(resource).maximum.map(|hard| hard.max(value));
        let both = Rlimit { current: Some(value), maximum };
        if let Err(e) = rustix::process::setrlimit(resource, both) {
            told(&format!("cannot set its limit of {name}"), &e);
        }
    };
    limit(Resource::Nofile, "files", program.limits.files);
    limit(Resource::Nproc, "processes", program.limits.processes);
    if let Some(nice) = program.nice
        && let Err(e) = rustix::process::setpriority_process(None, i32::from(nice))
    {
        told("cannot set its priority", &e);
    }
}

fn become_program(plan: &Plan) -> Refusal {
    let Some((file, arguments)) = plan.program.command.split_first() else {
        return refused("there is no command", &"");
    };
    let mut command = Command::new(file);
    command.args(arguments).stdin(Stdio::null());
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    command.envs(plan.program.env.iter().map(|(k, v)| (k, v))).env(INSTANCE_ID, &plan.id);
    let error = command.exec();
    let status = if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN };
    Refusal(status, format!("cannot run `{file}`: {error}"))
}

fn refused(what: &str, why: &dyn Display) -> Refusal {
    let why = why.to_string();
    Refusal(CANNOT_RUN, if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") })
}

fn told(what: &str, why: &dyn Display) {
    let _ = writeln!(io::stderr(), "tidegate: {what}: {why}");
}
