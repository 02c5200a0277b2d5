//! What is measured. Each scenario makes tables; the bench prints and keeps them.

mod cache;
mod conns;
mod faults;
mod guard;
mod helper;
mod reload;
mod routes;
mod scale;
mod traffic;

pub(crate) use faults::WARM;

use crate::contender::Contender;
use crate::lab::Lab;
use crate::options::Scenario;
use crate::table::{Cell, Table};
use anyhow::Result;

impl Scenario {
    /// Measures and hands every table to `show` as soon as it is there.
    pub(crate) fn run(self, lab: &Lab, show: &mut dyn FnMut(Table)) -> Result<()> {
        match self {
            Self::Proxy => traffic::proxy(lab, show),
            Self::H2 => traffic::h2(lab, show),
            Self::Stream => traffic::stream(lab, show),
            Self::Tls => traffic::tls(lab, show),
            Self::Conns => conns::run(lab, show),
            Self::Routes => routes::run(lab, show),
            Self::Reload => reload::run(lab, show),
            Self::Guard => guard::run(lab, show),
            Self::Cache => cache::run(lab, show),
            Self::Faults => faults::run(lab, show),
            Self::Scale => scale::run(lab, show),
        }
    }
}

/// The costs of the servers in one table, to compare each with the best rival and with the floor.
struct Costs(Vec<(Contender, f64)>);

impl Costs {
    /// The column of ratios to the cheapest of nginx and `HAProxy`.
    const TO_BEST: &str = "to best of nginx, HAProxy";
    /// The column of ratios to the floor.
    const TO_FLOOR: &str = "to floor";

    fn ratios(&self, cost: Option<f64>) -> [Cell; 2] {
        let rivals = self.0.iter().filter(|(contender, _)| contender.is_yardstick());
        let best = rivals.map(|(_, cost)| *cost).min_by(f64::total_cmp);
        let floor =
            self.0.iter().find(|(contender, _)| *contender == Contender::Floor).map(|(_, cost)| *cost);
        [best, floor].map(|base| Cell::optional(cost.zip(base).map(|(cost, base)| cost / base), 2))
    }
}

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_to_the_cheapest_rival_and_to_the_floor() {
        let costs = Costs(vec![
            (Contender::Tidegate, 15.0),
            (Contender::Nginx, 20.0),
            (Contender::Haproxy, 18.0),
            (Contender::Envoy, 5.0),
            (Contender::Floor, 10.0),
        ]);
        assert_eq!(costs.ratios(Some(9.0)), [Cell::Number(0.5, 2), Cell::Number(0.9, 2)]);
        assert_eq!(Costs(Vec::new()).ratios(Some(9.0)), [Cell::Absent, Cell::Absent]);
    }
}
