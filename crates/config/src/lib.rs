//! The config file: what was typed, checked and explained.
//!
//! `tidegate.yaml` goes through four steps, and the problems of all of them are told together: YAML to a tree that
//! knows its places (`yaml.rs`), `${ENV}` and secrets (`expand.rs`), the tree against the JSON Schema that is
//! generated from the types (`shape.rs`), and what one part says about another (`meaning.rs`). Only a file without
//! errors becomes a [`File`].
//!
//! *Invariant*: any text gives a [`File`] or a [`Report`], in bounded time and memory; no secret stands in an error
//! text or in [`File::redacted`]. *Not here*: the rooms' own settings, which the program makes out of a [`File`]
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
    AccessLog, Action, AdaptiveConcurrency, Admin, Algorithm, ApiKeys, ApiServer, Auth, Backoff, Basic,
    Cache, CacheDisk, CacheKey, CacheQuery, Certificate, ClientAuth, ClientCertificate, Cluster, Concurrency,
    Consumer, Cors, Cost, Deployment, Discovery, Dns, Docker, Driver, Endpoint, Fallback, File, ForwardAuth,
    GrpcStatus, HashOn, HealthCheck, Hedge, Hold, HttpVersion, InstanceLimits, InstanceLog, Instances,
    Introspection, IpRules, Jwt, Keda, Keepalive, KeySource, LbPolicy, Limits, Listener, ListenerTls,
    LogFormat, Login, Match, Mirror, Mtls, Observe, Oidc, OnExceed, OnStoreError, OutlierDetection, Overload,
    Plan, PolicyKind, Precision, Priority, Probe, ProxyProtocol, Queue, RateLimit, Redirect, Redis,
    RedisMode, Respond, Retry, RetryMethods, Rotate, Route, RouteRetry, RouteTimeouts, Scale, ScaleDown,
    ScalePolicy, ScaleUp, ScaleWindow, Scheme, Select, Service, ServiceProtocol, ServiceTls, Session,
    SharedCache, Split, Srv, StaticFiles, Sticky, SuccessRate, Timeouts, TlsVersion, ValueTest, Way, Webhook,
    WorkloadKind, Zero,
};
pub use load::{Loaded, from_url, load, load_with, parse};
pub use path::Path;
pub use reference::reference;
pub use report::{Problem, Report, Severity};
pub use schema::schema;
pub use source::{Source, Span};
pub use value::{
    Account, Address, AdminAddress, ApiKey, ApiUrl, Attempts, Audience, ByteSize, CacheControl, CacheName,
    CacheTime, CacheableStatus, Calendar, CertificateText, Cidr, ClaimName, ClientId, ClusterPrefix,
    CommandWord, ConsumerName, CookieName, CountLimit, DayRange, DayTime, DnsName, EndpointUrl, EngineName,
    EnvName, EnvValue, Expression, Factor, FileExtension, FileName, Fingerprint, GrpcService, HeaderName,
    HeaderValue, HedgeAfter, HostPattern, HostPolicy, HttpUrl, ImageName, InstanceLogPath, InstancePort,
    IssuerName, KeySecret, LimitKey, LogPath, MediaType, Method, Multiple, Nameserver, ObjectName, Origin,
    OwnPath, PasswordHash, PathPattern, Percent, Period, PeriodOrOff, PlanName, PodPort, PolicyName,
    ProbeHost, ProbePath, QueryName, QueryPattern, Rate, Realm, RedirectStatus, RedirectTo, RedisUrl,
    RetryOn, Scope, Secret, SentinelMaster, ServiceName, Share, SizeLimit, Spa, SrvName, StatusRange,
    TagText, TimeZone, Username, Volume, WebhookUrl, Workers, ZoneName,
};
