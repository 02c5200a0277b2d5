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

/// Bytes of what two policies say.
const STATES: usize = 80;

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
            // Apart from the other fields: what is behind something else gets a comma in front.
            let mut states = Vec::with_capacity(STATES);
            for (limit, decision) in members() {
                text::state(&mut states, &limit.name, decision);
            }
            head.fields.add(Name::RateLimit, &states);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{Cost, OnStoreError, Sharing};
    use limit::{Allowance, Rate};
    use message::StatusCode;
    use observe::Meters;
    use std::num::NonZeroU32;
    use std::time::Duration;

    fn limit(name: &str) -> Arc<Limit> {
        let count = NonZeroU32::new(10).unwrap();
        let allowance = Allowance::Bucket { rate: Rate { count, per: Duration::from_secs(1) }, burst: count };
        Arc::new(Limit {
            name: name.into(),
            id: name.into(),
            told: Limit::told(name, &allowance),
            by: Vec::new(),
            allowance,
            cost: Cost::Fixed(1),
            when: None,
            shadow: false,
            patience: Duration::ZERO,
            sharing: Sharing::Alone,
            on_store_error: OnStoreError::Local,
            meters: Meters::new(1).limit("route", name),
        })
    }

    #[test]
    fn what_limits_say_is_a_list_of_one_member_each() {
        let second = Duration::from_secs(1);
        let decision =
            Decision { admitted: true, limit: 10, remaining: 9, retry_after: Duration::ZERO, reset: second };
        let mut guarded = Guarded::default();
        let mut said = Vec::new();
        for name in ["a", "b"] {
            guarded.decided(&limit(name), decision);
            let mut head = ResponseHead::new(StatusCode::OK);
            head.fields.add(Name::Server, b"x");
            guarded.announce(&mut head, Body::empty());
            let value = |name| head.fields.get_str(name).unwrap_or_default().to_owned();
            said.push((value(Name::RateLimitPolicy), value(Name::RateLimit)));
        }
        let texts = |policy: &str, state: &str| (policy.to_owned(), state.to_owned());
        assert_eq!(said[0], texts("\"a\";q=10;w=1", "\"a\";r=9;t=1"));
        assert_eq!(said[1], texts("\"a\";q=10;w=1, \"b\";q=10;w=1", "\"a\";r=9;t=1, \"b\";r=9;t=1"));
    }
}
