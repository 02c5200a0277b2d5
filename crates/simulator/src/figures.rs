//! Numbers as a person reads them.

/// A whole number with a comma between thousands.
pub(crate) fn whole(number: f64) -> String {
    let digits = format!("{:.0}", number.max(0.0));
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// At most four digits, with a unit of thousands.
pub(crate) fn short(number: f64) -> String {
    match number {
        n if n >= 9_999_500.0 => format!("{:.0}M", n / 1e6),
        n if n >= 999_950.0 => format!("{:.1}M", n / 1e6),
        n if n >= 99_950.0 => format!("{:.0}k", n / 1e3),
        n if n >= 9_999.5 => format!("{:.1}k", n / 1e3),
        n if !(0.05..9.95).contains(&n) => format!("{n:.0}"),
        n => format!("{n:.1}"),
    }
}

/// A time in the unit that suits it; a dash where there is none.
pub(crate) fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(s) if s <= 0.0 => "0 s".to_owned(),
        Some(s) if s < 0.00995 => format!("{:.1} ms", s * 1e3),
        Some(s) if s < 0.9995 => format!("{:.0} ms", s * 1e3),
        Some(s) => format!("{s:.1} s"),
    }
}

/// A moment of a trace: `1:05`, `2:00:00`.
pub(crate) fn clock(seconds: f64) -> String {
    // A trace has at most a week.
    #[expect(clippy::cast_sign_loss, reason = "times of a trace are not negative")]
    let all = seconds.round() as u64;
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A share of something; `0 %` only where it is none.
pub(crate) fn percent(part: f64, of: f64) -> String {
    match part / of.max(f64::MIN_POSITIVE) * 100.0 {
        p if p <= 0.0 => "0 %".to_owned(),
        p if p < 0.01 => "< 0.01 %".to_owned(),
        p => format!("{p:.2} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_their_unit() {
        assert_eq!(
            [0.0, 0.04, 0.5, 9.96, 250.0, 12_345.0].map(short),
            ["0", "0", "0.5", "10", "250", "12.3k"]
        );
        assert_eq!([999_960.0, 12_000_000.0, 150_000.0].map(short), ["1.0M", "12M", "150k"]);
        assert_eq!([0.0, 999.0, 1000.0, 1_234_567.4].map(whole), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [None, Some(0.0012), Some(0.25), Some(12.0)].map(time),
            ["-", "1.2 ms", "250 ms", "12.0 s"]
        );
        assert_eq!([0.0, 65.0, 7200.0].map(clock), ["0:00", "1:05", "2:00:00"]);
        assert_eq!([0.0, 0.000_01, 50.0].map(|part| percent(part, 100.0)), ["0 %", "< 0.01 %", "50.00 %"]);
    }
}
