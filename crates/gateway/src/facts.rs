//! What rules of the config may ask about a request (`allow`, `match`).

use crate::trip::Trip;
use auth::{AllowRule, Caller, Facts};
use observe::log::{Level, Throttle};

static TROUBLES: Throttle = Throttle::new();

/// Does the rule hold? One that cannot be decided does not: the operator is told.
pub(crate) fn holds(trip: &Trip, rule: &AllowRule) -> bool {
    let Some(head) = &trip.head else { return false };
    let nobody;
    let caller = if let Some(caller) = trip.caller() {
        caller
    } else {
        nobody = Caller::nobody();
        &nobody
    };
    let facts = Facts {
        method: head.method.as_str(),
        path: head.target.path(),
        host: head.authority.as_ref().map_or("", |authority| authority.host()),
        query: head.target.query(),
        ip: trip.client,
        headers: &head.fields,
        caller,
    };
    rule.eval(&facts).unwrap_or_else(|why| {
        TROUBLES.write(Level::Warning, format_args!("a rule could not be decided, and counts as no: {why}"));
        false
    })
}
