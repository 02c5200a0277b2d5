//! How many wait where so many are in the system: a stationary queue with many servers, in closed form.
//!
//! The queue of M/G/c is Sakasegawa's approximation (1977) of M/M/c, times the Allen-Cunneen factor `(1 + cv^2) / 2`. Time
//! enters by the pointwise stationary fluid flow approximation (Wang, Tipper and Banerjee, 1996): at each moment the servers
//! are as busy as they are in the stationary queue that has as many in the system. So one number, requests in the system, is
//! the whole state: at low load it settles where queueing theory says, and above capacity it grows as a fluid does.
//!
//! *Promise*: total; every answer is finite and not negative. *Cost*: some ten evaluations of a power, however many requests
//! and servers there are.

/// The share above which a server counts as always busy. Nearer to 1 the queue has no finite length.
const FULL: f64 = 1.0 - 1e-12;
/// Steps of the search for a utilisation; it needs about ten.
const MOST_STEPS: u32 = 60;

/// Queues of one kind of service time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queueing {
    /// `(1 + cv^2) / 2`.
    variability: f64,
}

impl Queueing {
    /// For service times with that coefficient of variation, and arrivals by chance.
    pub(crate) fn new(cv: f64) -> Self {
        Self { variability: f64::midpoint(1.0, cv * cv) }
    }

    /// How many wait on average, at that utilisation (0 to 1) of so many servers.
    pub(crate) fn waiting(self, utilisation: f64, servers: f64) -> f64 {
        let rho = utilisation.clamp(0.0, FULL);
        self.variability * rho.powf(exponent(servers)) / (1.0 - rho)
    }

    /// The share of arrivals that wait at all.
    pub(crate) fn waits(utilisation: f64, servers: f64) -> f64 {
        utilisation.clamp(0.0, 1.0).powf(exponent(servers) - 1.0)
    }

    /// By how much the square of a queue grows, by chance alone, while so many requests come and as many are answered.
    pub(crate) fn walk(self, requests: f64) -> f64 {
        2.0 * self.variability * requests
    }

    /// The utilisation at the end of a step into which `total` requests go (those that were there and those that come) and
    /// in which each server that is busy completes `turns` of them. An implicit step: it is stable and not negative however
    /// long the step is beside a service time.
    pub(crate) fn settle(self, total: f64, servers: f64, turns: f64) -> f64 {
        if total <= 0.0 || servers <= 0.0 {
            return 0.0;
        }
        let linear = servers * (1.0 + turns);
        let exponent = exponent(servers);
        let (mut low, mut high) = (0.0, (total / linear).min(FULL));
        let mut rho = high;
        // Newton's method, kept within a bracket: both terms rise with the utilisation.
        for _ in 0..MOST_STEPS {
            let waiting = self.variability * rho.powf(exponent) / (1.0 - rho);
            let off = linear * rho + waiting - total;
            if off.abs() <= 1e-9 * total.max(1e-6) {
                break;
            }
            if off > 0.0 {
                high = rho;
            } else {
                low = rho;
            }
            let slope = linear + waiting * (exponent / rho.max(1e-12) + 1.0 / (1.0 - rho));
            let next = rho - off / slope;
            rho = if next > low && next < high { next } else { f64::midpoint(low, high) };
        }
        rho
    }
}

/// Sakasegawa's exponent of the utilisation.
fn exponent(servers: f64) -> f64 {
    (2.0 * (servers.max(0.0) + 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The exact mean number of waiting requests of M/M/c (Erlang C).
    fn erlang(servers: u32, utilisation: f64) -> f64 {
        let load = f64::from(servers) * utilisation;
        let blocked = (1..=servers).fold(1.0, |b, n| load * b / (f64::from(n) + load * b));
        let waits = blocked / (1.0 - utilisation * (1.0 - blocked));
        waits * utilisation / (1.0 - utilisation)
    }

    #[test]
    fn the_queue_is_near_the_exact_one_of_erlang() {
        for servers in [1, 2, 5, 20, 100, 400] {
            for utilisation in [0.7, 0.8, 0.9, 0.95, 0.99] {
                let exact = erlang(servers, utilisation);
                let near = Queueing::new(1.0).waiting(utilisation, f64::from(servers));
                // Within a tenth, or within a hundredth of the servers: far less than what is being worked on.
                assert!(
                    (near - exact).abs() < (0.1 * exact).max(0.01 * f64::from(servers)),
                    "{servers} {utilisation}: {near} {exact}"
                );
            }
        }
    }

    #[test]
    fn constant_service_times_halve_the_queue() {
        let queue = |cv| Queueing::new(cv).waiting(0.9, 4.0);
        assert!((queue(0.0) * 2.0 - queue(1.0)).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_settled_utilisation_accounts_for_all_that_is_in_the_system(
            total in 0.0..1e7_f64, servers in 1.0..1e5_f64, turns in 0.0..1e3_f64, cv in 0.0..3.0_f64,
        ) {
            let queueing = Queueing::new(cv);
            let rho = queueing.settle(total, servers, turns);
            prop_assert!((0.0..1.0).contains(&rho));
            let sum = servers * (1.0 + turns) * rho + queueing.waiting(rho, servers);
            prop_assert!((sum - total).abs() <= 1e-4 * total.max(1.0), "{} {}", sum, total);
        }
    }
}
