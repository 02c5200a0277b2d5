//! Requests that wait for endpoints that are still to come.

use super::*;
use crate::fixture::{run, run_paused, server, until};
use crate::{Class, EndpointSettings, Place, Prospect, QueueSettings, Registry, Service, Settings};
use base::Clock;
use message::{Fields, Method, Target, Version};
use observe::Meters;
use std::cell::RefCell;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A service whose endpoints come by themselves.
struct Scene {
    registry: Registry,
    meters: Arc<Meters>,
    client: Client,
}

impl Scene {
    fn new() -> Self {
        Self { registry: Registry::default(), meters: Meters::new(1), client: Client::new(0, Clock::real()) }
    }

    fn service(&self, endpoints: Vec<EndpointSettings>, size: usize) -> Arc<Service> {
        let hold = Some(QueueSettings { size, timeout: Duration::from_secs(10) });
        let settings = Settings { hold, ..Settings::new("shop", endpoints) };
        Service::build(settings, &self.registry, &self.meters, Clock::real().now()).unwrap()
    }

    fn adopt(&self, service: &Arc<Service>) -> Rc<Local> {
        self.client.adopt(std::slice::from_ref(service)).remove(0)
    }

    async fn ask(&self, local: &Rc<Local>) -> Result<Answered, Failed> {
        let head = RequestHead {
            method: Method::GET,
            target: Target::parse(b"/", false).unwrap(),
            authority: None,
            version: Version::HTTP_11,
            fields: Fields::default(),
            upgrade: None,
        };
        let manner = Manner { class: Class::Normal, ..Manner::default() };
        let ask = Forward {
            head: &head,
            body: &mut Body::empty(),
            expects_continue: false,
            interim: None,
            manner: &manner,
            client_timeout: None,
            hash: None,
            arrived: Instant::now(),
        };
        self.client.forward(local, ask).await
    }
}

#[test]
fn a_request_that_finds_nobody_rings_and_is_sent_on_once_somebody_has_come() {
    run(async {
        let at = server(|mut stream| async move {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
        })
        .await;
        let scene = Scene::new();
        let nobody = scene.service(Vec::new(), 8);
        let local = scene.adopt(&nobody);
        let come = async {
            nobody.standing.wanted.notified().await;
            assert_eq!(nobody.standing.waiting(), 1);
            let somebody = scene.service(vec![EndpointSettings::new("shop-1", Place::Address(at))], 8);
            let newer = scene.adopt(&somebody);
            nobody.replace();
            newer
        };
        let (failed, newer) = tokio::join!(scene.ask(&local), come);
        let failed = failed.unwrap_err();
        assert!(failed.is_replaced() && failed.sendable && failed.attempts == 0, "{failed:?}");
        let answered = scene.ask(&newer).await.unwrap();
        assert_eq!(answered.answer.head.status, 200);
        assert_eq!(newer.service.standing.waiting(), 0);
    });
}

#[test]
fn all_who_wait_are_told_of_the_new_version_in_their_order() {
    run(async {
        let scene = Scene::new();
        let nobody = scene.service(Vec::new(), 100);
        let local = scene.adopt(&nobody);
        let order = RefCell::new(Vec::new());
        let wait = |number: usize| {
            let (scene, local, order) = (&scene, &local, &order);
            async move {
                let failed = scene.ask(local).await.unwrap_err();
                assert!(failed.is_replaced(), "{failed:?}");
                order.borrow_mut().push(number);
            }
        };
        let all = futures_util::future::join_all((0..100).map(wait));
        let come = async {
            until("all wait", || nobody.standing.waiting() == 100).await;
            nobody.replace();
        };
        tokio::join!(all, come);
        assert_eq!(order.take(), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn waiting_for_somebody_to_come_has_an_end_and_a_bound() {
    run_paused(async {
        let scene = Scene::new();
        let nobody = scene.service(Vec::new(), 1);
        let local = scene.adopt(&nobody);
        let began = tokio::time::Instant::now();
        let both = tokio::join!(scene.ask(&local), async {
            tokio::task::yield_now().await;
            scene.ask(&local).await
        });
        let (first, second) = (both.0.unwrap_err().why, both.1.unwrap_err().why);
        assert!(matches!(first, Why::Nobody { .. }), "{first:?}");
        assert!(matches!(second, Why::Shed(Shed::QueueFull)), "{second:?}");
        assert_eq!(began.elapsed().as_secs(), 10);
    });
}

#[test]
fn nobody_waits_for_what_cannot_come() {
    run_paused(async {
        let scene = Scene::new();
        let nobody = scene.service(Vec::new(), 8);
        let local = scene.adopt(&nobody);
        nobody.standing.set_prospect(Prospect::None);
        let at_once = scene.ask(&local).await.unwrap_err();
        assert!(matches!(at_once.why, Why::Nobody { .. }), "{at_once:?}");
        nobody.standing.set_prospect(Prospect::More);
        let (given_up, ()) = tokio::join!(scene.ask(&local), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            nobody.standing.set_prospect(Prospect::None);
        });
        let why = given_up.unwrap_err().why;
        assert!(matches!(why, Why::Nobody { .. }), "{why:?}");
    });
}

#[test]
fn where_all_are_full_only_more_of_them_are_worth_the_long_wait() {
    run(async {
        let at = server(|mut stream| async move {
            let _ = stream.read(&mut [0; 1024]).await;
            std::future::pending::<()>().await;
        })
        .await;
        let scene = Scene::new();
        let one =
            EndpointSettings { max_requests: Some(1), ..EndpointSettings::new("shop-1", Place::Address(at)) };
        let hold = Some(QueueSettings { size: 8, timeout: Duration::from_secs(10) });
        let queue = QueueSettings { size: 0, timeout: Duration::from_secs(1) };
        let settings = Settings { queue, hold, ..Settings::new("shop", vec![one]) };
        let full = Service::build(settings, &scene.registry, &scene.meters, Clock::real().now()).unwrap();
        let local = scene.adopt(&full);
        let under_way = scene.ask(&local);
        let then = async {
            until("the first is under way", || full.members[0].endpoint.load.pending() == 1).await;
            full.standing.set_prospect(Prospect::Again);
            let refused = scene.ask(&local).await.unwrap_err();
            assert!(matches!(refused.why, Why::Shed(Shed::QueueFull)), "{refused:?}");
            full.standing.set_prospect(Prospect::More);
            let waits = scene.ask(&local);
            let seen = until("the next one waits", || full.standing.waiting() == 1);
            tokio::select! { done = waits => panic!("{done:?}"), () = seen => {} }
        };
        tokio::select! { done = under_way => panic!("{done:?}"), () = then => {} }
    });
}
