//! One question to a policy: who of these, for this request?

use crate::{Endpoint, Tried};
use base::{IdSource, Moment};
use std::time::Duration;

/// How often a draw that may not be picked is drawn again, before all are looked at.
const REDRAWS: usize = 8;

/// A group to choose from, and what is known of the request.
#[derive(Debug)]
pub(crate) struct Ask<'a, E> {
    /// All endpoints of the service.
    pub(crate) endpoints: &'a [E],
    /// The group: positions in that list, in rising order. Not empty.
    pub(crate) members: &'a [u32],
    /// Who is out of the question for this request.
    pub(crate) out: &'a Tried,
    /// The hash of the request's key, for the policies that want one.
    pub(crate) hash: Option<u64>,
    pub(crate) now: Moment,
    /// How long a slow start takes.
    pub(crate) slow_start: Duration,
}

impl<E: Endpoint> Ask<'_, E> {
    /// May that endpoint take the request: it is not out, and it has room?
    pub(crate) fn may(&self, endpoint: usize) -> bool {
        !self.out.has(endpoint) && has_room(&self.endpoints[endpoint])
    }

    /// The share of its weight that an endpoint takes now: 1, but in a slow start.
    pub(crate) fn ramp(&self, endpoint: usize) -> f32 {
        let health = self.endpoints[endpoint].health();
        if health.is_ramping() { health.ramp(self.now, self.slow_start) } else { 1.0 }
    }

    /// How full that endpoint were with this request; see [`Load::fullness`](crate::Load::fullness).
    pub(crate) fn fullness(&self, endpoint: usize) -> f64 {
        let ramp = self.ramp(endpoint);
        let endpoint = &self.endpoints[endpoint];
        endpoint.load().fullness(endpoint.weight(), ramp)
    }

    /// Is that endpoint in the group?
    pub(crate) fn has(&self, endpoint: usize) -> bool {
        // While all are well the group is the whole list.
        self.members.len() == self.endpoints.len() || self.members.binary_search(&(endpoint as u32)).is_ok()
    }

    /// The endpoint at that place of the group.
    pub(crate) fn at(&self, place: usize) -> usize {
        self.members[place] as usize
    }

    /// A random endpoint of the group that may take the request, each as likely as the others; `None` where no one
    /// may.
    pub(crate) fn any(&self, random: &mut IdSource) -> Option<usize> {
        for _ in 0..REDRAWS {
            let drawn = self.at(random.below(self.members.len()));
            if self.may(drawn) {
                return Some(drawn);
            }
        }
        self.first_from(random.below(self.members.len()))
    }

    /// The first from that place on, round to it again, that may take the request.
    pub(crate) fn first_from(&self, place: usize) -> Option<usize> {
        let (before, behind) = self.members.split_at(place);
        behind.iter().chain(before).map(|&at| at as usize).find(|&at| self.may(at))
    }
}

/// May one more request go there?
pub(crate) fn has_room<E: Endpoint>(endpoint: &E) -> bool {
    endpoint.load().pending() < endpoint.max_requests()
}
