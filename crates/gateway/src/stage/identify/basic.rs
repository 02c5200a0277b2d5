//! Names and passwords (RFC 7617). Checking one takes tens of milliseconds on purpose, so it is done elsewhere, and what was
//! right once is remembered for a while.

use super::shown;
use crate::guard::Passwords;
use crate::trip::Trip;
use auth::token::Holds;
use auth::{Caller, Denied, Way, basic};
use message::Name;
use std::sync::Arc;

/// How long a password that was right is taken without being checked again, in seconds.
const REMEMBERED: u64 = 60;

/// Whose name and password are shown?
pub(super) async fn caller(trip: &mut Trip, passwords: &Passwords) -> Result<Caller, Denied> {
    let now = trip.desk.unix();
    let Some(head) = &mut trip.head else { return Err(Denied::Absent) };
    let shown = shown::one(&head.fields, Name::Authorization.as_str())?;
    let (user, password) = basic::parse(shown.as_bytes())?;
    let known = passwords.recent.recall(shown.as_bytes(), now, 0);
    let consumer = match known {
        Some(consumer) => consumer,
        None => {
            let entry = passwords.users.get(&*user);
            // A name that nobody has takes as long as one that somebody has.
            let hash = entry.map_or(&passwords.stand_in, |(hash, _)| hash);
            let fits = passwords.verifiers.password(hash, password.as_str()).await;
            let fits = fits.map_err(|_| Denied::Unverified("too many passwords are being checked"))?;
            let Some((_, consumer)) = entry.filter(|_| fits) else {
                return Err(Denied::Invalid("the name or the password"));
            };
            let holds = Holds { from: now, until: now + REMEMBERED, generation: 0 };
            passwords.recent.keep(shown.as_bytes(), Arc::clone(consumer), 64, holds, now);
            Arc::clone(consumer)
        }
    };
    head.fields.remove(Name::Authorization);
    Ok(Caller {
        way: Way::Basic,
        subject: Arc::clone(&consumer.name),
        plan: Arc::clone(&consumer.plan),
        scopes: consumer.scopes.clone(),
        consumer: Some(consumer),
        claims: None,
        credential: None,
    })
}
