//! What an unsafe method makes worthless (RFC 9111 section 4.4).

use message::{Method, RequestHead, ResponseHead, Scheme};

/// Is the method safe (RFC 9110 section 9.2.1)? One that nobody knows is not.
pub fn is_safe(method: &Method) -> bool {
    todo!()
}

/// The URLs that the answer to an unsafe method makes worthless, as [`crate::Purge`] has them (`host/path?query`): its own,
/// and those of `Location` and `Content-Location` where they have the same origin. Empty where the answer is an error.
pub fn invalidated(request: &RequestHead, scheme: Scheme, answer: &ResponseHead) -> Vec<Box<str>> {
    todo!()
}
