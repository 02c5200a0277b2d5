//! Which object is asked for: by Zipf's law, from a seed, so that every server is asked for the same ones in the same order.
//!
//! The object of rank r is asked for in proportion to 1/r^skew. What is asked of caches in practice lies between 0.6 and 1.1
//! (Breslau et al., "Web Caching and Zipf-like Distributions", INFOCOM 1999, and what was measured since). The sums are kept
//! in a table, which is exact for every skew: 8 bytes an object, and a search of twenty steps for a draw from a million.

/// Numbers from a seed: `SplitMix64` (Steele, Lea, Flood 2014), which passes the tests that matter here.
#[derive(Clone, Debug)]
pub struct Draws(u64);

impl Draws {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any() % end
    }

    /// A number from 0 to below 1.
    pub fn part(&mut self) -> f64 {
        (self.any() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// So many objects, asked for by Zipf's law.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// How often one of the ranks up to this is asked for, without unit.
    sums: Vec<f64>,
}

impl Zipf {
    /// Ranks from 0 to below `objects`, which is not 0.
    pub fn new(objects: usize, skew: f64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=objects.max(1)).map(|rank| {
            sum += (rank as f64).powf(-skew);
            sum
        });
        Self { sums: sums.collect() }
    }

    /// The next rank.
    pub fn draw(&self, draws: &mut Draws) -> u64 {
        let at = draws.part() * self.sums[self.sums.len() - 1];
        self.sums.partition_point(|sum| *sum <= at).min(self.sums.len() - 1) as u64
    }

    /// Of what is asked for, the part that asks for one of the first so many ranks: what a cache that always holds these
    /// would have.
    pub fn share(&self, first: usize) -> f64 {
        let whole = self.sums[self.sums.len() - 1];
        first.checked_sub(1).map_or(0.0, |last| self.sums[last.min(self.sums.len() - 1)] / whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_that_were_published() {
        // The first three of seed 1234567, from the reference code of SplitMix64.
        let mut draws = Draws::new(1_234_567);
        let expect = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([draws.any(), draws.any(), draws.any()], expect);
    }

    #[test]
    fn ranks_come_as_often_as_the_law_says() {
        const COUNT: usize = 200_000;
        for skew in [0.9, 1.1] {
            let (zipf, mut draws) = (Zipf::new(1000, skew), Draws::new(7));
            let mut times = vec![0_u32; 1000];
            for _ in 0..COUNT {
                times[zipf.draw(&mut draws) as usize] += 1;
            }
            for first in [1, 10, 100, 999] {
                let found = f64::from(times[..first].iter().sum::<u32>()) / COUNT as f64;
                assert!((found - zipf.share(first)).abs() < 0.005, "skew {skew}, the first {first}: {found}");
            }
        }
    }

    #[test]
    fn the_law_is_that_of_the_harmonic_numbers() {
        let zipf = Zipf::new(3, 1.0);
        let harmonic = 1.0 + 1.0 / 2.0 + 1.0 / 3.0;
        assert!((zipf.share(1) - 1.0 / harmonic).abs() < 1e-12);
        assert!((zipf.share(2) - 1.5 / harmonic).abs() < 1e-12);
        assert!(zipf.share(0).abs() < 1e-12 && (zipf.share(9) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_same_seed_asks_for_the_same() {
        let zipf = Zipf::new(1_000_000, 0.9);
        let draw = |seed| {
            let mut draws = Draws::new(seed);
            (0..100).map(|_| zipf.draw(&mut draws)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
