//! The stages of the road. Each is a thin adapter between the trip and one room; none imports another. What only
//! `forward` does stands beside it, a file for each step.

pub(crate) mod admit;
mod affinity;
pub(crate) mod changed;
pub(crate) mod charge;
pub(crate) mod cors;
mod deadline;
pub(crate) mod find;
pub(crate) mod forward;
pub(crate) mod identify;
mod introduce;
pub(crate) mod keep;
mod locally;
mod mirror;
pub(crate) mod purge;
pub(crate) mod recall;
pub(crate) mod told;
