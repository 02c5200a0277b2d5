//! What the guards learnt of one request, and what its answer is to say of that.
//!
//! A trip has one only where its route asks for something.

use crate::guard::Limit;
use crate::paced::paced;
use auth::Known;
use limit::{Decision, Keyed, Pass, text};
use message::{Fields, Name, ResponseHead};
use net::Body;
use std::num::NonZeroU64;
use std::sync::Arc;

/// What the guards learnt.
#[derive(Debug, Default)]
pub(crate) struct Guarded {
    /// Who is calling.
    pub(crate) caller: Option<Arc<Known>>,
    /// What the answer gets, whoever makes it: limits, cookies, what a browser is allowed.
    pub(crate) told: Fields,
    /// What was decided, for `RateLimit-Policy` and `RateLimit`. Nearly always there is one policy, which so needs no allocation.
    first: Option<(Arc<Limit>, Decision)>,
    others: Vec<(Arc<Limit>, Decision)>,
    /// Places among those that are served at a time, until the last byte of the answer.
    pub(crate) passes: Vec<Pass>,
    /// Limits whose cost the answer tells.
    pub(crate) late: Vec<(Arc<Limit>, Keyed)>,
    /// Bytes a second in which the answer may be sent.
    pub(crate) bandwidth: Option<NonZeroU64>,
}

impl Guarded {
    /// Notes what a policy has decided.
    pub(crate) fn decided(&mut self, limit: &Arc<Limit>, decision: Decision) {
        let member = (Arc::clone(limit), decision);
        if self.first.is_none() {
            self.first = Some(member);
        } else {
            self.others.push(member);
        }
    }

    /// Writes what was learnt into the answer, whoever made it, and slows it down where that is asked for.
    pub(crate) fn announce(&mut self, head: &mut ResponseHead, body: Body) -> Body {
        if let Some((first, decision)) = &self.first {
            let members =
                || std::iter::once((first, decision)).chain(self.others.iter().map(|(l, d)| (l, d)));
            head.fields.add_with(Name::RateLimitPolicy, |line| {
                for (number, (limit, _)) in members().enumerate() {
                    line.extend_from_slice(if number == 0 { b"" } else { b", " });
                    line.extend_from_slice(&limit.told);
                }
            });
            head.fields.add_with(Name::RateLimit, |line| {
                for (number, (limit, decision)) in members().enumerate() {
                    line.extend_from_slice(if number == 0 { b"" } else { b", " });
                    text::state(line, &limit.name, decision);
                }
            });
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
