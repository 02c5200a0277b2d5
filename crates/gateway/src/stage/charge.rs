//! May this caller come now? Rate limits, quotas, how many at a time.
//!
//! Policies are charged in the order in which they stand. What one of them has admitted stays charged where a later one
//! refuses: a client that hammers against one limit uses up the others as well, as it does everywhere else.
//! Hot path: for each policy one hash, and one compare-and-swap in a table that all workers share.

use crate::facts;
use crate::guard::{By, Concurrency, Cost, Guards, Limit, OnStoreError, Sharing, Tables};
use crate::stop::{Reason, Stop};
use crate::trip::Trip;
use auth::{Caller, Known};
use cluster::{Cluster, StoreDown};
use limit::{Allowance, Decision, Key, Keyed, text};
use message::ResponseHead;
use observe::log::{Level, Throttle};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

static ALONE: Throttle = Throttle::new();

/// Charges what needs nobody's name.
pub(crate) async fn before(trip: &mut Trip) -> Result<(), Stop> {
    let here = Rc::clone(&trip.here);
    let Some((guard, guards)) = trip.guard(&here) else { return Ok(()) };
    for limit in &guard.before {
        charge(trip, limit, guards).await?;
    }
    Ok(())
}

/// Charges the caller: the route's policies, then those of its plan.
pub(crate) async fn after(trip: &mut Trip) -> Result<(), Stop> {
    let here = Rc::clone(&trip.here);
    let Some((guard, guards)) = trip.guard(&here) else { return Ok(()) };
    for limit in &guard.limits {
        charge(trip, limit, guards).await?;
    }
    if let Some(bandwidth) = guard.bandwidth {
        trip.guarded.get_or_insert_default().bandwidth = Some(bandwidth.rate);
    }
    if let Some(concurrency) = &guard.concurrency {
        enter(trip, concurrency, &guards.tables)?;
    }
    let plan = trip.caller().filter(|caller| !caller.plan.is_empty()).map(|caller| &*caller.plan);
    if let Some(plan) = plan.and_then(|name| guards.plans.get(name)) {
        for limit in &plan.limits {
            charge(trip, limit, guards).await?;
        }
        if let Some(concurrency) = &plan.concurrency {
            enter(trip, concurrency, &guards.tables)?;
        }
    }
    Ok(())
}

/// Charges what the answer says that it has cost, and takes that field out of it.
pub(crate) fn settle(trip: &Trip, head: &mut ResponseHead) {
    let Some(guarded) = &trip.guarded else { return };
    let Some(guards) = &trip.here.site.guards else { return };
    for (limit, keyed) in &guarded.late {
        let Cost::Told(name) = &limit.cost else { continue };
        let told = head.fields.all_named(name).next().and_then(|text| std::str::from_utf8(text).ok());
        // One was charged before the request was served.
        let more = told.and_then(|text| text.trim().parse::<u32>().ok()).unwrap_or(1).saturating_sub(1);
        if more > 0 {
            charge_late(trip, limit, keyed, more, &guards.tables);
        }
    }
    for (limit, _) in &guarded.late {
        if let Cost::Told(name) = &limit.cost {
            head.fields.remove_named(name.as_bytes());
        }
    }
}

fn charge_late(trip: &Trip, limit: &Limit, keyed: &Keyed, more: u32, tables: &Tables) {
    match keyed.allowance {
        Allowance::Bucket { .. } => tables.limiter.charge(keyed, more, tables.nanos(trip.arrived)),
        Allowance::Quota { .. } => tables.quotas.charge(keyed, more, trip.desk.unix()),
    }
    if limit.sharing != Sharing::Alone {
        tables.pending.add(keyed, more);
    }
}

/// Charges one policy.
async fn charge(trip: &mut Trip, limit: &Arc<Limit>, guards: &Guards) -> Result<(), Stop> {
    let tables = &*guards.tables;
    if let Some(when) = &limit.when
        && !facts::holds(trip, when)
    {
        return Ok(());
    }
    let key = key(trip, &limit.id, &limit.by, tables);
    let keyed = Keyed { key, allowance: limit.allowance };
    let cost = match limit.cost {
        Cost::Fixed(cost) => cost,
        Cost::Told(_) => 1,
    };
    let (decision, wait) = match decide(trip, limit, &keyed, cost, guards).await {
        Outcome::Decided(decision, wait) => (decision, wait),
        Outcome::Unlimited => return Ok(()),
        Outcome::Unknown => {
            let public = "Limits are counted in a place that cannot be reached.";
            let stop = Stop::new(Reason::LimitsUnavailable, public);
            return Err(stop.retry_after(Duration::from_secs(1)));
        }
    };
    let core = trip.desk.core;
    if limit.shadow {
        if !decision.admitted {
            limit.meters.shadowed.add(core, 1);
        }
        return Ok(());
    }
    let guarded = trip.guarded.get_or_insert_default();
    guarded.decided(limit, decision);
    if !decision.admitted {
        limit.meters.rejected.add(core, 1);
        return Err(over(limit, &decision));
    }
    if matches!(limit.cost, Cost::Told(_)) {
        guarded.late.push((Arc::clone(limit), keyed));
    }
    if !wait.is_zero() {
        limit.meters.queued.add(core, 1);
        Box::pin(tokio::time::sleep(wait)).await;
    }
    Ok(())
}

enum Outcome {
    Decided(Decision, Duration),
    /// Nobody counts, by the operator's choice.
    Unlimited,
    /// Nobody can count, and that is to be no reason to serve.
    Unknown,
}

async fn decide(trip: &Trip, limit: &Limit, keyed: &Keyed, cost: u32, guards: &Guards) -> Outcome {
    let tables = &*guards.tables;
    let Some(cluster) = guards.cluster.as_ref().filter(|_| limit.sharing != Sharing::Alone) else {
        return here(trip, limit, keyed, cost, tables);
    };
    if limit.sharing == Sharing::Exact {
        match Box::pin(patiently(cluster, keyed, cost, limit.patience)).await {
            Ok(decision) => return Outcome::Decided(decision, Duration::ZERO),
            Err(down) => alone(trip, limit, &down.to_string()),
        }
    } else if tables.shared_is_up.load(Ordering::Relaxed) {
        let outcome = here(trip, limit, keyed, cost, tables);
        if let Outcome::Decided(Decision { admitted: true, .. }, _) = outcome {
            tables.pending.add(keyed, cost);
        }
        return outcome;
    } else {
        alone(trip, limit, "the store does not answer");
    }
    match limit.on_store_error {
        OnStoreError::Allow => Outcome::Unlimited,
        OnStoreError::Deny => Outcome::Unknown,
        OnStoreError::Local => {
            let share =
                Keyed { allowance: share(keyed.allowance, tables.nodes.load(Ordering::Relaxed)), ..*keyed };
            here(trip, limit, &share, cost, tables)
        }
    }
}

/// Takes it over all nodes; what is too much comes again when there is room, within that time.
async fn patiently(
    cluster: &Cluster,
    keyed: &Keyed,
    cost: u32,
    patience: Duration,
) -> Result<Decision, StoreDown> {
    let until = tokio::time::Instant::now() + patience;
    loop {
        let decision = cluster.take(keyed, cost).await?;
        let next = tokio::time::Instant::now() + decision.retry_after;
        if decision.admitted || patience.is_zero() || next > until {
            return Ok(decision);
        }
        tokio::time::sleep_until(next).await;
    }
}

fn alone(trip: &Trip, limit: &Limit, why: &str) {
    limit.meters.alone.add(trip.desk.core, 1);
    let name = &limit.name;
    match limit.on_store_error {
        OnStoreError::Local => {
            ALONE.write(Level::Warning, format_args!("limit `{name}` is counted by this node alone: {why}"));
        }
        OnStoreError::Allow => {
            ALONE.write(Level::Warning, format_args!("limit `{name}` holds nobody back now: {why}"));
        }
        OnStoreError::Deny => {
            ALONE.write(Level::Warning, format_args!("limit `{name}` admits nobody now: {why}"));
        }
    }
}

/// Decides by what this node knows.
fn here(trip: &Trip, limit: &Limit, keyed: &Keyed, cost: u32, tables: &Tables) -> Outcome {
    let now = tables.nanos(trip.arrived);
    let (decision, wait) = match keyed.allowance {
        Allowance::Quota { .. } => (tables.quotas.take(keyed, cost, trip.desk.unix()), Duration::ZERO),
        Allowance::Bucket { .. } if limit.patience.is_zero() || limit.shadow => {
            (tables.limiter.take(keyed, cost, now), Duration::ZERO)
        }
        Allowance::Bucket { .. } => tables.limiter.reserve(keyed, cost, now, limit.patience),
    };
    Outcome::Decided(decision, wait)
}

/// One node's part of what is allowed to all of them. At least one request: a limit does not become a ban.
fn share(allowance: Allowance, nodes: usize) -> Allowance {
    let nodes = u32::try_from(nodes.max(1)).unwrap_or(u32::MAX);
    match allowance {
        Allowance::Bucket { mut rate, burst } => {
            rate.per = rate.per.saturating_mul(nodes);
            let burst = NonZeroU32::new(burst.get() / nodes).unwrap_or(NonZeroU32::MIN);
            Allowance::Bucket { rate, burst }
        }
        Allowance::Quota { count, window } => {
            Allowance::Quota { count: (count / u64::from(nodes)).max(1), window }
        }
    }
}

fn over(limit: &Limit, decision: &Decision) -> Stop {
    let seconds = text::retry_after(decision.retry_after);
    let (reason, public) = match limit.allowance {
        Allowance::Bucket { .. } => {
            (Reason::RateLimited, format!("`{}` is used up; come back in {seconds} s.", limit.name))
        }
        Allowance::Quota { .. } => (
            Reason::QuotaExceeded,
            format!("The quota `{}` is used up; it begins anew in {seconds} s.", limit.name),
        ),
    };
    let stop = Stop::new(reason, public).retry_after(decision.retry_after);
    Stop { violated: Some(limit.name.clone()), ..stop }
}

/// Takes a place among those that are served at a time.
fn enter(trip: &mut Trip, concurrency: &Concurrency, tables: &Tables) -> Result<(), Stop> {
    let key = key(trip, &concurrency.id, &concurrency.by, tables);
    if let Some(pass) = tables.gates.enter(key, concurrency.most) {
        trip.guarded.get_or_insert_default().passes.push(pass);
        return Ok(());
    }
    concurrency.meters.rejected.add(trip.desk.core, 1);
    let public = format!("No more than {} requests are served to you at a time.", concurrency.most);
    let stop = Stop::new(Reason::ConcurrencyLimited, public).retry_after(Duration::from_secs(1));
    Err(Stop { violated: Some("concurrency".into()), ..stop })
}

/// Whose bucket it is.
fn key(trip: &Trip, id: &str, by: &[By], tables: &Tables) -> Key {
    let mut address = [0; 8];
    let parts = Parts {
        trip,
        caller: trip.caller().map(Known::as_caller),
        address: client(trip.client, &mut address),
    };
    tables.hasher().key(id, by.iter().flat_map(|by| parts.of(by)))
}

struct Parts<'a> {
    trip: &'a Trip,
    caller: Option<&'a Caller>,
    address: &'a [u8],
}

impl<'a> Parts<'a> {
    /// What stands for the request there, behind a word for what it is: nobody can choose a subject that counts as an
    /// address. Those that have nothing to show share what is left.
    fn of(&self, by: &'a By) -> [&'a [u8]; 2] {
        match by {
            By::Global => [b"global", b""],
            By::Ip => [b"ip", self.address],
            By::Route => [b"route", self.trip.route().map_or(b"", |route| route.name.as_bytes())],
            By::Consumer => self.consumer(),
            By::Credential => match self.caller.and_then(|caller| caller.credential.as_ref()) {
                Some(credential) => [b"credential", credential.as_bytes()],
                None => self.consumer(),
            },
            By::Header(name) => {
                let head = self.trip.head.as_ref();
                [b"header", head.and_then(|head| head.fields.all_named(name).next()).unwrap_or_default()]
            }
            By::Claim(name) => {
                let claims = self.caller.and_then(|caller| caller.claims.as_ref());
                let claim = claims.and_then(|claims| claims.get(&**name)).and_then(|value| value.as_str());
                [b"claim", claim.map_or(b"", str::as_bytes)]
            }
        }
    }

    fn consumer(&self) -> [&'a [u8]; 2] {
        match self.caller {
            Some(caller) if caller.is_own() => [b"consumer", caller.subject.as_bytes()],
            Some(Caller { consumer: Some(consumer), .. }) => [b"consumer", consumer.name.as_bytes()],
            Some(caller) if !caller.subject.is_empty() => [b"subject", caller.subject.as_bytes()],
            _ => [b"ip", self.address],
        }
    }
}

/// The client's address in bytes. Whoever has an IPv6 address has 2^64 of them.
fn client(address: Option<IpAddr>, bytes: &mut [u8; 8]) -> &[u8] {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => {
            bytes[..4].copy_from_slice(&address.octets());
            &bytes[..4]
        }
        Some(IpAddr::V6(address)) => {
            bytes.copy_from_slice(&address.octets()[..8]);
            &bytes[..]
        }
        None => &bytes[..0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limit::{Rate, Window};

    fn bucket(count: u32, burst: u32) -> Allowance {
        let of = |n| NonZeroU32::new(n).unwrap();
        Allowance::Bucket { rate: Rate { count: of(count), per: Duration::from_secs(1) }, burst: of(burst) }
    }

    #[test]
    fn a_node_alone_admits_its_part_and_never_nothing() {
        let Allowance::Bucket { rate, burst } = share(bucket(100, 200), 4) else { panic!("a bucket") };
        assert_eq!((rate.count.get(), rate.per, burst.get()), (100, Duration::from_secs(4), 50));
        let Allowance::Bucket { burst, .. } = share(bucket(100, 3), 4) else { panic!("a bucket") };
        assert_eq!(burst.get(), 1);
        let quota = |count| Allowance::Quota { count, window: Window::Day };
        assert_eq!(share(quota(10), 4), quota(2));
        assert_eq!(share(quota(1), 4), quota(1));
        assert_eq!(share(bucket(5, 5), 0), bucket(5, 5), "a node that has met nobody is one");
    }

    #[test]
    fn an_address_of_version_6_counts_as_its_network_and_one_of_version_4_as_itself() {
        let bytes = |text: &str| {
            let mut bytes = [0; 8];
            client(Some(text.parse().unwrap()), &mut bytes).to_vec()
        };
        assert_eq!(bytes("2001:db8:1:2::1"), bytes("2001:db8:1:2:ffff::9"));
        assert_ne!(bytes("2001:db8:1:2::1"), bytes("2001:db8:1:3::1"));
        assert_ne!(bytes("10.0.0.1"), bytes("10.0.0.2"));
        assert_eq!(bytes("::ffff:10.0.0.1"), bytes("10.0.0.1"));
        assert_eq!(client(None, &mut [0; 8]), b"", "a Unix socket has no address");
    }
}
