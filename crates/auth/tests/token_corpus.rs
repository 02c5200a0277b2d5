//! The fuzz corpus of tokens and keys and seeded changes to it, on stable Rust. What must hold stands in `fuzz/src`.
#![allow(unreachable_pub, reason = "the modules are those of the fuzz crate, whose interface they are")]

#[path = "../../../fuzz/src/jwks.rs"]
mod jwks;
#[path = "../../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../../fuzz/src/token.rs"]
mod token;

#[test]
fn a_token_is_taken_only_where_it_has_one_reading_and_holds_now() {
    replay::replay("token", 20_000, token::check);
}

#[test]
fn a_set_of_keys_is_bounded_and_lets_nobody_forge() {
    replay::replay("jwks", 20_000, jwks::check);
}
