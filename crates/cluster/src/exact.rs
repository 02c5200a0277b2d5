//! `precision: exact`: Redis decides, one script a request, by its own clock.
//!
//! *Cost on the hot path*: a round trip. Many workers' questions share the connection, so the number of requests a second is
//! what Redis can do (tens of thousands), not one by the length of a round trip.

use crate::cluster::Shared;
use crate::known::Use;
use crate::names::word;
use crate::script::numbers;
use crate::state::add;
use crate::trouble::Trouble;
use limit::{Allowance, Decision, Keyed, Rate, Window};
use std::time::Duration;

/// The largest number that a script's doubles count to one by one.
pub(crate) const COUNT_MOST: u64 = 1 << 53;

/// The store cannot be asked now, and the policy decides. Why, is in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shared store cannot be asked now")]
pub struct StoreDown;

/// Microseconds from one to the next.
pub(crate) fn interval(rate: Rate) -> f64 {
    rate.per.as_secs_f64() * 1e6 / f64::from(rate.count.get())
}

/// Takes from the bucket or quota that all nodes share.
pub(crate) async fn take(shared: &Shared, keyed: &Keyed, cost: u32) -> Result<Decision, StoreDown> {
    let decision = match keyed.allowance {
        Allowance::Bucket { rate, burst } => {
            let arguments =
                ["bucket".to_owned(), interval(rate).to_string(), burst.to_string(), cost.to_string()];
            ask(shared, shared.names.bucket(keyed.key), &arguments)
                .await
                .map(|n| decision(&n, burst.get().into()))
        }
        Allowance::Quota { count, window } => take_quota(shared, keyed, count, window, cost).await,
    };
    let counters = &shared.link.counters;
    add(if decision.is_ok() { &counters.taken } else { &counters.failed }, 1);
    decision.map_err(|_| StoreDown)
}

async fn take_quota(
    shared: &Shared,
    keyed: &Keyed,
    count: u64,
    window: Window,
    cost: u32,
) -> Result<Decision, Trouble> {
    let known = shared.known.of(keyed.key, window);
    let arguments = [
        word(window).to_owned(),
        count.min(COUNT_MOST).to_string(),
        cost.to_string(),
        known.start.to_string(),
        known.used.to_string(),
    ];
    let numbers = ask(shared, shared.names.quota(keyed.key, window), &arguments).await?;
    let [.., start, used] = numbers[..] else { return Err(Trouble::Nonsense) };
    shared.learn_quota(keyed.key, window, Use { start: whole(start), used: whole(used) });
    Ok(decision(&numbers, count))
}

async fn ask(shared: &Shared, key: String, arguments: &[String]) -> Result<Vec<i64>, Trouble> {
    numbers(shared.scripts.take.run(&shared.link, &[key], arguments).await?, 4)
}

fn decision(numbers: &[i64], limit: u64) -> Decision {
    Decision {
        admitted: numbers[0] == 1,
        limit,
        remaining: whole(numbers[1]).min(limit),
        reset: Duration::from_micros(whole(numbers[2])),
        retry_after: Duration::from_micros(whole(numbers[3])),
    }
}

/// A number that cannot be negative, whatever the server says.
pub(crate) fn whole(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
