//! What several nodes share, over Redis or Valkey.
//!
//! *Invariant*: no request waits for the store longer than its timeout, and a store that is slow, dead, empty or talking
//! nonsense is never a 500: it is told apart, and the policy decides.
//! *Not here*: what is shared means (`auth`, `limit`).
