//! Metrics that are states and not counts: the state of each endpoint, how many instances there are, how full the cache is, the step
//! of overload.
//!
//! They are read where they are when somebody scrapes, so there is nothing to keep in step. *Not here*: what is counted
//! (the room `observe`).

use crate::guarding::Guarding;
use admin::ServiceInstances;
use gateway::Strain;
use std::fmt::Write;
use std::sync::Arc;
use upstream::Service;

/// A gauge of services with instances, and how its value is read.
type Gauge = (&'static str, &'static str, fn(&ServiceInstances) -> u32);

/// Those with one series a service.
const GAUGES: [Gauge; 4] = [
    ("tidegate_instances_wanted", "How many instances are wanted.", |service| service.wanted),
    ("tidegate_instances_min", "Fewest instances that may be wanted now.", |service| service.min),
    ("tidegate_instances_max", "Most instances that may be wanted now.", |service| service.max),
    ("tidegate_held_requests", "Requests that wait until an instance is ready.", |service| service.held),
];

/// Writes them in Prometheus' text format. An endpoint has one series, that of the state it is in.
pub(crate) fn write(
    services: &[Arc<Service>],
    instances: &[ServiceInstances],
    strain: Strain,
    out: &mut String,
) {
    // Writing to a text cannot fail.
    let _ = writeln!(
        out,
        "# HELP tidegate_endpoint_state 1 for the state that the endpoint is in.\n\
         # TYPE tidegate_endpoint_state gauge"
    );
    for service in services {
        for member in &service.members {
            let (name, url) = (escaped(&service.settings.name), escaped(&member.endpoint.label));
            let state = member.endpoint.health.state().as_str();
            let _ = writeln!(
                out,
                "tidegate_endpoint_state{{service=\"{name}\",endpoint=\"{url}\",state=\"{state}\"}} 1"
            );
        }
    }
    write_instances(instances, out);
    let _ = writeln!(
        out,
        "# HELP tidegate_overload_step What is done about overload: 0 nothing, 1 connections end with their answers, \
         2 requests of low priority are refused, 3 no connection is accepted.\n\
         # TYPE tidegate_overload_step gauge\n\
         tidegate_overload_step {}",
        strain as u8
    );
}

/// The tables of limits, the other nodes, and the issuers of tokens. Nothing of what no config has asked for.
pub(crate) fn write_guarding(guarding: &Guarding, out: &mut String) {
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
        write_family(name, kind, help, samples, out);
    };
    if let Some(tables) = guarding.made() {
        let (limiter, quotas) = (&tables.limiter, &tables.quotas);
        let of = |buckets, quotas| {
            [("{table=\"buckets\"}".to_owned(), buckets), ("{table=\"quotas\"}".to_owned(), quotas)]
        };
        let entries = of(limiter.len(), quotas.len());
        family("tidegate_limit_entries", "gauge", "Callers whose requests are counted.", &entries);
        let capacity = of(limiter.capacity(), quotas.capacity());
        family("tidegate_limit_capacity", "gauge", "Callers whose requests can be counted.", &capacity);
        let evictions = of(limiter.evictions(), quotas.evictions());
        let help = "Callers that were forgotten to make room for others.";
        family("tidegate_limit_evictions_total", "counter", help, &evictions);
    }
    if let Some(cluster) = guarding.cluster() {
        let up = [(String::new(), u64::from(cluster.state().up))];
        family("tidegate_cluster_up", "gauge", "1 while the store that the nodes share can be used.", &up);
        let nodes = [(String::new(), cluster.nodes_seen() as u64)];
        family("tidegate_cluster_nodes", "gauge", "Nodes, this one among them, as last seen.", &nodes);
    }
    let issuers = guarding.issuers();
    let keys: Vec<_> = issuers
        .iter()
        .map(|view| (format!("{{issuer=\"{}\"}}", escaped(&view.issuer)), view.keys as u64))
        .collect();
    family("tidegate_issuer_keys", "gauge", "Keys of an issuer of tokens that are known.", &keys);
    let failed: Vec<_> = issuers
        .iter()
        .map(|view| (format!("{{issuer=\"{}\"}}", escaped(&view.issuer)), view.failed))
        .collect();
    family("tidegate_issuer_failures_total", "counter", "Times that an issuer gave no keys.", &failed);
}

/// The memory and the disk of the cache, where there is one.
pub(crate) fn write_cache(memory: &cache::Counts, disk: Option<&disk::Counts>, out: &mut String) {
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
        write_family(name, kind, help, samples, out);
    };
    let tiers = |memory: u64, disk: Option<u64>| {
        let of = |tier: &str, value| (format!("{{tier=\"{tier}\"}}"), value);
        let mut samples = vec![of("memory", memory)];
        samples.extend(disk.map(|value| of("disk", value)));
        samples
    };
    let objects = tiers(memory.objects, disk.map(|disk| disk.objects));
    family("tidegate_cache_objects", "gauge", "Responses that are kept.", &objects);
    let bytes = tiers(memory.bytes, disk.map(|disk| disk.bytes));
    family("tidegate_cache_bytes", "gauge", "Bytes of the responses that are kept.", &bytes);
    let capacity = tiers(memory.capacity, disk.map(|disk| disk.capacity));
    family("tidegate_cache_capacity_bytes", "gauge", "Bytes that may be kept.", &capacity);
    let evictions = tiers(memory.evictions, disk.map(|disk| disk.evictions));
    let help = "Responses that had to go for others.";
    family("tidegate_cache_evictions_total", "counter", help, &evictions);
    let flights = [(String::new(), memory.flights)];
    family("tidegate_cache_flights", "gauge", "Fetches of responses that are under way.", &flights);
    let Some(disk) = disk else { return };
    let refused = [(String::new(), disk.refused)];
    let help = "Responses that the disk did not take: it was too slow, or refused.";
    family("tidegate_cache_disk_refused_total", "counter", help, &refused);
    let damaged = [(String::new(), disk.damaged)];
    let help = "Files that were damaged, and dropped.";
    family("tidegate_cache_disk_damaged_total", "counter", help, &damaged);
}

/// One metric with its samples: labels in their braces, and a value. Nothing where there are none.
fn write_family(name: &str, kind: &str, help: &str, samples: &[(String, u64)], out: &mut String) {
    if samples.is_empty() {
        return;
    }
    // Writing to a text cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(out, "{name}{labels} {value}");
    }
}

/// How many instances there are and are wanted. Nothing where no service has instances.
fn write_instances(services: &[ServiceInstances], out: &mut String) {
    if services.is_empty() {
        return;
    }
    let _ = writeln!(out, "# HELP tidegate_instances Instances by state.\n# TYPE tidegate_instances gauge");
    for service in services {
        let name = escaped(&service.service);
        for (state, count) in
            [("ready", service.ready), ("starting", service.starting), ("draining", service.draining)]
        {
            let _ = writeln!(out, "tidegate_instances{{service=\"{name}\",state=\"{state}\"}} {count}");
        }
    }
    for (gauge, help, read) in GAUGES {
        let _ = writeln!(out, "# HELP {gauge} {help}\n# TYPE {gauge} gauge");
        for service in services {
            let name = escaped(&service.service);
            let _ = writeln!(out, "{gauge}{{service=\"{name}\"}} {}", read(service));
        }
    }
}

/// A label's value, as the format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_leave_its_quotes() {
        assert_eq!(escaped("unix:/a\"b\\c\n"), "unix:/a\\\"b\\\\c\\n");
    }

    #[test]
    fn the_step_of_overload_is_a_number() {
        let mut text = String::new();
        write(&[], &[], Strain::ShedLow, &mut text);
        assert!(text.ends_with("\ntidegate_overload_step 2\n"), "{text}");
        assert!(!text.contains("tidegate_instances"), "nobody has instances: {text}");
    }

    #[test]
    fn the_cache_has_a_series_for_each_tier_that_there_is() {
        let memory =
            cache::Counts { objects: 1, bytes: 2, capacity: 3, evictions: 4, insertions: 5, flights: 6 };
        let disk = disk::Counts {
            objects: 7,
            bytes: 8,
            capacity: 9,
            evictions: 10,
            writes: 11,
            refused: 12,
            damaged: 13,
            is_loaded: true,
        };
        let samples = |disk| {
            let mut text = String::new();
            write_cache(&memory, disk, &mut text);
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
        };
        let both = [
            "tidegate_cache_objects{tier=\"memory\"} 1",
            "tidegate_cache_objects{tier=\"disk\"} 7",
            "tidegate_cache_bytes{tier=\"memory\"} 2",
            "tidegate_cache_bytes{tier=\"disk\"} 8",
            "tidegate_cache_capacity_bytes{tier=\"memory\"} 3",
            "tidegate_cache_capacity_bytes{tier=\"disk\"} 9",
            "tidegate_cache_evictions_total{tier=\"memory\"} 4",
            "tidegate_cache_evictions_total{tier=\"disk\"} 10",
            "tidegate_cache_flights 6",
            "tidegate_cache_disk_refused_total 12",
            "tidegate_cache_disk_damaged_total 13",
        ];
        assert_eq!(samples(Some(&disk)), both);
        let alone: Vec<_> = both.into_iter().filter(|line| !line.contains("disk")).collect();
        assert_eq!(samples(None), alone);
    }

    #[test]
    fn instances_are_counted_by_state_beside_what_is_wanted() {
        let shop = ServiceInstances {
            service: "sh\"op".to_owned(),
            wanted: 5,
            min: 1,
            max: 8,
            ready: 3,
            starting: 2,
            held: 7,
            ..ServiceInstances::default()
        };
        let mut text = String::new();
        write(&[], &[shop], Strain::None, &mut text);
        for line in [
            "tidegate_instances{service=\"sh\\\"op\",state=\"ready\"} 3\n",
            "tidegate_instances{service=\"sh\\\"op\",state=\"starting\"} 2\n",
            "tidegate_instances{service=\"sh\\\"op\",state=\"draining\"} 0\n",
            "tidegate_instances_wanted{service=\"sh\\\"op\"} 5\n",
            "tidegate_instances_max{service=\"sh\\\"op\"} 8\n",
            "tidegate_held_requests{service=\"sh\\\"op\"} 7\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
