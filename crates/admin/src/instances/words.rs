//! Instances in words: how many there are and why, in one line, and below it what a person should know.

use super::{DecisionView, ServiceInstances};
use crate::view::Severity;
use serde::Serialize;
use std::fmt::Write;

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Note {
    pub(crate) severity: Severity,
    pub(crate) text: String,
}

impl ServiceInstances {
    /// `4 ready, 1 starting of 1-8, wants 5`.
    pub(crate) fn counts(&self) -> String {
        let mut text = format!("{} ready", self.ready);
        for (count, state) in [(self.starting, "starting"), (self.draining, "draining")] {
            if count > 0 {
                // Writing to a text cannot fail.
                let _ = write!(text, ", {count} {state}");
            }
        }
        let least = if self.min == self.max { String::new() } else { format!("{}-", self.min) };
        let _ = write!(text, " of {least}{}, wants {}", self.max, self.wanted);
        if let Some(last) = self.last.as_ref().filter(|last| self.dry_run && last.to != self.wanted) {
            let _ = write!(text, " ({} if this were no dry run)", last.to);
        }
        text
    }

    /// Why so many are wanted; empty before the first decision.
    pub(crate) fn because(&self) -> &str {
        self.last.as_ref().map_or("", |last| &last.text)
    }

    /// Both in one sentence.
    pub(crate) fn sentence(&self) -> String {
        match self.because() {
            "" => self.counts(),
            because => format!("{} because {because}", self.counts()),
        }
    }

    /// What a person should know, the worst first.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut note = |severity, text| notes.push(Note { severity, text });
        if let Some(why) = &self.crash_loop {
            note(Severity::Bad, format!("crash loop: {why}"));
        }
        if self.ready == 0 && (self.wanted > 0 || self.held > 0) {
            note(self.emptiness(), self.nobody());
        }
        if self.held > 0 {
            note(Severity::Notable, format!("{} until an instance is ready", waiting(self.held)));
        }
        if let Some(rollout) = &self.rollout {
            note(Severity::Notable, format!("rollout: {rollout}"));
        }
        for text in self.last.iter().flat_map(bounds) {
            note(Severity::Notable, text);
        }
        notes.sort_by_key(|note| std::cmp::Reverse(note.severity));
        notes
    }

    /// The worst of them.
    pub(crate) fn severity(&self) -> Severity {
        self.notes().first().map_or(Severity::Good, |note| note.severity)
    }

    /// How bad it is that none is ready: a first one that starts is as it should be.
    fn emptiness(&self) -> Severity {
        if self.starting > 0 && self.crash_loop.is_none() { Severity::Notable } else { Severity::Bad }
    }

    fn nobody(&self) -> String {
        match (self.starting, self.start_seconds) {
            _ if self.crash_loop.is_some() => "no instance is ready".to_owned(),
            (0, _) => "no instance is ready, and none is starting".to_owned(),
            (_, Some(s)) => format!("no instance is ready yet; one takes about {s:.1} s to start"),
            (..) => "no instance is ready yet".to_owned(),
        }
    }
}

fn waiting(held: u32) -> String {
    if held == 1 { "1 request waits".to_owned() } else { format!("{held} requests wait") }
}

/// What kept the last decision from what the signals want.
fn bounds(last: &DecisionView) -> impl Iterator<Item = String> {
    let told = last.limits.iter().filter_map(|limit| match limit.reason {
        "max" => Some(format!("its max of {} holds it back: {} would be wanted", limit.to, limit.from)),
        "database" => Some("its database has no room for more: not scaled up".to_owned()),
        _ => None,
    });
    let unmeasured = (last.reason == "no_metrics").then(|| "nothing is measured: the count stays".to_owned());
    told.chain(unmeasured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instances::LimitView;
    use crate::instances::tests::decision;
    use Severity::{Bad, Notable};

    fn shop() -> ServiceInstances {
        ServiceInstances {
            service: "shop".to_owned(),
            wanted: 4,
            min: 1,
            max: 8,
            ready: 4,
            ..ServiceInstances::default()
        }
    }

    fn told(service: &ServiceInstances) -> Vec<(Severity, String)> {
        service.notes().into_iter().map(|note| (note.severity, note.text)).collect()
    }

    #[test]
    fn one_sentence_says_how_many_there_are_how_many_are_wanted_and_why() {
        let mut service = shop();
        assert_eq!(service.sentence(), "4 ready of 1-8, wants 4");
        service.starting = 1;
        service.wanted = 5;
        service.last = Some(decision("concurrency", 4, 5, "concurrency 84.0 at 20.0 each wants 5"));
        let sentence = "4 ready, 1 starting of 1-8, wants 5 because concurrency 84.0 at 20.0 each wants 5";
        assert_eq!(service.sentence(), sentence);
        let fixed = ServiceInstances { min: 4, max: 4, draining: 2, ..shop() };
        assert_eq!(fixed.sentence(), "4 ready, 2 draining of 4, wants 4");
    }

    #[test]
    fn a_dry_run_says_what_it_would_want() {
        let last = Some(decision("rps", 4, 6, "x"));
        let service = ServiceInstances { dry_run: true, last, ..shop() };
        assert_eq!(service.sentence(), "4 ready of 1-8, wants 4 (6 if this were no dry run) because x");
    }

    #[test]
    fn a_service_that_is_well_needs_no_words() {
        assert_eq!(told(&shop()), []);
        let asleep = ServiceInstances { wanted: 0, ready: 0, ..shop() };
        assert_eq!((told(&asleep), asleep.severity()), (Vec::new(), Severity::Good));
    }

    #[test]
    fn a_crash_loop_without_any_instance_is_the_worst_and_stands_first() {
        let service = ServiceInstances {
            ready: 0,
            starting: 1,
            held: 3,
            start_seconds: Some(2.0),
            rollout: Some("2 of 4 replaced".to_owned()),
            crash_loop: Some("5 ends in 60 s".to_owned()),
            ..shop()
        };
        let expected = [
            (Bad, "crash loop: 5 ends in 60 s"),
            (Bad, "no instance is ready"),
            (Notable, "3 requests wait until an instance is ready"),
            (Notable, "rollout: 2 of 4 replaced"),
        ];
        assert_eq!(told(&service), expected.map(|(severity, text)| (severity, text.to_owned())));
        assert_eq!(service.severity(), Severity::Bad);
    }

    #[test]
    fn the_first_instance_from_zero_is_worth_a_word_and_no_alarm() {
        let service = ServiceInstances { ready: 0, starting: 1, start_seconds: Some(2.04), ..shop() };
        let words = "no instance is ready yet; one takes about 2.0 s to start";
        assert_eq!(told(&service), [(Notable, words.to_owned())]);
        let nothing = ServiceInstances { starting: 0, ..service };
        assert_eq!(told(&nothing), [(Bad, "no instance is ready, and none is starting".to_owned())]);
    }

    #[test]
    fn what_holds_the_count_back_is_told() {
        let mut last = decision("max", 8, 8, "");
        last.limits = vec![
            LimitView { reason: "policy", from: 20, to: 16 },
            LimitView { reason: "max", from: 16, to: 8 },
        ];
        let service = ServiceInstances { last: Some(last), ..shop() };
        assert_eq!(told(&service), [(Notable, "its max of 8 holds it back: 16 would be wanted".to_owned())]);
        let blind = ServiceInstances { last: Some(decision("no_metrics", 4, 4, "")), ..shop() };
        assert_eq!(told(&blind), [(Notable, "nothing is measured: the count stays".to_owned())]);
    }
}
