//! What verifying takes that is not at hand: the keys of issuers, fetched and kept, and threads to count on.
//!
//! A worker recalls tokens that were verified before (`auth::token::Issuer::recall`). For the others it awaits [`verify`],
//! which takes the signature to a thread of [`Verifiers`], and where the key is unknown has the [`Keeper`] ask the issuer.
//!
//! *Invariant*: no worker waits for a signature or a password to be checked; how many checks may wait is bounded; how often an
//! issuer is asked does not follow from how many tokens come. An issuer that fails takes nothing away: its last keys hold.
//! *Not here*: what makes a token valid (`auth`), log lines and metrics: what happens is told to whoever starts it.

mod keeper;
mod verifiers;
mod verify;

pub use keeper::{Keeper, News, NoKeys, OnNews, Renewal, Source, View, Wanted, What};
pub use verifiers::{Busy, CheckPassword, LaneSettings, LaneTotals, Unverified, Verifiers};
pub use verify::verify;
