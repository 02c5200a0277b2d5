//! Who goes first when fewer instances are wanted.
//!
//! Work that cannot move is what scaling down breaks: streams and jobs end with their instance. So what carries none
//! goes first, and of those the one with the least to finish.
//! *Not here*: draining. Whoever goes is sent no new requests, and ends what it has.
//! *Cost*: a sort, when a count falls.

use std::time::Duration;

/// An instance that may have to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Requests under way.
    pub in_flight: u32,
    /// Of those, streams and WebSockets, which may last.
    pub streams: u32,
    /// Jobs that it works on.
    pub jobs: u32,
    /// It runs with older settings.
    pub outdated: bool,
    /// It takes requests.
    pub ready: bool,
    /// How long ago it was launched.
    pub age: Duration,
}

/// The places of the `count` candidates that go, the first to go first: not ready before ready, outdated before current,
/// fewest streams and jobs, fewest requests, youngest. All of them where there are no more than `count`.
pub fn victims(candidates: &[Candidate], count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..candidates.len()).collect();
    places.sort_by_key(|&place| {
        let candidate = &candidates[place];
        let pinned = u64::from(candidate.streams) + u64::from(candidate.jobs);
        (candidate.ready, !candidate.outdated, pinned, candidate.in_flight, candidate.age)
    });
    places.truncate(count);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_breaks_least_goes_first() {
        let busy =
            Candidate { in_flight: 5, ready: true, age: Duration::from_secs(60), ..Candidate::default() };
        let candidates = [
            busy,
            Candidate { jobs: 1, in_flight: 1, ..busy },
            Candidate { streams: 1, in_flight: 1, ..busy },
            Candidate { streams: 1, jobs: 1, in_flight: 1, ..busy },
            Candidate { in_flight: 4, ..busy },
            Candidate { age: Duration::from_secs(59), ..busy },
            Candidate { outdated: true, streams: 9, ..busy },
            Candidate { ready: false, ..busy },
            Candidate { ready: false, outdated: true, ..busy },
        ];
        assert_eq!(victims(&candidates, 9), [8, 7, 6, 4, 5, 0, 1, 2, 3]);
        assert_eq!(victims(&candidates, 2), [8, 7]);
    }

    #[test]
    fn no_more_go_than_there_are() {
        assert_eq!(victims(&[Candidate::default(); 2], 5), [0, 1]);
        assert!(victims(&[], 5).is_empty() && victims(&[Candidate::default()], 0).is_empty());
    }
}
