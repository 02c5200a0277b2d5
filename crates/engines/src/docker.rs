//! Docker, and Podman which speaks the same API: containers of a service, launched, watched and removed.
//!
//! A container that is launched here carries labels that say whose it is: of which Tidegate, service, name and revision. So
//! containers live on when Tidegate is started again, and are found again; what is left of a launch that was cut is found
//! and removed as well. No container without these labels is ever touched.
//!
//! *Promise*: a launch that fails leaves no container behind, as far as the engine can be reached; each exit is told.
//! *Not here*: logs (the engine keeps them; only the last lines of one that has ended are read), building images, logins to registries, restarts: the engine is told to leave
//! that to us.

mod container;
mod engine;
mod events;
mod follow;
mod launch;
mod output;
mod place;
mod pull;
mod recipe;
mod usage;

pub use container::{Container, State};
pub use engine::{Adopted, Engine};
pub use events::{Ended, News};
pub use place::Place;
pub use recipe::{Reach, Recipe};
pub use usage::Usage;
