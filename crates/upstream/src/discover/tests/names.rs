//! A and AAAA.

use super::*;
use crate::discover::resolver::{Answer, Resolver, Trouble};
use hickory_resolver::Hosts;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use std::net::IpAddr;

#[test]
fn a_changed_answer_is_used_whatever_the_ttl_of_the_old_one_was() {
    run(async {
        let server = Server::start().await;
        server.set("search.test", a(&["10.0.0.1"]));
        let reports = Reports::default();
        let mut discoveries = reports.discoveries();
        discoveries.adopt(shop(dns(&server)));
        reports.until(&["http://10.0.0.1:9200"]).await;
        server.set("search.test", a(&["10.0.0.1", "10.0.0.2"]));
        reports.until(&["http://10.0.0.1:9200", "http://10.0.0.2:9200"]).await;
        server.set("search.test", a(&["10.0.0.2", "10.0.0.1"]));
        let asked = server.asked();
        until("it looks again and again", || server.asked() > asked + 5).await;
        assert_eq!(reports.count(), 2, "another order is no change");
    });
}

#[test]
fn endpoints_have_what_the_template_says() {
    run(async {
        let server = Server::start().await;
        server.set("search.test", a(&["10.0.0.1"]));
        let Source::Dns(settings) = dns(&server) else { unreachable!("made so") };
        let template = EndpointSettings { tls: true, weight: Weight::new(7).unwrap(), ..template() };
        let found = resolve_now(&Source::Dns(DnsSettings { template, ..settings }), LIMIT).await.unwrap();
        let [Found { settings, priority: None }] = &found[..] else { panic!("{found:?}") };
        assert_eq!(&*settings.label, "https://10.0.0.1:9200");
        assert_eq!(settings.place, Place::Address("10.0.0.1:9200".parse().unwrap()));
        assert!(settings.tls && settings.weight.get() == 7);
    });
}

#[test]
fn what_was_found_stays_when_the_server_dies_lies_or_forgets_the_name() {
    let failures = vec![
        Reply::Silence,
        Reply::Garbage,
        Reply::Code(ResponseCode::ServFail),
        Reply::Code(ResponseCode::Refused),
        Reply::Code(ResponseCode::NXDomain),
        Reply::Code(ResponseCode::NoError),
    ];
    run(for_each(failures, |failure| async {
        let server = Server::start().await;
        server.set("search.test", a(&["10.0.0.1"]));
        let reports = Reports::default();
        let mut discoveries = reports.discoveries();
        discoveries.adopt(shop(dns(&server)));
        reports.until(&["http://10.0.0.1:9200"]).await;
        server.set("search.test", failure);
        let asked = server.asked();
        until("it looks again", || server.asked() > asked + 1).await;
        assert_eq!(labels(&discoveries.found("shop").unwrap()), set(&["http://10.0.0.1:9200"]));
        server.set("search.test", a(&["10.0.0.9"]));
        reports.until(&["http://10.0.0.9:9200"]).await;
        assert_eq!(reports.count(), 2);
    }));
}

#[test]
fn a_name_that_nobody_knows_at_the_start_is_found_when_somebody_does() {
    run(async {
        let server = Server::start().await;
        let why = resolve_now(&dns(&server), LIMIT).await.unwrap_err();
        assert_eq!(why, "DNS name `search.test`: there is no such name");
        let reports = Reports::default();
        let mut discoveries = reports.discoveries();
        discoveries.adopt(shop(dns(&server)));
        until("it was looked for", || server.asked() > 2).await;
        assert_eq!(reports.count(), 0);
        server.set("search.test", a(&["10.0.0.1"]));
        reports.until(&["http://10.0.0.1:9200"]).await;
    });
}

#[test]
fn the_start_waits_no_longer_than_it_was_told_to() {
    run(async {
        let server = Server::start().await;
        server.set("search.test", Reply::Silence);
        let within = Duration::from_millis(100);
        let began = tokio::time::Instant::now();
        assert!(resolve_now(&dns(&server), within).await.is_err());
        assert!(began.elapsed() >= within && began.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn an_answer_that_is_too_large_for_udp_is_fetched_over_tcp() {
    run(async {
        let server = Server::start().await;
        let addresses: Vec<String> = (0..100).map(|n| format!("10.0.1.{n}")).collect();
        server.set("search.test", a(&addresses.iter().map(String::as_str).collect::<Vec<_>>()));
        let found = resolve_now(&dns(&server), LIMIT).await.unwrap();
        assert_eq!(found.len(), 100);
        assert!(server.asked_over_tcp() > 0);
    });
}

#[test]
fn the_next_server_is_asked_where_one_does_not_know() {
    run(async {
        let (first, second) = (Server::start().await, Server::start().await);
        second.set("search.test", a(&["10.0.0.2"]));
        for useless in [Reply::Code(ResponseCode::ServFail), Reply::Garbage, Reply::Silence] {
            first.set("search.test", useless);
            let resolver = Resolver::open(&[first.address, second.address]).unwrap();
            assert_eq!(found(resolver.addresses("search.test").await), ["10.0.0.2"]);
        }
        // One that knows that there is none is believed.
        first.set("search.test", Reply::Code(ResponseCode::NXDomain));
        let resolver = Resolver::open(&[first.address, second.address]).unwrap();
        let none = resolver.addresses("search.test").await;
        assert_eq!(none.unwrap_err(), Trouble::None("there is no such name"));
    });
}

#[test]
fn ipv4_is_taken_where_there_is_some_and_ipv6_otherwise() {
    run(async {
        let server = Server::start().await;
        let resolver = Resolver::open(&[server.address]).unwrap();
        let (Reply::Records(mut both), Reply::Records(six)) = (a(&["127.0.0.7"]), aaaa(&["::1"])) else {
            unreachable!("made so")
        };
        server.set("search.test", Reply::Records(six.clone()));
        assert_eq!(found(resolver.addresses("search.test").await), ["::1"]);
        both.extend(six);
        server.set("search.test", Reply::Records(both));
        assert_eq!(found(resolver.addresses("search.test").await), ["127.0.0.7"]);
    });
}

#[test]
fn aliases_are_followed() {
    run(async {
        let server = Server::start().await;
        let resolver = Resolver::open(&[server.address]).unwrap();
        server.set("search.test", Reply::Records(vec![cname("there.test")]));
        server.set("there.test", a(&["127.0.0.8"]));
        assert_eq!(found(resolver.addresses("search.test").await), ["127.0.0.8"]);
        // An alias of itself is no way to keep us busy.
        server.set("search.test", Reply::Records(vec![cname("search.test")]));
        assert!(resolver.addresses("search.test").await.is_err());
    });
}

#[test]
fn addresses_and_localhost_need_no_server() {
    run(async {
        let server = Server::start().await;
        let resolver = Resolver::open(&[server.address]).unwrap();
        assert_eq!(found(resolver.addresses("10.1.2.3").await), ["10.1.2.3"]);
        assert_eq!(found(resolver.addresses("::1").await), ["::1"]);
        assert_eq!(found(resolver.addresses("localhost").await), ["127.0.0.1"]);
        assert_eq!(server.asked(), 0);
        assert!(matches!(resolver.addresses("no name").await, Err(Trouble::Unknown(_))));
    });
}

#[test]
fn names_are_searched_for_as_the_machine_says_and_its_hosts_file_comes_first() {
    run(async {
        let server = Server::start().await;
        server.set("db.corp.test", a(&["127.0.0.5"]));
        server.set("plain", a(&["127.0.0.6"]));
        let mut hosts = Hosts::default();
        hosts.read_hosts_conf(&b"127.0.0.4 queue\n"[..]).unwrap();
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut c| {
            c.port = server.address.port();
            c
        });
        let name_server = NameServerConfig::new(server.address.ip(), true, connections.into());
        let search = vec![Name::from_ascii("corp.test.").unwrap()];
        let config = ResolverConfig::from_parts(None, search, vec![name_server]);
        let resolver = Resolver::build(&config, &ResolverOpts::default(), hosts).unwrap();
        assert_eq!(found(resolver.addresses("db").await), ["127.0.0.5"], "by the search list");
        assert_eq!(found(resolver.addresses("plain").await), ["127.0.0.6"], "as it stands");
        assert_eq!(found(resolver.addresses("queue").await), ["127.0.0.4"], "by the hosts file");
        assert_eq!(
            resolver.addresses("db.").await.unwrap_err(),
            Trouble::None("there is no such name"),
            "a dot at the end keeps from searching"
        );
    });
}

fn found(answer: Result<Answer<Vec<IpAddr>>, Trouble>) -> Vec<String> {
    answer.unwrap().found.iter().map(ToString::to_string).collect()
}
