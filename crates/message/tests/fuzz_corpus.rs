//! The fuzz corpus of targets and hosts and seeded changes to it, on stable Rust. What must hold stands in `fuzz/src`.
#![allow(unreachable_pub, reason = "the modules are those of the fuzz crate, whose interface they are")]

#[path = "../../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../../fuzz/src/target.rs"]
mod target;

#[test]
fn a_target_is_normalised_once_and_for_all() {
    replay::replay("target", 50_000, target::check);
}
