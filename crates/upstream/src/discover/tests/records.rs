//! SRV.

use super::*;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RData;

const NAME: &str = "_http._tcp.search.test";

/// Label, weight and level of priority.
fn told(found: &[Found]) -> Vec<(&str, u16, Option<u8>)> {
    found.iter().map(|f| (&*f.settings.label, f.settings.weight.get(), f.priority)).collect()
}

fn records(records: Vec<RData>) -> Reply {
    Reply::Records(records)
}

#[test]
fn ports_weights_and_priorities_come_from_the_records() {
    run(async {
        let server = Server::start().await;
        server.set(
            NAME,
            records(vec![
                srv_record(20, 0, 9201, "b.test"),
                srv_record(10, 5, 9200, "a.test"),
                srv_record(30, 70, 9202, "c.test"),
                srv_record(10, 6, 9300, "a.test"),
            ]),
        );
        server.set("a.test", a(&["127.0.0.1"]));
        server.set("b.test", a(&["127.0.0.2", "127.0.0.3"]));
        server.set("c.test", aaaa(&["::1"]));
        let found = resolve_now(&srv(&server), LIMIT).await.unwrap();
        assert_eq!(
            told(&found),
            [
                ("http://127.0.0.1:9200", 5, Some(0)),
                ("http://127.0.0.1:9300", 6, Some(0)),
                ("http://127.0.0.2:9201", 1, Some(1)),
                ("http://127.0.0.3:9201", 1, Some(1)),
                ("http://[::1]:9202", 70, Some(2)),
            ]
        );
    });
}

#[test]
fn certificates_are_verified_for_the_target_and_not_for_its_address() {
    run(async {
        let server = Server::start().await;
        server.set("a.test", a(&["127.0.0.1", "127.0.0.2"]));
        server.set(NAME, records(vec![srv_record(1, 1, 9200, "A.Test"), srv_record(1, 1, 9300, "a.test")]));
        let Source::Srv(plain) = srv(&server) else { unreachable!("made so") };
        let secure = SrvSettings { template: EndpointSettings { tls: true, ..template() }, ..plain.clone() };
        let found = resolve_now(&Source::Srv(secure), LIMIT).await.unwrap();
        let names: Vec<_> = found.iter().map(|f| f.settings.server_name.as_deref()).collect();
        assert_eq!(names, [Some("a.test"); 4]);
        let found = resolve_now(&Source::Srv(plain), LIMIT).await.unwrap();
        assert!(found.len() == 4 && found.iter().all(|f| f.settings.server_name.is_none()), "{found:?}");
    });
}

#[test]
fn more_priorities_than_levels_share_the_last_one() {
    run(async {
        let server = Server::start().await;
        server.set("a.test", a(&["127.0.0.1"]));
        server.set(NAME, records((0..15).map(|n| srv_record(n * 100, 1, 9000 + n, "a.test")).collect()));
        let found = resolve_now(&srv(&server), LIMIT).await.unwrap();
        let levels: Vec<_> = found.iter().filter_map(|f| f.priority).collect();
        assert_eq!(levels, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9]);
    });
}

#[test]
fn addresses_that_are_sent_along_are_not_asked_for() {
    run(async {
        let server = Server::start().await;
        let Reply::Records(address) = a(&["127.0.0.4"]) else { unreachable!("made so") };
        server.set(
            NAME,
            Reply::Whole(
                vec![(NAME.into(), srv_record(1, 1, 9200, "a.test"))],
                vec![("a.test".into(), address[0].clone()), ("other.test".into(), address[0].clone())],
            ),
        );
        let found = resolve_now(&srv(&server), LIMIT).await.unwrap();
        assert_eq!(told(&found), [("http://127.0.0.4:9200", 1, Some(0))]);
        assert_eq!(server.asked(), 1);
    });
}

#[test]
fn a_target_that_cannot_be_resolved_keeps_its_addresses_and_delays_no_other() {
    run(async {
        let server = Server::start().await;
        server.set(NAME, records(vec![srv_record(1, 1, 80, "a.test"), srv_record(1, 1, 80, "b.test")]));
        server.set("a.test", a(&["127.0.0.1"]));
        server.set("b.test", a(&["127.0.0.2"]));
        let reports = Reports::default();
        let mut discoveries = reports.discoveries();
        discoveries.adopt(shop(srv(&server)));
        reports.until(&["http://127.0.0.1:80", "http://127.0.0.2:80"]).await;
        server.set("a.test", Reply::Code(ResponseCode::ServFail));
        server.set("b.test", a(&["127.0.0.3"]));
        reports.until(&["http://127.0.0.1:80", "http://127.0.0.3:80"]).await;
        server.set(NAME, records(vec![srv_record(1, 1, 80, "b.test")]));
        reports.until(&["http://127.0.0.3:80"]).await;
    });
}

#[test]
fn a_record_that_says_that_there_is_no_such_service_is_taken_at_its_word() {
    run(async {
        let server = Server::start().await;
        server.set(NAME, records(vec![srv_record(0, 0, 0, ".")]));
        let why = resolve_now(&srv(&server), LIMIT).await.unwrap_err();
        assert!(why.ends_with("its SRV record says that there is no such service"), "{why}");
        assert_eq!(server.asked(), 1, "nobody looks for the address of the root");
    });
}

#[test]
fn what_was_found_stays_when_the_records_are_gone_or_lead_nowhere() {
    let failures = vec![
        Reply::Code(ResponseCode::NXDomain),
        Reply::Code(ResponseCode::ServFail),
        Reply::Code(ResponseCode::NoError),
        records(vec![srv_record(0, 0, 0, ".")]),
        records(vec![srv_record(0, 0, 80, "nowhere.test")]),
    ];
    run(for_each(failures, |failure| async {
        let server = Server::start().await;
        server.set(NAME, records(vec![srv_record(1, 1, 80, "a.test")]));
        server.set("a.test", a(&["127.0.0.1"]));
        let reports = Reports::default();
        let mut discoveries = reports.discoveries();
        discoveries.adopt(shop(srv(&server)));
        reports.until(&["http://127.0.0.1:80"]).await;
        server.set(NAME, failure);
        let asked = server.asked();
        until("it looks again", || server.asked() > asked + 2).await;
        assert_eq!(reports.count(), 1);
        assert_eq!(labels(&discoveries.found("shop").unwrap()), set(&["http://127.0.0.1:80"]));
    }));
}
