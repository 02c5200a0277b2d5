//! Instances as a row of small blocks. Colour, outline and letter each tell the state by itself, so that nobody needs to
//! tell colours apart.

use super::super::figures::{age, bytes, count, time};
use super::super::{scrolled, services::class};
use super::Room;
use crate::instances::{InstanceView, ServiceInstances};
use crate::view::Severity;
use maud::{Markup, html};
use std::cmp::Reverse;

/// Blocks in a row; from more instances on a block stands for several.
const BLOCKS: usize = 100;

/// Rows of the table of instances.
const ROWS: usize = 50;

/// Characters of an instance's last words; the API has them all.
const WORDS: usize = 200;

/// States in the order in which they are shown.
const STATES: [&str; 4] = ["ready", "starting", "draining", "stopping"];

/// The letter on a block.
fn letter(state: &str) -> &'static str {
    match state {
        "ready" => "R",
        "starting" => "S",
        "draining" => "D",
        _ => "X",
    }
}

/// The class of a block; what is not known looks like what ends.
fn look(state: &str) -> &'static str {
    STATES.into_iter().find(|known| *known == state).unwrap_or("stopping")
}

/// How many there are of each state.
fn counts(service: &ServiceInstances) -> [(&'static str, usize); 4] {
    // Where others launch them, the numbers are all that is known.
    if service.instances.is_empty() {
        let told = [service.ready, service.starting, service.draining, 0];
        return std::array::from_fn(|at| (STATES[at], told[at] as usize));
    }
    STATES.map(|state| (state, service.instances.iter().filter(|one| look(one.state) == state).count()))
}

pub(super) fn blocks(service: &ServiceInstances, room: &mut Room) -> Markup {
    let counts = counts(service);
    let all: usize = counts.iter().map(|(_, n)| n).sum();
    let described = service.instances.len();
    if 0 < described && described <= BLOCKS.min(room.blocks) {
        room.blocks -= described;
        return html! {
            div.row {
                ul.blocks { @for instance in &service.instances { (block(instance)) } }
                (legend(&counts, 1))
            }
        };
    }
    let each = all.div_ceil(BLOCKS).max(1);
    html! {
        div.row {
            @if all > 0 {
                ul.blocks aria-hidden="true" {
                    @for (state, n) in counts {
                        @for _ in 0..n.div_ceil(each) { li.block.(state) { (letter(state)) } }
                    }
                }
            }
            (legend(&counts, each))
        }
    }
}

fn block(instance: &InstanceView) -> Markup {
    html! {
        li.block.(look(instance.state)) {
            (letter(instance.state))
            span.tip { strong { (instance.name) } " " (described(instance)) }
        }
    }
}

/// What hovering over a block tells.
fn described(instance: &InstanceView) -> String {
    let mut parts = vec![
        format!("{} for {}", instance.state, age(instance.since.elapsed().unwrap_or_default())),
        instance.place.clone(),
    ];
    parts.extend(instance.pid.map(|pid| format!("pid {pid}")));
    parts.push(format!("{} in flight", instance.in_flight));
    parts.extend(instance.cpu.map(|cores| format!("cpu {cores:.2}")));
    parts.extend(instance.memory.map(|memory| format!("memory {}", bytes(memory))));
    parts.push(format!("{} restarts", instance.restarts));
    parts.extend(instance.last_words.as_deref().map(|words| format!("last words: {}", clipped(words))));
    parts.join(" \u{b7} ")
}

fn legend(counts: &[(&'static str, usize)], each: usize) -> Markup {
    html! {
        p.legend {
            @for (state, n) in counts.iter().filter(|(_, n)| *n > 0) {
                span { span.block.(state) aria-hidden="true" { (letter(state)) } " " (n) " " (state) }
            }
            @if counts.iter().all(|(_, n)| *n == 0) { span.quiet { "no instance" } }
            @if each > 1 { span.quiet { "a block stands for up to " (each) " instances" } }
        }
    }
}

/// The instances as a table, those first that need a look; closed until somebody opens it.
pub(super) fn details(service: &ServiceInstances, room: &mut Room) -> Markup {
    let mut all: Vec<_> = service.instances.iter().collect();
    all.sort_by_key(|one| (one.state == "ready", Reverse(one.restarts), Reverse(one.in_flight)));
    let shown = all.len().min(ROWS).min(room.rows);
    room.rows -= shown;
    let rows = html! { @for instance in &all[..shown] { (row(instance)) } };
    let columns = [
        "Instance",
        "State",
        "Place",
        "Pid",
        "In flight",
        "CPU",
        "Memory",
        "Restarts",
        "Ready after",
        "Revision",
        "Last words",
    ];
    html! {
        @if shown > 0 {
            details data-key=(service.service) {
                summary { "Each instance" }
                (scrolled("Each instance", &columns, &rows))
                @if all.len() > shown { p.quiet { "and " (all.len() - shown) " more at /api/instances" } }
            }
        }
    }
}

fn row(instance: &InstanceView) -> Markup {
    let nothing = "\u{2013}".to_owned();
    let severity = if instance.state == "ready" { Severity::Good } else { Severity::Notable };
    let since = age(instance.since.elapsed().unwrap_or_default());
    html! {
        tr {
            th scope="row" { (instance.name) }
            td { span.(class(severity)) { (instance.state) } span.quiet { " " (since) } }
            td { (instance.place) }
            td.number { (instance.pid.map_or_else(|| nothing.clone(), |pid| pid.to_string())) }
            td.number { (instance.in_flight) }
            td.number { (instance.cpu.map_or_else(|| nothing.clone(), |cores| format!("{cores:.2}"))) }
            td.number { (instance.memory.map_or(nothing, bytes)) }
            td.number.warn[instance.restarts > 0] { (count(u64::from(instance.restarts))) }
            td.number { (time(instance.ready_after_seconds)) }
            td { (instance.revision) }
            td { @if let Some(words) = &instance.last_words { span.cut title=(clipped(words)) { (clipped(words)) } } }
        }
    }
}

/// The end of a text, where it is long: there the reason of a failure mostly stands.
fn clipped(words: &str) -> &str {
    let from = words.char_indices().rev().nth(WORDS - 1).map_or(0, |(at, _)| at);
    &words[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_text_the_end_is_kept() {
        let long = format!("{}no such module", "\u{e9}".repeat(5_000));
        let kept = clipped(&long);
        assert_eq!((kept.chars().count(), kept.ends_with("no such module")), (WORDS, true));
        assert_eq!(clipped("short"), "short");
    }

    #[test]
    fn where_others_launch_the_numbers_are_all_there_is() {
        let service =
            ServiceInstances { ready: 950, starting: 1, draining: 49, ..ServiceInstances::default() };
        let html = blocks(&service, &mut Room { blocks: 200, rows: 100 }).into_string();
        let blocks = |state: &str| html.matches(&format!("<li class=\"block {state}\">")).count();
        assert_eq!(
            (blocks("ready"), blocks("starting"), blocks("draining"), blocks("stopping")),
            (95, 1, 5, 0)
        );
        assert!(html.contains("950 ready") && html.contains("up to 10 instances"), "{html}");
    }
}
