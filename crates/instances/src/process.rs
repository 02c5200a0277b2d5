//! Instances as processes of this machine, each with a keeper beside it (`keeper`).
//!
//! *Promise*: a secret in a command's arguments or variables is in no command line but the program's own: the plan goes to
//! the keeper in a file without a name. *Not here*: when instances are launched and ended (`fleet`).

mod kept;
mod orphans;
mod spot;

use crate::channel::{Channel, Order, Plan};
use crate::driver::{Driver, Events, Handle, Launch};
use crate::keeper::{KEEPER, PLAN_MOST};
use crate::passing::Known;
use crate::settings::{FleetSettings, LogSettings, Program, fill_in};
use base::IdSource;
use kept::Kept;
use rustix::fs::{MemfdFlags, memfd_create};
use spot::Spot;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;
use tokio::process::{Child, Command};

/// An instance whose Tidegate is no more gets so long at most, from SIGTERM to SIGKILL.
const ORPHANS_GRACE: Duration = Duration::from_secs(2);

/// The driver.
#[derive(Default)]
pub(crate) struct Processes {
    ids: RefCell<IdSource>,
}

impl Driver for Processes {
    fn launch(&self, launch: Launch<'_>, events: Events) -> Result<Box<dyn Handle>, String> {
        let id = self.ids.borrow_mut().request_id().as_str().to_owned();
        let spot = Spot::take(launch.settings, launch.number, &id)?;
        let plan = plan(&launch, &spot, id.clone());
        let (control, keeper) = start(&plan).map_err(|e| format!("its keeper cannot be started: {e}"))?;
        let kept = Kept::new(control, Some(keeper), spot, (id, None), launch.settings, true, events);
        Ok(Box::new(kept.map_err(|e| e.to_string())?))
    }

    fn adopt(
        &self,
        known: &Known,
        control: Option<OwnedFd>,
        settings: &Rc<FleetSettings>,
        events: Events,
    ) -> Result<Box<dyn Handle>, String> {
        let control = control.ok_or("its keeper is not handed over")?;
        let control = Channel::over(control).map_err(|e| e.to_string())?;
        let place = known.place.as_ref().ok_or("it is not said where it listens")?.place();
        let spot = Spot::taken(place, known.folder.clone());
        let starting = known.phase == crate::passing::Phase::Starting;
        let kept = Kept::new(control, None, spot, (known.id.clone(), known.pid), settings, starting, events);
        let kept = kept.map_err(|e| e.to_string())?;
        kept.ask_how_it_stands();
        Ok(Box::new(kept))
    }
}

/// Starts a keeper and tells it what to launch.
fn start(plan: &Plan) -> io::Result<(Channel, Child)> {
    let text = serde_json::to_vec(plan)?;
    if text.len() as u64 > PLAN_MOST {
        return Err(io::Error::other("its command and variables are too large"));
    }
    let mut file = File::from(memfd_create("tidegate-plan", MemfdFlags::CLOEXEC)?);
    file.write_all(&text)?;
    let (ours, theirs) = Channel::pair()?;
    // The file that this process was started from, even where another has been put in its place meanwhile.
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    // A group of its own, so that Ctrl-C is for Tidegate alone.
    command.arg(KEEPER).arg(&plan.name).stdin(Stdio::from(theirs)).stdout(Stdio::null()).process_group(0);
    let keeper = command.spawn()?;
    ours.send(&Order::Launch, Some(file.as_fd()))?;
    Ok((ours, keeper))
}

fn plan(launch: &Launch<'_>, spot: &Spot, id: String) -> Plan {
    let settings = launch.settings;
    let (port, socket) = (spot.port_text(), spot.socket_text());
    let values = [
        ("{port}", &*port),
        ("{socket}", &*socket),
        ("{name}", launch.name),
        ("{service}", &*settings.service),
    ];
    let fill = |text: &String| fill_in(text, &values);
    let env = settings.program.env.iter().map(|(name, value)| (name.clone(), fill(value)));
    let own = [("PORT", &port), ("SOCKET", &socket)].into_iter().filter(|(_, value)| !value.is_empty());
    let own = own.map(|(name, value)| (name.to_owned(), value.clone()));
    let program = Program {
        command: settings.program.command.iter().map(fill).collect(),
        env: env.chain(own).chain([("TIDEGATE_INSTANCE".into(), launch.name.into())]).collect(),
        ..settings.program.clone()
    };
    let log = match &settings.log {
        LogSettings::File { path, max_size, keep } => {
            LogSettings::File { path: fill(path), max_size: *max_size, keep: *keep }
        }
        other => other.clone(),
    };
    Plan {
        name: launch.name.into(),
        program,
        log,
        lines_per_second: settings.lines_per_second,
        grace_ms: settings.stop_timeout.min(ORPHANS_GRACE).as_millis() as u64,
        folder: spot.folder.clone(),
        id,
    }
}
