//! Numbers as a person reads them at a glance: three digits and a unit.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) fn per_second(n: f64) -> String {
    format!("{}/s", rounded(n))
}

pub(super) fn percent(ratio: Option<f64>) -> String {
    match ratio {
        None => "\u{2013}".to_owned(),
        Some(0.0) => "0 %".to_owned(),
        Some(ratio) => format!("{:.2} %", ratio * 100.0),
    }
}

pub(super) fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "\u{2013}".to_owned(),
        Some(s) if s < 0.001 => format!("{:.0} \u{b5}s", s * 1e6),
        Some(s) if s < 1.0 => format!("{:.1} ms", s * 1e3),
        Some(s) => format!("{s:.2} s"),
    }
}

/// Three digits or so, with a unit of thousands.
pub(super) fn rounded(n: f64) -> String {
    match n {
        n if n >= 1e9 => format!("{:.2}G", n / 1e9),
        n if n >= 1e6 => format!("{:.2}M", n / 1e6),
        n if n >= 1e4 => format!("{:.1}k", n / 1e3),
        n if n >= 10.0 || n == 0.0 => format!("{n:.0}"),
        n => format!("{n:.1}"),
    }
}

pub(super) fn count(n: u64) -> String {
    if n < 10_000 { n.to_string() } else { rounded(n as f64) }
}

pub(super) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut size = n as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// The two largest units.
pub(super) fn age(time: Duration) -> String {
    let s = time.as_secs();
    match (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}m {s}s"),
        (0, h, m, _) => format!("{h}h {m}m"),
        (d, h, ..) => format!("{d}d {h}h"),
    }
}

/// How long ago that second since 1970 was.
pub(super) fn ago(second: u64) -> String {
    since(UNIX_EPOCH + Duration::from_secs(second))
}

/// How long ago that was; a time to come was just now.
pub(super) fn since(time: SystemTime) -> String {
    format!("{} ago", age(time.elapsed().unwrap_or_default()))
}

/// A name of the interface as a person reads it.
pub(super) fn word(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            (count(9999), count(12_345), count(5_000_000)),
            ("9999".into(), "12.3k".into(), "5.00M".into())
        );
        assert_eq!(
            (bytes(1023), bytes(1536), bytes(u64::MAX)),
            ("1023 B".into(), "1.5 KiB".into(), "16384.0 PiB".into())
        );
        assert_eq!(time(Some(0.000_25)), "250 \u{b5}s");
        assert_eq!(time(Some(0.0123)), "12.3 ms");
        assert_eq!(percent(Some(0.0123)), "1.23 %");
        assert_eq!(age(Duration::from_secs(90_000)), "1d 1h");
        assert_eq!(age(Duration::from_secs(61)), "1m 1s");
    }
}
