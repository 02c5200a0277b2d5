//! The fuzz corpus of credentials and rules, and seeded changes to it, on stable Rust. What must hold stands in `fuzz/src`.
#![allow(unreachable_pub, reason = "the modules are those of the fuzz crate, whose interface they are")]

#[path = "../../../fuzz/src/credential.rs"]
mod credential;
#[path = "../../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../../fuzz/src/rule.rs"]
mod rule;

#[test]
fn no_stranger_s_credential_is_taken_and_none_breaks_anything() {
    replay::replay("credential", 5_000, credential::check);
}

#[test]
fn any_rule_is_refused_or_has_one_answer_that_shows_no_secret() {
    replay::replay("rule", 5_000, rule::check);
}
