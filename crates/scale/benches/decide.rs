//! What a sample and a decision cost, for a thousand services: `cargo bench -p scale`.

use base::Moment;
use divan::Bencher;
use scale::{Sample, Scaler, Settings, Targets, Window};
use std::time::{Duration, SystemTime};

const SERVICES: usize = 1_000;

fn main() {
    divan::main();
}

fn sample(at: Duration, service: usize) -> Sample {
    Sample {
        at: Moment::ORIGIN + at,
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_571_200) + at,
        // The instances of all of them, as of one service with a thousand.
        ready: 1_000,
        starting: 0,
        concurrency: Some(9_000.0 + service as f64),
        rps: Some(50_000.0),
        latency_p95: Some(Duration::from_millis(120)),
        cpu: Some(0.6),
        memory: Some(0.5),
        backlog: None,
        database: None,
        start_time: Some(Duration::from_secs(3)),
        crash_loop: false,
    }
}

/// Services with all signals that are measured, a schedule, and a minute of past.
fn services() -> Vec<Scaler> {
    let targets = Targets {
        concurrency: Some(10.0),
        rps: Some(60.0),
        cpu: Some(0.7),
        memory: Some(0.8),
        latency_p95: Some(Duration::from_millis(500)),
        queue: None,
    };
    let window = Window {
        days: [true, true, true, true, true, false, false],
        from: 480,
        to: 1_080,
        time_zone: Some("Europe/Berlin".into()),
        min: Some(4),
        max: None,
    };
    let settings =
        Settings { max: 2_000, targets, schedule: vec![window], forecast: true, ..Settings::default() };
    let scaler = |service| {
        let mut scaler = Scaler::new(settings.clone(), 1_000);
        for tenth in 0..600 {
            scaler.observe(&sample(Duration::from_millis(100) * tenth, service));
        }
        scaler
    };
    (0..SERVICES).map(scaler).collect()
}

/// One sample of each of a thousand services, which is due ten times a second.
#[divan::bench]
fn observe_1000_services(bencher: Bencher<'_, '_>) {
    let mut services = services();
    let mut at = Duration::from_secs(60);
    bencher.bench_local(|| {
        at += Duration::from_millis(100);
        for (service, scaler) in services.iter_mut().enumerate() {
            scaler.observe(&sample(at, service));
        }
    });
}

/// One decision for each of a thousand services, which is due each two seconds.
#[divan::bench]
fn decide_1000_services(bencher: Bencher<'_, '_>) {
    let mut services = services();
    let mut at = Duration::from_secs(60);
    bencher.bench_local(|| {
        at += Duration::from_secs(2);
        for (service, scaler) in services.iter_mut().enumerate() {
            scaler.observe(&sample(at, service));
            divan::black_box(scaler.decide(Moment::ORIGIN + at));
        }
    });
}
