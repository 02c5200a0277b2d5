//! Client certificates. The handshake has verified them; here they get a name.

use crate::guard::Certificates;
use crate::trip::Trip;
use auth::{Caller, Denied, Way};

/// Whose certificate was shown?
pub(super) fn caller(trip: &Trip, known: &Certificates) -> Result<Caller, Denied> {
    let Some(certificate) = &trip.peer.certificate else { return Err(Denied::Absent) };
    // A connection may outlive the certificate it began with.
    if certificate.not_after < trip.desk.unix() {
        return Err(Denied::Expired);
    }
    let by_fingerprint = known.fingerprints.get(&certificate.fingerprint);
    let by_name = || certificate.sans.iter().find_map(|san| known.sans.get(san));
    let by_subject = || known.subjects.get(certificate.subject.as_ref()?);
    let consumer = by_fingerprint.or_else(by_name).or_else(by_subject);
    let consumer = consumer.ok_or(Denied::Stranger("no consumer has this certificate"))?;
    Ok(Caller::of(Way::Mtls, consumer))
}
