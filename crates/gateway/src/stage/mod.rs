//! The stages of the road. Each is a thin adapter between the trip and one room; none imports another.

pub(crate) mod admit;
pub(crate) mod find;
pub(crate) mod forward;
mod introduce;
mod locally;
