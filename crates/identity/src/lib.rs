//! What verifying takes that is not at hand: the keys of issuers, fetched and kept, and threads to count on.
//!
//! *Invariant*: no worker waits for a signature or a password to be checked; how many checks may wait is bounded.
//! *Not here*: what makes a token valid (`auth`).
