//! Bounded loads for the hash policies: Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads",
//! SODA 2018.
//!
//! An endpoint takes no more than `ceil(c x average)` requests at a time, its weight considered and the request in
//! question counted; what is over goes on to the next endpoint of the key's sequence. So a key that everybody wants
//! does not drown its endpoint, at the price that some of its requests go elsewhere.
//!
//! The average needs the load of the whole group. Adding that up for each pick would cost a cache miss an endpoint,
//! so the sum is taken after a quarter of as many picks as there are endpoints, and again after 10 ms; in between
//! each pick counts as one more. The average is then too high by at most a quarter of a request for what has been
//! finished meanwhile, and never too low but for what other workers have added.

use crate::Endpoint;
use crate::ask::Ask;
use base::Moment;
use std::time::Duration;

/// The sum is not used for longer.
const STALE: Duration = Duration::from_millis(10);
/// A sum serves as many picks as one in so many endpoints.
const ENDPOINTS_A_PICK: u64 = 4;

/// The bound of one group.
#[derive(Clone, Debug)]
pub(crate) struct Fair {
    /// `c`: by how much an endpoint may be above the average.
    factor: f64,
    weight: u64,
    pending: u64,
    picks_left: u64,
    counted: Moment,
}

impl Fair {
    /// With that factor; one below 1 counts as 1, for less than the average cannot hold all requests.
    pub(crate) fn new<E: Endpoint>(factor: f32, endpoints: &[E], members: &[u32]) -> Self {
        let weight = members.iter().map(|&at| u64::from(endpoints[at as usize].weight().get())).sum();
        let factor = f64::from(if factor.is_finite() { factor.max(1.0) } else { 1.0 });
        Self { factor, weight, pending: 0, picks_left: 0, counted: Moment::ORIGIN }
    }

    /// Brings the sum up to date for one more pick.
    pub(crate) fn count<E: Endpoint>(&mut self, ask: &Ask<'_, E>) {
        if self.picks_left == 0 || ask.now.since(self.counted) > STALE {
            let pending = |&at: &u32| u64::from(ask.endpoints[at as usize].load().pending());
            self.pending = ask.members.iter().map(pending).sum();
            self.picks_left = ask.members.len() as u64 / ENDPOINTS_A_PICK;
            self.counted = ask.now;
        } else {
            self.picks_left -= 1;
        }
        self.pending += 1;
    }

    /// Would that endpoint stay within the bound with one more request?
    pub(crate) fn fits<E: Endpoint>(&self, endpoint: &E) -> bool {
        let part = f64::from(endpoint.weight().get()) / self.weight as f64;
        let most = (self.factor * self.pending as f64 * part).ceil();
        f64::from(endpoint.load().pending()) + 1.0 <= most
    }
}
