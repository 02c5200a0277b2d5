//! Requests that go, or go as well, to another service than usual: `fallback`, `split`, `mirror`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::route::Respond;
use crate::value::{Percent, ServiceName, Share};

/// What answers when no endpoint can be used or all attempts failed: `service` or `respond`. A bare name stands for
/// `service`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "TypedFallback", into = "TypedFallback")]
pub enum Fallback {
    /// Another service.
    Service(ServiceName),
    /// This answer.
    Respond(Respond),
}

/// [`Fallback`] as it is typed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Fallback", extend("x-shorthand" = "service", "x-one-of" = ["service", "respond"]))]
struct TypedFallback {
    /// Another service.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceName>,
    /// A fixed answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    respond: Option<Respond>,
}

impl TryFrom<TypedFallback> for Fallback {
    type Error = &'static str;

    fn try_from(typed: TypedFallback) -> Result<Self, Self::Error> {
        match (typed.service, typed.respond) {
            (Some(service), None) => Ok(Self::Service(service)),
            (None, Some(respond)) => Ok(Self::Respond(respond)),
            _ => Err("exactly one of `service`, `respond`"),
        }
    }
}

impl From<Fallback> for TypedFallback {
    fn from(fallback: Fallback) -> Self {
        match fallback {
            Fallback::Service(service) => Self { service: Some(service), respond: None },
            Fallback::Respond(respond) => Self { service: None, respond: Some(respond) },
        }
    }
}

/// Services and their shares of a route's requests; at least one is above zero.
pub type Split = BTreeMap<ServiceName, Share>;

/// Sends a copy of requests to another service; nobody waits for its answer. A bare name stands for `service`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "service"))]
pub struct Mirror {
    /// Where the copies go.
    pub service: ServiceName,
    /// The part of the requests that is copied.
    #[serde(default = "all")]
    pub percent: Percent,
}

fn all() -> Percent {
    Percent::of(100)
}
