//! CSV to a trace.
//!
//! A header names the columns, in any order; `seconds` and `rps` must be there. Lines that begin with `#` are comments, but
//! `# settings: max=200 slots=32` says what the trace is made for. *Invariant*: any text gives a trace or an error with its
//! line and what to change, in bounded time and memory.

use super::{Event, Point, Recorded, Trace};
use crate::parameters::Overrides;

/// Largest file, in bytes.
pub(crate) const MOST_BYTES: usize = 16 << 20;
/// Most points: a week with one every three seconds.
pub(crate) const MOST_POINTS: usize = 200_000;
/// Longest trace, in seconds: a week.
pub(crate) const MOST_SECONDS: f64 = 7.0 * 86_400.0;
/// Highest rate, per second.
const MOST_RPS: f64 = 1e9;
/// Longest service time, in milliseconds: ten minutes.
const MOST_MILLISECONDS: f64 = 600_000.0;

const COLUMNS: [&str; 7] = ["seconds", "rps", "service_ms", "events", "instances", "p95_ms", "failed"];
const SETTINGS: &str = "# settings:";

/// Why a text is not a trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct TraceError {
    /// Where, counted from 1.
    pub line: usize,
    /// What is wrong, and what to change.
    pub what: String,
}

fn wrong<T>(line: usize, what: impl Into<String>) -> Result<T, TraceError> {
    Err(TraceError { line, what: what.into() })
}

pub(super) fn parse(text: &str) -> Result<Trace, TraceError> {
    if text.len() > MOST_BYTES {
        return wrong(1, format!("the trace has {} bytes; at most {MOST_BYTES} are read", text.len()));
    }
    let mut columns = None;
    let mut found = Trace {
        points: Vec::new(),
        events: Vec::new(),
        recorded: Vec::new(),
        settings: Overrides::default(),
    };
    let mut origin = 0.0;
    let mut last = 1;
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        last = number;
        let line = line.trim();
        if let Some(settings) = line.strip_prefix(SETTINGS) {
            read_settings(&mut found.settings, settings, number)?;
        } else if line.is_empty() || line.starts_with('#') {
        } else if let Some(columns) = &columns {
            let row = Row::read(columns, line, number)?;
            if found.points.is_empty() {
                origin = row.seconds;
            }
            add(&mut found, &row, origin, number)?;
        } else {
            columns = Some(Columns::read(line, number)?);
        }
    }
    if columns.is_none() {
        return wrong(1, "there is no header; begin with a line such as `seconds,rps`");
    }
    if found.seconds() <= 0.0 {
        return wrong(last, "the trace has no length; give at least two rows with different seconds");
    }
    Ok(found)
}

fn read_settings(settings: &mut Overrides, text: &str, line: usize) -> Result<(), TraceError> {
    for word in text.split_whitespace() {
        let Some((name, value)) = word.split_once('=') else {
            return wrong(line, format!("`{word}` is not a setting; write NAME=VALUE, such as max=20"));
        };
        settings
            .set(name, value)
            .map_err(|why| TraceError { line, what: format!("setting `{word}`: {why}") })?;
    }
    Ok(())
}

fn add(trace: &mut Trace, row: &Row, origin: f64, line: usize) -> Result<(), TraceError> {
    let seconds = row.seconds - origin;
    let before = trace.points.last();
    if before.is_some_and(|before| before.seconds > seconds) {
        return wrong(line, "time goes backwards; sort the rows by seconds");
    }
    if seconds > MOST_SECONDS {
        return wrong(line, "the trace is longer than a week; cut it, or give its days one by one");
    }
    if trace.points.len() == MOST_POINTS {
        return wrong(
            line,
            format!("more than {MOST_POINTS} rows; leave out some, rates change evenly between rows"),
        );
    }
    let service = row.service.map(|ms| ms / 1000.0).or_else(|| before.and_then(|before| before.service));
    trace.points.push(Point { seconds, rps: row.rps, service });
    trace.events.extend(row.events.iter().map(|event| (seconds, *event)));
    if let Some(instances) = row.instances {
        trace.recorded.push(Recorded {
            seconds,
            instances,
            p95: row.p95.map(|ms| ms / 1000.0),
            failed: row.failed,
        });
    }
    Ok(())
}

/// Which column stands where.
#[derive(Debug)]
struct Columns(Vec<&'static str>);

impl Columns {
    fn read(line: &str, number: usize) -> Result<Self, TraceError> {
        let mut names = Vec::new();
        for cell in line.split(',').map(str::trim) {
            let Some(name) = COLUMNS.iter().copied().find(|name| *name == cell) else {
                let known = COLUMNS.join(", ");
                return wrong(number, format!("there is no column `{}`; columns are {known}", short(cell)));
            };
            if names.contains(&name) {
                return wrong(number, format!("column `{name}` is there twice; leave one out"));
            }
            names.push(name);
        }
        for needed in ["seconds", "rps"] {
            if !names.contains(&needed) {
                return wrong(number, format!("column `{needed}` is missing; begin with `seconds,rps`"));
            }
        }
        Ok(Self(names))
    }
}

/// What a line says.
#[derive(Debug, Default)]
struct Row {
    seconds: f64,
    rps: f64,
    service: Option<f64>,
    events: Vec<Event>,
    instances: Option<f64>,
    p95: Option<f64>,
    failed: Option<f64>,
}

impl Row {
    fn read(Columns(columns): &Columns, line: &str, number: usize) -> Result<Self, TraceError> {
        let cells = line.split(',').count();
        if cells > columns.len() {
            let expected = columns.len();
            return wrong(number, format!("{cells} values, but the header names {expected} columns"));
        }
        let mut row = Self::default();
        let mut cells = line.split(',').map(str::trim);
        for name in columns {
            let cell = cells.next().unwrap_or_default();
            row.take(name, cell).map_err(|what| TraceError { line: number, what })?;
        }
        Ok(row)
    }

    fn take(&mut self, name: &str, cell: &str) -> Result<(), String> {
        let required = |value: Option<f64>| value.ok_or_else(|| format!("`{name}` is empty; write a number"));
        match name {
            "seconds" => self.seconds = required(number(name, cell, f64::MAX)?)?,
            "rps" => self.rps = required(number(name, cell, MOST_RPS)?)?,
            "service_ms" => {
                self.service = number(name, cell, MOST_MILLISECONDS)?;
                if self.service == Some(0.0) {
                    return Err("service_ms is 0; write a number above, such as 100".to_owned());
                }
            }
            "events" => self.events = cell.split_whitespace().map(event).collect::<Result<_, _>>()?,
            "instances" => self.instances = number(name, cell, 1e6)?,
            "p95_ms" => self.p95 = number(name, cell, f64::MAX)?,
            _ => self.failed = number(name, cell, f64::MAX)?,
        }
        Ok(())
    }
}

fn number(name: &str, cell: &str, most: f64) -> Result<Option<f64>, String> {
    if cell.is_empty() {
        return Ok(None);
    }
    match cell.parse::<f64>() {
        Ok(number) if number > most => Err(format!("{name} is {number}; at most {most} is possible")),
        Ok(number) if number >= 0.0 => Ok(Some(number)),
        _ => Err(format!("`{}` is no {name}; write a number from 0, such as 250 or 12.5", short(cell))),
    }
}

fn event(word: &str) -> Result<Event, String> {
    let known = Event::ALL.map(Event::as_str).join(", ");
    Event::ALL
        .into_iter()
        .find(|event| event.as_str() == word)
        .ok_or_else(|| format!("there is no event `{}`; events are {known}", short(word)))
}

/// As much of a text as belongs into a message, without what would spoil a terminal.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn refused(text: &str, line: usize, words: &str) {
        let error = Trace::parse(text).expect_err("it is refused");
        assert_eq!(error.line, line, "{error}");
        assert!(error.what.contains(words), "{error}");
    }

    #[test]
    fn each_mistake_is_told_with_its_line_and_what_to_change() {
        refused("", 1, "begin with a line such as `seconds,rps`");
        refused("# only a comment\n", 1, "there is no header");
        refused("seconds,rate\n0,1\n", 1, "no column `rate`; columns are seconds, rps");
        refused("seconds\n0\n", 1, "column `rps` is missing");
        refused("seconds,rps,rps\n", 1, "`rps` is there twice");
        refused("seconds,rps\n0,1\n\n5,1,7\n", 4, "3 values, but the header names 2 columns");
        refused("seconds,rps\n0,fast\n", 2, "`fast` is no rps; write a number");
        refused("seconds,rps\n0,-3\n", 2, "`-3` is no rps");
        refused("seconds,rps\n0,NaN\n", 2, "`NaN` is no rps");
        refused("seconds,rps\n0,1e12\n", 2, "at most");
        refused("seconds,rps\n0,inf\n", 2, "at most");
        refused("seconds,rps\n0\n", 2, "`rps` is empty");
        refused("seconds,rps\n9,1\n3,1\n", 3, "time goes backwards; sort the rows");
        refused("seconds,rps\n0,1\n900000,1\n", 3, "longer than a week");
        refused("seconds,rps\n5,1\n", 2, "at least two rows");
        refused("seconds,rps,service_ms\n0,1,0\n", 2, "service_ms is 0");
        refused("seconds,rps,events\n0,1,crush\n", 2, "no event `crush`; events are crash_loop, ");
        refused("# settings: max=many\nseconds,rps\n", 1, "setting `max=many`: expected a whole number");
        refused("# settings: max\nseconds,rps\n", 1, "write NAME=VALUE");
        refused("# settings: mx=3\nseconds,rps\n", 1, "there is no `mx`; there are min, max");
    }

    #[test]
    fn size_and_rows_are_bounded() {
        let large = format!("#{}\nseconds,rps\n0,1\n1,1\n", "x".repeat(MOST_BYTES));
        refused(&large, 1, "at most 16777216 are read");
        let many = format!("seconds,rps\n{}", "0,1\n".repeat(MOST_POINTS + 1));
        refused(&many, MOST_POINTS + 2, "more than 200000 rows");
    }

    #[test]
    fn time_counts_from_the_first_row_and_columns_may_stand_in_any_order() {
        let text =
            "\u{feff}# a run\r\nrps, seconds ,instances,p95_ms,failed\r\n10,1000,2,150,0\r\n20,1060,3,,4\r\n";
        let trace = Trace::parse(text).unwrap();
        assert!((trace.seconds() - 60.0).abs() < 1e-9);
        let [first, second] = trace.recorded() else { panic!("{trace:?}") };
        assert_eq!((first.p95, first.failed), (Some(0.15), Some(0.0)));
        assert_eq!((second.seconds, second.instances, second.p95), (60.0, 3.0, None));
    }

    #[test]
    fn a_trace_may_say_what_it_is_made_for() {
        let trace = Trace::parse("# settings: max=200 start_time=10s\nseconds,rps\n0,1\n9,1\n").unwrap();
        assert_eq!(trace.settings().max, Some(200));
        assert_eq!(trace.settings().start_time, Some(std::time::Duration::from_secs(10)));
    }

    proptest! {
        #[test]
        fn any_text_gives_a_trace_or_an_error(text in "(seconds|rps|,|[0-9]|\n|#|e|\\.|-| |events){0,60}") {
            let _ = Trace::parse(&text);
        }

        #[test]
        fn any_rows_give_a_trace_or_an_error(rows in "([0-9]{1,3},[0-9.e-]{0,5}(,[a-z_ ]{0,5})?\n){0,9}") {
            if let Ok(trace) = Trace::parse(&format!("seconds,rps,events\n{rows}")) {
                prop_assert!(trace.seconds() > 0.0);
                prop_assert!(trace.points().is_sorted_by(|a, b| a.seconds <= b.seconds));
                let mut reader = trace.reader();
                for tenth in 0..20 {
                    prop_assert!(reader.look(trace.seconds() * f64::from(tenth) / 10.0).0.is_finite());
                }
            }
        }
    }
}
