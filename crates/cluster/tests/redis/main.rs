//! The cluster against a real `redis-server`, with everything that may happen to one.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]
#![allow(clippy::print_stdout, reason = "figures for people who ask for them")]

mod bus;
mod clock;
mod exact;
mod fast;
mod faults;
mod fixture;
mod nodes;
mod records;
mod ways_in;
