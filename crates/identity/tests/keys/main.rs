//! The keeper against real servers on 127.0.0.1: slow, dead, with garbage, with new keys. Tokens are signed for real.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod asking;
mod failing;
mod keeping;
mod server;
mod setup;
mod sources;
