//! One request on its way: what the stages learn of it, from its head to its last byte.

use crate::caching::{Caches, Caching};
use crate::client_address;
use crate::desk::{Desk, Here};
use crate::guard::{Guard, Guards};
use crate::guarded::Guarded;
use crate::site::{Action, Route};
use crate::stop::Reason;
use auth::{Known, Way};
use base::RequestId;
use message::{Name, RequestHead, Target};
use net::{Interim, Peer, Request};
use observe::RouteMeters;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use upstream::Permit;

/// Longest request id that is taken over from a client, in bytes.
const ID_MOST: usize = 128;

/// A request's trip.
#[derive(Debug)]
pub struct Trip {
    pub(crate) desk: Rc<Desk>,
    pub(crate) here: Rc<Here>,
    pub(crate) peer: Rc<Peer>,
    /// `None` for what was never a request.
    pub(crate) head: Option<RequestHead>,
    /// The target as it was asked for, where a stage has changed it.
    pub(crate) asked: Option<Target>,
    pub(crate) id: Id,
    pub(crate) arrived: Instant,
    pub(crate) client: Option<IpAddr>,
    pub(crate) expects_continue: bool,
    pub(crate) interim: Option<Interim>,
    /// The route's place in the site.
    pub(crate) route: Option<usize>,
    /// The place of the service that was asked.
    pub(crate) service: Option<usize>,
    /// Which of the services that share the route.
    pub(crate) part: Option<usize>,
    /// The client is told how its request was served.
    pub(crate) explains: bool,
    pub(crate) permit: Option<Permit>,
    /// The endpoint of the last attempt, where all have failed.
    pub(crate) failed_at: Option<Box<str>>,
    pub(crate) attempts: u8,
    pub(crate) upstream_took: Option<Duration>,
    /// What the guards learnt; none where the route asks for nothing.
    pub(crate) guarded: Option<Box<Guarded>>,
    pub(crate) stop: Option<Reason>,
    pub(crate) status: u16,
    pub(crate) departed: bool,
}

/// A request's id: the client's own, or a new one.
#[derive(Debug)]
pub(crate) enum Id {
    Kept(Box<str>),
    Made(RequestId),
}

impl Id {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Kept(id) => id,
            Self::Made(id) => id.as_str(),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Kept(id) => id.as_bytes(),
            Self::Made(id) => id.as_bytes(),
        }
    }
}

impl Trip {
    /// Sets out, and takes what else belongs to the request apart from its body.
    pub(crate) fn begin(desk: &Rc<Desk>, request: Request) -> (Box<Self>, net::Body) {
        let Request { head, body, peer, arrived, expects_continue, interim } = request;
        let here = desk.here();
        let id = kept_id(&head).map_or_else(|| Id::Made(desk.request_id()), Id::Kept);
        let client = client_address::client(peer.ip(), &head.fields, &here.site.trusted_proxies);
        let mut trip = Box::new(Self::empty(desk, here, peer, id, client, arrived));
        trip.expects_continue = expects_continue;
        trip.interim = interim;
        trip.head = Some(head);
        (trip, body)
    }

    /// A trip of something that is not a request.
    pub(crate) fn stillborn(desk: &Rc<Desk>, peer: &Rc<Peer>) -> Box<Self> {
        let id = Id::Made(desk.request_id());
        let client = client_address::client(peer.ip(), &message::Fields::new(), &[]);
        Box::new(Self::empty(desk, desk.here(), Rc::clone(peer), id, client, Instant::now()))
    }

    fn empty(
        desk: &Rc<Desk>,
        here: Rc<Here>,
        peer: Rc<Peer>,
        id: Id,
        client: Option<IpAddr>,
        arrived: Instant,
    ) -> Self {
        Self {
            desk: Rc::clone(desk),
            here,
            peer,
            head: None,
            asked: None,
            id,
            arrived,
            client,
            expects_continue: false,
            interim: None,
            route: None,
            service: None,
            part: None,
            explains: false,
            permit: None,
            failed_at: None,
            attempts: 0,
            upstream_took: None,
            guarded: None,
            stop: None,
            status: 0,
            departed: false,
        }
    }

    /// The meters that its end is counted by.
    pub(crate) fn meters(&self) -> &RouteMeters {
        let Some(route) = self.route() else { return &self.here.site.unrouted };
        match (&route.action, self.part) {
            (Action::Split(split), Some(part)) => split.parts.get(part).map_or(&route.meters, |p| &p.meters),
            _ => &route.meters,
        }
    }

    /// What the route asks of its callers, where it asks for anything.
    pub(crate) fn guard<'h>(&self, here: &'h Here) -> Option<(&'h Guard, &'h Guards)> {
        let guard = here.site.plan.routes.get(self.route?)?.guard.as_deref()?;
        Some((guard, here.site.guards.as_deref()?))
    }

    /// Does its route ask for anything?
    pub(crate) fn is_guarded(&self) -> bool {
        self.route().is_some_and(|route| route.guard.is_some())
    }

    /// What the route wants of the cache, and the cache, where it caches.
    pub(crate) fn caching(&self) -> Option<(&Caching, &Arc<Caches>)> {
        self.caching_in(&self.here)
    }

    /// The same, for those that change the trip meanwhile.
    pub(crate) fn caching_in<'h>(&self, here: &'h Here) -> Option<(&'h Caching, &'h Arc<Caches>)> {
        let caching = here.site.plan.routes.get(self.route?)?.cache.as_deref()?;
        Some((caching, here.site.caches.as_ref()?))
    }

    /// Does its route cache?
    pub(crate) fn caches(&self) -> bool {
        self.route().is_some_and(|route| route.cache.is_some())
    }

    /// Was a caller found who is somebody?
    pub(crate) fn is_known(&self) -> bool {
        self.caller().is_some_and(|caller| caller.way != Way::Anonymous)
    }

    /// Gives the attempt away to whoever reads its answer to the end. What is logged of it stays.
    pub(crate) fn hand_over_permit(&mut self) -> Option<Permit> {
        let permit = self.permit.take()?;
        self.failed_at = Some(permit.endpoint().into());
        Some(permit)
    }

    /// The same request once more, for the cache's own sake. Nobody is told of its end, and it counts nowhere but at the service.
    pub(crate) fn again(&self) -> Box<Self> {
        let id = Id::Made(self.desk.request_id());
        let (here, peer) = (Rc::clone(&self.here), Rc::clone(&self.peer));
        let mut again = Box::new(Self::empty(&self.desk, here, peer, id, self.client, Instant::now()));
        again.head.clone_from(&self.head);
        again.route = self.route;
        again.departed = true;
        if let Some(guarded) = &self.guarded {
            again.guarded.get_or_insert_default().caller.clone_from(&guarded.caller);
        }
        again
    }

    /// Who is calling, as far as anybody has asked.
    pub(crate) fn caller(&self) -> Option<&Known> {
        self.guarded.as_ref()?.caller.as_deref()
    }

    /// The route that was found.
    pub(crate) fn route(&self) -> Option<&Route> {
        self.here.site.plan.routes.get(self.route?)
    }
}

/// The client's own id, where it is one that can be written anywhere.
fn kept_id(head: &RequestHead) -> Option<Box<str>> {
    let id = head.fields.get_str(Name::XRequestId)?;
    let sane = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&b);
    (!id.is_empty() && id.len() <= ID_MOST && id.bytes().all(sane)).then(|| id.into())
}
