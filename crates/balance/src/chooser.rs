//! A policy for one group of endpoints, with what it remembers from pick to pick.

use crate::ask::Ask;
use crate::fair::Fair;
use crate::least::least_pending;
use crate::lots::Lots;
use crate::picker::PickerSettings;
use crate::table::Table;
use crate::turns::Turns;
use crate::two::Two;
use crate::{Endpoint, Policy};
use base::IdSource;

/// How one worker chooses in one group.
#[derive(Clone, Debug)]
pub(crate) enum Chooser {
    Two(Two),
    Least,
    Turns(Turns),
    Lots(Lots),
    /// Through the table; by lot where a request has no key.
    Hash {
        lots: Lots,
        fair: Option<Fair>,
    },
    First,
}

impl Chooser {
    pub(crate) fn of<E: Endpoint>(
        settings: &PickerSettings,
        endpoints: &[E],
        members: &[u32],
        random: &mut IdSource,
    ) -> Self {
        match settings.policy {
            Policy::P2cEwma => Self::Two(Two::default()),
            Policy::LeastRequest => Self::Least,
            Policy::RoundRobin => Self::Turns(Turns::of(endpoints, members, random)),
            Policy::Random => Self::Lots(Lots::of(endpoints, members)),
            Policy::Maglev | Policy::RingHash => Self::Hash {
                lots: Lots::of(endpoints, members),
                fair: settings.bounded_load.map(|factor| Fair::new(factor, endpoints, members)),
            },
            Policy::First => Self::First,
        }
    }

    /// The choice among those of the group that may take the request; `None` where no one may.
    pub(crate) fn choose<E: Endpoint>(
        &mut self,
        ask: &Ask<'_, E>,
        table: Option<&Table>,
        random: &mut IdSource,
    ) -> Option<usize> {
        if let &[only] = ask.members {
            return Some(only as usize).filter(|&only| ask.may(only));
        }
        match self {
            Self::Two(two) => two.choose(ask, random),
            Self::Least => least_pending(ask, random),
            Self::Turns(turns) => turns.take(ask, random),
            Self::Lots(lots) => lots.draw(ask, random),
            Self::First => ask.first_from(0),
            Self::Hash { lots, fair } => match (table, ask.hash, fair) {
                (Some(table), Some(hash), None) => table.find(hash, ask, |_| true),
                (Some(table), Some(hash), Some(fair)) => {
                    fair.count(ask);
                    let fits = |at: usize| fair.fits(&ask.endpoints[at]);
                    // That all are above the bound means that the others are out: then the bound gives way.
                    table.find(hash, ask, fits).or_else(|| table.find(hash, ask, |_| true))
                }
                _ => lots.draw(ask, random),
            },
        }
    }
}
