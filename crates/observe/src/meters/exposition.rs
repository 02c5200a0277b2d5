//! Prometheus' text format 0.0.4: families with their help and type, label values escaped, histograms cumulative.
//!
//! A route or an endpoint without a request yet has no duration series: thousands of idle routes then cost a scrape
//! nothing. Where a histogram appears it appears whole.

use super::process::Process;
use super::snapshot::{ReloadTotals, Snapshot};
use base::meters::{BOUNDS_US, Buckets};
use std::fmt::{Display, Write};
use std::time::UNIX_EPOCH;

/// Writes everything. Families stand together, each after its `HELP` and `TYPE`.
pub(super) fn write(all: &Snapshot, process: &Process, out: &mut String) {
    let mut page = Page { out };
    routes(&mut page, all);
    services(&mut page, all);
    endpoints(&mut page, all);
    instances(&mut page, all);
    listeners(&mut page, all);
    guard(&mut page, all);
    cache(&mut page, all);
    page.family("tidegate_stops_total", "counter", "Requests that Tidegate itself ended, by reason.");
    for (reason, count) in &all.stops {
        page.sample("tidegate_stops_total", &labels(&[("reason", reason)]), count);
    }
    reloads(&mut page, &all.reloads);
    page.family("tidegate_upgrades_total", "counter", "Upgrades of the binary, by result.");
    page.sample("tidegate_upgrades_total", "result=\"success\"", all.upgrades.succeeded);
    page.sample("tidegate_upgrades_total", "result=\"failure\"", all.upgrades.failed);
    page.family("tidegate_access_log_dropped_total", "counter", "Access-log lines that were lost.");
    page.sample("tidegate_access_log_dropped_total", "", all.access_log_dropped);
    page.family("tidegate_build_info", "gauge", "Always 1; the version is its label.");
    page.sample("tidegate_build_info", &labels(&[("version", env!("CARGO_PKG_VERSION"))]), 1);
    this_process(&mut page, process);
}

fn routes(page: &mut Page<'_>, all: &Snapshot) {
    const REQUESTS: &str = "tidegate_requests_total";
    const DURATION: &str = "tidegate_request_duration_seconds";
    let of = |r: &super::RouteTotals| labels(&[("route", &r.route), ("service", &r.service)]);
    page.family(REQUESTS, "counter", "Requests that ended, by route, service, method and status.");
    for route in &all.routes {
        let base = of(route);
        for outcome in &route.outcomes {
            let (method, status) = (outcome.method, outcome.status);
            // From one to nine it is a class: what the table of outcomes had no room for.
            let class = if (1..10).contains(&status) { "xx" } else { "" };
            let labels = format!("{base},method=\"{method}\",status=\"{status}{class}\"");
            page.sample(REQUESTS, &labels, outcome.count);
        }
    }
    page.family(DURATION, "histogram", "From the first byte of a request to the last of its response.");
    for route in all.routes.iter().filter(|r| r.took.total() > 0) {
        page.histogram(DURATION, &of(route), &route.took);
    }
    page.family("tidegate_request_bytes_total", "counter", "Bytes of request bodies read from clients.");
    for route in &all.routes {
        page.sample("tidegate_request_bytes_total", &of(route), route.bytes_in);
    }
    page.family("tidegate_response_bytes_total", "counter", "Bytes of response bodies written to clients.");
    for route in &all.routes {
        page.sample("tidegate_response_bytes_total", &of(route), route.bytes_out);
    }
}

fn services(page: &mut Page<'_>, all: &Snapshot) {
    page.family("tidegate_inflight", "gauge", "Requests under way, by service.");
    for service in &all.services {
        page.sample("tidegate_inflight", &labels(&[("service", &service.service)]), service.inflight);
    }
    page.family("tidegate_retries_total", "counter", "Attempts that were made again, by service.");
    for service in &all.services {
        page.sample("tidegate_retries_total", &labels(&[("service", &service.service)]), service.retries);
    }
    let refused = "tidegate_retries_refused_total";
    page.family(
        refused,
        "counter",
        "Attempts that were not made again, since the service's budget was spent.",
    );
    for service in &all.services {
        page.sample(refused, &labels(&[("service", &service.service)]), service.retries_refused);
    }
    page.family("tidegate_hedges_total", "counter", "Second attempts beside one that took long.");
    for service in &all.services {
        page.sample("tidegate_hedges_total", &labels(&[("service", &service.service)]), service.hedges);
    }
    page.family("tidegate_queue_waiting", "gauge", "Requests that wait until an endpoint has room.");
    for service in &all.services {
        page.sample("tidegate_queue_waiting", &labels(&[("service", &service.service)]), service.waiting);
    }
    page.family("tidegate_concurrency_limit", "gauge", "Requests that the service takes at once, as learnt.");
    for (service, limit) in all.services.iter().filter_map(|s| Some((s, s.limit?))) {
        page.sample("tidegate_concurrency_limit", &labels(&[("service", &service.service)]), limit);
    }
}

fn endpoints(page: &mut Page<'_>, all: &Snapshot) {
    const DURATION: &str = "tidegate_upstream_duration_seconds";
    let of = |e: &super::EndpointTotals| labels(&[("service", &e.service), ("endpoint", &e.endpoint)]);
    page.family(DURATION, "histogram", "How long attempts took, by service and endpoint.");
    for endpoint in all.endpoints.iter().filter(|e| e.took.total() > 0) {
        page.histogram(DURATION, &of(endpoint), &endpoint.took);
    }
    page.family("tidegate_endpoint_up", "gauge", "1 while the endpoint takes traffic, else 0.");
    for endpoint in &all.endpoints {
        page.sample("tidegate_endpoint_up", &of(endpoint), u8::from(endpoint.up));
    }
    let changes = "tidegate_endpoint_changes_total";
    page.family(changes, "counter", "Changes of the endpoint's state, by reason.");
    for endpoint in &all.endpoints {
        for (why, count) in &endpoint.changes {
            page.sample(changes, &format!("{},reason=\"{why}\"", of(endpoint)), count);
        }
    }
    page.family("tidegate_upstream_failures_total", "counter", "Attempts at the endpoint that failed.");
    for endpoint in &all.endpoints {
        page.sample("tidegate_upstream_failures_total", &of(endpoint), endpoint.failures);
    }
    page.family("tidegate_upstream_connects_total", "counter", "Connections made to the endpoint.");
    for endpoint in &all.endpoints {
        page.sample("tidegate_upstream_connects_total", &of(endpoint), endpoint.connects);
    }
    let failures = "tidegate_upstream_connect_failures_total";
    page.family(failures, "counter", "Connections to the endpoint that could not be made.");
    for endpoint in &all.endpoints {
        page.sample(failures, &of(endpoint), endpoint.connect_failures);
    }
    page.family(
        "tidegate_upstream_reused_total",
        "counter",
        "Attempts over a connection that was open already.",
    );
    for endpoint in &all.endpoints {
        page.sample("tidegate_upstream_reused_total", &of(endpoint), endpoint.reused);
    }
}

/// Nothing at all where nobody is identified and nothing is limited.
fn guard(page: &mut Page<'_>, all: &Snapshot) {
    const LIMITED: &str = "tidegate_limited_total";
    const CALLERS: &str = "tidegate_callers_total";
    if !all.limits.is_empty() {
        page.family(LIMITED, "counter", "Requests over a limit, by route, policy and what became of them.");
    }
    for limit in &all.limits {
        let base = labels(&[("route", &limit.route), ("policy", &limit.policy)]);
        for (outcome, count) in limit.outcomes {
            page.sample(LIMITED, &format!("{base},outcome=\"{outcome}\""), count);
        }
    }
    if !all.callers.is_empty() {
        page.family(CALLERS, "counter", "Requests whose caller was identified, by way and plan.");
    }
    for caller in &all.callers {
        page.sample(CALLERS, &labels(&[("way", &caller.way), ("plan", &caller.plan)]), caller.requests);
    }
}

/// Nothing at all where no route caches.
fn cache(page: &mut Page<'_>, all: &Snapshot) {
    const REQUESTS: &str = "tidegate_cache_requests_total";
    const REASONS: &str = "tidegate_cache_reasons_total";
    const SERVED: &str = "tidegate_cache_served_bytes_total";
    if all.caches.is_empty() {
        return;
    }
    page.family(REQUESTS, "counter", "Requests of routes that cache, by what became of them.");
    for route in &all.caches {
        let base = labels(&[("route", &route.route)]);
        for (result, count) in route.results {
            page.sample(REQUESTS, &format!("{base},result=\"{result}\""), count);
        }
    }
    page.family(REASONS, "counter", "Why requests went to the origin, or answers were not kept.");
    for route in &all.caches {
        let base = labels(&[("route", &route.route)]);
        for (reason, count) in route.reasons.iter().filter(|(_, count)| *count > 0) {
            page.sample(REASONS, &format!("{base},reason=\"{reason}\""), *count);
        }
    }
    page.family(SERVED, "counter", "Bytes of bodies that came from the cache.");
    for route in &all.caches {
        page.sample(SERVED, &labels(&[("route", &route.route)]), route.bytes);
    }
}

/// Nothing at all where no service has instances that Tidegate launches.
fn instances(page: &mut Page<'_>, all: &Snapshot) {
    const DECISIONS: &str = "tidegate_scale_decisions_total";
    const STARTS: &str = "tidegate_instance_starts_total";
    const START: &str = "tidegate_instance_start_seconds";
    const HELD: &str = "tidegate_held_seconds";
    let of = |i: &super::InstanceTotals| labels(&[("service", &i.service)]);
    if all.instances.is_empty() {
        return;
    }
    page.family(DECISIONS, "counter", "Decisions on how many instances there are, by direction and reason.");
    for service in &all.instances {
        for (direction, reason, count) in &service.decisions {
            let labels = format!("{},direction=\"{direction}\",reason=\"{reason}\"", of(service));
            page.sample(DECISIONS, &labels, count);
        }
    }
    page.family(STARTS, "counter", "Instances that were launched, by what came of it.");
    for service in &all.instances {
        for (result, count) in &service.starts {
            page.sample(STARTS, &format!("{},result=\"{result}\"", of(service)), count);
        }
    }
    page.family(START, "histogram", "From the launch of an instance until it was ready.");
    for service in all.instances.iter().filter(|i| i.start.total() > 0) {
        page.histogram(START, &of(service), &service.start);
    }
    page.family(HELD, "histogram", "How long requests were held until an instance was ready.");
    for service in all.instances.iter().filter(|i| i.held.total() > 0) {
        page.histogram(HELD, &of(service), &service.held);
    }
}

fn listeners(page: &mut Page<'_>, all: &Snapshot) {
    page.family("tidegate_connections", "gauge", "Client connections that are open, by listener.");
    for listener in &all.listeners {
        page.sample("tidegate_connections", &labels(&[("listener", &listener.address)]), listener.open);
    }
    page.family(
        "tidegate_connections_accepted_total",
        "counter",
        "Client connections accepted, by listener.",
    );
    for listener in &all.listeners {
        let labels = labels(&[("listener", &listener.address)]);
        page.sample("tidegate_connections_accepted_total", &labels, listener.accepted);
    }
    page.family(
        "tidegate_connections_refused_total",
        "counter",
        "Client connections refused or cut off, by reason.",
    );
    for listener in &all.listeners {
        for (reason, count) in &listener.refused {
            let labels = labels(&[("listener", &listener.address), ("reason", reason)]);
            page.sample("tidegate_connections_refused_total", &labels, count);
        }
    }
}

fn reloads(page: &mut Page<'_>, reloads: &ReloadTotals) {
    const TIME: &str = "tidegate_config_last_reload_success_timestamp_seconds";
    page.family("tidegate_config_reloads_total", "counter", "Loads of the config, by result.");
    page.sample("tidegate_config_reloads_total", "result=\"success\"", reloads.succeeded);
    page.sample("tidegate_config_reloads_total", "result=\"failure\"", reloads.failed);
    if let Some(at) = reloads.last_success {
        page.family(TIME, "gauge", "When the config in force was loaded, in seconds since 1970.");
        page.sample(TIME, "", at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    }
}

fn this_process(page: &mut Page<'_>, process: &Process) {
    let mut one = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            page.family(name, kind, help);
            page.sample(name, "", value);
        }
    };
    let whole = |n: Option<u64>| n.map(|n| n as f64);
    one("process_cpu_seconds_total", "counter", "User and system CPU time, in seconds.", process.cpu_seconds);
    one("process_resident_memory_bytes", "gauge", "Resident memory, in bytes.", whole(process.resident));
    one("process_virtual_memory_bytes", "gauge", "Address space, in bytes.", whole(process.virtual_memory));
    one("process_open_fds", "gauge", "Open file descriptors.", whole(process.open_fds));
    one("process_max_fds", "gauge", "How many file descriptors may be open.", whole(process.max_fds));
    one("process_threads", "gauge", "Threads of the process.", whole(process.threads));
    one("process_start_time_seconds", "gauge", "Start of the process since 1970.", process.start_time);
}

/// Label pairs as they stand between the braces. Values are escaped as the format says: `\`, `"` and line feed.
fn labels(pairs: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(64);
    for (i, (name, value)) in pairs.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
    }
    out
}

/// The text being written.
struct Page<'a> {
    out: &'a mut String,
}

impl Page<'_> {
    /// Starts a family. `help` holds neither backslashes nor line feeds: it is always one of our own texts.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        self.out.push_str(name);
        if !labels.is_empty() {
            self.out.push('{');
            self.out.push_str(labels);
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }

    fn histogram(&mut self, name: &str, labels: &str, buckets: &Buckets) {
        let mut below = 0;
        for (i, count) in buckets.counts.iter().enumerate() {
            below += count;
            let _ = write!(self.out, "{name}_bucket{{{labels},le=\"");
            let _ = match BOUNDS_US.get(i) {
                Some(&bound) => write!(self.out, "{}", bound as f64 / 1e6),
                None => self.out.write_str("+Inf"),
            };
            let _ = writeln!(self.out, "\"}} {below}");
        }
        let _ = writeln!(self.out, "{name}_sum{{{labels}}} {}", buckets.sum_us as f64 / 1e6);
        let _ = writeln!(self.out, "{name}_count{{{labels}}} {below}");
    }
}
