//! `instances` of a service: processes or containers that Tidegate launches, a workload of a cluster that it scales, or
//! whatever it says how many there should be of.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kubernetes::Deployment;
use super::scale::Scale;
use crate::value::{
    Account, ByteSize, CommandWord, EngineName, EnvName, EnvValue, Factor, ImageName, InstanceLogPath,
    InstancePort, Multiple, Period, Secret, Volume, WebhookUrl, Yes,
};

/// Instances of the API, as many as `scale` says. With `command` (processes) or `image` (containers) Tidegate launches
/// them itself, and they are the service's endpoints. With `deployment` a Kubernetes cluster does, and its pods are the
/// endpoints. With `exec`, `webhook` or `advise` somebody else does, who is told how many there should be; the endpoints
/// then come from `endpoints`, `dns`, `srv` or `endpoints_file`. A bare command stands for `command`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend(
    "x-shorthand" = "command",
    "x-one-of" = ["command", "image", "deployment", "exec", "webhook", "advise"],
    "x-beside" = ["command", "image"]
))]
pub struct Instances {
    /// What is launched for each instance: a line, split into words as a shell would but without one, or the list of
    /// its words. `{port}`, `{socket}`, `{name}` and `{service}` are filled in. Beside `image` these are the arguments of
    /// the container, in place of the image's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true, "x-words" = true))]
    pub command: Vec<CommandWord>,
    /// A workload of a Kubernetes cluster: Tidegate sets its replicas, and its pods are the endpoints. A bare name will do.
    pub deployment: Option<Deployment>,
    /// The image of which each instance is a container: `ghcr.io/acme/shop:1.4`. Docker or Podman runs it; an image that
    /// the engine does not have is fetched.
    pub image: Option<ImageName>,
    /// The port on which the program listens in its container, which is told it as `PORT`. It is published on
    /// 127.0.0.1 only, at a port that the engine chooses. Goes with `image`.
    #[schemars(range(min = 1, max = 65_535), extend("x-default" = "8080"))]
    pub container_port: Option<u16>,
    /// The engine that runs containers, and how they are reached. A bare path stands for `socket`. Goes with `image`.
    #[schemars(extend("x-default" = "the engine of this machine"))]
    pub docker: Option<Docker>,
    /// More environment variables, in which the same is filled in. `PORT` (or `SOCKET`) and
    /// `TIDEGATE_INSTANCE` are set in any case.
    #[schemars(extend("x-keys" = "variable"))]
    pub env: BTreeMap<EnvName, EnvValue>,
    /// The working directory.
    #[schemars(extend("x-default" = "Tidegate's"))]
    pub cwd: Option<PathBuf>,
    /// The user to run as, by name or number. It takes root to become another one.
    #[schemars(extend("x-default" = "Tidegate's"))]
    pub user: Option<Account>,
    /// The group to run as, by name or number.
    #[schemars(extend("x-default" = "the main group of `user`"))]
    pub group: Option<Account>,
    /// Where an instance listens: `auto` (a free port of 127.0.0.1), `socket` (a Unix socket, which costs less), or the
    /// port of the first instance, so that the second has the next one, and so on.
    pub port: InstancePort,
    /// How many instances there are. A bare number is as many, always.
    pub scale: Scale,
    /// How long an instance may take until it is ready.
    pub start_timeout: Period,
    /// How long an instance may take to end behind SIGTERM, until SIGKILL ends it.
    pub stop_timeout: Period,
    /// How long requests under way may take to end before an instance that is not wanted any more is told to end.
    pub drain_timeout: Period,
    /// An instance that ends sooner counts as one that could not start: the next one waits longer.
    pub min_uptime: Period,
    /// Memory of an instance, its child processes too, above which another one takes its place.
    #[schemars(extend("x-min" = 1_048_576))]
    pub max_memory: Option<ByteSize>,
    /// Cores that one instance can make use of; what `cpu` of `scale` is a part of.
    #[schemars(extend("x-min" = 10, "x-max" = 1_024_000))]
    pub cpus: Factor,
    /// Requests that wait while no instance is ready. A bare number stands for `size`.
    pub hold: Hold,
    /// What an instance may use at most.
    pub limits: InstanceLimits,
    /// What becomes of the output of instances: `inherit`, `off`, or a mapping with `path`.
    pub log: InstanceLog,
    /// Files and directories: when something in them changes, instances are replaced, one after the other. One or a
    /// list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-one-or-list" = true))]
    pub watch: Vec<PathBuf>,
    /// A command that is run each time another number of instances is wanted, with the number as JSON on its standard
    /// input. Typed like `command`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), extend("x-one-or-list" = true, "x-words" = true))]
    pub exec: Vec<CommandWord>,
    /// A URL that gets a POST with JSON each time another number of instances is wanted. A bare URL will do.
    pub webhook: Option<Webhook>,
    /// `true`: the number is only shown, in the admin API and in metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    advise: Option<Yes>,
}

/// Who launches instances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Driver<'i> {
    /// Tidegate, with this command; never empty.
    Process(&'i [CommandWord]),
    /// Tidegate, as containers of this image.
    Container(&'i ImageName),
    /// A Kubernetes cluster, whose workload this is.
    Kubernetes(&'i Deployment),
    /// This command, told how many there should be; never empty.
    Exec(&'i [CommandWord]),
    /// Who gets the POST.
    Webhook(&'i Webhook),
    /// Whoever reads the advice.
    Advise,
}

impl Instances {
    /// `start_timeout`, where the file does not say.
    const START: Period = Period::seconds(30);

    /// Who launches the instances.
    pub fn driver(&self) -> Driver<'_> {
        if let Some(image) = &self.image {
            return Driver::Container(image);
        }
        if let Some(deployment) = &self.deployment {
            return Driver::Kubernetes(deployment);
        }
        match (self.command.as_slice(), self.exec.as_slice(), &self.webhook) {
            (command @ [_, ..], _, _) => Driver::Process(command),
            ([], command @ [_, ..], _) => Driver::Exec(command),
            ([], [], Some(webhook)) => Driver::Webhook(webhook),
            ([], [], None) => Driver::Advise,
        }
    }

    /// Does Tidegate launch them itself?
    pub fn is_launched(&self) -> bool {
        matches!(self.driver(), Driver::Process(_) | Driver::Container(_))
    }

    /// Whether its instances are the endpoints of the service, so that no other source of endpoints is needed.
    pub fn are_endpoints(&self) -> bool {
        self.is_launched() || matches!(self.driver(), Driver::Kubernetes(_))
    }

    /// Where the program listens in a container.
    pub fn container_port(&self) -> u16 {
        self.container_port.unwrap_or(8080)
    }

    /// Bytes of memory that `memory` of `scale` is a part of.
    pub fn memory(&self) -> Option<ByteSize> {
        self.max_memory.or(self.limits.memory)
    }
}

impl Default for Instances {
    /// Every default, and nothing to launch yet.
    fn default() -> Self {
        Self {
            command: Vec::new(),
            deployment: None,
            image: None,
            container_port: None,
            docker: None,
            env: BTreeMap::new(),
            cwd: None,
            user: None,
            group: None,
            port: InstancePort::Auto,
            scale: Scale::default(),
            start_timeout: Self::START,
            stop_timeout: Period::seconds(10),
            drain_timeout: Period::seconds(30),
            min_uptime: Period::seconds(1),
            max_memory: None,
            cpus: Factor::thousandths(1_000),
            hold: Hold::default(),
            limits: InstanceLimits::default(),
            log: InstanceLog::default(),
            watch: Vec::new(),
            exec: Vec::new(),
            webhook: None,
            advise: None,
        }
    }
}

/// The engine that runs containers. A bare path stands for `socket`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "socket"))]
pub struct Docker {
    /// The socket of the engine. Whoever may write to it is root on the machine.
    #[schemars(extend("x-default" = "`DOCKER_HOST`, else that of Docker or Podman"))]
    pub socket: Option<PathBuf>,
    /// Whose the containers are: their names begin with it, and a label says so. Tidegates that use one engine need
    /// different ones, or they take each other's containers for their own.
    pub owner: EngineName,
    /// The network of the engine in which containers are reached at their own addresses. For a Tidegate that is in a
    /// container of that network itself.
    #[schemars(extend("x-default" = "none: at a port of 127.0.0.1"))]
    pub network: Option<EngineName>,
    /// What is mounted in containers: `/srv/data:/data`, `/etc/shop:/etc/shop:ro`, or a volume of the engine,
    /// `shop-data:/data`. One or a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-one-or-list" = true))]
    pub volumes: Vec<Volume>,
}

impl Default for Docker {
    fn default() -> Self {
        Self { socket: None, owner: EngineName::tidegate(), network: None, volumes: Vec::new() }
    }
}

/// Requests that wait while no instance is ready: while the first one starts, and while all are replaced. Who waits
/// longer than `timeout`, or finds it full, is answered 503 with `Retry-After`. A bare number stands for `size`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "size"))]
pub struct Hold {
    /// Requests that may wait; with 0 none does.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub size: u32,
    /// How long a request may wait.
    pub timeout: Period,
}

impl Default for Hold {
    fn default() -> Self {
        Self { size: 10_000, timeout: Period::seconds(30) }
    }
}

/// What an instance may use at most. What is absent is as it is for Tidegate itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InstanceLimits {
    /// Files and connections that a process may have open.
    #[schemars(range(min = 16, max = 1_073_741_816))]
    pub files: Option<u32>,
    /// Processes and threads of the user that the instance runs as, of all instances together.
    #[schemars(range(min = 1, max = 4_194_304))]
    pub processes: Option<u32>,
    /// How willing it is to let others go first, 19 the most. Below 0 takes root.
    #[schemars(range(min = -20, max = 19))]
    pub nice: Option<i8>,
    /// Time of the cores: `200%` are two of them. It takes a cgroup that Tidegate may write to.
    #[schemars(extend("x-min" = 10_000, "x-max" = 1_024_000_000))]
    pub cpu: Option<Multiple>,
    /// Memory, its child processes too; what is above it is killed by the kernel. It takes a cgroup that Tidegate may
    /// write to.
    #[schemars(extend("x-min" = 1_048_576))]
    pub memory: Option<ByteSize>,
}

/// What becomes of what instances write to their standard output and error. A bare word stands for `path`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "path"))]
pub struct InstanceLog {
    /// `inherit` (Tidegate's standard error, each line behind the name of its instance), `off`, or a file for each
    /// instance, `logs/{name}.log`. `{name}` and `{service}` are filled in.
    pub path: InstanceLogPath,
    /// A log file that grew to this size is put aside.
    #[schemars(extend("x-min" = 4096))]
    pub max_size: ByteSize,
    /// Log files put aside that are kept, of each instance.
    #[schemars(range(min = 0, max = 1_000))]
    pub keep: u32,
    /// Lines a second of each instance; what is above it is dropped, and counted in the log.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub lines_per_second: u32,
}

impl Default for InstanceLog {
    fn default() -> Self {
        Self {
            path: InstanceLogPath::Inherit,
            max_size: ByteSize::bytes(10 << 20),
            keep: 3,
            lines_per_second: 1_000,
        }
    }
}

/// Who is told by HTTP how many instances are wanted. A bare URL stands for `url`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "url"))]
pub struct Webhook {
    /// `http://` or `https://`, with a path.
    pub url: WebhookUrl,
    /// What is sent as `Authorization: Bearer`. A secret: `${ENV}` or `file:/path`.
    pub token: Option<Secret>,
}
