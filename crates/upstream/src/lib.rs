//! Services and their endpoints: who they are, connections to them, and the loop of attempts at them.
//!
//! A [`Service`] belongs to one version of the config and never changes. What an endpoint has learnt ([`Endpoint`]: its
//! load, its meters) lives on over reloads in the [`Registry`]. Connections belong to one worker ([`Client`]).
//!
//! *Invariant*: an attempt is repeated only where nothing was sent, or where sending it twice is harmless and the
//! whole request can be sent again. Every attempt is counted once, and counted down once.
//! *Not here*: what a failure means to the client (the room `gateway`), policies (`balance`), bytes (`net`).

mod attempt;
mod checks;
mod client;
mod connect;
mod discover;
mod endpoint;
#[cfg(test)]
mod fixture;
mod permit;
mod probe;
mod service;

pub use attempt::{Answered, Failed, Forward};
pub use checks::{Check, Checks, OnProbe, Reconnects};
pub use client::{Client, Local};
pub use discover::{
    Discoveries, Discovery, Dns, DnsSettings, FileSettings, Found, OnFound, Parse, Source, SrvSettings,
    resolve_now,
};
pub use endpoint::{Endpoint, Place, Registry};
pub use permit::Permit;
pub use probe::{ProbeKind, ProbeOutcome, ProbeSettings, Verdict, probe};
pub use service::{EndpointSettings, HostPolicy, Protocol, Service, ServiceError, Settings, Timeouts};
