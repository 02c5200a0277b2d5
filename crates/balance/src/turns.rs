//! Taking turns by weight, spread evenly: smooth weighted round robin, as nginx made it known.
//!
//! At each turn every endpoint earns its weight; the richest one is picked and pays what all have earned together.
//! So the picks of a heavy endpoint lie between those of the others and not in one run, and each full cycle of
//! turns holds every endpoint exactly as often as its weight says.
//!
//! Endpoints of the same weight earn the same, so they share one purse and take their turns in it one after the
//! other: a turn costs a look at each different weight, not at each endpoint. A thousand equal endpoints cost what
//! two do.

use crate::ask::{Ask, has_room};
use crate::{Endpoint, Tried};
use base::IdSource;

/// The most turns to skip at the start.
const MOST_SKIPPED: usize = 1 << 8;

/// Whose turn it is, for one worker and one group of endpoints.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    purses: Vec<Purse>,
}

/// The endpoints of one weight.
#[derive(Clone, Debug)]
struct Purse {
    weight: i64,
    earned: i64,
    /// Positions in the list, in rising order.
    members: Vec<u32>,
    next: usize,
}

impl Turns {
    /// Starts at a random turn, so that the workers do not all begin with the same endpoint.
    pub(crate) fn of<E: Endpoint>(endpoints: &[E], members: &[u32], random: &mut IdSource) -> Self {
        let mut turns = Self { purses: Vec::new() };
        for &at in members {
            let weight = i64::from(endpoints[at as usize].weight().get());
            match turns.purses.iter_mut().find(|purse| purse.weight == weight) {
                Some(purse) => purse.members.push(at),
                None => turns.purses.push(Purse { weight, earned: 0, members: vec![at], next: 0 }),
            }
        }
        for purse in &mut turns.purses {
            purse.next = random.below(purse.members.len());
        }
        let cycle: i64 = turns.purses.iter().map(|p| p.income(p.members.len())).sum();
        // Equals are at a random turn already; what is left is whose purse it is.
        if turns.purses.len() > 1 {
            for _ in 0..random.below(usize::try_from(cycle).map_or(MOST_SKIPPED, |c| c.min(MOST_SKIPPED))) {
                turns.next(&Tried::none());
            }
        }
        turns
    }

    /// The next endpoint that may take the request. A full one misses its turn.
    pub(crate) fn take<E: Endpoint>(&mut self, ask: &Ask<'_, E>, random: &mut IdSource) -> Option<usize> {
        let mut next = self.next(ask.out)?;
        if has_room(&ask.endpoints[next]) {
            return Some(next);
        }
        let mut out = ask.out.clone();
        while out.insert(next) {
            next = self.next(&out)?;
            if has_room(&ask.endpoints[next]) {
                return Some(next);
            }
        }
        // So many are full that there is no room to remember them: any that is not.
        ask.any(random)
    }

    /// The next endpoint among those that are not out; the others do not earn. `None` where all are.
    fn next(&mut self, out: &Tried) -> Option<usize> {
        let mut total = 0;
        let mut richest: Option<&mut Purse> = None;
        for purse in &mut self.purses {
            let left = purse.members.len() - out.among(&purse.members);
            if left == 0 {
                continue;
            }
            purse.earned += purse.income(left);
            total += purse.income(left);
            if richest.as_ref().is_none_or(|most| purse.earned > most.earned) {
                richest = Some(purse);
            }
        }
        let richest = richest?;
        richest.earned -= total;
        richest.turn(out)
    }
}

impl Purse {
    /// What so many of its members earn in one turn.
    fn income(&self, members: usize) -> i64 {
        // A list of 2^32 endpoints fits in no memory.
        self.weight * i64::from(members as u32)
    }

    /// The next member that is not out.
    fn turn(&mut self, out: &Tried) -> Option<usize> {
        for _ in 0..self.members.len() {
            let member = self.members[self.next] as usize;
            self.next = if self.next + 1 == self.members.len() { 0 } else { self.next + 1 };
            if !out.has(member) {
                return Some(member);
            }
        }
        None
    }
}
