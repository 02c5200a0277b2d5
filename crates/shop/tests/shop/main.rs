//! The shop on a real socket: every endpoint, what it refuses, what goes on for long, and how it leaves.

// Clippy's exception for tests does not reach the functions that tests share.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod api;
mod client;
mod openapi;
mod streams;
mod traffic;
