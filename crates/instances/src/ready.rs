//! Is an instance ready? Asked in short intervals at first, so that a start costs no more than the instance itself needs.
//!
//! Asked like any endpoint is (`upstream::probe`); whether it is the instance that answers is asked of the driver then.
//! *Not here*: what an instance that was ready and is not any more is worth; that is for checks and ejections.

use crate::driver::{Events, What};
use balance::{Health, Load, State};
use base::Clock;
use observe::Meters;
use std::cell::RefCell;
use std::sync::Mutex;
use std::time::Duration;
use upstream::{Endpoint, Place, ProbeSettings, Verdict, probe};

/// The first pause between two questions, and the longest.
const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(150);

/// Who it is that answers at the place of an instance.
pub(crate) enum Answerer {
    /// The instance.
    Instance,
    /// Nobody really: why.
    Nobody(String),
    /// Somebody else, who will not go away: who.
    Foreign(String),
}

/// Asks until the instance is ready, and tells it. Dropped by whoever does not want to wait any longer.
pub(crate) async fn become_ready(
    place: &Place,
    settings: &ProbeSettings,
    waits_for: &RefCell<Option<String>>,
    answerer: impl AsyncFn() -> Answerer,
    events: &Events,
) {
    let endpoint = endpoint(place);
    let mut pause = FIRST;
    loop {
        let why = match Box::pin(probe(&endpoint, settings)).await.verdict {
            Verdict::Passed => match answerer().await {
                Answerer::Instance => {
                    waits_for.replace(None);
                    return events.tell(What::Ready);
                }
                Answerer::Foreign(why) => return events.tell(What::Hopeless(why)),
                Answerer::Nobody(why) => why,
            },
            Verdict::Failed(why) | Verdict::Unreachable(why) => why.into_string(),
        };
        waits_for.replace(Some(why));
        tokio::time::sleep(pause).await;
        pause = (pause * 5 / 4).min(LONGEST);
    }
}

/// The endpoint that is asked: known to nobody else.
#[expect(clippy::default_trait_access, reason = "the type of `connections` has no name outside its room")]
fn endpoint(place: &Place) -> Endpoint {
    let now = Clock::real().now();
    let authority = match place {
        Place::Address(address) => address.to_string(),
        Place::Name(name, port) => format!("{name}:{port}"),
        Place::Unix(_) => "localhost".into(),
    };
    Endpoint {
        id: 0,
        label: "".into(),
        place: place.clone(),
        authority: authority.into(),
        tls: None,
        server_name: None,
        load: Load::new(now),
        health: Health::new(State::Up, now),
        key: 0,
        connections: Default::default(),
        meters: Meters::new(1).endpoint("", ""),
        news: Mutex::default(),
    }
}
