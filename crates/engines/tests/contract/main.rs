//! The contract with engines, against servers that behave as their documented APIs do, well and unwell.
//!
//! The servers are written here and speak over 127.0.0.1 or a Unix socket. Where a real Docker engine answers at its
//! usual place, it is asked as well. Nothing here sleeps to wait for something.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod docker;
mod fixture;
mod keda;
mod kubernetes;
mod server;
