//! By chance, by weight: `random`, and what a hash policy does with a request that has no key.
//!
//! A draw is a search in the running sums of the weights: ten steps for a thousand endpoints. An alias table needs
//! one step, but two tables and two cache misses; for lists of this size that is no faster, and it is more code.

use crate::Endpoint;
use crate::ask::Ask;
use base::IdSource;

/// How often a draw that may not be picked is drawn again, before all are weighed.
const REDRAWS: usize = 4;

/// The weights of one group.
#[derive(Clone, Debug)]
pub(crate) struct Lots {
    /// The weight of each member and of those before it; empty where all weigh the same.
    sums: Box<[u64]>,
}

impl Lots {
    pub(crate) fn of<E: Endpoint>(endpoints: &[E], members: &[u32]) -> Self {
        let weight = |&at: &u32| u64::from(endpoints[at as usize].weight().get());
        let first = members.first().map(weight);
        if members.iter().all(|at| Some(weight(at)) == first) {
            return Self { sums: Box::default() };
        }
        let mut sum = 0;
        let add = |at: &u32| {
            sum += weight(at);
            sum
        };
        Self { sums: members.iter().map(add).collect() }
    }

    /// A random endpoint of the group, by weight.
    pub(crate) fn draw<E: Endpoint>(&self, ask: &Ask<'_, E>, random: &mut IdSource) -> Option<usize> {
        let Some(&total) = self.sums.last() else { return ask.any(random) };
        for _ in 0..REDRAWS {
            let lot = random.below(total as usize) as u64;
            let drawn = ask.at(self.sums.partition_point(|&sum| sum <= lot));
            if ask.may(drawn) {
                return Some(drawn);
            }
        }
        // The heavy ones may be just those that are out: weigh the others alone.
        let left = || ask.members.iter().map(|&at| at as usize).filter(|&at| ask.may(at));
        let weight = |at: usize| u64::from(ask.endpoints[at].weight().get());
        let mut lot = random.below(left().map(weight).sum::<u64>() as usize) as u64;
        // Where another worker has just filled the one that the lot fell on, the first that has room will do.
        left()
            .find(|&at| {
                let hit = lot < weight(at);
                lot = lot.saturating_sub(weight(at));
                hit
            })
            .or_else(|| ask.first_from(0))
    }
}
