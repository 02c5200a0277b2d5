//! Answers that are kept: what each costs, where it lies and how long it stays there.
//!
//! All servers stand before the same origin, which has an object for each path and counts what it is asked. So nothing that a
//! server says of itself is believed: hits are requests that the origin did not get. The load is the same for all, asks
//! without pause and comes from a seed. What is measured stands with each part; all of them can be had alone.

mod asking;
mod cold;
mod fill;
mod hits;
mod place;
mod purge;
mod zipf;

use super::{columns, mebibytes};
use crate::contender::Contender;
use crate::lab::Lab;
use crate::options::CachePart;
use crate::table::{Cell, Table};
use anyhow::Result;
use asking::Source;
use clap::ValueEnum;

pub(super) fn run(lab: &Lab, show: &mut dyn FnMut(Table)) -> Result<()> {
    let mut source = Source::start(lab)?;
    let asked = &lab.options.cache_parts;
    let parts = if asked.is_empty() { CachePart::value_variants() } else { asked };
    // A part for which none of the servers asked for is there has nothing to show.
    let show: &mut dyn FnMut(Table) = &mut |table: Table| {
        if !(table.rows.is_empty() && table.remarks.is_empty()) {
            show(table);
        }
    };
    for part in parts {
        match part {
            CachePart::Hits => hits::memory(lab, &mut source, show)?,
            CachePart::Disk => hits::disk(lab, &mut source, show)?,
            CachePart::Static => hits::files(lab, &mut source, show)?,
            CachePart::Fill => show(fill::table(lab, &mut source)?),
            CachePart::Zipf => zipf::tables(lab, &mut source, show)?,
            CachePart::Cold => show(cold::table(lab, &mut source)?),
            CachePart::Purge => show(purge::table(lab, &mut source)?),
        }
    }
    Ok(())
}

/// Costs of one answer, in one table.
struct Costs(Vec<(Contender, f64)>);

impl Costs {
    /// The columns of ratios.
    const NAMES: [&str; 2] = ["to best rival", "to bare"];

    /// To the cheapest of those that keep answers, Tidegate left out, and to the server that has but one answer.
    fn ratios(&self, cost: Option<f64>) -> [Cell; 2] {
        let of = |wanted: &dyn Fn(Contender) -> bool| {
            let those = self.0.iter().filter(|(contender, _)| wanted(*contender));
            those.map(|(_, cost)| *cost).min_by(f64::total_cmp)
        };
        let best = of(&|contender| !matches!(contender, Contender::Tidegate | Contender::Bare));
        let bare = of(&|contender| contender == Contender::Bare);
        [best, bare].map(|base| Cell::optional(cost.zip(base).map(|(cost, base)| cost / base), 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_to_the_cheapest_cache_and_to_bare() {
        let costs = Costs(vec![
            (Contender::Tidegate, 5.0),
            (Contender::Nginx, 10.0),
            (Contender::Varnish, 20.0),
            (Contender::Bare, 4.0),
        ]);
        assert_eq!(costs.ratios(Some(5.0)), [Cell::Number(0.5, 2), Cell::Number(1.25, 2)]);
        assert_eq!(Costs(Vec::new()).ratios(Some(9.0)), [Cell::Absent, Cell::Absent]);
    }
}
