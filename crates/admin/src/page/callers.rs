//! The card "Callers and limits": who may call, what is allowed, what was refused, and how the cluster is.
//!
//! Keys that soon expire and limits that refuse stand first. *Promise*: it is there only where the config asks callers for
//! something, and stays small however many callers there are.

use super::figures::{ago, count};
use super::{ROWS, scrolled};
use crate::callers::{ClusterView, ConsumerView, LimitsView, PolicyView, TableView};
use crate::node::Node;
use maud::{Markup, html};
use std::cmp::Reverse;

pub(super) fn callers(node: &dyn Node) -> Markup {
    let (consumers, limits) = (node.consumers(), node.limits());
    let is_empty = consumers.is_empty() && limits.policies.is_empty() && limits.cluster.is_none();
    html! {
        @if !is_empty {
            section.card aria-label="Callers and limits" {
                div.title {
                    h2 { "Callers and limits" }
                    @if let Some(cluster) = &limits.cluster { (cluster_pill(cluster)) }
                    @if let Some(table) = &limits.table { (fullness(table)) }
                }
                @if let Some(why) = limits.cluster.as_ref().and_then(|cluster| cluster.why.as_ref()) {
                    ul.notes { li.bad { "The store of the cluster cannot be used: " (why) } }
                }
                @if !consumers.is_empty() { (consumer_table(consumers)) }
                @if !limits.policies.is_empty() { (policy_table(limits)) }
            }
        }
    }
}

fn cluster_pill(cluster: &ClusterView) -> Markup {
    let (class, word) = if cluster.up { ("good", "up") } else { ("bad", "down") };
    html! {
        span.pill.(class) { "cluster " (word) }
        span.quiet { (cluster.nodes) @if cluster.nodes == 1 { " node, " } @else { " nodes, " } (ago(cluster.since)) }
    }
}

fn fullness(table: &TableView) -> Markup {
    html! {
        span.quiet {
            (count(table.entries)) " of " (count(table.capacity)) " counters"
            @if table.evictions > 0 { ", " (count(table.evictions)) " evicted" }
        }
    }
}

fn consumer_table(mut all: Vec<ConsumerView>) -> Markup {
    all.sort_by_key(|consumer| (Reverse(consumer.keys_expiring), Reverse(consumer.last_used)));
    let rows = html! {
        @for consumer in all.iter().take(ROWS) {
            tr {
                th scope="row" { (consumer.name) }
                td { (consumer.plan.as_deref().unwrap_or("\u{2013}")) }
                td.number { (consumer.keys + consumer.keys_in_config) }
                td.number.warn[consumer.keys_expiring > 0] { (consumer.keys_expiring) }
                td.number { @match consumer.last_used { Some(at) => (ago(at)), None => span.quiet { "\u{2013}" } } }
            }
        }
    };
    html! {
        (scrolled("Consumers", &["Consumer", "Plan", "Keys", "Expire within a week", "Last used"], &rows))
        (more(all.len()))
    }
}

fn policy_table(mut limits: LimitsView) -> Markup {
    let all = &mut limits.policies;
    all.sort_by_key(|policy| Reverse((policy.rejected, policy.shadowed, policy.queued)));
    let rows = html! {
        @for policy in all.iter().take(ROWS) {
            tr {
                th scope="row" {
                    (policy.name)
                    @if policy.shadow { span.tag title="counted, not enforced" { "shadow" } }
                }
                td { (place(policy)) }
                td { (policy.allowance) }
                td { (policy.key.join(" + ")) @if policy.sharing != "node" { span.tag { (policy.sharing) } } }
                td.number.warn[policy.rejected > 0] { (count(policy.rejected)) }
                td.number { (count(policy.queued)) }
                td.number { (count(policy.shadowed)) }
                td.number { (count(policy.alone)) }
            }
        }
    };
    let columns = ["Policy", "Where", "Allowance", "Counted by", "Rejected", "Queued", "Shadowed", "Alone"];
    html! {
        (scrolled("Limits", &columns, &rows))
        (more(all.len()))
    }
}

/// Where a limit holds.
fn place(policy: &PolicyView) -> String {
    match (&policy.route, &policy.plan) {
        (Some(route), _) => format!("route {route}"),
        (None, Some(plan)) => format!("plan {plan}"),
        (None, None) => "everywhere".to_owned(),
    }
}

fn more(many: usize) -> Markup {
    let more = many.saturating_sub(ROWS);
    html! { @if more > 0 { p.quiet { "and " (more) " more" } } }
}
