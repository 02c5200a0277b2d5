//! Services and their endpoints: who they are, connections to them, and the loop of attempts at them.
//!
//! A [`Service`] belongs to one version of the config and never changes. What an endpoint has learnt ([`Endpoint`]: its
//! load, its health, its meters) lives on over reloads in the [`Registry`], and so does what is known of a service as a
//! whole ([`Standing`]). Connections belong to one worker ([`Client`]).
//!
//! *Invariant*: an attempt is repeated only where nothing was sent, or where sending it twice is harmless and the
//! whole request can be sent again. Every attempt is counted once, and counted down once.
//! *Not here*: what a failure means to the client (the room `gateway`), policies and states (`balance`), bytes (`net`).

mod attempt;
mod care;
mod checks;
mod client;
mod connect;
mod discover;
mod endpoint;
#[cfg(test)]
mod fixture;
mod forward;
mod grpc;
mod hedge;
mod judge;
mod permit;
mod probe;
mod queue;
mod replay;
mod retry;
mod run;
mod service;
mod standing;
mod sticky;
mod task;

pub use balance::{BudgetSettings, stable_hash};
pub use care::{CARE_TICK, Care};
pub use checks::{Check, Checks, OnProbe, Reconnects};
pub use client::{Client, Local};
pub use discover::{
    Discoveries, Discovery, Dns, DnsSettings, FileSettings, Found, OnFound, Parse, Source, SrvSettings,
    resolve_now,
};
pub use endpoint::{Endpoint, News, Place, Registry};
pub use forward::{Answered, Failed, Forward, Manner, Why};
pub use hedge::Hedge;
pub use permit::Permit;
pub use probe::{ProbeKind, ProbeOutcome, ProbeSettings, Verdict, probe};
pub use queue::{Class, QueueSettings, Shed};
pub use replay::Replay;
pub use retry::{Conditions, Retry, Statuses};
pub use service::{
    CheckPlan, EndpointSettings, HashOn, HostPolicy, Member, Protocol, Service, ServiceError, Settings,
    Timeouts,
};
pub use standing::{Prospect, Standing};
pub use sticky::StickySettings;
pub use task::Task;
