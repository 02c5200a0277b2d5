//! What follows from slices.

use super::*;
use serde_json::{Value, json};

fn slice(family: &str, ports: &Value, endpoints: &Value) -> Slice {
    let slice = json!({
        "metadata": { "name": "shop-abc", "resourceVersion": "7", "labels": { "x": "y" } },
        "addressType": family, "ports": ports, "endpoints": endpoints,
    });
    serde_json::from_value(slice).unwrap()
}

fn at(ip: &str) -> Value {
    json!({ "addresses": [ip] })
}

fn http() -> Value {
    json!([{ "name": "http", "port": 8080, "protocol": "TCP" }])
}

fn found(slices: &[Slice], port: &Port, family: Family) -> Vec<(String, Readiness)> {
    let found = endpoints(slices.iter(), port, family);
    found.into_iter().map(|endpoint| (endpoint.address.to_string(), endpoint.readiness)).collect()
}

fn addresses(slices: &[Slice], port: &Port) -> Vec<String> {
    found(slices, port, Family::Any).into_iter().map(|(address, _)| address).collect()
}

#[test]
fn conditions_that_are_unknown_mean_ready_and_not_terminating() {
    for (conditions, expected) in [
        (json!({}), Readiness::Ready),
        (json!(null), Readiness::Ready),
        (json!({ "ready": null, "serving": null, "terminating": null }), Readiness::Ready),
        (json!({ "ready": true }), Readiness::Ready),
        (json!({ "ready": false }), Readiness::NotReady),
        (json!({ "ready": false, "serving": true, "terminating": false }), Readiness::NotReady),
        (json!({ "ready": false, "serving": true, "terminating": true }), Readiness::Draining),
        (json!({ "ready": false, "serving": false, "terminating": true }), Readiness::NotReady),
        (json!({ "ready": false, "terminating": true }), Readiness::NotReady),
        (json!({ "ready": true, "serving": true, "terminating": true }), Readiness::Draining),
    ] {
        let slice = slice("IPv4", &http(), &json!([{ "addresses": ["10.0.0.1"], "conditions": conditions }]));
        let expected = vec![("10.0.0.1:8080".to_owned(), expected)];
        assert_eq!(found(&[slice], &Port::Only, Family::Any), expected, "{conditions}");
    }
}

#[test]
fn a_port_is_found_by_its_name_its_number_or_by_being_the_only_one() {
    let several = json!([
        { "name": "metrics", "port": 9100 },
        { "name": "http", "port": 8080, "protocol": "TCP" },
        { "name": "dns", "port": 53, "protocol": "UDP" },
    ]);
    let slices = [slice("IPv4", &several, &json!([at("10.0.0.1")]))];
    assert_eq!(addresses(&slices, &Port::Named("http".into())), ["10.0.0.1:8080"]);
    assert_eq!(addresses(&slices, &Port::Named("metrics".into())), ["10.0.0.1:9100"]);
    assert_eq!(addresses(&slices, &Port::Number(1234)), ["10.0.0.1:1234"]);
    for none in [Port::Only, Port::Named("dns".into()), Port::Named("https".into())] {
        assert!(addresses(&slices, &none).is_empty(), "{none:?}");
    }
    let unnamed = [slice("IPv4", &json!([{ "port": 80 }]), &json!([at("10.0.0.1")]))];
    assert_eq!(addresses(&unnamed, &Port::Only), ["10.0.0.1:80"]);
    let headless = [slice("IPv4", &json!(null), &json!([at("10.0.0.1")]))];
    assert_eq!(addresses(&headless, &Port::Number(80)), ["10.0.0.1:80"]);
    assert!(addresses(&headless, &Port::Only).is_empty());
}

#[test]
fn a_named_port_may_have_another_number_in_each_slice() {
    let slices = [
        slice("IPv4", &json!([{ "name": "http", "port": 8080 }]), &json!([at("10.0.0.1")])),
        slice("IPv4", &json!([{ "name": "http", "port": 9090 }]), &json!([at("10.0.0.2")])),
    ];
    assert_eq!(addresses(&slices, &Port::Named("http".into())), ["10.0.0.1:8080", "10.0.0.2:9090"]);
}

#[test]
fn one_family_of_addresses_is_used() {
    let slices = [
        slice("IPv6", &http(), &json!([at("fd00::1")])),
        slice("IPv4", &http(), &json!([at("10.0.0.1")])),
        slice("FQDN", &http(), &json!([at("a.test")])),
    ];
    assert_eq!(addresses(&slices, &Port::Only), ["10.0.0.1:8080"]);
    assert_eq!(addresses(&slices[..1], &Port::Only), ["[fd00::1]:8080"]);
    let of = |family| found(&slices, &Port::Only, family).len();
    assert_eq!((of(Family::V4), of(Family::V6)), (1, 1));
    assert!(found(&slices[..1], &Port::Only, Family::V4).is_empty());
}

#[test]
fn an_endpoint_in_two_slices_is_one_and_as_ready_as_the_readier_mention() {
    let gone = json!([{ "addresses": ["10.0.0.1"], "conditions": { "ready": false } }]);
    let (old, new) = (slice("IPv4", &http(), &gone), slice("IPv4", &http(), &json!([at("10.0.0.1")])));
    let expected = vec![("10.0.0.1:8080".to_owned(), Readiness::Ready)];
    assert_eq!(found(&[old.clone(), new.clone()], &Port::Only, Family::Any), expected);
    assert_eq!(found(&[new, old], &Port::Only, Family::Any), expected);
}

#[test]
fn pod_and_zone_come_along() {
    let mention = json!([{
        "addresses": ["10.0.0.1", "10.0.0.9"], "zone": "eu-1a", "nodeName": "n1",
        "targetRef": { "kind": "Pod", "name": "shop-5d9-x", "namespace": "default", "uid": "1" },
    }, { "addresses": ["10.0.0.2"], "targetRef": { "kind": "Node", "name": "n1" } }]);
    let found = endpoints([slice("IPv4", &http(), &mention)].iter(), &Port::Only, Family::Any);
    let [pod, other] = &found[..] else { panic!("{found:?}") };
    assert_eq!((pod.pod.as_deref(), pod.zone.as_deref()), (Some("shop-5d9-x"), Some("eu-1a")));
    assert_eq!((other.pod.as_deref(), other.zone.as_deref()), (None, None));
}

#[test]
fn what_is_no_address_is_left_out() {
    let mentions = json!([
        { "addresses": [] }, { "addresses": null }, at("nonsense"), at(""), at("10.0.0.1"),
    ]);
    assert_eq!(addresses(&[slice("IPv4", &http(), &mentions)], &Port::Only), ["10.0.0.1:8080"]);
    let zero = [slice("IPv4", &json!([{ "port": 0 }]), &json!([at("10.0.0.1")]))];
    assert!(addresses(&zero, &Port::Only).is_empty());
}
