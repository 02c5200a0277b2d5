//! The fuzz corpus of the config file and seeded changes to it, on stable Rust. What must hold stands in `fuzz/src`.
#![allow(unreachable_pub, reason = "the modules are those of the fuzz crate, whose interface they are")]

#[path = "../../../fuzz/src/config_text.rs"]
mod config_text;
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

#[test]
fn any_config_text_gives_a_file_or_a_report() {
    replay::replay("config_text", 2_000, config_text::check);
}
