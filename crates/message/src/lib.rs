//! Heads of HTTP messages: method, target, status and fields, the same for every HTTP version.
//!
//! This is the language that the rooms speak with each other about a message. The fields stand in one block of
//! bytes with a small index beside it: two allocations a head, whatever the number of fields, names keep the
//! letters they came in, and order is kept. A look-up of a well-known field compares one byte a line.
//!
//! *Invariant*: pure; no sockets. What stands in a [`Fields`] has been checked: names are tokens, values hold no
//! control characters (RFC 9110 section 5.5), so writing them out can never split a message.
//! *Not here*: framing (`Content-Length`, `Transfer-Encoding`) is the wire's business, in the room `net`.

mod fields;
mod head;
mod name;
mod target;

pub use fields::{FieldError, Fields, is_token_byte};
pub use head::{RequestHead, ResponseHead, Scheme};
pub use http::{Method, StatusCode, Version};
pub use name::Name;
pub use target::{Authority, BadAuthority, BadTarget, Target, percent_decoded};
