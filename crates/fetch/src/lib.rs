//! A small HTTP/1.1 client for servers that are asked seldom: what runs instances, and who issues tokens.
//!
//! *Invariant*: every wait has a deadline and every answer a bound. No secret stands in any error or `Debug` text.
//! *Not here*: what the answers mean, and requests of clients, which the room `upstream` forwards.
//! Nothing here is on the road of a request. All of it runs in the `LocalSet` of one thread.

mod client;
mod pace;
mod secret;
mod trouble;

pub use client::{ANSWER_MOST, Client, Door, Lines, Question, Reply, keep_alive};
pub use pace::Pace;
pub use secret::Secret;
pub use trouble::Trouble;
