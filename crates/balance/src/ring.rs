//! Consistent hashing on a ring: Karger and others 1997; Envoy's `ring_hash`, nginx's `consistent`.
//!
//! Each endpoint has points on a ring of hashes, as many as its weight asks for, and owns the arcs that end at them. A
//! key goes to the owner of the point at or behind its hash. Where the list changes, no key moves but those that the
//! newcomer takes or the leaver leaves. The parts are less even than Maglev's: about 8 % more or less.
//!
//! Points are found through an index of buckets, one for about each four points, and not by bisection: two cache
//! misses at most instead of a dozen. 9 bytes a point, and 113 to 226 points for an endpoint of average weight.

use crate::hash::salted;
use crate::table::Owner;
use std::f64::consts::SQRT_2;

/// The points of an endpoint whose weight is the unit; as many as in Ketama, the first ring that was in wide use. The
/// parts spread by one over the root of it.
const POINTS: u64 = 160;
/// The points in a bucket, as a power of two: half a cache line.
const POINTS_A_BUCKET: u32 = 2;
/// All points together, more or less: 32 MiB of them.
const MOST_POINTS: u64 = 1 << 22;
/// How many points a key looks at.
const ASKED: usize = 128;

/// The points, and where to begin to look.
#[derive(Debug)]
pub(crate) struct Ring {
    /// In rising order; the upper half is the place on the ring, the lower half the owner.
    points: Box<[u64]>,
    /// For each run of places with the same first bits, the first point in it or behind it.
    buckets: Box<[u32]>,
    /// What takes a place to its bucket.
    shift: u32,
}

impl Ring {
    pub(crate) fn of(owners: &[Owner]) -> Self {
        let unit = unit(owners);
        let most = (MOST_POINTS / owners.len().max(1) as u64).clamp(1, POINTS);
        let mut points: Vec<u64> = Vec::new();
        for (at, owner) in (0_u64..).zip(owners) {
            let many = (owner.weight * most / unit).max(1);
            points.extend((0..many).map(|n| salted(owner.key, n) & !u64::from(u32::MAX) | at));
        }
        points.sort_unstable();
        let bits = points.len().next_power_of_two().ilog2().saturating_sub(POINTS_A_BUCKET).max(1);
        let shift = u32::BITS - bits;
        let first = |bucket: u64| points.partition_point(|&p| place(p) < bucket << shift) as u32;
        let buckets = (0..1 << bits).map(first).collect();
        Self { points: points.into(), buckets, shift }
    }

    /// The endpoints that a key asks for: the owners of the points from its hash on. One may come several times.
    pub(crate) fn walk(&self, hash: u64) -> impl Iterator<Item = usize> {
        let wanted = place(hash);
        let bucket = self.buckets.get((wanted >> self.shift) as usize).map_or(0, |&at| at as usize);
        let behind = self.points[bucket..].iter().take_while(|&&point| place(point) < wanted).count();
        let (before, from) = self.points.split_at(bucket + behind);
        from.iter().chain(before).take(ASKED).map(|&point| (point & u64::from(u32::MAX)) as usize)
    }
}

/// The weight that has [`POINTS`]: the power of two next to the average. So it does not move with every change of the
/// list, which would move points of all endpoints.
fn unit(owners: &[Owner]) -> u64 {
    let sum: u64 = owners.iter().map(|owner| owner.weight).sum();
    let average = sum as f64 / owners.len().max(1) as f64;
    (0..63).map(|power| 1 << power).find(|&unit| average <= unit as f64 * SQRT_2).unwrap_or(1)
}

fn place(hash: u64) -> u64 {
    hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(weights: &[u64]) -> Vec<Owner> {
        (0..).zip(weights).map(|(n, &weight)| Owner { key: salted(n, 78), weight }).collect()
    }

    fn first(ring: &Ring, key: u64) -> usize {
        ring.walk(salted(key, 79)).next().unwrap()
    }

    #[test]
    fn a_key_goes_to_the_point_at_or_behind_it_and_round() {
        let ring = Ring::of(&owners(&[1, 2, 3]));
        for key in 0..20_000 {
            let hash = salted(key, 79);
            let slow = ring.points.iter().find(|&&p| place(p) >= place(hash)).unwrap_or(&ring.points[0]);
            assert_eq!(ring.walk(hash).next(), Some((slow & 0xffff_ffff) as usize));
        }
        assert_eq!(ring.walk(u64::MAX).next(), ring.walk(0).next(), "the end of the ring is its start");
    }

    #[test]
    fn keys_follow_weights() {
        let ring = Ring::of(&owners(&[1, 1, 2, 4]));
        let mut counts = [0.0; 4];
        for key in 0..80_000 {
            counts[first(&ring, key)] += 1.0;
        }
        for (count, want) in counts.iter().zip([10e3, 10e3, 20e3, 40e3]) {
            assert!((count / want - 1.0_f64).abs() < 0.25, "{counts:?}");
        }
    }

    #[test]
    fn when_one_leaves_the_list_no_key_moves_but_its_own() {
        let all = owners(&[1; 20]);
        let (before, after) = (Ring::of(&all), Ring::of(&all[..19]));
        let moved = (0..20_000).filter(|&key| {
            let was = first(&before, key);
            let is = first(&after, key);
            assert!(was == 19 || was == is, "key {key} went from {was} to {is}");
            was != is
        });
        let moved = moved.count();
        assert!((500..1_500).contains(&moved), "{moved} keys were at the one that left");
    }

    #[test]
    fn points_are_bounded_whatever_the_weights() {
        let ring = Ring::of(&owners(&[65_535, 1, 1]));
        assert!(ring.points.len() <= 3 * 226 + 3, "{}", ring.points.len());
        assert_eq!(Ring::of(&owners(&[65_535])).points.len(), 159);
    }
}
