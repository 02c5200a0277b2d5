//! A chart over time as inline SVG: lines, a scale with round numbers, and what a moment holds when one points at it.
//!
//! Colours come from the page's style by class, so that it is as readable in the dark.

use crate::figures::clock;
use maud::{Markup, html};
use std::fmt::Write;

/// The drawing, in units of its own; it grows and shrinks with the page.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 170.0;
/// Room for the scale on the left, and for the times below.
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 20.0;
const TOP: f64 = 8.0;
/// Where along it a time is written, and how that text lies.
const TIMES: [(f64, &str); 5] =
    [(0.0, "start"), (0.25, "middle"), (0.5, "middle"), (0.75, "middle"), (1.0, "end")];
/// Places that one can point at.
const PLACES: usize = 120;

/// One line of a chart.
pub(crate) struct Line {
    /// What it is, for the legend.
    pub(crate) label: &'static str,
    /// Its class in the style.
    pub(crate) class: &'static str,
    /// A value for each moment; nothing where there is none.
    pub(crate) values: Vec<Option<f64>>,
    /// Counts jump from one value to the next.
    pub(crate) jumps: bool,
}

/// A chart of such lines; `until` has the end of each stretch, in seconds.
pub(crate) fn chart(title: &str, until: &[f64], lines: &[Line], show: fn(f64) -> String) -> Markup {
    let highest = lines.iter().flat_map(|line| &line.values).flatten().copied().fold(0.0, f64::max);
    let frame = Frame { seconds: until.last().copied().unwrap_or(1.0), top: round_up(highest) };
    html! {
        figure {
            figcaption {
                strong { (title) }
                @for line in lines { span.key.(line.class) { (line.label) } }
            }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(title) {
                (frame.grid(show))
                @for line in lines { path.line.(line.class) d=(frame.path(until, line)) {} }
                (frame.places(until, lines, show))
            }
        }
    }
}

/// From values to places in the drawing.
struct Frame {
    seconds: f64,
    top: f64,
}

impl Frame {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + seconds / self.seconds * (WIDTH - LEFT - 4.0)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.top * (HEIGHT - BOTTOM - TOP)
    }

    fn grid(&self, show: fn(f64) -> String) -> Markup {
        html! {
            @for part in [0.0, 0.5, 1.0] {
                @let y = self.y(self.top * part);
                line.grid x1=(LEFT) x2=(WIDTH - 4.0) y1=(coordinate(y)) y2=(coordinate(y)) {}
                text.scale x=(LEFT - 6.0) y=(coordinate(y + 4.0)) text-anchor="end" { (show(self.top * part)) }
            }
            @for (part, anchor) in TIMES {
                text.scale x=(coordinate(self.x(self.seconds * part))) y=(HEIGHT - 4.0) text-anchor=(anchor) {
                    (clock(self.seconds * part))
                }
            }
        }
    }

    fn path(&self, until: &[f64], line: &Line) -> String {
        let mut path = String::new();
        let (mut drawn, mut from) = (false, 0.0);
        for (&to, value) in until.iter().zip(&line.values) {
            let Some(value) = value else {
                (drawn, from) = (false, to);
                continue;
            };
            let y = coordinate(self.y(*value));
            // Writing to a text cannot fail.
            let _ = match (drawn, line.jumps) {
                (false, true) => write!(path, "M{} {y}H{}", coordinate(self.x(from)), coordinate(self.x(to))),
                (true, true) => write!(path, "V{y}H{}", coordinate(self.x(to))),
                (false, false) => write!(path, "M{} {y}", coordinate(self.x(f64::midpoint(from, to)))),
                (true, false) => write!(path, "L{} {y}", coordinate(self.x(f64::midpoint(from, to)))),
            };
            (drawn, from) = (true, to);
        }
        path
    }

    /// Unseen columns that tell the values of their moment.
    fn places(&self, until: &[f64], lines: &[Line], show: fn(f64) -> String) -> Markup {
        let every = until.len().div_ceil(PLACES).max(1);
        html! {
            @for at in (0..until.len()).step_by(every) {
                @let from = if at == 0 { 0.0 } else { until[at - 1] };
                @let to = until[(at + every - 1).min(until.len() - 1)];
                rect.place x=(coordinate(self.x(from))) y=(TOP)
                    width=(coordinate(self.x(to) - self.x(from))) height=(HEIGHT - BOTTOM - TOP) {
                    title {
                        (clock(until[at]))
                        @for line in lines {
                            "\n" (line.label) ": "
                            @match line.values[at] { Some(value) => { (show(value)) } None => { "-" } }
                        }
                    }
                }
            }
        }
    }
}

/// Tenths are as fine as a screen shows.
fn coordinate(value: f64) -> String {
    format!("{value:.1}")
}

/// The next round number: 1, 2 or 5 and zeros.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|top| *top >= value).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number_above_all_values() {
        for (highest, top) in [(0.0, 1.0), (0.3, 0.5), (1.0, 1.0), (1.1, 2.0), (49.0, 50.0), (51.0, 100.0)] {
            assert!((round_up(highest) - top).abs() < 1e-9, "{highest}: {}", round_up(highest));
        }
    }

    #[test]
    fn a_line_is_broken_where_there_is_no_value_and_counts_jump() {
        let frame = Frame { seconds: 3.0, top: 1.0 };
        let line = |jumps, values| Line { label: "", class: "", values, jumps };
        let path = frame.path(&[1.0, 2.0, 3.0], &line(false, vec![Some(0.0), None, Some(1.0)]));
        assert_eq!(path.matches('M').count(), 2, "{path}");
        let path = frame.path(&[1.0, 2.0, 3.0], &line(true, vec![Some(0.0), Some(1.0), Some(1.0)]));
        assert_eq!((path.matches('M').count(), path.matches('V').count()), (1, 2), "{path}");
    }
}
