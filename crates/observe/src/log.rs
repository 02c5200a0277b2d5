//! The operator's diagnostics on stderr: `tidegate: warning: the message`, one line each.
//!
//! With `TIDEGATE_LOG_FORMAT=json` in the environment a line is a JSON object instead. What a stranger can cause
//! goes through a [`Throttle`] of its own, so no flood of requests becomes a flood of lines. A message may quote
//! what a stranger sent: control characters are escaped, so it can forge no line and move no terminal's cursor.
//! *Not here*: lines about requests (the module `access_log`), files, levels to choose. Cost: a write(2) a line.

use crate::stamp::Stamp;
use base::{Clock, Moment};
use std::fmt;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something does not work and somebody must act.
    Error,
    /// Something is wrong; Tidegate goes on without it.
    Warning,
    /// Worth knowing: start, reload, stop.
    Info,
}

impl Level {
    /// `error`, `warning` or `info`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// Writes an error: `log::error(format_args!("no {what}"))`.
pub fn error(message: fmt::Arguments<'_>) {
    write(Level::Error, message);
}

/// Writes a warning.
pub fn warning(message: fmt::Arguments<'_>) {
    write(Level::Warning, message);
}

/// Writes something worth knowing.
pub fn info(message: fmt::Arguments<'_>) {
    write(Level::Info, message);
}

/// Writes one line to stderr, in one call, so lines of different threads do not mix.
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    static JSON: OnceLock<bool> = OnceLock::new();
    let json = *JSON.get_or_init(|| {
        std::env::var_os("TIDEGATE_LOG_FORMAT").is_some_and(|f| f.eq_ignore_ascii_case("json"))
    });
    let line = line(json, SystemTime::now(), level, &message.to_string());
    // When stderr itself is gone there is nobody left to tell.
    let _ = std::io::stderr().lock().write_all(&line);
}

fn line(json: bool, time: SystemTime, level: Level, message: &str) -> Vec<u8> {
    let mut line = Vec::with_capacity(message.len() + 80);
    if json {
        let mut stamp = Stamp::default();
        stamp.set(time);
        line.extend_from_slice(b"{\"time\":\"");
        stamp.push_rfc3339(&mut line);
        let _ = write!(line, "\",\"level\":\"{}\",\"message\":", level.as_str());
        crate::access_log::push_json_string(&mut line, message.as_bytes());
        line.extend_from_slice(b"}\n");
        return line;
    }
    let _ = write!(line, "tidegate: {}: ", level.as_str());
    for c in message.chars() {
        let _ = if c.is_control() { write!(line, "{}", c.escape_default()) } else { write!(line, "{c}") };
    }
    line.push(b'\n');
    line
}

/// Lets one line a second through and counts the others. Made to be a `static` beside the place that uses it.
#[derive(Debug, Default)]
pub struct Throttle {
    /// Nanoseconds on the process's clock before which nothing passes.
    closed_until: AtomicU64,
    suppressed: AtomicU64,
}

impl Throttle {
    /// An open throttle.
    pub const fn new() -> Self {
        Self { closed_until: AtomicU64::new(0), suppressed: AtomicU64::new(0) }
    }

    /// Writes the line, or counts it where another one passed less than a second ago. The next line that passes
    /// says how many did not.
    pub fn write(&self, level: Level, message: fmt::Arguments<'_>) {
        static CLOCK: OnceLock<Clock> = OnceLock::new();
        match self.pass(CLOCK.get_or_init(Clock::real).now()) {
            None => {}
            Some(0) => write(level, message),
            Some(more) => write(level, format_args!("{message} ({more} more suppressed)")),
        }
    }

    /// Says whether a line may pass at `now`, and then how many were suppressed since the last that did.
    fn pass(&self, now: Moment) -> Option<u64> {
        let until = self.closed_until.load(Ordering::Relaxed);
        let next = (now + Duration::from_secs(1)).nanos();
        let opens = now.nanos() >= until
            && self.closed_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if opens {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_passes_and_says_how_many_did_not() {
        let (throttle, clock) = (Throttle::new(), Clock::simulated());
        assert_eq!(throttle.pass(clock.now()), Some(0));
        for _ in 0..5 {
            clock.advance(Duration::from_millis(100));
            assert_eq!(throttle.pass(clock.now()), None);
        }
        clock.advance(Duration::from_millis(500));
        assert_eq!(throttle.pass(clock.now()), Some(5));
        clock.advance(Duration::from_secs(9));
        assert_eq!(throttle.pass(clock.now()), Some(0));
    }

    #[test]
    fn a_message_is_one_line_whatever_it_quotes() {
        let text = line(false, SystemTime::UNIX_EPOCH, Level::Warning, "bad host \"a\n\u{1b}[2J\u{9b}\"");
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "tidegate: warning: bad host \"a\\n\\u{1b}[2J\\u{9b}\"\n"
        );
        let json = line(true, SystemTime::UNIX_EPOCH, Level::Error, "a\n\"b\"");
        assert_eq!(
            String::from_utf8(json).unwrap(),
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"error\",\"message\":\"a\\u000a\\\"b\\\"\"}\n"
        );
    }
}
