//! Which content codings a client takes (RFC 9110 section 12.5.3), as far as files have siblings in them.
//!
//! Hot path: one pass over a short field, nothing allocated.

use message::{Fields, Name};

/// A coding in which a sibling of a file may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// `.br` (RFC 7932).
    Brotli,
    /// `.zst` (RFC 8878).
    Zstd,
    /// `.gz` (RFC 1952).
    Gzip,
}

impl Coding {
    /// All of them; of those that a client likes equally the first is best: smallest as a rule.
    pub(crate) const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// The value of `Content-Encoding`.
    pub(crate) const fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// How the sibling's name ends.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }

    fn is(self, token: &[u8]) -> bool {
        token.eq_ignore_ascii_case(self.token().as_bytes())
            || (self == Self::Gzip && token.eq_ignore_ascii_case(b"x-gzip"))
    }
}

/// What a client takes: weights in thousandths, 0 for what it does not want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted {
    codings: [u16; Coding::ALL.len()],
    /// Of the file as it is, where the client says so.
    identity: Option<u16>,
}

impl Accepted {
    /// Reads it. Without the field a client takes anything, but may well not be able to decode it: nothing but the file itself.
    pub(crate) fn read(fields: &Fields) -> Self {
        let (mut codings, mut identity, mut any) = ([None; Coding::ALL.len()], None, None);
        for member in fields.members(Name::AcceptEncoding) {
            let mut parts = member.split(|&b| b == b';').map(<[u8]>::trim_ascii);
            let token = parts.next().unwrap_or_default();
            let Some(weight) = weight(parts) else { continue };
            if token == b"*" {
                any = Some(weight);
            } else if token.eq_ignore_ascii_case(b"identity") {
                identity = Some(weight);
            } else if let Some(at) = Coding::ALL.iter().position(|coding| coding.is(token)) {
                codings[at] = Some(weight);
            }
        }
        Self { codings: codings.map(|weight| weight.or(any).unwrap_or(0)), identity: identity.or(any) }
    }

    /// The codings that the client would rather have than the file as it is, best first.
    pub(crate) fn preferred(self) -> impl Iterator<Item = Coding> {
        let least = self.identity.unwrap_or(0);
        let mut order: [(u16, Coding); Coding::ALL.len()] =
            std::array::from_fn(|at| (self.codings[at], Coding::ALL[at]));
        // Stable, so that equals keep our order.
        order.sort_by_key(|&(weight, _)| std::cmp::Reverse(weight));
        order.into_iter().filter(move |&(weight, _)| weight > 0 && weight >= least).map(|(_, coding)| coding)
    }
}

/// The weight among a member's parameters; 1000 where there is none. `None`: it is malformed, and so is the member.
fn weight<'a>(parameters: impl Iterator<Item = &'a [u8]>) -> Option<u16> {
    let mut weight = 1000;
    for parameter in parameters {
        if let [b'q' | b'Q', b'=', value @ ..] = parameter {
            weight = thousandths(value)?;
        }
    }
    Some(weight)
}

/// `0`, `1`, with up to three digits behind a dot, and not above 1 (RFC 9110 section 12.4.2).
fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, part) = match value {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', part @ ..] if part.len() <= 3 => (whole, part),
        _ => return None,
    };
    let mut sum = u16::from(whole - b'0') * 1000;
    for (digit, unit) in part.iter().zip([100, 10, 1]) {
        sum += unit * u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    (sum <= 1000).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preferred(value: Option<&str>) -> Vec<&'static str> {
        let mut fields = Fields::new();
        if let Some(value) = value {
            fields.add(Name::AcceptEncoding, value.as_bytes());
        }
        Accepted::read(&fields).preferred().map(Coding::token).collect()
    }

    #[test]
    fn a_client_gets_what_it_likes_best() {
        for (value, want) in [
            (None, &[][..]),
            (Some(""), &[]),
            (Some("gzip, deflate, br, zstd"), &["br", "zstd", "gzip"]),
            (Some("gzip"), &["gzip"]),
            (Some("X-GZIP"), &["gzip"]),
            (Some("br;q=0.5, gzip;q=0.8"), &["gzip", "br"]),
            (Some("br; q=0.001,zstd ;q=1.0"), &["zstd", "br"]),
            (Some("br;q=0, gzip"), &["gzip"]),
            (Some("br;q=0.000, gzip;Q=0"), &[]),
            (Some("*"), &["br", "zstd", "gzip"]),
            (Some("*;q=0"), &[]),
            (Some("br;q=0, *"), &["zstd", "gzip"]),
            (Some("gzip;q=0.2, *;q=0"), &["gzip"]),
            (Some("identity"), &[]),
            (Some("identity;q=0, gzip;q=0.1"), &["gzip"]),
            (Some("identity;q=0.5, gzip;q=0.4, br;q=0.6"), &["br"]),
            (Some("gzip;q=1, identity;q=1"), &["gzip"]),
            (Some("deflate, compress"), &[]),
        ] {
            assert_eq!(preferred(value), want, "{value:?}");
        }
    }

    #[test]
    fn a_member_with_a_weight_that_is_none_is_passed_over() {
        for q in ["2", "1.001", "-1", "0.1234", ".5", "", "0.a", "1e0", "00", "0,5"] {
            assert!(!preferred(Some(&format!("br;q={q}"))).contains(&"br"), "{q}");
        }
    }
}
