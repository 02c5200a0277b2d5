//! Which endpoint takes this attempt? Policies over the load of endpoints.
//!
//! A [`Load`] is shared by all workers: there is one for each endpoint, two atomic words. So is its [`Health`]. From
//! the health of a service's endpoints each worker computes a [`Lineup`], who may be picked now, whenever it has
//! changed. A [`Picker`] belongs to one worker and one service; it names an endpoint of the line-up by its [`Policy`].
//! The attempt loop calls [`Load::start`] before it sends and [`Load::finish`] once with what came of it. The hash
//! policies look keys up in a [`Table`], built once for each version of the config.
//!
//! *Invariant*: pure. Time and randomness are parameters, so a whole day of traffic can be simulated in a test.
//! Nothing locks, nothing allocates while picking, and an endpoint that was tried is not picked again while
//! another one is there.
//! *Not here*: how often a request is tried, and what a failure means to the client.

mod ask;
mod chooser;
mod endpoint;
mod estimate;
mod fair;
mod hash;
mod health;
mod least;
mod level;
mod lineup;
mod load;
mod lots;
mod maglev;
mod picker;
mod policy;
mod ring;
mod table;
mod tried;
mod turns;
mod two;
mod weight;

pub use endpoint::{Endpoint, Place};
pub use hash::stable_hash;
pub use health::{Health, State};
pub use lineup::{Lineup, LineupSettings};
pub use load::{Load, Outcome};
pub use picker::{Pick, Picker, PickerSettings};
pub use policy::Policy;
pub use table::Table;
pub use tried::Tried;
pub use weight::Weight;
