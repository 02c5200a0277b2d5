//! Discovery against a DNS server on 127.0.0.1 that answers, lies, changes its mind and dies; and against files.

mod files;
mod names;
mod records;
mod server;

use super::*;
use crate::fixture::{LIMIT, run, until};
use server::{Reply, Server, a, aaaa, cname, srv as srv_record};
use std::collections::BTreeSet;

/// How often tests look: what follows is then seen soon, and an answer that was remembered for its TTL never is.
const OFTEN: Duration = Duration::from_millis(20);

fn template() -> EndpointSettings {
    EndpointSettings::new("", Place::Unix("".into()))
}

fn often(server: &Server) -> Dns {
    Dns { servers: vec![server.address], refresh: Some(OFTEN), min_ttl: OFTEN }
}

fn dns(server: &Server) -> Source {
    let dns = often(server);
    Source::Dns(DnsSettings { name: "search.test".into(), port: 9200, dns, template: template() })
}

fn srv(server: &Server) -> Source {
    let dns = often(server);
    Source::Srv(SrvSettings { name: "_http._tcp.search.test".into(), dns, template: template() })
}

fn labels(found: &[Found]) -> BTreeSet<String> {
    found.iter().map(|f| f.settings.label.to_string()).collect()
}

fn set(labels: &[&str]) -> BTreeSet<String> {
    labels.iter().map(ToString::to_string).collect()
}

/// What was reported, of whichever service.
#[derive(Clone, Default)]
struct Reports(Rc<RefCell<Vec<Vec<Found>>>>);

impl Reports {
    fn discoveries(&self) -> Discoveries {
        let reports = self.clone();
        Discoveries::new(Rc::new(move |service, found| {
            assert_eq!(service, "shop");
            reports.0.borrow_mut().push(found);
        }))
    }

    fn count(&self) -> usize {
        self.0.borrow().len()
    }

    fn last(&self) -> BTreeSet<String> {
        self.0.borrow().last().map(|found| labels(found)).unwrap_or_default()
    }

    async fn until(&self, wanted: &[&str]) {
        let wanted = set(wanted);
        until(&format!("{wanted:?}"), || self.last() == wanted).await;
    }
}

/// Runs a case for each of these replies, side by side.
async fn for_each<F: Future<Output = ()> + 'static>(replies: Vec<Reply>, case: impl Fn(Reply) -> F) {
    let mut cases = tokio::task::JoinSet::new();
    for reply in replies {
        cases.spawn_local(case(reply));
    }
    while let Some(done) = cases.join_next().await {
        done.unwrap();
    }
}

fn shop(source: Source) -> Vec<Discovery> {
    vec![Discovery { service: "shop".into(), source, known: Vec::new() }]
}

#[test]
fn an_answer_is_true_for_its_ttl_within_bounds_or_for_as_long_as_the_settings_say() {
    let seconds = Duration::from_secs;
    let plain = Dns::default();
    for (ttl, fresh) in [(0, 1), (1, 1), (30, 30), (60, 60), (86_400, 60)] {
        assert_eq!(plain.fresh_for(seconds(ttl)), seconds(fresh), "TTL {ttl}");
    }
    let often = Dns { refresh: Some(seconds(5)), ..Dns::default() };
    let seldom = Dns { refresh: Some(seconds(300)), min_ttl: seconds(10), ..Dns::default() };
    assert_eq!(often.fresh_for(seconds(600)), seconds(5));
    assert_eq!(seldom.fresh_for(seconds(1)), seconds(300));
    let slow = Dns { min_ttl: seconds(90), ..Dns::default() };
    assert_eq!(slow.fresh_for(seconds(1)), seconds(90));
}

#[test]
fn after_failures_it_is_looked_ever_more_seldom_and_after_a_success_soon_again() {
    let mut pace = Pace::default();
    let minute = Some(Duration::from_secs(60));
    let looks = [None, minute, None, None, None, None, None, None, minute, None];
    let waits = looks.map(|again| pace.next(again).as_secs());
    assert_eq!(waits, [1, 60, 1, 2, 4, 8, 10, 10, 60, 1]);
}

#[test]
fn a_service_whose_source_is_the_same_goes_on_and_others_stop_or_start() {
    run(async {
        let server = Server::start().await;
        server.set("search.test", a(&["10.0.0.1"]));
        let reports = Reports::default();
        let mut discoveries = reports.discoveries();
        discoveries.adopt(shop(dns(&server)));
        reports.until(&["http://10.0.0.1:9200"]).await;
        for _ in 0..10 {
            discoveries.adopt(shop(dns(&server)));
        }
        assert_eq!(labels(&discoveries.found("shop").unwrap()), set(&["http://10.0.0.1:9200"]));
        server.set("search.test", a(&["10.0.0.2"]));
        reports.until(&["http://10.0.0.2:9200"]).await;
        assert_eq!(reports.count(), 2, "one follower reports each set once");

        let Source::Dns(changed) = dns(&server) else { unreachable!("made so") };
        discoveries.adopt(shop(Source::Dns(DnsSettings { port: 80, ..changed })));
        reports.until(&["http://10.0.0.2:80"]).await;

        discoveries.adopt(Vec::new());
        assert_eq!(discoveries.found("shop"), None);
        let (asked, reported) = (server.asked(), reports.count());
        server.set("search.test", a(&["10.0.0.3"]));
        // A follower of its own shows that time goes by.
        let other = Reports::default();
        let mut others = other.discoveries();
        others.adopt(shop(dns(&server)));
        other.until(&["http://10.0.0.3:9200"]).await;
        assert!(server.asked() > asked);
        assert_eq!(reports.count(), reported);
    });
}

#[test]
fn what_was_known_at_the_start_is_not_reported_again() {
    run(async {
        let server = Server::start().await;
        server.set("search.test", a(&["10.0.0.1", "10.0.0.2"]));
        let known = resolve_now(&dns(&server), LIMIT).await.unwrap();
        assert_eq!(labels(&known), set(&["http://10.0.0.1:9200", "http://10.0.0.2:9200"]));
        let reports = Reports::default();
        let mut discoveries = reports.discoveries();
        let wanted = Discovery { service: "shop".into(), source: dns(&server), known };
        discoveries.adopt(vec![wanted]);
        let asked = server.asked();
        until("it looks again and again", || server.asked() > asked + 5).await;
        assert_eq!(reports.count(), 0);
        server.set("search.test", a(&["10.0.0.2"]));
        reports.until(&["http://10.0.0.2:9200"]).await;
    });
}

#[test]
fn more_endpoints_than_the_bound_are_cut_to_it_and_doubles_taken_out() {
    let one = |n: usize| Found {
        settings: EndpointSettings { label: format!("{n:05}").into(), ..template() },
        priority: None,
    };
    let mut many: Vec<_> = (0..ENDPOINTS_MOST).chain(0..3).map(one).collect();
    assert!(!bound(&mut many));
    assert_eq!(many.len(), ENDPOINTS_MOST);
    many.push(one(ENDPOINTS_MOST));
    assert!(bound(&mut many));
    assert_eq!(many.len(), ENDPOINTS_MOST);
}
