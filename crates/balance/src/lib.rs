//! Which endpoint takes this attempt? Policies over the load of endpoints.
//!
//! A [`Load`] is shared by all workers: there is one for each endpoint, two atomic words. So is its [`Health`]. From
//! the health of a service's endpoints each worker computes a [`Lineup`], who may be picked now, whenever it has
//! changed. A [`Picker`] belongs to one worker and one service; it names an endpoint of the line-up by its [`Policy`].
//! The attempt loop calls [`Load::start`] before it sends and [`Load::finish`] once with what came of it. The hash
//! policies look keys up in a [`Table`], built once for each version of the config.
//!
//! What happens to health follows in one place for each service, its [`Circle`]: from failures, checks, trials and
//! the operator's word. A [`Budget`] bounds retries, a [`Limiter`] how many requests a service gets at a time.
//!
//! *Invariant*: pure. Time and randomness are parameters, so a whole day of traffic can be simulated in a test.
//! Nothing locks, nothing allocates while picking, and an endpoint that was tried is not picked again while
//! another one is there.
//! *Not here*: probes and checks themselves, clocks, meters. Callers bring what those say. Nor how often a request is
//! tried, and what a failure means to the client.

mod ask;
mod budget;
mod chooser;
mod circle;
mod endpoint;
mod estimate;
mod fair;
mod gradient;
mod hash;
mod health;
mod history;
mod least;
mod level;
mod lineup;
mod load;
mod lots;
mod maglev;
mod outlier;
mod picker;
mod policy;
mod ring;
mod table;
mod tried;
mod turns;
mod two;
mod weight;

pub use budget::{Budget, BudgetSettings};
pub use circle::{Change, Circle, Why};
pub use endpoint::{Endpoint, Place};
pub use gradient::{Limiter, LimiterSettings};
pub use hash::stable_hash;
pub use health::{CheckSettings, Checked, Health, State};
pub use history::Counts;
pub use lineup::{Lineup, LineupSettings};
pub use load::{Load, Outcome};
pub use outlier::{OutlierSettings, Seen, SuccessRateSettings, Suspicion};
pub use picker::{Pick, Picker, PickerSettings};
pub use policy::Policy;
pub use table::Table;
pub use tried::Tried;
pub use weight::Weight;
