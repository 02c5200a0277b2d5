//! Which fields of an answer are kept (RFC 9111 section 3.1).
//!
//! *Promise*: nothing that concerns one connection, one proxy or one client is kept, nor what the origin withholds. What is kept has
//! a date (RFC 9110 section 6.6.1).

use crate::Offer;
use crate::dates::{self, Stamp};
use crate::policy::Policy;
use message::{Fields, Name};

/// The fields that are kept, in their order, in a block of just their size.
pub(crate) fn kept(offer: &Offer<'_>, policy: &Policy) -> Fields {
    let fields = &offer.head.fields;
    let now = i64::try_from(offer.received / 1000).unwrap_or(i64::MAX);
    let has_date = Stamp::of(fields, Name::Date, now).at().is_some();
    let mut has_one = false;
    let mut kept = Fields::new();
    for (known, name, value) in fields.iter() {
        let is_kept = match known {
            // Several lines that say the same are one.
            Name::Date => has_date && !std::mem::replace(&mut has_one, true),
            _ => !is_dropped(known, name) && !is_nominated(fields, name) && !is_withheld(policy, name),
        };
        if is_kept {
            kept.push_checked(name, value);
        }
    }
    if !has_date {
        kept.add(Name::Date, dates::written(offer.received).as_bytes());
    }
    kept
}

/// Is it kept of no response? The body's length is known from the body; the age is reckoned anew for each client; cookies are for one.
pub(crate) fn is_dropped(known: Name, name: &[u8]) -> bool {
    matches!(
        known,
        Name::Connection
            | Name::KeepAlive
            | Name::ProxyConnection
            | Name::Te
            | Name::Trailer
            | Name::TransferEncoding
            | Name::Upgrade
            | Name::ProxyAuthenticate
            | Name::ProxyAuthorization
            | Name::ContentLength
            | Name::Age
            | Name::SetCookie
    ) || known == Name::Other
        && [&b"proxy-authentication-info"[..], b"set-cookie2"].iter().any(|it| name.eq_ignore_ascii_case(it))
}

/// Is it named in `Connection` (RFC 9110 section 7.6.1)?
fn is_nominated(fields: &Fields, name: &[u8]) -> bool {
    fields.members(Name::Connection).any(|member| member.eq_ignore_ascii_case(name))
}

fn is_withheld(policy: &Policy, name: &[u8]) -> bool {
    policy.withheld.iter().any(|withheld| name.eq_ignore_ascii_case(withheld))
}
