//! Power of two choices over the score of load: `p2c_ewma`. Two endpoints are looked at, however many there are, and
//! more only where both are far worse than usual.
//!
//! Two choices avoid one bad endpoint. With three bad ones among eight, both choices are bad for one request in ten, and
//! that one in ten is the p99. So the picker remembers how good its choices usually are. Where the better of two is
//! [`FAR`] from that, two others are drawn, a few times at most. What is usual follows what is chosen, so a service that
//! is slow as a whole, or one endpoint after the other, becomes usual and is not searched for something better.

use crate::Endpoint;
use crate::ask::Ask;
use base::IdSource;

/// How often the second one is drawn again, where it is the first or may not be picked.
const REDRAWS: usize = 4;

/// How many more pairs are drawn where the first is far worse than usual.
const MORE_PAIRS: usize = 4;
/// So many times as bad as usual is far worse.
const FAR: f64 = 2.0;
/// What is usual follows the choices of the last so many, more or less.
const REMEMBERED: f64 = 32.0;

/// The choices of one worker in one group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Two {
    /// The score of a usual choice; zero until there was one.
    usual: f64,
}

impl Two {
    /// The better of two random endpoints, of at least two.
    pub(crate) fn choose<E: Endpoint>(&mut self, ask: &Ask<'_, E>, random: &mut IdSource) -> Option<usize> {
        let (mut best, mut score) = better_of_two(ask, random)?;
        if self.usual == 0.0 {
            self.usual = score;
        }
        let far = self.usual * FAR;
        for _ in 0..MORE_PAIRS {
            if score <= far {
                break;
            }
            let (other, its) = better_of_two(ask, random)?;
            if its < score {
                (best, score) = (other, its);
            }
        }
        // One that is far off counts as just that far, or a single one would hide others for long.
        self.usual += (score.min(far) - self.usual) / REMEMBERED;
        Some(best)
    }
}

/// The better of two random endpoints, and its score.
fn better_of_two<E: Endpoint>(ask: &Ask<'_, E>, random: &mut IdSource) -> Option<(usize, f64)> {
    let many = ask.members.len();
    let place = random.below(many);
    // Any but the first, each as likely as the others.
    let other = (place + 1 + random.below(many - 1)) % many;
    let (mut first, mut second) = (ask.at(place), ask.at(other));
    if !(ask.may(first) && ask.may(second)) {
        (first, second) = two_that_may(ask, random)?;
    }
    let load = |at: usize| ask.endpoints[at].load();
    let (mut one, mut two) = (load(first).round_trip(ask.now), load(second).round_trip(ask.now));
    // One that was never asked is as good as the other until it has shown itself, or nobody would ever ask it where all
    // others are fast.
    if load(first).is_unknown(ask.now) {
        one = one.min(two);
    } else if load(second).is_unknown(ask.now) {
        two = two.min(one);
    }
    let (of_first, of_second) = (one * ask.fullness(first), two * ask.fullness(second));
    Some(if of_second < of_first { (second, of_second) } else { (first, of_first) })
}

/// Two random ones that may be picked; twice the same where there seems to be but one.
fn two_that_may<E: Endpoint>(ask: &Ask<'_, E>, random: &mut IdSource) -> Option<(usize, usize)> {
    let first = ask.any(random)?;
    let place = ask.members.binary_search(&(first as u32)).unwrap_or_default();
    for _ in 0..REDRAWS {
        match ask.any(random)? {
            same if same == first => {}
            second => return Some((first, second)),
        }
    }
    // `first` itself is the last one that the walk comes to.
    let second = ask.first_from((place + 1) % ask.members.len()).unwrap_or(first);
    Some((first, second))
}
