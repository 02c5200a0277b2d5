//! What the configurations say, as far as it decides whether a comparison is fair.

use super::*;

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
