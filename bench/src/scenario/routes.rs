//! Many routes: how long a start takes with them, and what finding the last of them costs each request.

use super::columns;
use crate::contender::{Front, Plan};
use crate::lab::Lab;
use crate::load::Load;
use crate::scenario::traffic;
use crate::table::{Cell, Table, median};
use anyhow::Result;
use std::time::Duration;

/// Few, some, many.
const ROUTES: [usize; 3] = [10, 1000, 10_000];

struct Sample {
    started: Duration,
    load: traffic::Sample,
}

pub(super) fn run(lab: &Lab, show: &mut dyn FnMut(Table)) -> Result<()> {
    let origin = lab.origin(13)?;
    let load = Load::Http1 { connections: 64, tls: false };
    let (mut tables, mut remarks) = (Vec::new(), Vec::new());
    for routes in ROUTES {
        let plan = Plan { routes: Some(routes), ..lab.plan(&origin, Front::Http1)? };
        let (results, said) = lab.in_turns(&plan, lab.options.reps, |server| {
            let started = lab.start(server, &plan)?.1;
            Ok(Sample { started, load: traffic::measure(lab, server, &plan, &load)? })
        });
        tables.push(results);
        remarks.extend(said.into_iter().map(|remark| format!("{routes} routes: {remark}")));
    }
    let rows = lab.present.iter().filter_map(|(contender, _)| {
        let of = |results: &Vec<(_, Vec<Sample>)>, value: &dyn Fn(&Sample) -> f64| {
            let (_, rows) = results.iter().find(|(other, _)| other == contender)?;
            median(rows.iter().map(value))
        };
        let starts: Vec<_> =
            tables.iter().map(|results| of(results, &|row| row.started.as_secs_f64() * 1000.0)).collect();
        let costs: Vec<_> = tables.iter().map(|results| of(results, &|row| row.load.cpu)).collect();
        let errors = tables.iter().filter_map(|results| of(results, &|row| row.load.errors as f64)).sum();
        starts.iter().any(Option::is_some).then(|| {
            let growth = costs[2].zip(costs[0]).map(|(many, few)| many / few);
            let mut row = vec![Cell::Text(contender.name())];
            row.extend(starts.into_iter().map(|start| Cell::optional(start, 0)));
            row.extend(costs.into_iter().map(|cost| Cell::optional(cost, 2)));
            row.extend([Cell::optional(growth, 2), Cell::Number(errors, 0)]);
            row
        })
    });
    let mut names = vec!["server".to_owned()];
    names.extend(ROUTES.map(|routes| format!("start ms, {routes}")));
    names.extend(ROUTES.map(|routes| format!("CPU us/request, {routes}")));
    names.extend(columns(&["growth", "errors"]));
    let title = "Many routes: from start to the first answer, and CPU per request to the last route".into();
    show(Table { title, columns: names, rows: rows.collect(), remarks });
    Ok(())
}
