//! What happens: the endpoints, how they behave, and the traffic.

use crate::Behaviour;
use std::time::Duration;

/// One situation of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// In a word or two.
    pub name: &'static str,
    /// How each endpoint behaves.
    pub servers: Vec<Behaviour>,
    /// An endpoint that joins at a time, as its position.
    pub joins: Option<(usize, Duration)>,
    /// Requests per second, arriving by chance (a Poisson process).
    pub rate: f64,
    /// For how long they arrive.
    pub lasts: Duration,
}

impl Scenario {
    /// Ten endpoints of which the first so many behave badly, and a quarter of the load that ten healthy ones carry.
    pub fn of_ten(name: &'static str, bad: usize, behaviour: Behaviour) -> Self {
        let servers = (0..10).map(|n| if n < bad { behaviour } else { Behaviour::Healthy }).collect();
        Self { name, servers, joins: None, rate: 1_000.0, lasts: Duration::from_secs(40) }
    }

    /// Ten endpoints of which five go wrong, each in its own way. The healthy ones carry a quarter of what they can.
    pub fn half_go_wrong() -> Self {
        let dies = Behaviour::Dies(Duration::from_secs(20));
        let wrong = [dies, Behaviour::FailsFast, Behaviour::Slow, Behaviour::Hangs, Behaviour::Flaps];
        let servers = [Behaviour::Healthy; 5].into_iter().chain(wrong).collect();
        Self { servers, rate: 500.0, ..Self::of_ten("half go wrong", 0, Behaviour::Healthy) }
    }

    /// Every endpoint answers 503 from the 10th to the 20th second.
    pub fn brown_out() -> Self {
        let behaviour = Behaviour::BrownsOut(Duration::from_secs(10), Duration::from_secs(20));
        Self::of_ten("all brown out for 10 s", 10, behaviour)
    }

    /// Ten healthy endpoints, one of which joins after 10 seconds.
    pub fn scale_out() -> Self {
        let joins = Some((0, Duration::from_secs(10)));
        Self { joins, ..Self::of_ten("one joins after 10 s", 0, Behaviour::Healthy) }
    }

    /// Those that the tables show.
    pub fn all() -> Vec<Self> {
        vec![
            Self::of_ten("all healthy", 0, Behaviour::Healthy),
            Self::of_ten("one slow", 1, Behaviour::Slow),
            Self::of_ten("one fails fast", 1, Behaviour::FailsFast),
            Self::of_ten("one refuses connections", 1, Behaviour::Refuses),
            Self::of_ten("one hangs", 1, Behaviour::Hangs),
            Self::of_ten("two flap", 2, Behaviour::Flaps),
            Self::of_ten("two lose requests", 2, Behaviour::Loses),
            Self::of_ten("two overloaded", 2, Behaviour::Overloaded),
            Self::half_go_wrong(),
            Self::brown_out(),
        ]
    }
}
