//! A fleet of containers over an engine that speaks the documented API and runs real HTTP servers, and over the real engine
//! where one answers.
//!
//! The engine is the one that the room `engines` keeps its contract with, shared file by file.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "../../../engines/tests/contract/docker/daemon.rs"]
#[allow(dead_code, reason = "shared with the room `engines`, which uses all of it")]
mod daemon;
#[path = "../../../engines/tests/contract/fixture.rs"]
#[allow(dead_code, reason = "shared with the room `engines`, which uses all of it")]
mod fixture;
mod living;
mod real;
mod replacing;
#[path = "../../../engines/tests/contract/server.rs"]
#[allow(dead_code, reason = "shared with the room `engines`, which uses all of it")]
mod server;
mod stage;
mod surviving;
