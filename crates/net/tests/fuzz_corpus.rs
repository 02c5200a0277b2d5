//! The fuzz corpus of the wire and seeded changes to it, on stable Rust. What must hold stands in `fuzz/src`.
#![allow(unreachable_pub, reason = "the modules are those of the fuzz crate, whose interface they are")]

#[path = "../../../fuzz/src/chunked.rs"]
mod chunked;
#[path = "../../../fuzz/src/proxy_header.rs"]
mod proxy_header;
#[path = "../../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../../fuzz/src/request_head.rs"]
mod request_head;
#[path = "../../../fuzz/src/response_head.rs"]
mod response_head;

#[test]
fn a_request_head_that_is_understood_is_unambiguous_and_is_sent_on_as_it_was_understood() {
    replay::replay("request_head", 20_000, request_head::check);
}

#[test]
fn a_response_head_is_sent_on_as_it_was_understood() {
    replay::replay("response_head", 20_000, response_head::check);
}

#[test]
fn a_chunked_body_is_the_same_however_it_is_cut() {
    replay::replay("chunked", 20_000, chunked::check);
}

#[test]
fn a_proxy_header_is_the_same_however_it_arrives() {
    replay::replay("proxy_header", 5_000, proxy_header::check);
}
