//! What is a date, what is a number of seconds, and what is neither.

use super::*;
use crate::samples::fields;
use proptest::prelude::*;

/// 2026-01-01.
const NOW: i64 = 1_767_225_600;

#[test]
fn the_three_formats_are_read_in_any_case_and_nothing_else_is() {
    let example = Some(784_111_777);
    for (text, want) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", example),
        ("Sunday, 06-Nov-94 08:49:37 GMT", example),
        ("Sun Nov  6 08:49:37 1994", example),
        (" Sun, 06 Nov 1994 08:49:37 GMT ", example),
        // RFC 9111 section 4.2: in any case.
        ("SUN, 06 NOV 1994 08:49:37 gmt", example),
        ("sunday, 06-nov-94 08:49:37 gmt", example),
        ("sun nov  6 08:49:37 1994", example),
        ("Sun Nov 16 08:49:37 1994", Some(784_111_777 + 10 * 86_400)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Wed, 31 Dec 1969 23:59:59 GMT", Some(-1)),
        ("Thu, 29 Feb 2024 00:00:00 GMT", Some(1_709_164_800)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
        // A leap second.
        ("Sat, 31 Dec 2016 23:59:60 GMT", Some(1_483_228_800)),
        // RFC 9111 section 4.2: another zone is invalid.
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 06 Nov 1994 08:49:37 EST", None),
        ("Sun, 06 Nov 1994 08:49:37 +0000", None),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("Sun, 06 Nov 1994 08:49 GMT", None),
        ("Sun, 6 Nov 1994 08:49:37 GMT", None),
        ("Sun,  06 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06  Nov 1994 08:49:37 GMT", None),
        ("Sun 06 Nov 1994 08:49:37 GMT", None),
        ("06 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06-Nov-1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 94 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 24:00:00 GMT", None),
        ("Sun, 06 Nov 1994 08:60:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:61 GMT", None),
        ("Sun, 31 Nov 1994 08:49:37 GMT", None),
        ("Sun, 00 Nov 1994 08:49:37 GMT", None),
        ("Wed, 29 Feb 2023 00:00:00 GMT", None),
        ("Sun, 06 Foo 1994 08:49:37 GMT", None),
        ("Foo, 06 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 GMTx", None),
        ("1994-11-06T08:49:37Z", None),
        ("784111777", None),
        ("0", None),
        ("-1", None),
        ("", None),
    ] {
        assert_eq!(date(text.as_bytes(), NOW), want, "{text}");
    }
}

#[test]
fn two_digits_of_a_year_are_never_more_than_fifty_years_ahead() {
    // RFC 9110 section 5.6.7.
    let year = |text: &str, now| date(text.as_bytes(), now).map(|at| 1970 + at.div_euclid(31_556_952));
    assert_eq!(year("Monday, 15-Jun-75 00:00:00 GMT", NOW), Some(2075));
    assert_eq!(year("Monday, 15-Jun-76 00:00:00 GMT", NOW), Some(1976));
    assert_eq!(year("Monday, 15-Jun-99 00:00:00 GMT", NOW), Some(1999));
    assert_eq!(year("Monday, 15-Jun-00 00:00:00 GMT", NOW), Some(2000));
    // In 2090 a 10 lies twenty years ahead, not eighty back.
    assert_eq!(year("Monday, 15-Jun-10 00:00:00 GMT", NOW + 64 * 31_556_952), Some(2110));
}

#[test]
fn seconds_are_digits_and_nothing_else() {
    for (text, want) in [
        ("0", Some(0)),
        ("3600", Some(3600)),
        ("0003600", Some(3600)),
        ("2147483648", Some(LONGEST)),
        ("2147483649", Some(LONGEST)),
        ("4294967296", Some(LONGEST)),
        ("99999999999999999999999999", Some(LONGEST)),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        ("1a", None),
        ("a1", None),
        ("1 ", None),
        ("0x10", None),
        ("'1'", None),
        ("\u{662}", None),
    ] {
        assert_eq!(seconds(text.as_bytes()), want, "{text}");
    }
}

#[test]
fn of_age_the_first_member_counts_and_what_is_no_number_is_ignored() {
    // RFC 9111 section 5.1.
    for (lines, want) in [
        (&[][..], 0),
        (&["7200"][..], 7200),
        (&["7200, 0"], 7200),
        (&["0, 7200"], 0),
        (&["7200", "0"], 7200),
        (&["", "7200"], 7200),
        (&["-7200"], 0),
        (&["abc"], 0),
        (&["abc, 7200"], 0),
        (&["7200;foo=bar"], 0),
        (&["7200.5"], 0),
        (&["\"7200\""], 0),
        (&["4294967297"], LONGEST),
        (&["99999999999999999999"], LONGEST),
    ] {
        let lines: Vec<_> = lines.iter().map(|value| ("Age", *value)).collect();
        assert_eq!(age(&fields(&lines)), want, "{lines:?}");
    }
}

#[test]
fn several_lines_are_one_date_only_where_they_say_the_same() {
    let (one, other) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT");
    let stamp = |lines: &[(&str, &str)]| Stamp::of(&fields(lines), Name::Expires, NOW);
    assert_eq!(stamp(&[]), Stamp::Absent);
    assert_eq!(stamp(&[("Expires", one)]), Stamp::At(784_111_777));
    assert_eq!(stamp(&[("Expires", one), ("Expires", one)]), Stamp::At(784_111_777));
    assert_eq!(stamp(&[("Expires", one), ("Expires", other)]), Stamp::Invalid);
    assert_eq!(stamp(&[("Expires", "0")]), Stamp::Invalid);
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(at in 0_u64..LAST) {
        prop_assert_eq!(date(written(at * 1000).as_bytes(), NOW), i64::try_from(at).ok());
    }

    #[test]
    fn any_text_is_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..40), now in any::<i64>()) {
        let _ = date(&text, now);
        let _ = seconds(&text);
    }

    #[test]
    fn a_text_near_a_date_is_read_or_refused(
        text in "(Sun|Sunday)[, ]{1,2}[0-9]{1,2}[ -](Nov|Feb)[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
        now in -4_000_000_000_i64..400_000_000_000,
    ) {
        if let Some(at) = date(text.as_bytes(), now) {
            prop_assert!(at < 400_000_000_000);
        }
    }

    #[test]
    fn any_moment_can_be_written(millis in any::<u64>()) {
        prop_assert!(written(millis).ends_with(" GMT"));
    }
}
