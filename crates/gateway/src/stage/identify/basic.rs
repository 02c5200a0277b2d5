//! Names and passwords (RFC 7617). Checking one takes tens of milliseconds on purpose, so it is done elsewhere, and what was
//! right once is remembered there for a while.

use super::shown;
use crate::guard::Passwords;
use crate::trip::Trip;
use auth::{Caller, Denied, Way, basic};
use message::Name;

/// Whose name and password are shown?
pub(super) async fn caller(trip: &mut Trip, passwords: &Passwords) -> Result<Caller, Denied> {
    let Some(head) = &mut trip.head else { return Err(Denied::Absent) };
    let shown = shown::one(&head.fields, Name::Authorization.as_str())?;
    let (user, password) = basic::parse(shown.as_bytes())?;
    let entry = passwords.users.get(&*user);
    // A name that nobody has takes as long as one that somebody has.
    let hash = entry.map_or(&passwords.stand_in, |(hash, _)| hash);
    let fits = passwords.verifiers.password(hash, password.as_str()).await;
    let fits = fits.map_err(|_| Denied::Unverified("too many passwords are being checked"))?;
    let Some((_, consumer)) = entry.filter(|_| fits) else {
        return Err(Denied::Invalid("the name or the password"));
    };
    head.fields.remove(Name::Authorization);
    Ok(Caller::of(Way::Basic, consumer))
}
