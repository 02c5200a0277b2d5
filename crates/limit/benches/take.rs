//! What a decision costs with few and with ten million keys, and what is around it: `cargo bench -p limit`.

#[path = "../tests/keys/mod.rs"]
mod keys;

use divan::{Bencher, black_box};
use keys::{SECOND, bucket, key, per_second};
use limit::{Allowance, Gates, Hasher, Key, Keyed, Limiter, Pending, Quotas, Window, text};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const MILLIONS: u64 = 10_000_000;
/// Decisions a sample.
const TAKES: u32 = 100_000;

fn main() {
    divan::main();
}

/// Keys as a hasher gives them, but cheap to make in any order: the bench is of the table.
fn spread(n: u64) -> Key {
    let mix = |n: u64, odd: u64| {
        let n = (n ^ n >> 31).wrapping_mul(odd);
        (n ^ n >> 29).wrapping_mul(0x94d0_49bb_1331_11eb) ^ n >> 32
    };
    Key(u128::from(mix(n, 0xbf58_476d_1ce4_e5b9)) << 64 | u128::from(mix(n, 0x9e37_79b9_7f4a_7c15)))
}

/// A number below `most`, in an order that the processor does not foresee.
fn next(state: &mut u64, most: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((u128::from(*state) * u128::from(most)) >> 64) as u64
}

/// Ten million keys, each with something to remember, in a table of so many MiB. Prints what became of them.
#[expect(clippy::print_stderr, reason = "memory is part of what the bench tells")]
fn millions(mib: usize) -> Limiter {
    let before = resident();
    let limiter = Limiter::new(mib << 20);
    for n in 0..MILLIONS {
        limiter.take(&Keyed { key: spread(n), allowance: hundred_an_hour() }, 1, SECOND);
    }
    let (keys, taken, lost) = (limiter.len(), (resident() - before) >> 20, limiter.evictions());
    eprintln!("{keys} keys in {taken} MiB of memory, {lost} evictions");
    limiter
}

fn hundred_an_hour() -> Allowance {
    bucket(100, Duration::from_secs(3_600), 100)
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * 4_096
}

fn take(bencher: Bencher<'_, '_>, limiter: &Limiter, keys: u64, allowance: Allowance, step: u64) {
    let (mut random, mut now) = (1, 2 * SECOND);
    bencher.bench_local(|| {
        now += step;
        let keyed = Keyed { key: spread(next(&mut random, keys)), allowance };
        limiter.take(black_box(&keyed), 1, now)
    });
}

/// What `take` costs beside the limiter: the key and the clock of the bench.
#[divan::bench(sample_size = TAKES)]
fn nothing_but_the_bench(bencher: Bencher<'_, '_>) {
    let (mut random, mut now) = (1, 2 * SECOND);
    bencher.bench_local(|| {
        now += 1_000;
        let key = spread(next(&mut random, MILLIONS));
        black_box((Keyed { key, allowance: per_second(10, 10) }, now))
    });
}

#[divan::bench(args = [1, 1_000, 100_000], sample_size = TAKES)]
fn take_admitted(bencher: Bencher<'_, '_>, keys: u64) {
    take(bencher, &Limiter::new(16 << 20), keys, per_second(1_000_000, 1_000_000), 1_000);
}

#[divan::bench(args = [1, 1_000, 100_000], sample_size = TAKES)]
fn take_refused(bencher: Bencher<'_, '_>, keys: u64) {
    take(bencher, &Limiter::new(16 << 20), keys, bucket(1, Duration::from_secs(86_400), 1), 0);
}

/// The floor under it: one addition somewhere in that much memory.
#[divan::bench(args = [256, 512], sample_size = TAKES)]
fn one_addition_anywhere_in_mib(bencher: Bencher<'_, '_>, mib: usize) {
    let words: Vec<_> = (0..mib << 17).map(|n| AtomicU64::new(n as u64)).collect();
    let mut random = 1;
    bencher.bench_local(|| {
        let key = spread(next(&mut random, MILLIONS)).0 >> 64;
        words[((key * words.len() as u128) >> 64) as usize].fetch_add(1, Relaxed)
    });
}

#[divan::bench(args = [256, 512], sample_size = TAKES)]
fn take_of_ten_million_keys_in_mib(bencher: Bencher<'_, '_>, mib: usize) {
    take(bencher, &millions(mib), MILLIONS, hundred_an_hour(), 1_000);
}

/// Each is new and finds its group full of others that have something to remember.
#[divan::bench(sample_size = TAKES)]
fn take_of_a_flood_of_new_keys(bencher: Bencher<'_, '_>) {
    let limiter = Limiter::new(16 << 20);
    let allowance = bucket(1, Duration::from_secs(3_600), 1);
    let (mut n, mut now) = (0, SECOND);
    while n < 2 * limiter.capacity() {
        limiter.take(&Keyed { key: spread(n), allowance }, 1, now);
        n += 1;
    }
    bencher.bench_local(|| {
        n += 1;
        now += 1_000;
        limiter.take(black_box(&Keyed { key: spread(n), allowance }), 1, now)
    });
}

#[divan::bench(sample_size = TAKES, threads = [1, 2])]
fn take_of_one_key_by_all_workers(bencher: Bencher<'_, '_>) {
    let limiter = Limiter::new(1 << 20);
    let keyed = Keyed { key: spread(1), allowance: per_second(1_000_000, 1_000_000) };
    bencher.bench(|| limiter.take(black_box(&keyed), 1, SECOND));
}

#[divan::bench(args = [1, 100_000], sample_size = TAKES)]
fn quota(bencher: Bencher<'_, '_>, keys: u64) {
    let quotas = Quotas::new(16 << 20);
    let allowance = Allowance::Quota { count: 1 << 39, window: Window::Day };
    let mut random = 1;
    bencher.bench_local(|| {
        let keyed = Keyed { key: spread(next(&mut random, keys)), allowance };
        quotas.take(black_box(&keyed), 1, 1_700_000_000)
    });
}

#[divan::bench(sample_size = TAKES)]
fn key_of_a_policy_and_an_address(bencher: Bencher<'_, '_>) {
    let hasher = Hasher::new([7; 16]);
    bencher.bench_local(|| hasher.key(black_box("per-address"), [black_box(b"2001:db8:1:2".as_slice())]));
}

#[divan::bench(sample_size = TAKES)]
fn gate_in_and_out(bencher: Bencher<'_, '_>) {
    let gates = Arc::new(Gates::new(10_000));
    bencher.bench_local(|| drop(black_box(gates.enter(black_box(key(1)), 10))));
}

#[divan::bench(sample_size = TAKES)]
fn pending_add(bencher: Bencher<'_, '_>) {
    let (pending, mut random) = (Pending::default(), 1);
    bencher.bench_local(|| {
        let key = spread(next(&mut random, 1_000));
        pending.add(black_box(&Keyed { key, allowance: per_second(10, 10) }), 1);
    });
}

#[divan::bench(sample_size = TAKES)]
fn fields_of_two_policies(bencher: Bencher<'_, '_>) {
    let limiter = Limiter::new(1 << 16);
    let keyed = Keyed { key: spread(1), allowance: per_second(100, 200) };
    let decision = limiter.take(&keyed, 1, SECOND);
    let mut out = Vec::with_capacity(256);
    bencher.bench_local(|| {
        out.clear();
        text::state(&mut out, black_box("burst"), black_box(&decision));
        text::state(&mut out, black_box("daily"), black_box(&decision));
    });
}
