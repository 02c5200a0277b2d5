//! Is an instance ready? Asked in short intervals at first, so that a start costs no more than the instance itself needs.
//!
//! Asked like any endpoint is (`upstream::probe`). *Promise*: a port where somebody else answers makes nobody ready: who
//! listens there is asked of the keeper before requests are sent. *Not here*: what an instance that was ready and is
//! not any more is worth; that is for checks and ejections.

use super::kept::Link;
use crate::channel::Owner;
use crate::driver::{Events, What};
use crate::settings::FleetSettings;
use balance::{Health, Load, State};
use base::Clock;
use observe::Meters;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;
use upstream::{Endpoint, Place, Verdict, probe};

/// The first pause between two questions, and the longest.
const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(150);

/// Asks until the instance is ready, and tells it. Dropped by whoever does not want to wait any longer.
pub(super) async fn become_ready(link: Rc<Link>, settings: Rc<FleetSettings>, events: Events) {
    let endpoint = endpoint(&link.spot.place);
    let mut pause = FIRST;
    loop {
        let waits_for = match Box::pin(probe(&endpoint, &settings.ready)).await.verdict {
            Verdict::Passed => match owner(&link).await {
                Some(Owner::Instance) => {
                    *link.waits_for.borrow_mut() = None;
                    return events.tell(What::Ready);
                }
                Some(Owner::Foreign) => {
                    let port = link.spot.port().unwrap_or_default();
                    let why = format!("port {port} is listened on by a process that is not of this instance");
                    return events.tell(What::Hopeless(why));
                }
                Some(Owner::Nobody) => "nobody listens on its port".into(),
                None => "its keeper does not answer".into(),
            },
            Verdict::Failed(why) | Verdict::Unreachable(why) => why.into_string(),
        };
        *link.waits_for.borrow_mut() = Some(waits_for);
        tokio::time::sleep(pause).await;
        pause = (pause * 5 / 4).min(LONGEST);
    }
}

/// Who listens there. The folder of a socket is the instance's own.
async fn owner(link: &Link) -> Option<Owner> {
    match link.spot.port() {
        Some(port) => link.owner(port).await,
        None => Some(Owner::Instance),
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
        load: Load::new(now),
        health: Health::new(State::Up, now),
        key: 0,
        connections: Default::default(),
        meters: Meters::new(1).endpoint("", ""),
        news: Mutex::default(),
    }
}
