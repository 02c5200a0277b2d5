//! Who is calling, and may they?
//!
//! *Invariant*: whatever bytes come as a credential, there is an answer in bounded time; secrets are compared in constant
//! time and stand in no `Debug`, no error and no log. Time and randomness are parameters.
//! *Not here*: asking anybody (`identity`, `gateway`), where keys are stored (`store`), how often callers may come (`limit`).

pub mod basic;
mod book;
mod caller;
mod cors;
pub mod csrf;
mod ip_rules;
pub mod key;
mod known;
mod network;
mod record;
mod rules;
mod secret;
pub mod session;
pub mod token;

pub use book::{KeyBook, KnownKey};
pub use caller::{Caller, Claims, Consumer, Credential, Denied, Scopes, Way};
pub use cors::{BadCors, Cors, CorsSettings};
pub use ip_rules::IpRules;
pub use known::{Known, Remembered};
pub use network::{BadNetwork, Network};
pub use record::KeyRecord;
pub use rules::{AllowRule, BadRule, Facts, RuleFault};
pub use secret::Secret;
