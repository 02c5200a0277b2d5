//! Instances of a service: launched, watched, replaced, drained.
//!
//! A [`Fleet`] keeps as many instances of a service as somebody else wants, starts what is missing, drains what is too many, and
//! replaces all of them, one after the other, where their settings have changed. An instance is a process of this machine
//! with a keeper beside it (`keeper.rs` says why), so it ends with Tidegate, whatever ends that, and lives on where
//! Tidegate is upgraded; or it is a container of an engine (`container.rs`), which ends where Tidegate ends in order, and
//! lives on where Tidegate was killed, until the next one finds it. Where somebody else launches instances, a [`Teller`]
//! tells how many are wanted.
//!
//! *Invariant*: an instance gets requests only once it has answered as it should, and is told to end only once it gets none and
//! has finished those that it had, or time is up; while settings change there are never fewer ready instances than were
//! wanted and were there; no process outlives the fleet that it is of, also none that forked away.
//! *Not here*: how many instances are wanted (the room `scale`), when that is decided, where requests go.

mod channel;
mod container;
mod driver;
mod elsewhere;
mod fleet;
mod host;
mod keeper;
mod launcher;
mod passing;
mod process;
mod ready;
mod settings;
mod view;
mod watched;

pub use elsewhere::{Elsewhere, Exec, Teller, Told, Wanted, Webhook};
pub use fleet::Fleet;
pub use host::{Happening, Host, InFlight, Launched, Member};
pub use keeper::keeper_main_if_asked;
pub use passing::{Handed, Known};
pub use settings::{Container, FleetSettings, Limits, Listen, LogSettings, Program};
pub use view::{FleetCount, FleetView, InstanceState, InstanceView};
