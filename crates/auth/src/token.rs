//! Tokens that others have issued: JSON Web Tokens (RFC 7519) verified here, opaque ones by what their issuer says
//! (RFC 7662), logins at an OIDC provider, and callers that another service vouches for.
//!
//! *Invariant*: a token chooses nothing. Which key and which algorithm may verify it follows from the config and from the
//! issuer's keys; what a header says of keys (`jku`, `jwk`, `x5u`, `x5c`) is not read. A text that two parsers could
//! understand differently (repeated names, padding, trailing bytes) is refused.
//! *Not here*: asking the issuer (the rooms `identity` and `gateway` do), proof of possession (RFC 9449), encryption
//! (JWE), the clock and randomness, which are parameters.

mod algorithm;
pub mod challenge;
mod claims;
mod compact;
pub mod forward;
pub mod introspection;
mod issuer;
mod jwk;
mod key;
mod keyset;
pub mod oidc;
mod question;
mod recent;
mod revocations;
mod settings;
mod strict;
mod verified;

pub use algorithm::Algorithm;
pub use issuer::{Issuer, Refused, peek_issuer};
pub use keyset::{KeySet, KeySetError, Skipped};
pub use question::{ClientAuth, ClientAuthMethod, Question};
pub use recent::{Holds, Recent};
pub use revocations::{Full, Revocation, Revocations, Revoked};
pub use settings::JwtSettings;
pub use verified::Verified;
