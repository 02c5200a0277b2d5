//! The names of the ways to choose: `lb_policy` in the config.

/// How an endpoint is chosen among those that may be picked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// `p2c_ewma`: of two random endpoints the one with the lower score (see [`Load::score`](crate::Load::score)).
    /// Looking at two is nearly as good as looking at all (Mitzenmacher 2001), costs the same for any number, and
    /// does not send all workers to the same one.
    #[default]
    P2cEwma,
    /// `least_request`: the one with the fewest pending requests for its weight; of all where they are few, of some
    /// random ones where they are many.
    LeastRequest,
    /// `round_robin`: in turn, by weight.
    RoundRobin,
    /// `random`: by chance, by weight.
    Random,
    /// `maglev`: by the hash of a key, through the table of Google's Maglev. The most even of the two hash policies.
    Maglev,
    /// `ring_hash`: by the hash of a key, on a ring. Moves the fewest keys when the list of endpoints changes.
    RingHash,
    /// `first`: the first in the list that may be picked and has room.
    First,
}

impl Policy {
    /// Every policy, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::P2cEwma,
        Self::LeastRequest,
        Self::RoundRobin,
        Self::Random,
        Self::Maglev,
        Self::RingHash,
        Self::First,
    ];

    /// As the config writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P2cEwma => "p2c_ewma",
            Self::LeastRequest => "least_request",
            Self::RoundRobin => "round_robin",
            Self::Random => "random",
            Self::Maglev => "maglev",
            Self::RingHash => "ring_hash",
            Self::First => "first",
        }
    }

    /// Does it want the hash of a key?
    pub const fn wants_hash(self) -> bool {
        matches!(self, Self::Maglev | Self::RingHash)
    }
}
