//! What the configurations say, as far as it decides whether a comparison is fair.

use super::*;
use crate::credentials::Credentials;
use std::sync::Arc;

fn plan(front: Front, routes: Option<usize>) -> Plan {
    let file = |name: &str| Path::new("/keys").join(name);
    let keys = Keys { certificate: file("cert.pem"), key: file("key.pem"), both: file("both.pem") };
    Plan {
        port: 8001,
        origin: 8002,
        body: 13,
        front,
        routes,
        connections: 64,
        admin: 8003,
        keys,
        guard: None,
    }
}

fn configs(plan: &Plan) -> [String; 3] {
    let folder = Path::new("/folder");
    [nginx::config(plan, folder), haproxy::config(plan, folder), envoy::config(plan)]
}

#[test]
fn every_rival_says_who_passed_the_request_on() {
    for config in configs(&plan(Front::Http1, None)) {
        assert!(config.contains("8001") && config.contains("8002"), "{config}");
        assert!(config.to_lowercase().contains("via"), "{config}");
    }
}

#[test]
fn every_rival_is_given_the_certificate_and_tls_1_3_only() {
    let [nginx, haproxy, envoy] = configs(&plan(Front::Tls, None));
    assert!(nginx.contains("ssl_certificate /keys/cert.pem") && nginx.contains("ssl_protocols TLSv1.3;"));
    assert!(haproxy.contains("crt /keys/both.pem ssl-min-ver TLSv1.3"));
    assert!(envoy.contains("/keys/key.pem") && envoy.contains("tls_minimum_protocol_version: TLSv1_3"));
}

#[test]
fn every_server_gets_all_routes() {
    let plan = plan(Front::Http1, Some(30));
    let [nginx, _, envoy] = configs(&plan);
    for config in [nginx, envoy, tidegate::config(&plan)] {
        assert!(config.contains("/service-00000/") && config.contains("/service-00029/"), "{config}");
        assert!(!config.contains("/service-00030/"), "{config}");
    }
    assert_eq!(plan.path(), "/service-00029/users/42");
}

#[test]
fn tidegate_is_configured_in_its_own_words() {
    let expect = "listeners:\n  - address: 127.0.0.1:8001\n\
                  admin: { address: 127.0.0.1:8003 }\n\
                  services:\n  origin: { endpoints: [\"http://127.0.0.1:8002\"] }\n\
                  observe: { access_log: off }\n\
                  routes:\n  - { match: { path: \"/*\" }, service: origin }\n";
    assert_eq!(tidegate::config(&plan(Front::Http1, None)), expect);
}

#[test]
fn names_are_those_of_the_command_line() {
    assert_eq!(Contender::NginxMainline.name(), "nginx-mainline");
    assert!(Contender::from_str("haproxy", false).is_ok_and(Contender::is_yardstick));
}

fn guarded(check: Check) -> Plan {
    let credentials = Credentials::make(2).unwrap();
    let guard = Guard { check, limit: 77, credentials: Arc::new(credentials) };
    Plan { guard: Some(guard), ..plan(Front::Http1, None) }
}

#[test]
fn every_server_limits_and_none_does_without_a_guard() {
    for check in [Check::Address, Check::Key, Check::Token] {
        let plan = guarded(check);
        let [nginx, haproxy, envoy] = configs(&plan);
        assert!(
            nginx.contains("rate=77r/s;") && nginx.contains("limit_req zone=callers burst=77"),
            "{nginx}"
        );
        assert!(haproxy.contains("sc_http_req_rate(0) gt 77 }"), "{haproxy}");
        assert!(envoy.contains("max_tokens: 77, tokens_per_fill: 77, fill_interval: 1s"), "{envoy}");
        assert!(tidegate::config(&plan).contains("rate_limit: { rate: 77/s }"));
    }
    for config in configs(&plan(Front::Http1, None)) {
        assert!(!config.contains("limit_req") && !config.contains("stick-table"), "{config}");
        assert!(!config.contains("local_ratelimit"), "{config}");
    }
}

#[test]
fn every_server_knows_all_api_keys_and_passes_none_on() {
    let plan = guarded(Check::Key);
    let [nginx, haproxy, envoy] = configs(&plan);
    let known = &plan.guard.as_ref().unwrap().credentials;
    for key in &known.keys {
        for config in [&nginx, &envoy, &tidegate::config(&plan)] {
            assert!(config.contains(key.as_str()), "{config}");
        }
    }
    assert!(haproxy.contains("/folder/keys.map") && haproxy.contains("del-header x-api-key"));
    for config in [&nginx, &haproxy, &envoy] {
        assert!(config.to_lowercase().contains("x-consumer"), "the origin is not told who it is: {config}");
    }
    assert!(nginx.contains("proxy_set_header X-API-Key \"\";") && envoy.contains("hide_credentials: true"));
}

#[test]
fn tokens_are_for_servers_that_check_them_wholly() {
    let plan = guarded(Check::Token);
    assert!(!Contender::Nginx.can(&plan) && !Contender::Floor.can(&plan));
    assert!(Contender::Haproxy.can(&plan) && Contender::Tidegate.can(&plan));
    let [_, haproxy, envoy] = configs(&plan);
    for part in
        ["jwt_verify(txn.alg,\"/folder/issuer.pem\")", "-m str RS256", "-m str shop", "$.exp", "$.iss"]
    {
        assert!(haproxy.contains(part), "{part}: {haproxy}");
    }
    assert!(envoy.contains("jwt_cache_size: 2000") && envoy.contains("audiences: [shop]"), "{envoy}");
}

#[test]
fn a_forgery_differs_from_what_it_imitates() {
    for check in [Check::Key, Check::Token] {
        let plan = guarded(check);
        let forged = plan.guard.as_ref().unwrap().forged().unwrap();
        assert_eq!(forged.len(), plan.fields().len());
        assert_ne!(forged, plan.fields());
    }
    assert_eq!(guarded(Check::Address).fields(), "");
}
