//! The mind of a fleet, with instances that only pretend and time that stands still while anything can go on.

mod counts;
mod failures;
mod replacing;
mod stage;
