//! What must hold of every parser, whatever it is given: one module a parser, one function `check` each.
//!
//! A fuzzer calls it with bytes that it thinks up (`cargo fuzz run request_head`, see README.md). The tests of the
//! rooms call it too, with the committed corpus and thousands of seeded changes to it, so the same rules are examined
//! on stable Rust by every `cargo test`.
//!
//! *Invariant*: `check` panics where a rule is broken and only there; its work is bounded by the size of its input.

pub mod chunked;
pub mod config_text;
pub mod credential;
pub mod jwks;
pub mod proxy_header;
pub mod request_head;
pub mod response_head;
pub mod route_table;
pub mod rule;
pub mod target;
pub mod token;
