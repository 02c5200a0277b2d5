//! The endpoints that one request has tried already, so that a retry goes elsewhere.

/// Positions of endpoints in the list that is picked from. Lives on the stack: attempts are few.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// The first `len` are in use, in rising order.
    at: [u32; Self::MOST],
    len: u32,
}

impl Tried {
    /// How many it remembers: far more than the attempts that one request may make.
    pub const MOST: usize = 16;

    /// None yet.
    pub const fn none() -> Self {
        Self { at: [0; Self::MOST], len: 0 }
    }

    /// Remembers one. False where there is no room, or it is known already.
    pub fn insert(&mut self, endpoint: usize) -> bool {
        // A list of 2^32 endpoints fits in no memory.
        let endpoint = endpoint as u32;
        let (place, len) = (self.all().partition_point(|&t| t < endpoint), self.all().len());
        if len == Self::MOST || self.all().get(place) == Some(&endpoint) {
            return false;
        }
        self.at.copy_within(place..len, place + 1);
        self.at[place] = endpoint;
        self.len += 1;
        true
    }

    /// Was none tried yet?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Was it tried?
    pub fn has(&self, endpoint: usize) -> bool {
        self.all().contains(&(endpoint as u32))
    }

    /// How many of these positions, given in rising order, were tried.
    pub(crate) fn among(&self, positions: &[u32]) -> usize {
        self.all().iter().filter(|&&tried| positions.binary_search(&tried).is_ok()).count()
    }

    fn all(&self) -> &[u32] {
        &self.at[..self.len as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_remembers_as_many_as_it_has_room_for() {
        let mut tried = Tried::none();
        assert!((0..Tried::MOST).all(|i| tried.insert(i * 2)));
        assert!(!tried.insert(4), "known already");
        assert!(!tried.insert(5), "no room");
        assert!(tried.has(4) && !tried.has(5));
    }

    proptest! {
        #[test]
        fn those_among_some_positions_are_those_that_both_hold(
            positions in proptest::collection::btree_set(0_u32..40, 0..30),
            tries in proptest::collection::vec(0_usize..40, 0..20),
        ) {
            let mut tried = Tried::none();
            for &i in &tries {
                tried.insert(i);
            }
            let positions: Vec<_> = positions.into_iter().collect();
            let both = positions.iter().filter(|&&at| tried.has(at as usize)).count();
            prop_assert_eq!(tried.among(&positions), both);
        }
    }
}
