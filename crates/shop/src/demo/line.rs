//! The live line: how the traffic goes, in place on a terminal, every ten seconds in a log.
//!
//! Pure but for [`Screen::of_stdout`]: the caller brings the counters and the time, and writes what it is given.

use base::Moment;
use base::meters::Buckets;
use std::io::IsTerminal;
use std::time::Duration;

/// Time between two lines where standard output is no terminal.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Time between two drawings on a terminal; more often would only make the figures jump.
const DRAW_EVERY: Duration = Duration::from_secs(1);

/// Clears the line that the cursor is in, and goes to its start (ECMA-48 `EL`).
const REDRAW: &str = "\r\x1b[2K";

/// Where the line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// A terminal so many columns wide: the line is drawn over itself once a second.
    Terminal {
        /// Columns.
        columns: u16,
    },
    /// A file or a pipe: one line each ten seconds.
    Log,
}

impl Screen {
    /// What standard output is, now. A terminal that does not tell its width has 80 columns.
    pub fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        if !stdout.is_terminal() {
            return Self::Log;
        }
        let columns = rustix::termios::tcgetwinsize(&stdout).map_or(0, |size| size.ws_col);
        Self::Terminal { columns: if columns == 0 { 80 } else { columns } }
    }
}

/// What has been counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Requests answered.
    pub requests: u64,
    /// Those among them that went wrong, by whatever measure the caller shows.
    pub errors: u64,
    /// Requests that are being answered.
    pub in_flight: u64,
    /// How long answers took.
    pub latency: Buckets,
    /// Requests that each instance answered, by its name, in the order to be shown.
    pub instances: Vec<(String, u64)>,
    /// How many instances are wanted.
    pub wanted: u32,
}

/// Makes the line out of snapshots: each line speaks of the time since the line before.
#[derive(Debug)]
pub struct TrafficLine {
    screen: Screen,
    last: Option<(Moment, Snapshot)>,
}

impl TrafficLine {
    /// A line for that screen.
    pub const fn new(screen: Screen) -> Self {
        Self { screen, last: None }
    }

    /// What to write to standard output now, as it is; `None` where it is not time yet. The first snapshot is only
    /// remembered. Call it a few times a second, or more.
    pub fn tick(&mut self, now: Moment, seen: Snapshot) -> Option<String> {
        let Some((then, before)) = &self.last else {
            self.last = Some((now, seen));
            return None;
        };
        let passed = now.since(*then);
        let every = if self.screen == Screen::Log { LOG_EVERY } else { DRAW_EVERY };
        if passed < every {
            return None;
        }
        let line = said(passed, before, &seen);
        self.last = Some((now, seen));
        Some(match self.screen {
            Screen::Log => line + "\n",
            // The last column stays free: some terminals wrap when it is written. The text is ASCII but for names.
            Screen::Terminal { columns } => {
                let fits = line.chars().take(usize::from(columns).saturating_sub(1));
                REDRAW.chars().chain(fits).collect()
            }
        })
    }

    /// What to write before anything else is printed, or at the end, so that the last line stays readable.
    pub const fn leave(&self) -> &'static str {
        match (&self.last, self.screen) {
            (Some(_), Screen::Terminal { .. }) => "\r\n",
            _ => "",
        }
    }
}

/// What happened between two snapshots. Counters that went back, as after a restart, count as zero.
fn said(passed: Duration, before: &Snapshot, seen: &Snapshot) -> String {
    let requests = seen.requests.saturating_sub(before.requests);
    let errors = seen.errors.saturating_sub(before.errors);
    let rate = requests as f64 / passed.as_secs_f64();
    let took = between(&before.latency, &seen.latency);
    let mut line = format!(
        "{rate:.0} req/s  p50 {}  p99 {}  errors {errors} ({})  in flight {}",
        milliseconds(took.quantile(0.5)),
        milliseconds(took.quantile(0.99)),
        share(errors, requests),
        seen.in_flight,
    );
    let earlier =
        |name: &str| before.instances.iter().find(|(known, _)| known == name).map_or(0, |(_, n)| *n);
    let each: Vec<_> =
        seen.instances.iter().map(|(name, n)| (name, n.saturating_sub(earlier(name)))).collect();
    let all = each.iter().map(|(_, n)| n).sum();
    let shares: Vec<_> = each.iter().map(|(name, n)| format!("{name} {}", share(*n, all))).collect();
    if !shares.is_empty() {
        line.push_str("  |  ");
        line.push_str(&shares.join("  "));
        let there = u32::try_from(shares.len()).unwrap_or(u32::MAX);
        if seen.wanted > there {
            line.push_str("  and ");
            line.push_str(&(seen.wanted - there).to_string());
            line.push_str(" to come");
        }
    }
    line
}

fn between(before: &Buckets, seen: &Buckets) -> Buckets {
    Buckets {
        counts: std::array::from_fn(|i| seen.counts[i].saturating_sub(before.counts[i])),
        sum_us: seen.sum_us.saturating_sub(before.sum_us),
    }
}

/// Two figures are enough to see how it goes.
fn milliseconds(seconds: Option<f64>) -> String {
    match seconds.map(|seconds| seconds * 1e3) {
        None => "-".to_owned(),
        Some(ms) if ms < 10.0 => format!("{ms:.1} ms"),
        Some(ms) => format!("{ms:.0} ms"),
    }
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.0}%", part as f64 / whole as f64 * 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::meters::Histogram;

    fn second(n: u64) -> Moment {
        Moment::ORIGIN + Duration::from_secs(n)
    }

    /// So many requests until now, a tenth of them errors, two thirds of them on the first instance.
    fn after(requests: u64) -> Snapshot {
        let histogram = Histogram::default();
        (0..requests).for_each(|_| histogram.record(Duration::from_millis(2)));
        let mut latency = Buckets::default();
        latency.gather(&histogram);
        let instances = vec![("a".to_owned(), requests * 2 / 3), ("b".to_owned(), requests / 3)];
        Snapshot { requests, errors: requests / 10, in_flight: 4, latency, instances, wanted: 2 }
    }

    #[test]
    fn a_log_gets_a_line_each_ten_seconds_about_those_seconds() {
        let mut line = TrafficLine::new(Screen::Log);
        assert_eq!(line.tick(second(0), after(600)), None, "nothing is known yet");
        assert_eq!(line.tick(second(9), after(800)), None);
        let text = line.tick(second(10), after(900)).unwrap();
        assert_eq!(text, "30 req/s  p50 1.8 ms  p99 2.5 ms  errors 30 (10%)  in flight 4  |  a 67%  b 33%\n");
        assert_eq!(line.tick(second(11), after(900)), None);
    }

    #[test]
    fn a_terminal_is_redrawn_in_place_and_never_wrapped() {
        let mut line = TrafficLine::new(Screen::Terminal { columns: 20 });
        assert_eq!(line.leave(), "", "nothing was drawn");
        line.tick(second(0), after(0));
        let text = line.tick(second(1), after(30)).unwrap();
        assert_eq!(text, format!("{REDRAW}30 req/s  p50 1.8 m"));
        assert!(!text.contains('\n'));
        assert_eq!(line.leave(), "\r\n");
    }

    #[test]
    fn no_traffic_and_counters_that_start_again_are_no_trouble() {
        let mut line = TrafficLine::new(Screen::Terminal { columns: 200 });
        line.tick(second(0), after(300));
        let text = line.tick(second(1), after(30)).unwrap();
        assert!(text.ends_with("0 req/s  p50 -  p99 -  errors 0 (-)  in flight 4  |  a -  b -"), "{text}");
    }
}
