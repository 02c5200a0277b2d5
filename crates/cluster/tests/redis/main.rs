//! The cluster against a real `redis-server`, with everything that may happen to one.

mod bus;
mod exact;
mod fast;
mod faults;
mod fixture;
mod nodes;
mod records;
mod ways_in;
