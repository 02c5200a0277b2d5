//! Docker's engine.

mod daemon;
mod launching;
mod living;
mod real;
