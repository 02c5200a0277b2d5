//! What several nodes share, over Redis or Valkey.
//!
//! ```text
//!  workers ── take: one script a request (exact) ──────────────┐
//!          ── Ledger: decide alone, settle every 20 ms (fast) ─┤
//!  Records ── keys, revocations: merged on both sides ─────────┼── link ── Redis
//!  Bus     ── what all nodes must hear ────────────────────────┤
//!  beat    ── how many nodes there are, the seed of all keys ──┘
//! ```
//!
//! One thread keeps the connection and does all that no request waits for. Each worker sends its own questions over that
//! connection, and answers come back in the order of the questions, so many wait on one round trip.
//!
//! *Invariant*: no request waits for the store longer than its timeout, and a store that is slow, dead, empty or talking
//! nonsense is never a 500: it is told apart, and the policy decides. Once it has failed, nobody waits for it at all until it
//! has shown that it works.
//! *Not here*: what is shared means (`auth`, `limit`), and what happens to requests meanwhile (`gateway`).

mod beat;
mod bus;
mod cluster;
mod exact;
mod keeper;
mod known;
mod line;
mod link;
mod names;
mod records;
mod script;
mod settings;
mod settle;
mod state;
mod trouble;

pub use bus::{Heard, Place, Subscription, Unsent};
pub use cluster::Cluster;
pub use exact::StoreDown;
pub use records::{Record, Records};
pub use settings::{ClusterSettings, Mode, SettingsError};
pub use settle::Ledger;
pub use state::{Counts, State};
