//! The endpoints of one priority, and how traffic spreads over the levels.
//!
//! The rule of spilling over is Envoy's: a level takes [`OVERPROVISION`] times its healthy share of the traffic, at
//! most all of it, and the next level takes what is left. So a level that has lost a little does not lose traffic,
//! and one that has lost half hands on 30 %.

use crate::{Endpoint, Place, State};

/// A level is laid out for 1.4 times what it must carry: it keeps all traffic down to 71 % of its capacity.
const OVERPROVISION: f64 = 1.4;

/// The endpoints of one priority, or of the backups of one priority.
#[derive(Debug)]
pub(crate) struct Level {
    pub(crate) backup: bool,
    members: Vec<Member>,
}

/// What a level must know of an endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// The position in the list.
    pub(crate) at: u32,
    pub(crate) local: bool,
    state: State,
    weight: f64,
}

impl Level {
    /// All levels, those that come first at the front, the backups behind all others.
    pub(crate) fn all<E: Endpoint>(endpoints: &[E]) -> Vec<Self> {
        let mut places: Vec<(Place, Member)> = (0_u32..).zip(endpoints).map(Member::of).collect();
        let rank = |place: &Place| (place.backup, place.priority);
        // Stable, so that within a level the order of the list is kept.
        places.sort_by_key(|(place, _)| rank(place));
        places
            .chunk_by(|(a, _), (b, _)| rank(a) == rank(b))
            .map(|level| Self {
                backup: level[0].0.backup,
                members: level.iter().map(|(_, member)| *member).collect(),
            })
            .collect()
    }

    /// Those that are healthy: the ones that are up, or where there are none those that were not checked yet.
    pub(crate) fn healthy(&self) -> impl Iterator<Item = Member> {
        let up = self.members.iter().any(|m| m.state == State::Up);
        let wanted = if up { State::Up } else { State::Unknown };
        self.members.iter().copied().filter(move |m| m.state == wanted)
    }

    /// Those that can be asked in a panic: all but the ones of which it is certain that asking is in vain.
    pub(crate) fn in_reach(&self) -> impl Iterator<Item = Member> {
        self.members.iter().copied().filter(|m| !matches!(m.state, State::Dead | State::Draining))
    }

    /// The part of all traffic that it has the capacity for, from 0 to 1. Counted by weight: an endpoint of weight 2
    /// takes two endpoints' capacity with it, whatever it was that took it out.
    pub(crate) fn capacity(&self) -> f64 {
        capacity(weight(self.healthy()), weight(self.members.iter().copied()))
    }

    /// What the endpoints of the local zone weigh together, well or not.
    pub(crate) fn local_weight(&self) -> f64 {
        weight(self.members.iter().copied().filter(|m| m.local))
    }

    /// Are so many suspected that the suspicion itself is in doubt? Below `threshold` percent of healthy ones.
    ///
    /// Counted among those that are healthy or suspected (failing, ejected, on trial). A dead one is not suspected,
    /// that is known; and one that was not checked yet is neither.
    pub(crate) fn panics(&self, threshold: u8) -> bool {
        let suspected = self
            .members
            .iter()
            .filter(|m| matches!(m.state, State::Failing | State::Ejected | State::Trial))
            .count();
        let healthy = self.healthy().count();
        healthy * 100 < (healthy + suspected) * usize::from(threshold)
    }
}

impl Member {
    fn of<E: Endpoint>((at, endpoint): (u32, &E)) -> (Place, Self) {
        let place = endpoint.place();
        let state = endpoint.health().state();
        (place, Self { at, local: place.local_zone, state, weight: f64::from(endpoint.weight().get()) })
    }
}

/// What those weigh together.
pub(crate) fn weight(members: impl Iterator<Item = Member>) -> f64 {
    members.map(|m| m.weight).sum()
}

/// The part of the traffic that `healthy` out of `all` can take, from 0 to 1.
pub(crate) fn capacity(healthy: f64, all: f64) -> f64 {
    if all > 0.0 { (healthy / all * OVERPROVISION).min(1.0) } else { 0.0 }
}

/// How the traffic spreads over levels.
#[derive(Debug)]
pub(crate) struct Spread {
    /// The part of each level; together 1, or all 0 where no one may be picked.
    pub(crate) shares: Vec<f64>,
    /// Does the level pick from the suspected ones too?
    pub(crate) panics: Vec<bool>,
}

impl Spread {
    /// Envoy's rule. Where the levels together have the capacity for all traffic, each takes what those before it left,
    /// and nothing panics. Where they have not, each takes its part of what there is, and each decides for itself
    /// whether to panic. Where nothing at all is healthy, the levels share by what can be asked at all.
    pub(crate) fn over(levels: &[Level], threshold: u8) -> Self {
        let capacities: Vec<_> = levels.iter().map(Level::capacity).collect();
        let total: f64 = capacities.iter().sum();
        // A sum of parts that is 1 but for rounding is 1.
        if total > 1.0 - 1e-9 {
            let mut left = 1.0;
            let take = |capacity: f64| {
                let share = capacity.min(left);
                left -= share;
                // What rounding leaves over is nobody's share.
                if share < 1e-9 { 0.0 } else { share }
            };
            return Self {
                shares: capacities.into_iter().map(take).collect(),
                panics: vec![false; levels.len()],
            };
        }
        let panics: Vec<_> = levels.iter().map(|level| level.panics(threshold)).collect();
        let parts = if total > 0.0 {
            capacities
        } else {
            let part =
                |(level, panics): (&Level, &bool)| if *panics { weight(level.in_reach()) } else { 0.0 };
            levels.iter().zip(&panics).map(part).collect()
        };
        let total: f64 = parts.iter().sum();
        let shares = parts.iter().map(|part| if total > 0.0 { part / total } else { 0.0 }).collect();
        Self { shares, panics }
    }

    /// Is it such that backups should help: suspects would be asked, or nobody is there?
    pub(crate) fn wants_backups(&self) -> bool {
        let nobody = self.shares.iter().all(|&share| share == 0.0);
        nobody || self.shares.iter().zip(&self.panics).any(|(&share, &panics)| share > 0.0 && panics)
    }
}
