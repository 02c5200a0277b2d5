//! The config file: what was typed, checked and explained.
//!
//! `tidegate.yaml` goes through four steps, and the problems of all of them are told together: YAML to a tree that
//! knows its places (`yaml.rs`), `${ENV}` and secrets (`expand.rs`), the tree against the JSON Schema that is
//! generated from the types (`shape.rs`), and what one part says about another (`meaning.rs`). Only a file without
//! errors becomes a [`File`].
//!
//! *Invariant*: any text gives a [`File`] or a [`Report`], in bounded time and memory; no secret stands in an error
//! text or in [`File::redacted`]. *Not here*: the rooms' own settings, which the program makes out of a [`File`],
//! and files that the config names (certificates, keys) except secrets and lists of endpoints. *Cost on the hot path*:
//! none.

mod endpoints_file;
mod expand;
mod file;
mod load;
mod meaning;
mod node;
mod path;
mod reference;
mod render;
mod report;
mod schema;
mod shape;
mod source;
mod suggest;
mod text;
mod value;
mod yaml;

pub use endpoints_file::{load_endpoints, parse_endpoints};
pub use expand::Env;
pub use file::{
    AccessLog, Action, AdaptiveConcurrency, Admin, ApiServer, Backoff, Certificate, Deployment, Discovery,
    Dns, Docker, Driver, Endpoint, Fallback, File, GrpcStatus, HashOn, HealthCheck, Hedge, Hold, HttpVersion,
    InstanceLimits, InstanceLog, Instances, Keda, Keepalive, LbPolicy, Limits, Listener, ListenerTls,
    LogFormat, Match, Mirror, Observe, OutlierDetection, Overload, PolicyKind, Priority, Probe,
    ProxyProtocol, Queue, Redirect, Respond, Retry, RetryMethods, Rotate, Route, RouteRetry, RouteTimeouts,
    Scale, ScaleDown, ScalePolicy, ScaleUp, ScaleWindow, Scheme, Select, Service, ServiceProtocol,
    ServiceTls, Split, Srv, Sticky, SuccessRate, Timeouts, TlsVersion, ValueTest, Webhook, WorkloadKind,
    Zero,
};
pub use load::{Loaded, from_url, load, load_with, parse};
pub use path::Path;
pub use reference::reference;
pub use report::{Problem, Report, Severity};
pub use schema::schema;
pub use source::{Source, Span};
pub use value::{
    Account, Address, AdminAddress, ApiUrl, Attempts, ByteSize, Cidr, CommandWord, CookieName, CountLimit,
    DayRange, DayTime, DnsName, EndpointUrl, EngineName, EnvName, EnvValue, Factor, GrpcService, HeaderName,
    HeaderValue, HedgeAfter, HostPattern, HostPolicy, ImageName, InstanceLogPath, InstancePort, LogPath,
    Method, Multiple, Nameserver, ObjectName, PathPattern, Percent, Period, PeriodOrOff, PodPort, ProbeHost,
    ProbePath, QueryName, RedirectStatus, RedirectTo, RetryOn, Secret, ServiceName, Share, SizeLimit,
    SrvName, StatusRange, TimeZone, Volume, WebhookUrl, Workers, ZoneName,
};
