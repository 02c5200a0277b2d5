//! Who may be picked now: the endpoints in groups, each group with its share of the traffic.
//!
//! A worker computes it when the health of a service's endpoints has changed, and picks from it until the next change.
//! While all is well it is one group, and picking needs no draw between groups.
//!
//! - *Priorities* spill over by Envoy's rule (`level.rs`).
//! - *Backups* stand aside until the other endpoints would panic or nobody is left of them. Then they are one more
//!   level behind the others: healthy backups are asked before suspected endpoints are.
//! - *Zones*: within a level the local zone takes 1.4 times its healthy share, at most all; the others take the rest.
//! - *Panic*: where more are suspected than can be believed, the suspected ones are picked from too, for better a
//!   request to an endpoint that may be unwell than all requests to the few that are left. Never the dead and the
//!   draining ones: those are known, not suspected. A level that panics knows no zones.
//!
//! Groups without a share are kept as reserve: a request that has tried all others may still go there.
//!
//! *Not here*: how health comes about, and how an endpoint is chosen within a group.

use crate::Endpoint;
use crate::hash::{salted, unit};
use crate::level::{Level, Member, Spread, capacity, weight};
use base::IdSource;

/// Tells the draw of a group apart from the other uses of a request's hash.
const GROUP_SALT: u64 = 0x6772_6f75_7073;

/// What decides about who may be picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineupSettings {
    /// Percent. Where less than this of the endpoints in question is healthy, the suspected ones are picked from too.
    /// 0 switches it off.
    pub panic_threshold: u8,
    /// Endpoints of the local zone come first.
    pub zone_aware: bool,
}

impl Default for LineupSettings {
    fn default() -> Self {
        Self { panic_threshold: 50, zone_aware: false }
    }
}

/// Who may be picked now. It does not change; a change of health makes another one.
#[derive(Clone, Debug)]
pub struct Lineup {
    /// Those with a share first, then the reserve; within each the better ones first.
    groups: Vec<Group>,
    sharing: usize,
    endpoints: usize,
    panic: bool,
}

/// Endpoints that are chosen from as one.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Positions in the list, in rising order.
    pub(crate) members: Box<[u32]>,
    pub(crate) backup: bool,
    /// The shares of this group and those before it.
    up_to: f64,
}

impl Lineup {
    /// Of those endpoints as they are now.
    pub fn of<E: Endpoint>(endpoints: &[E], settings: &LineupSettings) -> Self {
        let levels = Level::all(endpoints);
        let front = levels.iter().filter(|level| !level.backup).count();
        let mut spread = Spread::over(&levels[..front], settings.panic_threshold);
        if front < levels.len() && spread.wants_backups() {
            spread = Spread::over(&levels, settings.panic_threshold);
        }
        let mut lineup = Self { groups: Vec::new(), sharing: 0, endpoints: endpoints.len(), panic: false };
        let mut reserve = Vec::new();
        for (at, level) in levels.iter().enumerate() {
            let share = spread.shares.get(at).copied().unwrap_or_default();
            if share > 0.0 && spread.panics[at] {
                lineup.panic = true;
                lineup.add(share, Group::of(level, level.in_reach()), &mut reserve);
            } else {
                lineup.add_by_zone(share, level, settings.zone_aware, &mut reserve);
            }
        }
        lineup.sharing = lineup.groups.len();
        lineup.groups.append(&mut reserve);
        lineup
    }

    /// Are suspected endpoints picked from?
    pub fn is_panic(&self) -> bool {
        self.panic
    }

    /// Is there nobody who may be picked?
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The part of the traffic that goes to each group, and the group's endpoints as positions in the list; the
    /// reserve takes 0. For people to look at.
    pub fn shares(&self) -> impl Iterator<Item = (f64, &[u32])> {
        let mut before = 0.0;
        self.groups.iter().map(move |group| {
            let share = (group.up_to - before).max(0.0);
            before = before.max(group.up_to);
            (share, &*group.members)
        })
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// How many groups have a share: they come first.
    pub(crate) fn sharing(&self) -> usize {
        self.sharing
    }

    /// How many endpoints it was made for.
    pub(crate) fn endpoints(&self) -> usize {
        self.endpoints
    }

    /// The group for one request; a key always has the same. One group needs no draw.
    pub(crate) fn draw(&self, hash: Option<u64>, random: &mut IdSource) -> usize {
        if self.sharing < 2 {
            return 0;
        }
        let at = unit(hash.map_or_else(|| random.next_u64(), |hash| salted(hash, GROUP_SALT)));
        // The last share ends at 1 but for rounding.
        self.groups[..self.sharing - 1].iter().take_while(|group| group.up_to <= at).count()
    }

    fn add_by_zone(&mut self, share: f64, level: &Level, zone_aware: bool, reserve: &mut Vec<Group>) {
        let (local, remote): (Vec<_>, Vec<_>) = level.healthy().partition(|m| zone_aware && m.local);
        let ours = if local.is_empty() {
            0.0
        } else if remote.is_empty() {
            1.0
        } else {
            capacity(weight(local.iter().copied()), level.local_weight())
        };
        self.add(share * ours, Group::of(level, local), reserve);
        // Not `share - share * ours`: rounding must not leave a sliver.
        self.add(share * (1.0 - ours), Group::of(level, remote), reserve);
    }

    fn add(&mut self, share: f64, mut group: Group, reserve: &mut Vec<Group>) {
        if group.members.is_empty() {
            return;
        }
        if share > 0.0 {
            group.up_to = self.groups.last().map_or(0.0, |before| before.up_to) + share;
            self.groups.push(group);
        } else {
            reserve.push(group);
        }
    }
}

impl Group {
    fn of(level: &Level, members: impl IntoIterator<Item = Member>) -> Self {
        Self { members: members.into_iter().map(|m| m.at).collect(), backup: level.backup, up_to: 0.0 }
    }
}
