//! Power of two choices over the score of load: `p2c_ewma`. Two endpoints are looked at, however many there are.

use crate::Endpoint;
use crate::ask::Ask;
use base::IdSource;

/// How often the second one is drawn again, where it is the first or may not be picked.
const REDRAWS: usize = 4;

/// The better of two random endpoints, of at least two.
pub(crate) fn better_of_two<E: Endpoint>(ask: &Ask<'_, E>, random: &mut IdSource) -> Option<usize> {
    let many = ask.members.len();
    let place = random.below(many);
    // Any but the first, each as likely as the others.
    let other = (place + 1 + random.below(many - 1)) % many;
    let (mut first, mut second) = (ask.at(place), ask.at(other));
    if !(ask.may(first) && ask.may(second)) {
        (first, second) = two_that_may(ask, random)?;
    }
    let score = |at: usize| ask.endpoints[at].load().round_trip(ask.now) * ask.fullness(at);
    Some(if score(second) < score(first) { second } else { first })
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
