//! What is judged before there is a route.

use crate::stop::{Reason, Stop};
use crate::trip::Trip;
use message::{Method, Name};

/// Lets a request onto the road.
pub(crate) fn admit(trip: &mut Trip) -> Result<(), Stop> {
    match &mut trip.head {
        Some(head) if head.method == Method::OPTIONS => count_down_hops(&mut head.fields),
        _ => Ok(()),
    }
}

/// `Max-Forwards` (RFC 9110 section 7.6.2): counted down on OPTIONS; at zero the request ends here.
fn count_down_hops(fields: &mut message::Fields) -> Result<(), Stop> {
    let Some(left) = fields.get_str(Name::MaxForwards) else { return Ok(()) };
    match left.parse::<u64>() {
        Ok(0) => Err(Stop::new(Reason::MaxForwards, "This is Tidegate: the request was to go no further.")),
        Ok(n) => {
            fields.set(Name::MaxForwards, (n - 1).to_string().as_bytes());
            Ok(())
        }
        // Not a number: the field means nothing, and goes on as it is.
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::Fields;

    #[test]
    fn hops_are_counted_down_and_end_at_zero() {
        let mut fields = Fields::new();
        assert!(count_down_hops(&mut fields).is_ok());
        fields.set(Name::MaxForwards, b"1");
        assert!(count_down_hops(&mut fields).is_ok());
        assert_eq!(fields.get(Name::MaxForwards), Some(&b"0"[..]));
        assert_eq!(count_down_hops(&mut fields).unwrap_err().reason, Reason::MaxForwards);
    }
}
