//! Metrics that are states and not counts: the state of each endpoint, and the step of overload.
//!
//! They are read where they are when somebody scrapes, so there is nothing to keep in step. *Not here*: what is counted
//! (the room `observe`).

use gateway::Strain;
use std::fmt::Write;
use std::sync::Arc;
use upstream::Service;

/// Writes them in Prometheus' text format. An endpoint has one series, that of the state it is in.
pub(crate) fn write(services: &[Arc<Service>], strain: Strain, out: &mut String) {
    // Writing to a text cannot fail.
    let _ = writeln!(
        out,
        "# HELP tidegate_endpoint_state 1 for the state that the endpoint is in.\n\
         # TYPE tidegate_endpoint_state gauge"
    );
    for service in services {
        for member in &service.members {
            let (name, url) = (escaped(&service.settings.name), escaped(&member.endpoint.label));
            let state = member.endpoint.health.state().as_str();
            let _ = writeln!(
                out,
                "tidegate_endpoint_state{{service=\"{name}\",endpoint=\"{url}\",state=\"{state}\"}} 1"
            );
        }
    }
    let _ = writeln!(
        out,
        "# HELP tidegate_overload_step What is done about overload: 0 nothing, 1 connections end with their answers, \
         2 requests of low priority are refused, 3 no connection is accepted.\n\
         # TYPE tidegate_overload_step gauge\n\
         tidegate_overload_step {}",
        strain as u8
    );
}

/// A label's value, as the format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_leave_its_quotes() {
        assert_eq!(escaped("unix:/a\"b\\c\n"), "unix:/a\\\"b\\\\c\\n");
    }

    #[test]
    fn the_step_of_overload_is_a_number() {
        let mut text = String::new();
        write(&[], Strain::ShedLow, &mut text);
        assert!(text.ends_with("\ntidegate_overload_step 2\n"), "{text}");
    }
}
