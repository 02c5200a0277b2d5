//! Which endpoint takes this attempt? Policies over the load of endpoints.
//!
//! A [`Load`] is shared by all workers: there is one for each endpoint, two atomic words. A [`Picker`] belongs to
//! one worker and one service; it looks at the loads and names an endpoint. The attempt loop calls
//! [`Load::start`] before it sends and [`Load::finish`] once with what came of it.
//!
//! A [`Health`] says whether an endpoint may be picked. All of one service's form a [`Circle`], which decides what
//! follows from failures, checks and the operator's word. A [`Budget`] bounds retries, a [`Limiter`] how many
//! requests a service gets at a time.
//!
//! *Invariant*: pure. Time and randomness are parameters, so a whole day of traffic can be simulated in a test.
//! Nothing locks, nothing allocates while picking, and an endpoint that was tried is not picked again while
//! another one is there.
//! *Not here*: probes and checks themselves, clocks, meters. Callers bring what those say.

mod budget;
mod circle;
mod estimate;
mod gradient;
mod health;
mod history;
mod load;
mod outlier;
mod picker;
mod tried;
mod turns;
mod weight;

pub use budget::{Budget, BudgetSettings};
pub use circle::{Change, Circle, Why};
pub use gradient::{Limiter, LimiterSettings};
pub use health::{CheckSettings, Checked, Health, State};
pub use history::Counts;
pub use load::{Endpoint, Load, Outcome};
pub use outlier::{OutlierSettings, Seen, SuccessRateSettings, Suspicion};
pub use picker::{Picker, Policy};
pub use tried::Tried;
pub use weight::Weight;
