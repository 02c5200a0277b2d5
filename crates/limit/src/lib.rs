//! How often, how many at a time, how fast.
//!
//! A [`Hasher`] makes the [`Key`] of whatever a policy counts by. A [`Limiter`] holds the buckets of all keys and decides how
//! often; [`Quotas`] count by the calendar; [`Gates`] say how many at a time; a [`Pacer`] how fast the bytes of one response
//! go. [`Pending`] gathers what other nodes are to be told, and [`text`] writes what clients are told.
//!
//! *Invariant*: memory is bounded whatever keys come; what is decided by buckets and quotas takes no lock and allocates
//! nothing; a bucket never admits more than `rate x t + burst` in any span of `t`. Time is a parameter.
//! *Not here*: who is calling (`auth`), what several nodes share (`cluster`), the words of a 429.

mod bucket;
mod calendar;
mod gates;
mod hasher;
mod limiter;
mod pacer;
mod pending;
mod placing;
mod policy;
mod quotas;
mod shards;
mod slot;
mod table;
mod tally;
pub mod text;

pub use gates::{Gates, Pass};
pub use hasher::Hasher;
pub use limiter::Limiter;
pub use pacer::Pacer;
pub use pending::Pending;
pub use policy::{Allowance, Decision, Key, Keyed, Rate, Window};
pub use quotas::{QuotaUse, Quotas};
