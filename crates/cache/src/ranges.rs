//! `Range` (RFC 9110 section 14).
//!
//! *Promise*: at most 16 ranges; what overlaps or touches becomes one, so no byte is sent twice; a set that is no set, or too large,
//! is as if it were not there (section 14.2). No allocation but for the parts that come of it.

use crate::{ByteRange, dates, lists};
use message::{Fields, Name};

/// Sets of more ranges than that are not served in parts (section 17.15).
const MOST: usize = 16;

/// A range as it was asked for (section 14.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    /// `5-` or `5-9`.
    From(u64, Option<u64>),
    /// `-5`: the last ones.
    Last(u64),
}

/// The ranges that were asked for: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Specs {
    all: [Spec; MOST],
    count: usize,
}

/// What a body has of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    /// Nothing.
    Nothing,
    /// The end of a body that has no bytes: all of it, and no range can say so.
    Empty,
    /// Parts that do not overlap, in the order in which they were asked for; at least one.
    Parts(Vec<ByteRange>),
}

/// The ranges that a request asks for. `None` where it has no `Range`, one that is no set of bytes, or one that is not served.
pub(crate) fn asked(fields: &Fields) -> Option<Specs> {
    let mut lines = fields.all(Name::Range);
    let line = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    // Section 14.1: units are in any case.
    let (unit, set) = line.split_at_checked(b"bytes=".len())?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let mut specs = Specs { all: [Spec::Last(0); MOST], count: 0 };
    for member in lists::members(set) {
        *specs.all.get_mut(specs.count)? = spec(member)?;
        specs.count += 1;
    }
    (specs.count > 0).then_some(specs)
}

fn spec(member: &[u8]) -> Option<Spec> {
    let dash = member.iter().position(|b| *b == b'-')?;
    let (first, last) = (&member[..dash], &member[dash + 1..]);
    if first.is_empty() {
        return dates::number(last).map(Spec::Last);
    }
    let first = dates::number(first)?;
    if last.is_empty() {
        return Some(Spec::From(first, None));
    }
    // Section 14.1.1: the last before the first makes all of the set invalid.
    let last = dates::number(last).filter(|last| *last >= first)?;
    Some(Spec::From(first, Some(last)))
}

impl Specs {
    /// What a body of that length has of them.
    pub(crate) fn of(&self, length: u64) -> Selected {
        let mut parts: Vec<ByteRange> = Vec::new();
        for spec in &self.all[..self.count] {
            match *spec {
                Spec::Last(1..) if length == 0 => return Selected::Empty,
                Spec::Last(0) => {}
                Spec::Last(count) => {
                    join(&mut parts, ByteRange { first: length.saturating_sub(count), last: length - 1 });
                }
                Spec::From(first, _) if first >= length => {}
                Spec::From(first, last) => {
                    let last = last.map_or(length - 1, |last| last.min(length - 1));
                    join(&mut parts, ByteRange { first, last });
                }
            }
        }
        if parts.is_empty() { Selected::Nothing } else { Selected::Parts(parts) }
    }
}

/// Adds a part; with those that it overlaps or touches it becomes one, in the place of the first of them (section 15.3.7.2).
fn join(parts: &mut Vec<ByteRange>, part: ByteRange) {
    let touches = |a: ByteRange, b: ByteRange| {
        a.first <= b.last.saturating_add(1) && b.first <= a.last.saturating_add(1)
    };
    let Some(place) = parts.iter().position(|other| touches(*other, part)) else {
        parts.push(part);
        return;
    };
    let mut joined = part;
    // What it has grown by may touch others in turn, but those would have touched each other: one pass is enough.
    parts.retain(|other| {
        let is_taken = touches(*other, joined);
        if is_taken {
            joined = ByteRange { first: joined.first.min(other.first), last: joined.last.max(other.last) };
        }
        !is_taken
    });
    parts.insert(place, joined);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::fields;
    use proptest::prelude::*;

    fn select(range: &str, length: u64) -> Option<Selected> {
        asked(&fields(&[("Range", range)])).map(|specs| specs.of(length))
    }

    /// The parts that a body has; none of them: nothing.
    fn parts(ranges: &[(u64, u64)]) -> Option<Selected> {
        let parts: Vec<_> = ranges.iter().map(|&(first, last)| ByteRange { first, last }).collect();
        (!parts.is_empty()).then_some(Selected::Parts(parts)).or(Some(Selected::Nothing))
    }

    #[test]
    fn ranges_are_chosen_from_a_body() {
        for (range, length, want) in [
            // Section 14.1.2, with its examples.
            ("bytes=0-499", 10_000, parts(&[(0, 499)])),
            ("bytes=500-999", 10_000, parts(&[(500, 999)])),
            ("bytes=-500", 10_000, parts(&[(9500, 9999)])),
            ("bytes=9500-", 10_000, parts(&[(9500, 9999)])),
            ("bytes=0-0,-1", 10_000, parts(&[(0, 0), (9999, 9999)])),
            ("bytes= 0-999, 4500-5499, -1000", 10_000, parts(&[(0, 999), (4500, 5499), (9000, 9999)])),
            ("bytes=500-600,601-999", 10_000, parts(&[(500, 999)])),
            ("bytes=500-700,601-999", 10_000, parts(&[(500, 999)])),
            ("BYTES=0-1", 10, parts(&[(0, 1)])),
            ("bytes=0-1;5-6", 10, None),
            ("bytes=0-1,, ,5-6", 10, parts(&[(0, 1), (5, 6)])),
            ("bytes=0-99", 10, parts(&[(0, 9)])),
            ("bytes=-99", 10, parts(&[(0, 9)])),
            ("bytes=9-9", 10, parts(&[(9, 9)])),
            ("bytes=10-", 10, parts(&[])),
            ("bytes=10-11, 20-", 10, parts(&[])),
            ("bytes=10-, 3-4", 10, parts(&[(3, 4)])),
            ("bytes=-0", 10, parts(&[])),
            ("bytes=0-", 0, parts(&[])),
            ("bytes=-1", 0, Some(Selected::Empty)),
            ("bytes=-0", 0, parts(&[])),
            ("bytes=99999999999999999999999-", 10, parts(&[])),
            ("bytes=1-99999999999999999999999", 10, parts(&[(1, 9)])),
            ("bytes=5-6, 0-1", 10, parts(&[(5, 6), (0, 1)])),
            ("bytes=5-6, 0-1, 2-4", 10, parts(&[(0, 6)])),
            ("bytes=8-9, 0-1, 4-5, 2-3", 10, parts(&[(8, 9), (0, 5)])),
            // Not a set of bytes.
            ("bytes", 10, None),
            ("bytes=", 10, None),
            ("bytes=,", 10, None),
            ("bytes=-", 10, None),
            ("bytes=1", 10, None),
            ("bytes=a-b", 10, None),
            ("bytes=1-0", 10, None),
            ("bytes=0-1, 3-2", 10, None),
            ("bytes=0-1-2", 10, None),
            ("bytes=+0-1", 10, None),
            ("bytes=0 - 1", 10, None),
            ("bytes =0-1", 10, None),
            ("lines=0-1", 10, None),
            ("0-1", 10, None),
        ] {
            assert_eq!(select(range, length), want, "{range} of {length}");
        }
    }

    #[test]
    fn sets_that_are_too_large_are_not_served() {
        let set = |count: usize| {
            format!("bytes={}", (0..count).map(|n| format!("{}-{0}", 2 * n)).collect::<Vec<_>>().join(","))
        };
        assert!(select(&set(16), 100).is_some());
        assert!(select(&set(17), 100).is_none());
        assert!(asked(&fields(&[("Range", "bytes=0-1"), ("Range", "bytes=0-1")])).is_none());
    }

    proptest! {
        #[test]
        fn the_parts_are_the_bytes_that_were_asked_for(
            ranges in proptest::collection::vec((0_u64..40, 0_u64..20), 1..16), length in 1_u64..50,
        ) {
            let set: Vec<_> = ranges.iter().map(|(first, more)| format!("{first}-{}", first + more)).collect();
            let wanted: Vec<_> = (0..length)
                .filter(|at| ranges.iter().any(|(first, more)| (*first..=first + more).contains(at)))
                .collect();
            let mut got = Vec::new();
            match select(&format!("bytes={}", set.join(",")), length) {
                Some(Selected::Parts(parts)) => {
                    for part in &parts {
                        got.extend(part.first..=part.last);
                    }
                    for (n, a) in parts.iter().enumerate() {
                        prop_assert!(parts[n + 1..].iter().all(|b| a.last + 1 < b.first || b.last + 1 < a.first));
                    }
                }
                Some(Selected::Nothing) => {}
                other => prop_assert!(false, "{other:?}"),
            }
            got.sort_unstable();
            prop_assert_eq!(got, wanted);
        }

        #[test]
        fn any_text_is_a_set_or_none(text in "(bytes=)?[0-9, -]{0,20}", length in any::<u64>()) {
            let _ = select(&text, length);
        }
    }
}
