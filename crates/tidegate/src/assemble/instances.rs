//! `instances` of a service: the file's words -> the settings of the rooms `instances` and `scale`, and what those know ->
//! the views of the room `admin`.

use super::cluster::{Cluster, cluster};
use super::service::check;
use admin::{DecisionView, InstanceView, LimitView, ProposalView, ServiceInstances};
use balance::Weight;
use instances::{Container, FleetSettings, FleetView, Limits, Listen, LogSettings, Member, Program};
use scale::{Behavior, Decision, Direction, Policy, PolicyKind, Select, Targets, Window};
use std::time::Duration;
use upstream::{EndpointSettings, ProbeKind, ProbeSettings, Protocol, QueueSettings};

/// How long one question takes at most that asks a starting instance whether it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// How the instances of one service are kept, and how many there are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// Who launches them.
    pub(crate) driver: Driver,
    /// How many there are.
    pub(crate) scale: scale::Settings,
    /// What is decided is told, and not done.
    pub(crate) dry_run: bool,
}

/// Who launches instances.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Driver {
    /// Tidegate.
    Fleet(Box<FleetSettings>),
    /// A Kubernetes cluster.
    Kubernetes(Box<Cluster>),
    /// This command, told how many there should be.
    Exec(Vec<String>),
    /// Whoever gets the POST.
    Webhook(config::Webhook),
    /// Whoever reads the advice.
    Advise,
}

impl Driver {
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Fleet(settings) if settings.container.is_some() => "docker",
            Self::Fleet(_) => "process",
            Self::Kubernetes(_) => "kubernetes",
            Self::Exec(_) => "exec",
            Self::Webhook(_) => "webhook",
            Self::Advise => "advise",
        }
    }
}

/// The plan of a service that has instances.
pub(crate) fn plan(name: &str, typed: &config::Service, zone: Option<&config::ZoneName>) -> Option<Plan> {
    let instances = typed.instances.as_ref()?;
    let words = |words: &[config::CommandWord]| words.iter().map(|w| w.as_str().to_owned()).collect();
    let dry_run = instances.scale.dry_run;
    let driver = match instances.driver() {
        config::Driver::Process(_) | config::Driver::Container(_) => {
            Driver::Fleet(Box::new(fleet(name, typed, instances, words(&instances.command))))
        }
        config::Driver::Kubernetes(workload) => {
            Driver::Kubernetes(Box::new(cluster(workload, typed, zone, dry_run)))
        }
        config::Driver::Exec(command) => Driver::Exec(words(command)),
        config::Driver::Webhook(webhook) => Driver::Webhook(webhook.clone()),
        config::Driver::Advise => Driver::Advise,
    };
    let mut scale = scale(&instances.scale);
    if !matches!(driver, Driver::Fleet(_)) {
        // How many start at a time is for whoever starts them. What they are told is how many are wanted in the end.
        scale.surge = f64::from(scale.max);
    }
    Some(Plan { driver, scale, dry_run })
}

/// Who may wait while instances start. Only those that Tidegate launches, or has launched, are known to come.
pub(crate) fn hold(typed: &config::Service) -> Option<QueueSettings> {
    let instances = typed.instances.as_ref()?;
    let comes = !matches!(instances.driver(), config::Driver::Advise);
    let hold = &instances.hold;
    comes.then(|| QueueSettings { size: hold.size as usize, timeout: hold.timeout.get() })
}

/// An instance as an endpoint of its service.
pub(crate) fn endpoint(member: &Member, typed: &config::Service) -> EndpointSettings {
    EndpointSettings {
        label: member.name.clone(),
        place: member.place.clone(),
        tls: false,
        server_name: None,
        weight: Weight::ONE,
        rank: balance::Place::default(),
        max_connections: typed.max_connections,
        max_requests: typed.max_requests,
        // It was asked just now, in the same words.
        proven: true,
    }
}

fn fleet(
    name: &str,
    typed: &config::Service,
    instances: &config::Instances,
    command: Vec<String>,
) -> FleetSettings {
    let protocol = super::service::protocol(typed.protocol);
    let limits = &instances.limits;
    let ready = typed.health_check.as_ref().map(|c| check(c, protocol).probe);
    FleetSettings {
        service: name.into(),
        program: Program {
            command,
            env: instances
                .env
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.reveal().into()))
                .collect(),
            cwd: instances.cwd.clone(),
            user: instances.user.as_ref().map(|user| user.as_str().into()),
            group: instances.group.as_ref().map(|group| group.as_str().into()),
            nice: limits.nice,
            limits: Limits {
                files: limits.files.map(u64::from),
                processes: limits.processes.map(u64::from),
                memory: limits.memory.map(config::ByteSize::get),
                cpu: limits.cpu.map(config::Multiple::get),
            },
        },
        container: instances.image.as_ref().map(|image| container(image, instances)),
        listen: match instances.port {
            config::InstancePort::Auto => Listen::Auto,
            config::InstancePort::Socket => Listen::Socket,
            config::InstancePort::First(port) => Listen::Port(port),
        },
        ready: ready.unwrap_or_else(|| connecting(protocol)),
        start_timeout: instances.start_timeout.get(),
        stop_timeout: instances.stop_timeout.get(),
        drain_timeout: instances.drain_timeout.get(),
        max_memory: instances.memory().map(config::ByteSize::get),
        cpus: instances.cpus.get(),
        log: match &instances.log.path {
            config::InstanceLogPath::Inherit => LogSettings::Inherit,
            config::InstanceLogPath::Off => LogSettings::Off,
            config::InstanceLogPath::File(path) => LogSettings::File {
                path: path.clone(),
                max_size: instances.log.max_size.get(),
                keep: instances.log.keep,
            },
        },
        lines_per_second: instances.log.lines_per_second,
        watch: instances.watch.clone(),
        min_uptime: instances.min_uptime.get(),
        surge: 1,
    }
}

fn container(image: &config::ImageName, instances: &config::Instances) -> Container {
    let docker = instances.docker.clone().unwrap_or_default();
    Container {
        image: image.as_str().into(),
        port: instances.container_port(),
        socket: docker.socket,
        owner: docker.owner.as_str().into(),
        network: docker.network.map(|network| network.as_str().into()),
        volumes: docker.volumes.iter().map(|volume| volume.as_str().into()).collect(),
    }
}

/// Ready as soon as it takes connections.
fn connecting(protocol: Protocol) -> ProbeSettings {
    let kind = ProbeKind::Tcp;
    ProbeSettings { kind, interval: Duration::ZERO, timeout: READY_TIMEOUT, port: None, protocol }
}

fn scale(typed: &config::Scale) -> scale::Settings {
    scale::Settings {
        min: typed.min(),
        max: typed.max(),
        targets: Targets {
            concurrency: typed.concurrency.map(config::Factor::get),
            rps: typed.rps.map(config::Factor::get),
            cpu: typed.cpu.map(config::Percent::fraction),
            memory: typed.memory.map(config::Percent::fraction),
            latency_p95: typed.latency_p95.map(config::Period::get),
            queue: typed.queue_seconds.map(config::Period::get),
        },
        tolerance: typed.tolerance.fraction(),
        tick: typed.tick.get(),
        stable_window: typed.stable_window.get(),
        panic_window: typed.panic_window.get(),
        panic_threshold: typed.panic_threshold.get(),
        up: behavior(typed.up.stabilization_window, &typed.up.policies, typed.up.select),
        down: behavior(typed.down.stabilization_window, &typed.down.policies, typed.down.select),
        zero_after: typed.zero.as_ref().map(|zero| zero.after.get()),
        schedule: typed.schedule.iter().map(window).collect(),
        forecast: typed.forecast,
        ..scale::Settings::default()
    }
}

fn behavior(
    stabilization: config::PeriodOrOff,
    policies: &[config::ScalePolicy],
    select: config::Select,
) -> Behavior {
    let policy = |typed: &config::ScalePolicy| Policy {
        kind: match typed.kind {
            config::PolicyKind::Instances => PolicyKind::Instances,
            config::PolicyKind::Percent => PolicyKind::Percent,
        },
        value: typed.value,
        period: typed.period.get(),
    };
    Behavior {
        stabilization_window: stabilization.get().unwrap_or(Duration::ZERO),
        policies: policies.iter().map(policy).collect(),
        select: match select {
            config::Select::Max => Select::Max,
            config::Select::Min => Select::Min,
            config::Select::Disabled => Select::Disabled,
        },
    }
}

fn window(typed: &config::ScaleWindow) -> Window {
    Window {
        days: typed.days(),
        from: typed.from.minutes(),
        to: typed.to.minutes(),
        time_zone: typed.time_zone.as_ref().map(|zone| zone.as_str().into()),
        min: typed.min,
        max: typed.max,
    }
}

/// What is measured of a service, for people.
pub(crate) struct Seen<'a> {
    pub(crate) wanted: u32,
    pub(crate) held: u32,
    pub(crate) concurrency: Option<f64>,
    pub(crate) in_flight: &'a dyn Fn(&str) -> u32,
}

/// A service with its instances, for people. Its last decision is added by whoever keeps those.
pub(crate) fn view(name: &str, plan: &Plan, fleet: &FleetView, seen: &Seen<'_>) -> ServiceInstances {
    let one = |instance: &instances::InstanceView| InstanceView {
        name: instance.name.to_string(),
        state: instance.state.as_str(),
        place: instance.place.clone(),
        pid: instance.pid,
        revision: instance.revision.clone(),
        since: instance.since,
        ready_after_seconds: instance.ready_after.map(|took| took.as_secs_f64()),
        in_flight: (seen.in_flight)(&instance.name),
        cpu: instance.cpu,
        memory: instance.memory,
        restarts: instance.restarts,
        last_words: instance.last_words.clone(),
    };
    ServiceInstances {
        service: name.into(),
        driver: plan.driver.as_str(),
        wanted: seen.wanted,
        min: plan.scale.min,
        max: plan.scale.max,
        ready: fleet.ready,
        starting: fleet.starting,
        draining: fleet.draining,
        dry_run: plan.dry_run,
        held: seen.held,
        concurrency: seen.concurrency,
        target: plan.scale.targets.concurrency,
        crash_loop: fleet.crash_loop.clone(),
        rollout: fleet.rollout.clone(),
        start_seconds: fleet.start_time.map(|took| took.as_secs_f64()),
        instances: fleet.instances.iter().map(one).collect(),
        last: None,
    }
}

/// A decision, for people.
pub(crate) fn decision(decision: &Decision) -> DecisionView {
    DecisionView {
        at: decision.wall,
        ready: decision.ready,
        starting: decision.starting,
        from: decision.from,
        to: decision.to,
        direction: direction(decision),
        reason: decision.reason.as_str(),
        text: decision.text(),
        proposals: decision
            .proposals
            .iter()
            .map(|p| ProposalView {
                signal: p.signal.as_str(),
                stable: p.stable,
                panic: p.panic,
                target: p.target,
                wants: p.wants,
            })
            .collect(),
        limits: decision
            .limits
            .iter()
            .map(|l| LimitView { reason: l.reason.as_str(), from: l.from, to: l.to })
            .collect(),
        panicking: decision.panicking,
        repeated: 1,
    }
}

/// As metrics write it.
pub(crate) fn direction(decision: &Decision) -> &'static str {
    match decision.direction() {
        Direction::Up => "up",
        Direction::Down => "down",
        Direction::Stay => "stay",
    }
}
