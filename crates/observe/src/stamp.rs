//! A time of day as text, for log lines: RFC 3339 in JSON, the common log format's own form in CLF. Always UTC.
//!
//! The text of a second is made once and kept, since thousands of lines share it.
//! The calendar follows Howard Hinnant's `civil_from_days`.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// 9999-12-31T23:59:59Z: the last second that four digits of a year can write.
const LAST_SECOND: u64 = 253_402_300_799;

/// The second last asked for, as text.
#[derive(Debug, Default)]
pub(crate) struct Stamp {
    second: Option<u64>,
    millis: u32,
    rfc3339: Vec<u8>,
    clf: Vec<u8>,
}

impl Stamp {
    /// Moves to `time`. Times before 1970 count as 1970.
    pub(crate) fn set(&mut self, time: SystemTime) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.millis = since.subsec_millis();
        let second = since.as_secs().min(LAST_SECOND);
        if self.second != Some(second) {
            self.second = Some(second);
            self.write(second);
        }
    }

    /// Writes `2026-01-02T03:04:05.678Z`.
    pub(crate) fn push_rfc3339(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.rfc3339);
        let digit = |n: u32| b'0' + (n % 10) as u8;
        let ms = self.millis;
        out.extend_from_slice(&[b'.', digit(ms / 100), digit(ms / 10), digit(ms), b'Z']);
    }

    /// Writes `02/Jan/2026:03:04:05 +0000`.
    pub(crate) fn push_clf(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.clf);
    }

    fn write(&mut self, second: u64) {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (year, month, day) = civil(second / 86_400);
        let (h, m, s) = (second / 3600 % 24, second / 60 % 60, second % 60);
        self.rfc3339.clear();
        self.clf.clear();
        let name = MONTHS[(month - 1) as usize];
        // Writing to a vector cannot fail.
        let _ = write!(self.rfc3339, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}");
        let _ = write!(self.clf, "{day:02}/{name}/{year:04}:{h:02}:{m:02}:{s:02} +0000");
    }
}

/// Year, month (1 to 12) and day (1 to 31) of a day counted from 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn texts(at: Duration) -> (String, String) {
        let mut stamp = Stamp::default();
        stamp.set(UNIX_EPOCH + at);
        let (mut json, mut clf) = (Vec::new(), Vec::new());
        stamp.push_rfc3339(&mut json);
        stamp.push_clf(&mut clf);
        (String::from_utf8(json).unwrap(), String::from_utf8(clf).unwrap())
    }

    #[test]
    fn known_seconds_have_their_known_dates() {
        for (seconds, json, clf) in [
            (0, "1970-01-01T00:00:00.007Z", "01/Jan/1970:00:00:00 +0000"),
            (951_782_399, "2000-02-28T23:59:59.007Z", "28/Feb/2000:23:59:59 +0000"),
            (951_782_400, "2000-02-29T00:00:00.007Z", "29/Feb/2000:00:00:00 +0000"),
            (1_709_251_199, "2024-02-29T23:59:59.007Z", "29/Feb/2024:23:59:59 +0000"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z", "01/Mar/2100:00:00:00 +0000"),
            (u64::MAX / 2_000_000_000, "2262-04-11T23:47:16.007Z", "11/Apr/2262:23:47:16 +0000"),
        ] {
            let (got_json, got_clf) = texts(Duration::from_millis(seconds * 1000 + 7));
            assert_eq!((got_json.as_str(), got_clf.as_str()), (json, clf), "{seconds}");
        }
    }

    #[test]
    fn a_clock_that_is_wildly_wrong_still_gives_a_date() {
        assert!(texts(Duration::from_secs(LAST_SECOND + 10)).0.starts_with("9999-12-31T23:59:59"));
        let mut stamp = Stamp::default();
        stamp.set(UNIX_EPOCH - Duration::from_secs(5));
        let mut json = Vec::new();
        stamp.push_rfc3339(&mut json);
        assert_eq!(json, b"1970-01-01T00:00:00.000Z");
    }
}
