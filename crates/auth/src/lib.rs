//! Who is calling, and may they?
//!
//! *Invariant*: whatever bytes come as a credential, there is an answer in bounded time; secrets are compared in constant
//! time and stand in no `Debug`, no error and no log. Time and randomness are parameters.
//! *Not here*: asking anybody (`identity`, `gateway`), where keys are stored (`store`), how often callers may come (`limit`).

mod caller;
pub mod token;

pub use caller::{Caller, Claims, Consumer, Credential, Denied, Scopes, Way};
