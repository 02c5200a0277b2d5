//! What a route wants of the cache.

use crate::Template;
use message::StatusCode;
use std::time::Duration;

/// What a route wants of the cache.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a response is fresh of which the origin does not say (unless `force`: of every response that may be kept).
    pub ttl: Option<Duration>,
    /// `ttl` goes before what the origin says of freshness, `no-store` and `private` included. The operator's own risk.
    pub force: bool,
    /// How long after that it may be served while a new one is fetched (RFC 5861 section 3), where the origin does not say.
    pub stale_while_revalidate: Option<Duration>,
    /// How long after that it may be served where the origin fails (RFC 5861 section 4), where the origin does not say.
    pub stale_if_error: Option<Duration>,
    /// `ttl` for single statuses, 404 and 410 for instance, where the origin does not say.
    pub statuses: Vec<(StatusCode, Duration)>,
    /// Largest body that is kept, in bytes.
    pub max_object: u64,
    /// How long it is remembered that a response could not be kept, so that the next requests do not wait for each other.
    pub uncacheable: Duration,
    /// Tags of all its responses, beside those that the origin gives.
    pub tags: Vec<Template>,
    /// What belongs to the key.
    pub key: KeySettings,
    /// Each consumer has responses of its own: then answers to identified callers, and to those with cookies, are kept
    /// without the origin's word that they are public.
    pub per_consumer: bool,
    /// Do clients' `no-cache`, `max-age`, `max-stale`, `min-fresh`, `no-store`, `Pragma` count (RFC 9111 section 5.2.1)?
    /// `only-if-cached` always does.
    pub client_control: bool,
    /// The targeted fields that go before `Cache-Control`, the first that is there and valid (RFC 9213 section 2.2). Lower case.
    pub targeted: Vec<Box<str>>,
}

/// What belongs to a key beside the method, the scheme, the host and the path.
#[derive(Clone, Debug, Default)]
pub struct KeySettings {
    /// The route's name: two routes for one URL, told apart by a header for instance, have two responses. Empty: none.
    pub route: Box<str>,
    /// What of the query.
    pub query: QueryRule,
    /// Fields of the request, in lower case.
    pub headers: Vec<Box<str>>,
    /// Cookies.
    pub cookies: Vec<Box<str>>,
    /// The host does not belong to it: all hosts of the route share responses.
    pub any_host: bool,
}

/// What of the query belongs to a key. Parameters are sorted by name, those with one name stay in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum QueryRule {
    /// All parameters.
    #[default]
    All,
    /// As it was sent, not sorted.
    Exact,
    /// Nothing.
    None,
    /// These parameters; `utm_*` stands for all that begin so.
    Only(Vec<Box<str>>),
    /// All but these.
    Except(Vec<Box<str>>),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ttl: None,
            force: false,
            stale_while_revalidate: None,
            stale_if_error: None,
            statuses: Vec::new(),
            max_object: 8 << 20,
            uncacheable: Duration::from_secs(120),
            tags: Vec::new(),
            key: KeySettings::default(),
            per_consumer: false,
            client_control: true,
            targeted: vec!["tidegate-cache-control".into(), "cdn-cache-control".into()],
        }
    }
}
