//! How much of the traffic an endpoint is meant to take, against the others.

use std::num::NonZeroU16;

/// A weight from 1 to 65,535. Zero does not exist: an endpoint that shall take nothing is not in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(NonZeroU16);

impl Weight {
    /// The weight of an endpoint that names none.
    pub const ONE: Self = Self(NonZeroU16::MIN);

    /// That weight; `None` for 0 and above 65,535.
    pub fn new(weight: u32) -> Option<Self> {
        u16::try_from(weight).ok().and_then(NonZeroU16::new).map(Self)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}
