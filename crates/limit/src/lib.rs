//! How often, how many at a time, how fast.
//!
//! *Invariant*: memory is bounded whatever keys come; what is decided takes no lock and allocates nothing; a bucket never
//! admits more than `rate x t + burst` in any span of `t`. Time is a parameter.
//! *Not here*: who is calling (`auth`), what several nodes share (`cluster`), the words of a 429.

mod policy;

pub use policy::{Allowance, Decision, Key, Keyed, Rate, Window};
