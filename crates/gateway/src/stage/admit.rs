//! What is judged before there is a route.

use crate::arrival::Arrival;
use crate::pressure::Strain;
use crate::stop::Stop;
use crate::trip::Trip;
use message::{Fields, Method, Name, RequestHead, ResponseHead, StatusCode};
use net::Body;
use upstream::Class;

/// Lets a request onto the road, or answers it where it concerns the gateway itself.
pub(crate) fn admit(trip: &mut Trip) -> Option<Arrival> {
    match &mut trip.head {
        Some(head) if head.method == Method::OPTIONS => options(head),
        _ => None,
    }
}

/// Refuses requests of low priority while Tidegate itself is hard-pressed.
pub(crate) fn shed(trip: &Trip) -> Result<(), Stop> {
    let hard = trip.desk.strain() >= Strain::ShedLow;
    if hard && trip.route().is_some_and(|r| r.manner.class == Class::Low) {
        return Err(Stop::overloaded());
    }
    Ok(())
}

/// `OPTIONS *` asks about the server (RFC 9110 section 9.3.7), and `Max-Forwards` may end any OPTIONS here
/// (section 7.6.2).
fn options(head: &mut RequestHead) -> Option<Arrival> {
    if head.target.path() != "*" && !hops_run_out(&mut head.fields) {
        return None;
    }
    let mut answer = ResponseHead::new(StatusCode::NO_CONTENT);
    answer.fields.add(Name::Allow, b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    answer.fields.add(Name::Server, b"tidegate");
    Some(Arrival { head: answer, body: Body::empty(), tunnel: None })
}

/// Counts a hop down. True where none was left.
fn hops_run_out(fields: &mut Fields) -> bool {
    // What is not a number means nothing, and goes on as it is.
    match fields.get_str(Name::MaxForwards).map(str::parse::<u64>) {
        Some(Ok(0)) => true,
        Some(Ok(n)) => {
            fields.set(Name::MaxForwards, (n - 1).to_string().as_bytes());
            false
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_counted_down_and_end_at_zero() {
        let mut fields = Fields::new();
        assert!(!hops_run_out(&mut fields));
        fields.set(Name::MaxForwards, b"1");
        assert!(!hops_run_out(&mut fields));
        assert_eq!(fields.get(Name::MaxForwards), Some(&b"0"[..]));
        assert!(hops_run_out(&mut fields));
    }
}
