//! The door of the room: a policy, and what one worker keeps for it.

use crate::turns::Turns;
use crate::{Endpoint, Tried};
use base::{IdSource, Moment};

/// How endpoints are chosen: `lb_policy` in the config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// `p2c_ewma`: of two random endpoints the one with the lower score (see [`Load::score`](crate::Load::score)).
    /// Looking at two is nearly as good as looking at all (Mitzenmacher 2001), costs the same for any number, and
    /// does not send all workers to the same one.
    #[default]
    P2cEwma,
    /// `round_robin`: in turn, by weight.
    RoundRobin,
}

impl Policy {
    /// As the config writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P2cEwma => "p2c_ewma",
            Self::RoundRobin => "round_robin",
        }
    }
}

/// What counts once all were tried.
static NONE_TRIED: Tried = Tried::none();

/// Picks endpoints for one worker and one list of endpoints. A list with other endpoints or weights gets a new
/// picker.
#[derive(Clone, Debug)]
pub struct Picker(State);

#[derive(Clone, Debug)]
enum State {
    P2cEwma,
    RoundRobin(Turns),
}

impl Picker {
    /// A picker for that list.
    pub fn new<E: Endpoint>(policy: Policy, endpoints: &[E], random: &mut IdSource) -> Self {
        Self(match policy {
            Policy::P2cEwma => State::P2cEwma,
            Policy::RoundRobin => State::RoundRobin(Turns::of(endpoints, random)),
        })
    }

    /// The endpoint for one attempt, as its position in the list; `None` only where the list is empty. Endpoints
    /// that this request has tried are left out while another one is there.
    pub fn pick<E: Endpoint>(
        &mut self,
        endpoints: &[E],
        tried: &Tried,
        now: Moment,
        random: &mut IdSource,
    ) -> Option<usize> {
        if let [] | [_] = endpoints {
            return if endpoints.is_empty() { None } else { Some(0) };
        }
        let tried = if tried.left(endpoints.len()) == 0 { &NONE_TRIED } else { tried };
        match &mut self.0 {
            State::P2cEwma => Some(lower_of_two(endpoints, tried, now, random)),
            State::RoundRobin(turns) => {
                if turns.len() != endpoints.len() {
                    // Another list than the picker was made for: rather start anew than pick beyond its end.
                    *turns = Turns::of(endpoints, random);
                }
                turns.next(tried)
            }
        }
    }
}

/// The better of two random endpoints that were not tried; there is at least one.
fn lower_of_two<E: Endpoint>(endpoints: &[E], tried: &Tried, now: Moment, random: &mut IdSource) -> usize {
    let left = tried.left(endpoints.len());
    let one = random.below(left);
    let first = tried.nth_left(one);
    if left < 2 {
        return first;
    }
    // Any but the first, each as likely as the others.
    let second = tried.nth_left((one + 1 + random.below(left - 1)) % left);
    let score = |i: usize| endpoints[i].load().score(now, endpoints[i].weight());
    if score(second) < score(first) { second } else { first }
}
