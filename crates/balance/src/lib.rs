//! Which endpoint takes this attempt? Policies over the load of endpoints.
//!
//! A [`Load`] is shared by all workers: there is one for each endpoint, two atomic words. A [`Picker`] belongs to
//! one worker and one service; it looks at the loads and names an endpoint. The attempt loop calls
//! [`Load::start`] before it sends and [`Load::finish`] once with what came of it.
//!
//! *Invariant*: pure. Time and randomness are parameters, so a whole day of traffic can be simulated in a test.
//! Nothing locks, nothing allocates while picking, and an endpoint that was tried is not picked again while
//! another one is there.
//! *Not here*: which endpoints may be picked at all. The picker chooses among those that it is given; health and
//! ejection decide who is among them.

mod budget;
mod estimate;
mod gradient;
mod load;
mod picker;
mod tried;
mod turns;
mod weight;

pub use budget::{Budget, BudgetSettings};
pub use gradient::{Limiter, LimiterSettings};
pub use load::{Endpoint, Load, Outcome};
pub use picker::{Picker, Policy};
pub use tried::Tried;
pub use weight::Weight;
