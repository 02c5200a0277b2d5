//! How many instances were wanted and ready over the last minutes, for the page's chart.
//!
//! Remembered here and not made from decisions: what was ready stands in no decision while none is made. Bounded:
//! [`POINTS`] pairs of numbers a service, and nothing for one that is gone.

use super::ServiceInstances;
use crate::live::POINTS;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// One moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) wanted: u32,
    pub(crate) ready: u32,
}

impl Point {
    /// How it is now.
    pub(crate) fn of(service: &ServiceInstances) -> Self {
        Self { wanted: service.wanted, ready: service.ready }
    }
}

/// What is remembered, by service.
#[derive(Debug, Default)]
pub(crate) struct Steps(Mutex<HashMap<String, VecDeque<Point>>>);

impl Steps {
    /// Remembers how it is. To be called every [`crate::live::STEP`].
    pub(crate) fn mark(&self, now: &[ServiceInstances]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut old = std::mem::take(&mut *all);
        for service in now {
            let mut points = old.remove(&service.service).unwrap_or_default();
            if points.len() == POINTS {
                points.pop_front();
            }
            points.push_back(Point::of(service));
            all.insert(service.service.clone(), points);
        }
    }

    /// The points of a service, the oldest first, with the present one at the end; at most [`POINTS`].
    pub(crate) fn view(&self, service: &ServiceInstances) -> Vec<Point> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let old = all.get(&service.service).into_iter().flatten().copied();
        let mut points: Vec<_> = old.chain([Point::of(service)]).collect();
        points.drain(..points.len().saturating_sub(POINTS));
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop(wanted: u32, ready: u32) -> ServiceInstances {
        ServiceInstances { service: "shop".to_owned(), wanted, ready, ..ServiceInstances::default() }
    }

    #[test]
    fn the_present_follows_what_was_marked() {
        let steps = Steps::default();
        assert_eq!(steps.view(&shop(1, 0)), [Point { wanted: 1, ready: 0 }]);
        steps.mark(&[shop(1, 1)]);
        assert_eq!(steps.view(&shop(3, 1)), [Point { wanted: 1, ready: 1 }, Point { wanted: 3, ready: 1 }]);
    }

    #[test]
    fn points_are_bounded_and_services_that_are_gone_are_forgotten() {
        let steps = Steps::default();
        (0..500).for_each(|n| steps.mark(&[shop(n, n)]));
        let points = steps.view(&shop(500, 500));
        assert_eq!((points.len(), points[0].wanted, points[POINTS - 1].wanted), (POINTS, 441, 500));
        steps.mark(&[]);
        assert_eq!(steps.view(&shop(2, 2)).len(), 1);
    }
}
