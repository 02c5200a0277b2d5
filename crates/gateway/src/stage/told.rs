//! `X-Tidegate-Explain`: how was this very request served?
//!
//! Answered to those who may know what lies behind the gateway: to whoever sends the admin token as the field's value,
//! or, where there is none, to a client on this machine that no proxy speaks for. The field never goes on.

use crate::site::ExplainTo;
use crate::trip::Trip;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use message::{Name, ResponseHead};
use std::fmt::Write;

/// Hears the question.
pub(crate) fn listen(trip: &mut Trip) {
    let Some(head) = &mut trip.head else { return };
    let Some(asked) = head.fields.get(Name::XTidegateExplain) else { return };
    trip.explains = match &trip.here.site.explain {
        ExplainTo::Token(token) => verify_slices_are_equal(asked, token.as_bytes()).is_ok(),
        ExplainTo::Loopback => {
            let alone = !head.fields.has(Name::XForwardedFor) && !head.fields.has(Name::Forwarded);
            alone && trip.peer.ip().is_none_or(|ip| ip.is_loopback())
        }
    };
    head.fields.remove(Name::XTidegateExplain);
}

/// Answers it: `route=...; service=...; endpoint=...; attempts=1; upstream=1.204ms; total=1.310ms`.
pub(crate) fn tell(trip: &Trip, head: &mut ResponseHead) {
    let mut text = String::with_capacity(128);
    let mut say = |name: &str, value: &str| {
        if !value.is_empty() {
            let between = if text.is_empty() { "" } else { "; " };
            // Names come from the config, which takes no control characters; a quote would end the value.
            let _ = write!(text, "{between}{name}=\"{}\"", value.replace(['"', '\\'], "'"));
        }
    };
    say("route", trip.route().map_or("", |r| &r.name));
    let service = trip.service.and_then(|place| trip.here.site.services.get(place));
    say("service", service.map_or("", |s| &s.settings.name));
    let endpoint = trip.permit.as_ref().map_or(trip.failed_at.as_deref().unwrap_or(""), |p| p.endpoint());
    say("endpoint", endpoint);
    say("attempts", &trip.attempts.to_string());
    say("stop", trip.stop.map_or("", crate::Reason::label));
    say("upstream", &trip.upstream_took.map_or_else(String::new, |took| format!("{took:.3?}")));
    say("total", &format!("{:.3?}", trip.arrived.elapsed()));
    // `µ` is no ASCII.
    let text = text.replace('µ', "u");
    let _ = head.fields.push(Name::XTidegateExplain.as_str(), text.as_bytes());
}
