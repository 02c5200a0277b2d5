//! A service of the file -> the settings of the room `upstream`.

use crate::membership::Members;
use balance::{
    CheckSettings, LimiterSettings, LineupSettings, OutlierSettings, PickerSettings, Place as Rank, Policy,
    SuccessRateSettings, Weight,
};
use net::tls::{CertPair, ClientSettings};
use std::time::Duration;
use upstream::{
    BudgetSettings, CheckPlan, Conditions, EndpointSettings, HashOn, Hedge, HostPolicy, Place, ProbeKind,
    ProbeSettings, Protocol, QueueSettings, Retry, Settings, StickySettings, Timeouts,
};

/// What a service is made with, beside its own keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    /// The zone of this node.
    pub(crate) zone: Option<&'a config::ZoneName>,
    /// Endpoints that are not in the file.
    pub(crate) members: &'a Members,
    /// What sticky cookies are signed with, where the file has no secret.
    pub(crate) secret: &'a [u8],
}

/// The settings of one service.
pub(crate) fn settings(name: &str, typed: &config::Service, around: Surroundings<'_>) -> Settings {
    Settings {
        name: name.into(),
        endpoints: around.members.of(name, typed, around.zone),
        picker: PickerSettings {
            policy: policy(typed.lb_policy),
            bounded_load: typed.bounded_load.map(|f| f.get() as f32),
            slow_start: typed.slow_start.get().unwrap_or(Duration::ZERO),
        },
        lineup: LineupSettings {
            panic_threshold: percent(typed.panic_threshold),
            zone_aware: around.zone.is_some(),
        },
        hash_on: match &typed.hash_on {
            config::HashOn::Ip => HashOn::Ip,
            config::HashOn::Path => HashOn::Path,
            config::HashOn::Header(name) => HashOn::Header(name.as_str().into()),
            config::HashOn::Cookie(name) => HashOn::Cookie(name.as_str().into()),
            config::HashOn::Query(name) => HashOn::Query(name.as_str().into()),
        },
        sticky: typed.sticky.as_ref().map(|s| StickySettings {
            cookie: s.cookie.as_str().into(),
            secret: s.secret.as_ref().map_or(around.secret, |secret| secret.reveal().as_bytes()).into(),
            max_age: s.max_age.map(config::Period::get),
        }),
        check: typed.health_check.as_ref().map(|c| check(c, protocol(typed.protocol))),
        outliers: outliers(&typed.outlier_detection),
        retry: retry(&typed.retry),
        hedge: typed.hedge.as_ref().map(hedge),
        queue: QueueSettings { size: typed.queue.size as usize, timeout: typed.queue.timeout.get() },
        hold: super::instances::hold(typed),
        adaptive: typed.adaptive_concurrency.enabled.then(|| LimiterSettings {
            initial: typed.adaptive_concurrency.initial(),
            min: typed.adaptive_concurrency.min,
            max: typed.adaptive_concurrency.max,
            tolerance: typed.adaptive_concurrency.tolerance.get(),
        }),
        timeouts: Timeouts {
            connect: typed.timeouts.connect.get(),
            request: typed.timeouts.request.get(),
            idle: typed.timeouts.idle.get(),
            told: typed.timeouts.send_deadline,
        },
        protocol: protocol(typed.protocol),
        tls: tls(typed),
        host: match &typed.host {
            config::HostPolicy::Preserve => HostPolicy::Preserve,
            config::HostPolicy::Endpoint => HostPolicy::Endpoint,
            config::HostPolicy::Literal(host) => HostPolicy::Fixed(host.as_str().into()),
        },
        max_idle: typed.keepalive.max_idle as usize,
        idle_timeout: typed.keepalive.idle_timeout.get(),
    }
}

fn policy(typed: config::LbPolicy) -> Policy {
    match typed {
        config::LbPolicy::P2cEwma => Policy::P2cEwma,
        config::LbPolicy::LeastRequest => Policy::LeastRequest,
        config::LbPolicy::RoundRobin => Policy::RoundRobin,
        config::LbPolicy::Random => Policy::Random,
        config::LbPolicy::Maglev => Policy::Maglev,
        config::LbPolicy::RingHash => Policy::RingHash,
        config::LbPolicy::First => Policy::First,
    }
}

/// Whole percents, from 0 to 100.
pub(crate) fn percent(typed: config::Percent) -> u8 {
    let whole = (typed.fraction() * 100.0).round();
    (0..=100).find(|n| f64::from(*n) >= whole).unwrap_or(100)
}

fn tls(typed: &config::Service) -> ClientSettings {
    // Addresses that a name was looked up for show the certificate of the name.
    let looked_up = match typed.discovery() {
        config::Discovery::Dns(dns) => Some(dns.host().to_owned()),
        _ => None,
    };
    let tls = &typed.tls;
    ClientSettings {
        ca: tls.ca.clone(),
        identity: tls
            .certificate
            .clone()
            .zip(tls.key.clone())
            .map(|(certificate, key)| CertPair { certificate, key }),
        server_name: tls.server_name.clone().or(looked_up),
        insecure_skip_verify: tls.insecure_skip_verify,
        alpn_h2: false,
    }
}

pub(super) fn protocol(typed: config::ServiceProtocol) -> Protocol {
    match typed {
        config::ServiceProtocol::Http1 => Protocol::Http1,
        config::ServiceProtocol::Http2 => Protocol::Http2,
    }
}

pub(super) fn check(typed: &config::HealthCheck, protocol: Protocol) -> CheckPlan {
    let kind = match &typed.probe {
        config::Probe::Tcp => ProbeKind::Tcp,
        config::Probe::Http { path, host, expect } => ProbeKind::Http {
            path: path.as_str().into(),
            host: host.as_ref().map(|h| h.as_str().into()),
            expect: expect.iter().map(|range| range.first..=range.last).collect(),
        },
        config::Probe::Grpc { service, host } => ProbeKind::Grpc {
            service: service.as_str().into(),
            host: host.as_ref().map(|h| h.as_str().into()),
        },
    };
    CheckPlan {
        probe: ProbeSettings {
            kind,
            interval: typed.interval.get(),
            timeout: typed.timeout.get(),
            port: typed.port,
            protocol,
        },
        limits: CheckSettings { fall: typed.fall.into(), rise: typed.rise.into() },
    }
}

fn outliers(typed: &config::OutlierDetection) -> OutlierSettings {
    let rate = &typed.success_rate;
    OutlierSettings {
        enabled: typed.enabled,
        consecutive_5xx: u16::try_from(typed.consecutive_5xx).unwrap_or(u16::MAX),
        consecutive_gateway_errors: u16::try_from(typed.consecutive_gateway_errors).unwrap_or(u16::MAX),
        interval: typed.interval.get(),
        base_ejection_time: typed.base_ejection_time.get(),
        max_ejection_time: typed.max_ejection_time.get(),
        max_ejection: percent(typed.max_ejection),
        success_rate: SuccessRateSettings {
            // With no number of hosts enough, none are compared.
            min_hosts: if rate.enabled { rate.min_hosts } else { u32::MAX },
            min_requests: rate.min_requests.into(),
            stdev_factor: rate.stdev_factor.get(),
        },
        ..OutlierSettings::default()
    }
}

pub(crate) fn retry(typed: &config::Retry) -> Retry {
    let mut on = Conditions {
        connect: false,
        refused_stream: false,
        reset_before_response: false,
        timeout: false,
        statuses: typed
            .on
            .iter()
            .filter_map(|on| match on {
                config::RetryOn::Status(range) => Some(range.first..=range.last),
                _ => None,
            })
            .flatten()
            .collect(),
        grpc: typed.grpc_on.iter().fold(0, |set, status| set | 1 << status.code()),
    };
    for condition in &typed.on {
        match condition {
            config::RetryOn::Connect => on.connect = true,
            config::RetryOn::RefusedStream => on.refused_stream = true,
            config::RetryOn::ResetBeforeResponse => on.reset_before_response = true,
            config::RetryOn::Timeout => on.timeout = true,
            config::RetryOn::Status(_) => {}
        }
    }
    Retry {
        attempts: typed.attempts.get(),
        on,
        per_try_timeout: typed.per_try_timeout.map(config::Period::get),
        budget: BudgetSettings {
            percent: u32::from(percent(typed.budget)),
            min_per_second: typed.min_per_second,
        },
        backoff: typed.backoff.base.get(),
        backoff_max: typed.backoff.max.get(),
        all_methods: typed.methods == config::RetryMethods::All,
        idempotency_key: typed.idempotency_key,
        body: usize::try_from(typed.body.get()).unwrap_or(usize::MAX),
    }
}

pub(crate) fn hedge(typed: &config::Hedge) -> Hedge {
    match typed.after {
        config::HedgeAfter::Percentile(percentile) => Hedge::Percentile(percentile),
        config::HedgeAfter::Time(after) => Hedge::After(after.get()),
    }
}

/// An endpoint of the file.
pub(crate) fn endpoint(
    typed: &config::Endpoint,
    service: &config::Service,
    zone: Option<&config::ZoneName>,
) -> EndpointSettings {
    EndpointSettings {
        label: typed.url.to_string().into(),
        place: place(&typed.url),
        tls: matches!(typed.url, config::EndpointUrl::Https { .. }),
        server_name: None,
        weight: Weight::new(typed.weight.into()).unwrap_or(Weight::ONE),
        rank: Rank {
            priority: typed.priority,
            backup: typed.backup,
            local_zone: zone.is_some() && typed.zone.as_ref() == zone,
        },
        max_connections: typed.max_connections.or(service.max_connections),
        max_requests: typed.max_requests.or(service.max_requests),
        proven: false,
    }
}

fn place(url: &config::EndpointUrl) -> Place {
    match url {
        config::EndpointUrl::Unix(path) => Place::Unix(path.clone()),
        config::EndpointUrl::Http { host, port } | config::EndpointUrl::Https { host, port } => {
            match host.parse::<std::net::IpAddr>() {
                Ok(ip) => Place::Address((ip, *port).into()),
                Err(_) => Place::Name(host.as_str().into(), *port),
            }
        }
    }
}
