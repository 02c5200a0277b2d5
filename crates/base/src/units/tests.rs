use super::*;
use proptest::prelude::*;

fn nanos(text: &str) -> Result<u64, UnitError> {
    parse_duration(text).map(|d| u64::try_from(d.as_nanos()).unwrap())
}

#[test]
fn durations_are_whole_numbers_with_units() {
    for (text, want) in [
        ("250ms", 250_000_000),
        ("5s", 5_000_000_000),
        ("10m", 600_000_000_000),
        ("6h", 21_600_000_000_000),
        ("1d", 86_400_000_000_000),
        ("1m30s", 90_000_000_000),
        ("1d2h3m4s5ms6us7ns", 93_784_005_006_007),
        ("0s", 0),
        ("007ms", 7_000_000),
        ("18446744073709551615ns", u64::MAX),
    ] {
        assert_eq!(nanos(text), Ok(want), "{text}");
    }
}

#[test]
fn what_is_no_duration_is_refused() {
    for text in [
        "", "5", "s", "5 s", " 5s", "5s ", "-5s", "+5s", "1.5s", "5S", "5min", "5sec", "30s1m", "5s5s",
        "5s5", "5é", "٥s",
    ] {
        assert_eq!(nanos(text), Err(UnitError::Duration), "{text}");
    }
    for text in [
        "18446744073709551616ns",
        "99999999999999999999d",
        "213504d",
        "18446744073709551615s",
        "213503d1000000h",
    ] {
        assert_eq!(nanos(text), Err(UnitError::TooLong), "{text}");
    }
}

#[test]
fn durations_are_shown_in_the_shortest_exact_form() {
    for (text, shown) in [
        ("90s", "90s"),
        ("1m30s", "90s"),
        ("60s", "1m"),
        ("24h", "1d"),
        ("1500ms", "1500ms"),
        ("86401s", "1d1s"),
        ("3600001ms", "1h1ms"),
        ("0ns", "0s"),
        ("1000us", "1ms"),
    ] {
        assert_eq!(show_duration(parse_duration(text).unwrap()), shown, "{text}");
    }
    assert_eq!(show_duration(Duration::MAX), "18446744073709551615999999999ns");
}

#[test]
fn sizes_are_bytes_in_powers_of_1024_or_1000() {
    for (text, want) in [
        ("64KiB", 65_536),
        ("1MiB", 1 << 20),
        ("512B", 512),
        ("10GiB", 10 << 30),
        ("2TiB", 2 << 40),
        ("1KB", 1000),
        ("3MB", 3_000_000),
        ("4GB", 4_000_000_000),
        ("5TB", 5_000_000_000_000),
        ("1024", 1024),
        ("0", 0),
        ("18446744073709551615", u64::MAX),
    ] {
        assert_eq!(parse_size(text), Ok(want), "{text}");
    }
    for text in ["", "KiB", "1 KiB", "1.5MiB", "-1", "1K", "1kib", "1Mb", "1KiBB", "1PiB"] {
        assert_eq!(parse_size(text), Err(UnitError::Size), "{text}");
    }
    for text in ["18446744073709551616", "16777216TiB", "18446744073709551615KB"] {
        assert_eq!(parse_size(text), Err(UnitError::TooBig), "{text}");
    }
}

#[test]
fn sizes_are_shown_in_the_shortest_exact_form() {
    for (bytes, shown) in
        [(0, "0B"), (512, "512B"), (65_536, "64KiB"), (1_000_000, "1MB"), (1500, "1500B"), (1 << 40, "1TiB")]
    {
        assert_eq!(show_size(bytes), shown);
    }
}

#[test]
fn rates_are_a_count_in_a_time() {
    for (text, count, per, shown) in [
        ("100/s", 100, "1s", "100/s"),
        ("1000/h", 1000, "1h", "1000/h"),
        ("5/m", 5, "1m", "5/m"),
        ("10/d", 10, "1d", "10/d"),
        ("5/10s", 5, "10s", "5/10s"),
        ("5/60s", 5, "1m", "5/m"),
        ("7/11s", 7, "11s", "7/11s"),
    ] {
        let rate = parse_rate(text).unwrap();
        assert_eq!((rate.count(), show_duration(rate.per())), (count, per.to_owned()), "{text}");
        assert_eq!(rate.to_string(), shown);
    }
    for text in
        ["", "100", "/s", "100/", "0/s", "5/0s", "-1/s", "1.5/s", "100/sec", "1s/s", "100 /s", "1/2/s"]
    {
        assert_eq!(parse_rate(text), Err(UnitError::Rate), "{text}");
    }
}

#[test]
fn percentages_are_shares_and_may_exceed_the_whole() {
    for (text, want) in [("70%", 0.7), ("0%", 0.0), ("100%", 1.0), ("0.5%", 0.005), ("1000%", 10.0)] {
        assert!((parse_percent(text).unwrap() - want).abs() < 1e-12, "{text}");
    }
    for text in
        ["", "%", "70", "-1%", "+1%", "1000.1%", "1e2%", "NaN%", "inf%", ".5%", "5.%", "1.2.3%", "5 %"]
    {
        assert_eq!(parse_percent(text), Err(UnitError::Percent), "{text}");
    }
}

#[test]
fn every_error_shows_an_example_that_parses() {
    for error in [UnitError::Duration, UnitError::TooLong, UnitError::Size, UnitError::TooBig] {
        assert!(
            shown_examples(error).all(|e| parse_duration(&e).is_ok() || parse_size(&e).is_ok()),
            "{error}"
        );
    }
    assert!(shown_examples(UnitError::Rate).filter(|e| e != "/").all(|e| parse_rate(&e).is_ok()));
    assert!(shown_examples(UnitError::Percent).all(|e| parse_percent(&e).is_ok()));
}

/// What stands between back-quotes in the error's message; at least one.
fn shown_examples(error: UnitError) -> impl Iterator<Item = String> {
    let text = error.to_string();
    let examples: Vec<_> = text.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(!examples.is_empty(), "{text}");
    examples.into_iter()
}

proptest! {
    #[test]
    fn a_shown_duration_parses_back_to_itself(nanos: u64, shift in 0_u32..64) {
        let duration = Duration::from_nanos(nanos >> shift);
        prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
    }

    #[test]
    fn a_shown_size_parses_back_to_itself(bytes: u64, shift in 0_u32..64, unit in 0_usize..SIZES.len()) {
        let bytes = bytes >> shift;
        prop_assert_eq!(parse_size(&show_size(bytes)), Ok(bytes));
        let round = bytes.saturating_mul(SIZES[unit].1);
        prop_assert_eq!(parse_size(&show_size(round)), Ok(round));
    }

    #[test]
    fn a_shown_rate_parses_back_to_itself(count in 1_u64.., per in 1_u64.., shift in 0_u32..63) {
        let rate = Rate::new(count, Duration::from_nanos((per >> shift).max(1))).unwrap();
        prop_assert_eq!(parse_rate(&rate.to_string()), Ok(rate));
    }

    #[test]
    fn any_text_gives_a_value_or_an_error(text in "\\PC*|[0-9]{1,30}[a-zA-Z%/.]{0,4}([0-9]{1,30}[a-z]{0,2})*%?") {
        let _ = parse_duration(&text);
        let _ = parse_size(&text);
        let _ = parse_rate(&text);
        if let Ok(share) = parse_percent(&text) {
            prop_assert!((0.0..=10.0).contains(&share));
        }
    }
}
