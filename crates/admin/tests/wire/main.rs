//! The admin server over raw TCP: what it answers, what it refuses, and that it stays within its bounds.

mod api;
mod bounds;
mod cache;
mod endpoints;
mod guard;
mod instances;
mod keys;
mod page;
mod server;
