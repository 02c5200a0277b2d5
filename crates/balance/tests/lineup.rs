//! Who may be picked in which state of the service, and how traffic spreads.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod servers;

use balance::{Lineup, LineupSettings, Pick, Picker, Place, Policy, State, Tried};
use base::{IdSource, Moment};
use proptest::prelude::*;
use servers::{Server, endpoint, in_states, settings};

const ALL_STATES: [State; 7] =
    [State::Up, State::Unknown, State::Failing, State::Ejected, State::Trial, State::Dead, State::Draining];

/// Shares in percent, rounded, with the endpoints that have them; the reserve has 0.
fn shares(lineup: &Lineup) -> Vec<(i64, Vec<u32>)> {
    lineup.shares().map(|(share, members)| ((share * 100.0).round() as i64, members.to_vec())).collect()
}

/// Endpoints by priority: for each priority its states.
fn by_priority(levels: &[&[State]]) -> Vec<Server> {
    let mut servers = in_states(&levels.concat());
    let priorities = (0_u8..).zip(levels).flat_map(|(p, states)| std::iter::repeat_n(p, states.len()));
    for (server, priority) in servers.iter_mut().zip(priorities) {
        server.place.priority = priority;
    }
    servers
}

fn healthy(up: usize, of: usize) -> Vec<State> {
    (0..of).map(|n| if n < up { State::Up } else { State::Dead }).collect()
}

/// The share of each priority in percent, where so many of ten endpoints are up in each.
fn spill(up: &[usize]) -> Vec<i64> {
    let states: Vec<_> = up.iter().map(|&up| healthy(up, 10)).collect();
    let levels: Vec<_> = states.iter().map(Vec::as_slice).collect();
    let servers = by_priority(&levels);
    let lineup = servers::lineup(&servers);
    let mut by_level = vec![0; up.len()];
    for (share, members) in shares(&lineup) {
        by_level[members[0] as usize / 10] = share;
    }
    by_level
}

#[test]
fn traffic_spills_over_to_the_next_priority_below_71_percent_health() {
    // The numbers of Envoy's documentation on priority levels.
    assert_eq!(spill(&[10, 10]), [100, 0]);
    assert_eq!(spill(&[8, 10]), [100, 0]);
    assert_eq!(spill(&[7, 10]), [98, 2]);
    assert_eq!(spill(&[5, 10]), [70, 30]);
    assert_eq!(spill(&[1, 10]), [14, 86]);
    assert_eq!(spill(&[0, 10]), [0, 100]);
    assert_eq!(spill(&[5, 2, 10]), [70, 28, 2]);
    // Too little health for all of it: each takes its part of what there is.
    assert_eq!(spill(&[2, 2]), [50, 50]);
    assert_eq!(spill(&[3, 1]), [75, 25]);
    assert_eq!(spill(&[0, 1]), [0, 100]);
}

#[test]
fn picks_follow_the_shares() {
    let servers = by_priority(&[&[State::Up, State::Dead], &[State::Up]]);
    for policy in Policy::ALL {
        let mut random = IdSource::seeded(1);
        let mut picker = servers::picker(policy, &servers, &mut random);
        let first = (0..20_000)
            .filter(|&key| {
                let hash = policy.wants_hash().then(|| balance::stable_hash(&i32::to_le_bytes(key)));
                endpoint(picker.pick(&servers, &Tried::none(), hash, Moment::ORIGIN, &mut random)) == 0
            })
            .count();
        assert!((13_600..14_400).contains(&first), "{policy:?}: {first} of 14,000");
    }
}

#[test]
fn a_backup_is_asked_only_where_the_others_would_panic_or_are_gone() {
    use State::{Dead, Failing, Up};
    let with_backup = |states: &[State]| {
        let mut servers = in_states(states);
        servers.last_mut().unwrap().place.backup = true;
        let lineup = servers::lineup(&servers);
        (shares(&lineup), lineup.is_panic())
    };
    let aside = |members: &[u32], backup: u32| vec![(100, members.to_vec()), (0, vec![backup])];
    assert_eq!(with_backup(&[Up, Up, Up]), (aside(&[0, 1], 2), false));
    assert_eq!(with_backup(&[Up, Dead, Up]), (aside(&[0], 2), false));
    assert_eq!(with_backup(&[Up, Failing, Up]), (aside(&[0], 2), false));
    assert_eq!(with_backup(&[Dead, Dead, Up]), (vec![(100, vec![2])], false));
    assert_eq!(with_backup(&[Failing, Failing, Up]), (vec![(100, vec![2])], false), "before suspects");
    // One of three is healthy, 47 % of what is wanted: the rest goes to the backup and not to the suspects.
    assert_eq!(with_backup(&[Up, Failing, Failing, Up]), (vec![(47, vec![0]), (53, vec![3])], false));
    assert_eq!(with_backup(&[Failing, Failing, Dead]), (vec![(100, vec![0, 1])], true));
}

#[test]
fn a_request_that_has_tried_all_others_goes_to_the_backup() {
    let mut servers = in_states(&[State::Up, State::Up]);
    servers[1].place.backup = true;
    let mut random = IdSource::seeded(2);
    for policy in Policy::ALL {
        let mut picker = servers::picker(policy, &servers, &mut random);
        let mut tried = Tried::none();
        let mut pick =
            |tried: &Tried| endpoint(picker.pick(&servers, tried, Some(3), Moment::ORIGIN, &mut random));
        assert!((0..100).all(|_| pick(&tried) == 0));
        tried.insert(0);
        assert_eq!(pick(&tried), 1);
        tried.insert(1);
        assert_eq!(pick(&tried), 0, "all were tried: as if none was");
    }
}

#[test]
fn the_local_zone_comes_first_and_spills_over() {
    use State::{Dead, Up};
    let zones = |local: &[State], remote: &[State], zone_aware| {
        let mut servers = in_states(&[local, remote].concat());
        for server in &mut servers[..local.len()] {
            server.place.local_zone = true;
        }
        shares(&Lineup::of(&servers, &LineupSettings { zone_aware, ..LineupSettings::default() }))
    };
    assert_eq!(zones(&[Up, Up], &[Up, Up], false), [(100, vec![0, 1, 2, 3])]);
    assert_eq!(zones(&[Up, Up], &[Up, Up], true), [(100, vec![0, 1]), (0, vec![2, 3])]);
    assert_eq!(zones(&[Up, Dead], &[Up, Up], true), [(70, vec![0]), (30, vec![2, 3])]);
    assert_eq!(zones(&[Dead, Dead], &[Up, Up], true), [(100, vec![2, 3])]);
    assert_eq!(zones(&[Up, Dead, Dead], &[Dead], true), [(100, vec![0])]);
    // Three of four is enough.
    assert_eq!(zones(&[Up, Up, Up, Dead], &[Up], true), [(100, vec![0, 1, 2]), (0, vec![4])]);
}

#[test]
fn below_the_threshold_suspects_are_picked_from_but_never_the_dead_and_the_draining() {
    use State::{Dead, Draining, Ejected, Failing, Trial, Unknown, Up};
    let group = |states: &[State], panic_threshold| {
        let settings = LineupSettings { panic_threshold, ..LineupSettings::default() };
        let lineup = Lineup::of(&in_states(states), &settings);
        let sharing = lineup.shares().filter(|(share, _)| *share > 0.0);
        let members: Vec<_> = sharing.flat_map(|(_, m)| m.to_vec()).collect();
        (members, lineup.is_panic())
    };
    assert_eq!(group(&[Up, Failing], 50), (vec![0], false));
    assert_eq!(group(&[Up, Failing, Ejected], 50), (vec![0, 1, 2], true));
    assert_eq!(group(&[Up, Failing, Ejected], 30), (vec![0], false));
    assert_eq!(group(&[Failing, Ejected, Trial, Dead, Draining], 50), (vec![0, 1, 2], true));
    assert_eq!(group(&[Failing, Ejected], 0), (vec![], false), "switched off");
    assert_eq!(group(&[Dead, Draining], 50), (vec![], false));
    assert_eq!(group(&[Dead, Draining], 100), (vec![], false));
    // That four of five are dead is known, and no reason to doubt the health of the others.
    assert_eq!(group(&[Up, Dead, Dead, Dead, Dead], 50), (vec![0], false));
    assert_eq!(group(&[Up, Failing, Dead, Dead, Dead], 50), (vec![0], false));
    assert_eq!(group(&[Unknown, Unknown], 50), (vec![0, 1], false));
    assert_eq!(group(&[Unknown, Up, Unknown], 50), (vec![1], false));
    assert_eq!(group(&[Unknown, Failing, Failing], 50), (vec![0, 1, 2], true));
}

#[test]
fn with_enough_health_elsewhere_a_priority_does_not_panic() {
    use State::{Failing, Up};
    let lineup = servers::lineup(&by_priority(&[&[Up, Failing, Failing, Failing], &[Up, Up]]));
    assert!(!lineup.is_panic());
    assert_eq!(shares(&lineup), [(35, vec![0]), (65, vec![4, 5])]);
}

#[test]
fn weight_is_capacity() {
    let mut servers = in_states(&[State::Up, State::Dead, State::Up]);
    servers[1].weight = balance::Weight::new(3).unwrap();
    servers[2].place.priority = 1;
    assert_eq!(shares(&servers::lineup(&servers)), [(35, vec![0]), (65, vec![2])]);
}

#[test]
fn a_picker_goes_on_with_another_lineup() {
    let mut servers = in_states(&[State::Up, State::Up]);
    for policy in Policy::ALL {
        let mut random = IdSource::seeded(5);
        let mut picker = servers::picker(policy, &servers, &mut random);
        for away in [0, 1] {
            servers[away].health = balance::Health::new(State::Dead, Moment::ORIGIN);
            picker.adopt(&servers, servers::lineup(&servers), &mut random);
            let picks = (0..20).map(|key| {
                picker.pick(&servers, &Tried::none(), Some(key << 40), Moment::ORIGIN, &mut random)
            });
            assert!(picks.into_iter().all(|pick| pick == Pick::Endpoint(1 - away)), "{policy:?}");
            servers[away].health = balance::Health::new(State::Up, Moment::ORIGIN);
        }
    }
}

fn any_server() -> impl Strategy<Value = (State, u16, Place)> {
    let place = (0_u8..3, prop::bool::weighted(0.2), any::<bool>());
    let place = place.prop_map(|(priority, backup, local_zone)| Place { priority, backup, local_zone });
    (prop::sample::select(ALL_STATES.to_vec()), 1_u16..10, place)
}

proptest! {
    #[test]
    fn nobody_is_picked_who_may_not_be(
        those in prop::collection::vec(any_server(), 0..12),
        panic_threshold in 0_u8..=100,
        zone_aware: bool,
        policy in prop::sample::select(Policy::ALL.to_vec()),
        seed: u64,
    ) {
        let mut servers = in_states(&those.iter().map(|(state, ..)| *state).collect::<Vec<_>>());
        for (server, (_, weight, place)) in servers.iter_mut().zip(&those) {
            (server.weight, server.place) = (balance::Weight::new((*weight).into()).unwrap(), *place);
        }
        let lineup = Lineup::of(&servers, &LineupSettings { panic_threshold, zone_aware });
        let total: f64 = lineup.shares().map(|(share, _)| share).sum();
        prop_assert!(lineup.is_empty() || (total - 1.0).abs() < 1e-6, "{}", total);
        let mut listed: Vec<_> = lineup.shares().flat_map(|(_, members)| members.to_vec()).collect();
        listed.sort_unstable();
        prop_assert!(listed.windows(2).all(|w| w[0] < w[1]), "nobody is listed twice: {:?}", listed);
        let healthy = |state| matches!(state, State::Up | State::Unknown);
        prop_assert!(!those.iter().any(|(state, ..)| healthy(*state)) || !lineup.is_empty());

        let mut random = IdSource::seeded(seed);
        let table = balance::Table::build(policy, &servers);
        let (panic, empty) = (lineup.is_panic(), lineup.is_empty());
        let mut picker = Picker::new(settings(policy), &servers, lineup, table, &mut random);
        for n in 0..40 {
            let hash = (n % 2 == 0).then(|| random.next_u64());
            let mut tried = Tried::none();
            for _ in 0..n % 5 {
                tried.insert(random.below(those.len()));
            }
            match picker.pick(&servers, &tried, hash, Moment::ORIGIN, &mut random) {
                Pick::Endpoint(i) => {
                    let state = those[i].0;
                    prop_assert!(!matches!(state, State::Dead | State::Draining), "{:?}", state);
                    prop_assert!(panic || healthy(state), "{:?} without a panic", state);
                }
                Pick::Nobody => prop_assert!(empty),
                Pick::Full => prop_assert!(false, "there is no bound on requests here"),
            }
        }
    }
}
