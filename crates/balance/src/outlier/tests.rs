//! Rows of answers and what they let suspect; rates and which of them stand out.

use super::Seen::{ConnectFailed, GatewayError, Good, ServerError};
use super::*;

/// What comes of these answers, one after the other.
fn after(seen: &[Seen], limits: &OutlierSettings) -> Vec<Option<Suspicion>> {
    let streaks = Streaks::default();
    seen.iter().map(|&seen| streaks.record(seen, limits)).collect()
}

fn last(seen: &[Seen]) -> Option<Suspicion> {
    let mut all = after(seen, &OutlierSettings::default());
    let last = all.pop().expect("something was seen");
    assert!(all.iter().all(Option::is_none), "{seen:?}: {all:?}");
    last
}

#[test]
fn each_row_is_counted_by_its_own_rule() {
    assert_eq!(last(&[ServerError; 5]), Some(Suspicion::Consecutive5xx));
    assert_eq!(last(&[GatewayError; 5]), Some(Suspicion::ConsecutiveGatewayErrors));
    assert_eq!(last(&[ConnectFailed; 3]), Some(Suspicion::Unreachable));
    let mixed = [ServerError, GatewayError, ServerError, GatewayError, ServerError];
    assert_eq!(last(&mixed), Some(Suspicion::Consecutive5xx));
    let not_reached = [GatewayError, GatewayError, GatewayError, ConnectFailed, ConnectFailed];
    assert_eq!(last(&not_reached), Some(Suspicion::ConsecutiveGatewayErrors));
}

#[test]
fn a_good_answer_breaks_every_row() {
    assert_eq!(last(&[ServerError, ServerError, ServerError, ServerError, Good, ServerError]), None);
    assert_eq!(last(&[ConnectFailed, ConnectFailed, Good, ConnectFailed, ConnectFailed]), None);
}

#[test]
fn an_answer_shows_that_the_endpoint_can_be_reached() {
    assert_eq!(last(&[ConnectFailed, ConnectFailed, GatewayError, ConnectFailed]), None);
    assert_eq!(last(&[ConnectFailed, ConnectFailed, ServerError, ConnectFailed]), None);
}

#[test]
fn an_error_of_its_own_breaks_a_row_of_gateway_errors() {
    let limits = OutlierSettings { consecutive_5xx: 0, ..OutlierSettings::default() };
    let gateway = [GatewayError; 4];
    let seen = [&gateway[..], &[ServerError], &gateway, &[GatewayError]].concat();
    let told = after(&seen, &limits);
    assert_eq!(told.iter().position(Option::is_some), Some(9), "{told:?}");
}

#[test]
fn a_row_begins_anew_once_it_was_reported() {
    let told = after(&[ServerError; 15], &OutlierSettings::default());
    let at: Vec<_> = (0..15).filter(|&i| told[i].is_some()).collect();
    assert_eq!(at, [4, 9, 14]);
}

#[test]
fn a_limit_of_zero_and_detection_that_is_off_suspect_nothing() {
    let never = OutlierSettings {
        consecutive_5xx: 0,
        consecutive_gateway_errors: 0,
        consecutive_connect_failures: 0,
        ..OutlierSettings::default()
    };
    let off = OutlierSettings { enabled: false, ..OutlierSettings::default() };
    for limits in [never, off] {
        for seen in [ServerError, GatewayError, ConnectFailed] {
            assert!(after(&[seen; 100], &limits).iter().all(Option::is_none), "{seen:?}");
        }
    }
}

#[test]
fn a_count_at_its_end_stays_there() {
    let limits = OutlierSettings { consecutive_5xx: u16::MAX, ..OutlierSettings::default() };
    let streaks = Streaks(AtomicU64::new(u64::from(u16::MAX)));
    assert_eq!(streaks.record(ServerError, &limits), Some(Suspicion::Consecutive5xx));
}

#[test]
fn of_many_workers_exactly_one_is_told_of_each_row() {
    let (streaks, limits) = (Streaks::default(), OutlierSettings::default());
    let work = || (0..10_000).filter(|_| streaks.record(GatewayError, &limits).is_some()).count();
    let told: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("it counts")).sum()
    });
    assert_eq!(told, 40_000 / 5);
}

#[test]
fn the_ejection_grows_with_each_time_up_to_its_most() {
    let settings = OutlierSettings::default();
    let seconds = |times| settings.ejection_time(times).as_secs();
    assert_eq!([1, 2, 9, 10, 11, u32::MAX].map(seconds), [30, 60, 270, 300, 300, 300]);
}

#[test]
fn the_share_that_may_be_out_is_rounded_down() {
    let settings = |max_ejection| OutlierSettings { max_ejection, ..OutlierSettings::default() };
    assert_eq!([0, 1, 2, 3, 10].map(|n| settings(50).may_be_out(n)), [0, 0, 1, 1, 5]);
    assert_eq!([1, 9, 10].map(|n| settings(10).may_be_out(n)), [0, 0, 1]);
    assert_eq!([0, 1, 3].map(|n| settings(255).may_be_out(n)), [0, 0, 2], "the last one stays");
}

#[test]
fn a_rate_far_below_the_others_stands_out() {
    let settings = SuccessRateSettings::default();
    let rates = |rates: &[f64]| rates.iter().copied().enumerate().collect::<Vec<_>>();
    assert_eq!(outliers(&rates(&[1.0, 0.5, 1.0, 0.99, 1.0, 1.0]), &settings), [1]);
    // Mean 0.835, deviation 0.369: the limit is 0.134.
    let two_of_twelve = [1.0, 0.02, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    assert_eq!(outliers(&rates(&two_of_twelve), &settings), [3, 1], "the worst first");
    assert!(outliers(&rates(&[1.0, 0.0, 1.0, 1.0]), &settings).is_empty(), "four are too few");
    assert!(outliers(&rates(&[0.2; 8]), &settings).is_empty(), "all fail alike");
    assert!(outliers(&rates(&[0.98, 1.0, 0.99, 0.97, 0.99]), &settings).is_empty(), "noise");
    let all = SuccessRateSettings { min_hosts: 0, ..settings };
    assert!(outliers(&[], &all).is_empty());
}

#[test]
fn leaving_speaks_against_an_endpoint_only_where_it_is_silent_to_all() {
    let left =
        |waited, silence| Seen::left_waiting(Duration::from_millis(waited), Duration::from_millis(silence));
    assert_eq!(left(5_000, 5_000), Some(Seen::GatewayError));
    assert_eq!(left(5_000, 20), None);
    assert_eq!(left(200, 5_000), None);
}
