//! Durations and sizes as they are typed.

use std::fmt::Write as _;
use std::time::Duration;

/// Reads `250ms`, `15s`, `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, unit, after) = term(rest)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" => return Err("the unit is missing: one of ms, s, m, h, d".into()),
            other => return Err(format!("`{other}` is no unit of time: use ms, s, m, h or d")),
        };
        let part = number.checked_mul(millis).ok_or("the number is too large")?;
        total = total.checked_add(Duration::from_millis(part)).ok_or("the number is too large")?;
        rest = after;
    }
    if text.is_empty() { Err("it is empty".into()) } else { Ok(total) }
}

/// Reads `240B`, `64KiB`, `1MiB` or a number of bytes.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit, rest) = term(text)?;
    let bytes: u64 = match unit {
        _ if !rest.is_empty() => return Err("one number with one unit is enough".into()),
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        other => return Err(format!("`{other}` is no unit of size: use B, KiB, MiB or GiB")),
    };
    number.checked_mul(bytes).ok_or_else(|| "the number is too large".into())
}

/// The shortest text that reads back as `duration`; what is smaller than a millisecond is left out.
pub(crate) fn show_duration(duration: Duration) -> String {
    let mut millis = duration.as_millis();
    let mut text = String::new();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if millis >= length {
            let _ = write!(text, "{}{unit}", millis / length);
            millis %= length;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// The shortest text that reads back as `bytes`.
pub(crate) fn show_size(bytes: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, length)| bytes >= *length && bytes.is_multiple_of(*length)) {
        Some((unit, length)) => format!("{}{unit}", bytes / length),
        None => format!("{bytes}B"),
    }
}

/// The leading number, its unit, and what follows.
fn term(text: &str) -> Result<(u64, &str, &str), String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..digits].parse().map_err(|_| "it does not start with a whole number")?;
    let behind = &text[digits..];
    let unit = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
    Ok((number, &behind[..unit], &behind[unit..]))
}
