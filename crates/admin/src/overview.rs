//! Services in force and their endpoints, each with what its meters say: what the status and the page are made of.

use crate::live::{Live, Rate};
use crate::view::{EndpointView, ServiceView};
use observe::{EndpointTotals, ServiceTotals};
use std::collections::HashMap;

/// A service with its numbers.
pub(crate) struct ServiceRow<'a> {
    pub(crate) view: &'a ServiceView,
    /// None where nothing was counted yet.
    pub(crate) totals: Option<&'a ServiceTotals>,
    pub(crate) rate: Rate,
}

/// An endpoint with its numbers.
pub(crate) struct EndpointRow<'a> {
    pub(crate) service: &'a str,
    pub(crate) view: &'a EndpointView,
    /// None where nothing was counted yet.
    pub(crate) totals: Option<&'a EndpointTotals>,
    pub(crate) rate: Rate,
}

/// All services, in the order of the config.
pub(crate) fn services<'a>(views: &'a [ServiceView], live: &'a Live) -> Vec<ServiceRow<'a>> {
    let counted: HashMap<_, _> =
        live.now.services.iter().zip(&live.services).map(|(s, rate)| (&*s.service, (s, rate))).collect();
    let one = |view: &'a ServiceView| {
        let found = counted.get(&*view.name);
        ServiceRow {
            view,
            totals: found.map(|(totals, _)| *totals),
            rate: found.map_or_else(Rate::default, |(_, rate)| **rate),
        }
    };
    views.iter().map(one).collect()
}

/// All endpoints, service by service.
pub(crate) fn endpoints<'a>(views: &'a [ServiceView], live: &'a Live) -> Vec<EndpointRow<'a>> {
    let counted = live.now.endpoints.iter().zip(&live.endpoints);
    let counted: HashMap<_, _> = counted.map(|(e, rate)| ((&*e.service, &*e.endpoint), (e, rate))).collect();
    let one = |service: &'a str, view: &'a EndpointView| {
        let found = counted.get(&(service, &*view.url));
        EndpointRow {
            service,
            view,
            totals: found.map(|(totals, _)| *totals),
            rate: found.map_or_else(Rate::default, |(_, rate)| **rate),
        }
    };
    views.iter().flat_map(|s| s.endpoints.iter().map(move |e| one(&s.name, e))).collect()
}
