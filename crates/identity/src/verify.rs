//! A token that no worker recalls: verified elsewhere, where need be with keys that are fetched for it.

use crate::{Keeper, Renewal, Unverified, Verifiers};
use auth::Denied;
use auth::token::{Issuer, Refused, Verified};
use std::sync::Arc;
use std::time::Duration;

/// Verifies a token of an issuer that the keeper looks after. Where its key is not known the issuer is asked, but waited for
/// no longer than `patience` altogether with its first keys.
///
/// [`Denied::Unverified`] means that nobody can say now: too many wait, or the issuer cannot be asked.
pub async fn verify(
    verifiers: &Verifiers,
    keeper: &Keeper,
    issuer: &Arc<Issuer>,
    token: &str,
    patience: Duration,
) -> Result<Arc<Verified>, Denied> {
    let until = tokio::time::Instant::now() + patience;
    if !keeper.wait_for_keys(issuer, patience).await {
        return Err(Denied::Unverified("its issuer's keys are not known yet"));
    }
    match verifiers.verify(issuer, token).await {
        Ok(verified) => return Ok(verified),
        Err(Unverified::Refused(Refused::UnknownKey { .. })) => {}
        Err(unverified) => return Err(denied(unverified)),
    }
    let left = until.saturating_duration_since(tokio::time::Instant::now());
    match keeper.renewed(issuer, left).await {
        Renewal::Answered => verifiers.verify(issuer, token).await.map_err(denied),
        Renewal::NotNow => Err(UNKNOWN),
        Renewal::Failed => Err(Denied::Unverified("its key is not known, and its issuer cannot be asked")),
    }
}

const UNKNOWN: Denied = Denied::Invalid("signed with a key that its issuer does not have");

fn denied(unverified: Unverified) -> Denied {
    match unverified {
        Unverified::Refused(Refused::Denied(denied)) => denied,
        Unverified::Refused(Refused::UnknownKey { .. }) => UNKNOWN,
        Unverified::Busy(_) => Denied::Unverified("too many wait to be verified"),
    }
}
