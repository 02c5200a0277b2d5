//! Values that are typed as one word and mean more: durations, sizes, addresses, URLs, names.
//!
//! Each is a [`Typed`]: it reads itself from text, says what it expects, and shows itself as text that reads back.
//! The schema carries only the name of its format; the check of the file finds the reader by that name in
//! [`FORMATS`], so all of them are checked at once and before any type is built.

mod amount;
mod attempt;
mod caching;
mod calendar;
mod credential;
mod discovery;
mod engine;
mod expression;
mod http;
mod http_url;
mod identity;
mod kubernetes;
mod launch;
mod limit;
mod log;
mod name;
mod net;
mod number;
mod origin;
mod placeholder;
mod probe;
mod rate;
mod redis;
mod secret;
mod static_file;
mod status;
mod url;
mod webhook;
mod word;

pub use amount::{ByteSize, CountLimit, Period, PeriodOrOff, SizeLimit, Workers};
pub use attempt::{Attempts, HedgeAfter, RetryOn};
pub use caching::{CacheName, CacheTime, CacheableStatus, QueryPattern, TagText};
pub use calendar::{DayRange, DayTime, TimeZone};
pub use credential::{ApiKey, CertificateText, Fingerprint, PasswordHash};
pub use discovery::{DnsName, Nameserver, SrvName};
pub use engine::{EngineName, ImageName, Volume};
pub use expression::Expression;
pub use http::{
    HeaderName, HeaderValue, HostPattern, HostPolicy, Method, PathPattern, RedirectStatus, RedirectTo,
    ServiceName,
};
pub(crate) use http::{any_path, header_value};
pub use http_url::HttpUrl;
pub(crate) use identity::own;
pub use identity::{
    Audience, ClaimName, ClientId, ConsumerName, IssuerName, OwnPath, Realm, Scope, Username,
};
pub use kubernetes::{ApiUrl, ObjectName, PodPort};
pub use launch::{Account, CommandWord, EnvName, EnvValue, InstanceLogPath, InstancePort};
pub(crate) use limit::CostWord;
pub use limit::{LimitKey, PlanName, PolicyName};
pub use log::LogPath;
pub use name::{CookieName, QueryName, ZoneName};
pub use net::{Address, AdminAddress, Cidr};
pub use number::{Factor, Multiple, Percent, Share};
pub use origin::Origin;
pub(crate) use placeholder::{OF_A_COMMAND, meant, placeholders};
pub(crate) use probe::Yes;
pub use probe::{GrpcService, ProbeHost, ProbePath};
pub use rate::{Calendar, Rate};
pub use redis::{ClusterPrefix, RedisUrl, SentinelMaster};
pub use secret::{KeySecret, Secret};
pub use static_file::{CacheControl, FileExtension, FileName, MediaType, Spa};
pub use status::StatusRange;
pub use url::EndpointUrl;
pub use webhook::WebhookUrl;
use word::word;

/// Why a text was refused: a reason beyond what is expected, and a better text, where there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) reason: Option<String>,
    pub(crate) hint: Option<String>,
}

impl Bad {
    /// Refused for no other reason than not being what is expected.
    pub(crate) fn plain() -> Self {
        Self::default()
    }

    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), hint: None }
    }

    pub(crate) fn mean(better: impl std::fmt::Display) -> Self {
        Self::plain().or_mean(better)
    }

    pub(crate) fn or_mean(self, better: impl std::fmt::Display) -> Self {
        Self { hint: Some(format!("did you mean `{better}`?")), ..self }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// A value that is typed as one word.
pub(crate) trait Typed: Sized + std::fmt::Display {
    /// The name in the schema's `x-format`.
    const FORMAT: &'static str;
    /// What errors say was expected.
    const EXPECTED: &'static str;
    /// The JSON types that editors should let pass.
    const TYPES: &'static [&'static str] = &["string"];
    /// Whether it is a secret: `file:/path` stands for it, and no error shows it.
    const SECRET: bool = false;
    /// What errors call it when it is out of the schema's bounds.
    const NOUN: &'static str = "a value";

    /// Reads it from what was typed.
    fn read(text: &str) -> Result<Self, Bad>;

    /// The number that `x-min` and `x-max` of the schema are compared with: bytes, milliseconds, a count.
    fn measure(&self) -> Option<u64> {
        None
    }

    /// A measure as it would be typed.
    fn show(measure: u64) -> String {
        measure.to_string()
    }
}

/// One entry of the table of formats.
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) expected: &'static str,
    /// `file:/path` stands for it, and no error shows it.
    pub(crate) secret: bool,
    /// Checks a text; gives its measure where it has one.
    pub(crate) check: fn(&str) -> Result<Option<u64>, Bad>,
    /// What a value is called, and a measure shown, when it is out of bounds.
    pub(crate) noun: &'static str,
    pub(crate) show: fn(u64) -> String,
}

const fn format<T: Typed>() -> Format {
    Format {
        name: T::FORMAT,
        expected: T::EXPECTED,
        secret: T::SECRET,
        check: |text| T::read(text).map(|value| value.measure()),
        noun: T::NOUN,
        show: T::show,
    }
}

/// Every format of the schema.
pub(crate) const FORMATS: &[Format] = &[
    format::<ByteSize>(),
    format::<ImageName>(),
    format::<EngineName>(),
    format::<Volume>(),
    format::<SizeLimit>(),
    format::<CountLimit>(),
    format::<Period>(),
    format::<PeriodOrOff>(),
    format::<Percent>(),
    format::<Multiple>(),
    format::<Factor>(),
    format::<Share>(),
    format::<Workers>(),
    format::<Address>(),
    format::<AdminAddress>(),
    format::<Cidr>(),
    format::<EndpointUrl>(),
    format::<HeaderName>(),
    format::<HeaderValue>(),
    format::<HostPattern>(),
    format::<HostPolicy>(),
    format::<Method>(),
    format::<PathPattern>(),
    format::<RedirectStatus>(),
    format::<RedirectTo>(),
    format::<ServiceName>(),
    format::<ZoneName>(),
    format::<CookieName>(),
    format::<QueryName>(),
    format::<DnsName>(),
    format::<SrvName>(),
    format::<Nameserver>(),
    format::<ProbePath>(),
    format::<ProbeHost>(),
    format::<GrpcService>(),
    format::<Yes>(),
    format::<StatusRange>(),
    format::<Attempts>(),
    format::<RetryOn>(),
    format::<HedgeAfter>(),
    format::<LogPath>(),
    format::<CommandWord>(),
    format::<EnvName>(),
    format::<EnvValue>(),
    format::<InstancePort>(),
    format::<InstanceLogPath>(),
    format::<Account>(),
    format::<DayRange>(),
    format::<DayTime>(),
    format::<TimeZone>(),
    format::<WebhookUrl>(),
    format::<ObjectName>(),
    format::<PodPort>(),
    format::<ApiUrl>(),
    format::<ConsumerName>(),
    format::<Username>(),
    format::<Scope>(),
    format::<ClaimName>(),
    format::<Audience>(),
    format::<IssuerName>(),
    format::<ClientId>(),
    format::<Realm>(),
    format::<OwnPath>(),
    format::<ApiKey>(),
    format::<PasswordHash>(),
    format::<Fingerprint>(),
    format::<CertificateText>(),
    format::<HttpUrl>(),
    format::<RedisUrl>(),
    format::<ClusterPrefix>(),
    format::<SentinelMaster>(),
    format::<Origin>(),
    format::<Expression>(),
    format::<Rate>(),
    format::<LimitKey>(),
    format::<PolicyName>(),
    format::<PlanName>(),
    format::<CostWord>(),
    format::<CacheTime>(),
    format::<CacheableStatus>(),
    format::<CacheName>(),
    format::<TagText>(),
    format::<QueryPattern>(),
    format::<FileName>(),
    format::<FileExtension>(),
    format::<MediaType>(),
    format::<CacheControl>(),
    format::<Spa>(),
    format::<Secret>(),
    format::<KeySecret>(),
];

/// Reads a [`Typed`] from serde's text, without a copy of it.
pub(crate) struct Reader<T>(pub(crate) std::marker::PhantomData<T>);

impl<T: Typed> serde::de::Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        T::read(text).map_err(|_| E::custom(format_args!("expected {}", T::EXPECTED)))
    }
}

/// Ties a [`Typed`] to serde (as its text) and to the schema (as its format).
macro_rules! typed {
    ($($name:ident),+) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(crate::value::Reader(std::marker::PhantomData))
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                use crate::value::Typed;
                let types = match Self::TYPES {
                    [one] => serde_json::Value::from(*one),
                    many => serde_json::Value::from(many),
                };
                schemars::json_schema!({ "type": types, "x-format": Self::FORMAT })
            }
        }
    )+};
}
pub(crate) use typed;
