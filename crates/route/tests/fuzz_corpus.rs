//! The fuzz corpus of route tables and seeded changes to it, on stable Rust. What must hold stands in `fuzz/src`.
#![allow(unreachable_pub, reason = "the modules are those of the fuzz crate, whose interface they are")]

#[path = "../../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../../fuzz/src/route_table.rs"]
mod route_table;

#[test]
fn a_table_finds_what_one_of_its_rules_takes_and_nothing_else() {
    replay::replay("route_table", 5_000, route_table::check);
}
