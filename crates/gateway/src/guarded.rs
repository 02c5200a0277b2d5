//! What the guards learnt of one request, and what its answer is to say of that.
//!
//! A trip has one only where its route asks for something.

use crate::guard::Limit;
use crate::paced::paced;
use auth::Caller;
use limit::{Keyed, Pass};
use message::{Fields, Name, ResponseHead};
use net::Body;
use std::num::NonZeroU64;
use std::sync::Arc;

/// What the guards learnt.
#[derive(Debug, Default)]
pub(crate) struct Guarded {
    /// Who is calling.
    pub(crate) caller: Option<Caller>,
    /// What the answer gets, whoever makes it: limits, cookies, what a browser is allowed.
    pub(crate) told: Fields,
    /// Members of `RateLimit-Policy`, and of `RateLimit`.
    pub(crate) policies: Vec<u8>,
    pub(crate) states: Vec<u8>,
    /// Places among those that are served at a time, until the last byte of the answer.
    pub(crate) passes: Vec<Pass>,
    /// Limits whose cost the answer tells.
    pub(crate) late: Vec<(Arc<Limit>, Keyed)>,
    /// Bytes a second in which the answer may be sent.
    pub(crate) bandwidth: Option<NonZeroU64>,
}

impl Guarded {
    /// Writes what was learnt into the answer, whoever made it, and slows it down where that is asked for.
    pub(crate) fn announce(&mut self, head: &mut ResponseHead, body: Body) -> Body {
        if !self.policies.is_empty() {
            head.fields.push_checked(b"ratelimit-policy", &self.policies);
            head.fields.push_checked(b"ratelimit", &self.states);
        }
        for (name, text, _) in self.told.iter() {
            // What the gateway says is what holds: two answers to one question are none. These go beside others.
            if name != Name::SetCookie && name != Name::Vary {
                head.fields.remove_named(text);
            }
        }
        for (_, text, value) in self.told.iter() {
            head.fields.push_checked(text, value);
        }
        match self.bandwidth {
            Some(rate) => paced(body, rate),
            None => body,
        }
    }
}
