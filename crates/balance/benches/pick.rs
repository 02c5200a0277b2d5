//! What one pick costs among 3, 100 and 1,000 endpoints, and what the tables behind it cost to make:
//! `cargo bench -p balance`.

#[path = "../tests/servers/mod.rs"]
mod servers;

use balance::{Lineup, LineupSettings, Outcome, Policy, State, Table, Tried};
use base::{IdSource, Moment};
use divan::Bencher;
use servers::{Server, picker, picker_with, settings};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const MANY: [usize; 3] = [3, 100, 1_000];
/// Picks a sample: enough that what a policy does only now and then is in each.
const PICKS: u32 = 2_000;

fn main() {
    divan::main();
}

/// Each in a place of its own in memory, as the gateway keeps them, and with some load.
fn shared(many: usize, weights: u16) -> Vec<Arc<Server>> {
    let weights: Vec<_> = (0..many).map(|n| 1 + n as u16 % weights).collect();
    let servers: Vec<_> = servers::servers(&weights).into_iter().map(Arc::new).collect();
    for (n, server) in servers.iter().enumerate() {
        server.load.start(Moment::ORIGIN);
        server.load.finish(Moment::ORIGIN, Outcome::Answered(Duration::from_micros(n as u64 * 7)));
    }
    servers
}

fn pick(bencher: Bencher<'_, '_>, policy: Policy, many: usize, bounded_load: Option<f32>) {
    let servers = shared(many, 3);
    let mut random = IdSource::seeded(1);
    let settings = balance::PickerSettings { bounded_load, ..settings(policy) };
    let lineup = Lineup::of(&servers, &LineupSettings::default());
    let table = Table::build(policy, &servers);
    let mut picker = balance::Picker::new(settings, &servers, lineup, table, &mut random);
    let mut keys = IdSource::seeded(2);
    let mut nanos = 0;
    bencher.bench_local(|| {
        nanos += 10_000;
        let hash = policy.wants_hash().then(|| keys.next_u64());
        picker.pick(
            black_box(&servers),
            &Tried::none(),
            black_box(hash),
            Moment::from_nanos(nanos),
            &mut random,
        )
    });
}

#[divan::bench(args = MANY, sample_size = PICKS)]
fn p2c_ewma(bencher: Bencher<'_, '_>, many: usize) {
    pick(bencher, Policy::P2cEwma, many, None);
}

#[divan::bench(args = MANY, sample_size = PICKS)]
fn least_request(bencher: Bencher<'_, '_>, many: usize) {
    pick(bencher, Policy::LeastRequest, many, None);
}

#[divan::bench(args = MANY, sample_size = PICKS)]
fn round_robin(bencher: Bencher<'_, '_>, many: usize) {
    pick(bencher, Policy::RoundRobin, many, None);
}

#[divan::bench(args = MANY, sample_size = PICKS)]
fn random(bencher: Bencher<'_, '_>, many: usize) {
    pick(bencher, Policy::Random, many, None);
}

#[divan::bench(args = MANY, sample_size = PICKS)]
fn maglev(bencher: Bencher<'_, '_>, many: usize) {
    pick(bencher, Policy::Maglev, many, None);
}

#[divan::bench(args = MANY, sample_size = PICKS)]
fn maglev_with_bounded_load(bencher: Bencher<'_, '_>, many: usize) {
    pick(bencher, Policy::Maglev, many, Some(1.25));
}

#[divan::bench(args = MANY, sample_size = PICKS)]
fn ring_hash(bencher: Bencher<'_, '_>, many: usize) {
    pick(bencher, Policy::RingHash, many, None);
}

#[divan::bench(args = MANY, sample_size = PICKS)]
fn ring_hash_with_bounded_load(bencher: Bencher<'_, '_>, many: usize) {
    pick(bencher, Policy::RingHash, many, Some(1.25));
}

#[divan::bench(args = MANY, sample_size = PICKS)]
fn first(bencher: Bencher<'_, '_>, many: usize) {
    pick(bencher, Policy::First, many, None);
}

/// A third of the endpoints is dead and a third of the picks has tried one before.
#[divan::bench(args = MANY, sample_size = PICKS)]
fn maglev_with_a_third_dead(bencher: Bencher<'_, '_>, many: usize) {
    let states: Vec<_> = (0..many).map(|n| if n % 3 == 0 { State::Dead } else { State::Up }).collect();
    let servers = servers::in_states(&states);
    let mut random = IdSource::seeded(1);
    let mut picker = picker(Policy::Maglev, &servers, &mut random);
    let mut keys = IdSource::seeded(2);
    let mut tried = Tried::none();
    tried.insert(1);
    bencher.bench_local(|| {
        picker.pick(
            black_box(&servers),
            black_box(&tried),
            Some(keys.next_u64()),
            Moment::ORIGIN,
            &mut random,
        )
    });
}

#[divan::bench(args = MANY)]
fn lineup(bencher: Bencher<'_, '_>, many: usize) {
    let servers = shared(many, 3);
    bencher.bench_local(|| Lineup::of(black_box(&servers), &LineupSettings::default()));
}

/// What a worker does when the health of an endpoint has changed, with the policy that has most to rebuild.
#[divan::bench(args = MANY)]
fn adopting_a_lineup(bencher: Bencher<'_, '_>, many: usize) {
    let servers = servers::servers(&vec![1; many]);
    let mut random = IdSource::seeded(1);
    let mut picker = picker_with(settings(Policy::RoundRobin), &servers, &mut random);
    bencher.bench_local(|| {
        let lineup = servers::lineup(black_box(&servers));
        picker.adopt(&servers, lineup, &mut random);
    });
}

#[divan::bench(args = MANY)]
fn table_of_maglev(bencher: Bencher<'_, '_>, many: usize) {
    let servers = shared(many, 3);
    bencher.bench_local(|| Table::build(Policy::Maglev, black_box(&servers)));
}

#[divan::bench(args = MANY)]
fn table_of_ring_hash(bencher: Bencher<'_, '_>, many: usize) {
    let servers = shared(many, 3);
    bencher.bench_local(|| Table::build(Policy::RingHash, black_box(&servers)));
}
