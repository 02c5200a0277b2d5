//! A small chart of the last minutes: instances that were ready as an area, those that were wanted as a line of steps.

use super::super::POINTS;
use crate::instances::Point;
use maud::{Markup, html};
use std::fmt::Write;

/// Size, in units of its own, and the room above the highest step.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 60.0;
const ABOVE: f64 = 4.0;

pub(super) fn chart(points: &[Point], name: &str) -> Markup {
    let most = |of: &dyn Fn(&Point) -> u32| points.iter().map(of).max().unwrap_or(0);
    let (wanted, ready) = (most(&|p| p.wanted), most(&|p| p.ready));
    let most = wanted.max(ready);
    let top = f64::from(most.max(1));
    let label = format!(
        "Instances of {name} in the last five minutes: at most {wanted} were wanted and {ready} were ready"
    );
    html! {
        @if points.len() > 1 {
            svg.steps viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(label) {
                path.ready d=(area(points, top)) {}
                path.wanted d=(line(points, top)) {}
            }
            p.legend.quiet {
                span { span.key.ready {} " ready" }
                span { span.key.wanted {} " wanted" }
                span { "last five minutes, at most " (most) }
            }
        }
    }
}

/// Where a point stands. The newest is at the right edge.
fn x(points: &[Point], at: usize) -> f64 {
    (POINTS - points.len() + at) as f64 * WIDTH / (POINTS - 1) as f64
}

fn y(count: u32, top: f64) -> f64 {
    HEIGHT - f64::from(count) / top * (HEIGHT - ABOVE)
}

/// Steps: a count holds until the next one. Only changes are drawn, so that a quiet service costs a few bytes.
fn steps(points: &[Point], top: f64, of: impl Fn(&Point) -> u32) -> String {
    let mut path = String::new();
    for (at, pair) in points.windows(2).enumerate().filter(|(_, pair)| of(&pair[0]) != of(&pair[1])) {
        // Writing to a text cannot fail.
        let _ = write!(path, "H{:.1}V{:.1}", x(points, at + 1), y(of(&pair[1]), top));
    }
    path + &format!("H{WIDTH}")
}

fn line(points: &[Point], top: f64) -> String {
    format!("M{:.1} {:.1}{}", x(points, 0), y(points[0].wanted, top), steps(points, top, |p| p.wanted))
}

fn area(points: &[Point], top: f64) -> String {
    let steps = steps(points, top, |p| p.ready);
    format!("M{:.1} {HEIGHT}V{:.1}{steps}V{HEIGHT}Z", x(points, 0), y(points[0].ready, top))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(counts: &[(u32, u32)]) -> Vec<Point> {
        counts.iter().map(|&(wanted, ready)| Point { wanted, ready }).collect()
    }

    #[test]
    fn a_count_holds_until_the_next_one_and_the_newest_is_at_the_right() {
        let mut all = points(&[(1, 1); POINTS - 2]);
        all.extend(points(&[(2, 1), (2, 2)]));
        assert_eq!(line(&all, 2.0), "M0.0 32.0H589.8V4.0H600");
        assert_eq!(area(&all, 2.0), "M0.0 60V32.0H600.0V4.0H600V60Z");
    }

    #[test]
    fn one_point_is_no_chart_yet() {
        assert_eq!(chart(&points(&[(1, 0)]), "shop").into_string(), "");
        let html = chart(&points(&[(3, 0), (3, 1)]), "shop").into_string();
        assert!(html.contains("at most 3 were wanted and 1 were ready"), "{html}");
    }
}
