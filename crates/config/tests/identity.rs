//! What the keys of identity, access and limits become: defaults, short forms, and what must not be shown.

use std::time::Duration;

use config::{
    Algorithm, Calendar, ClientAuth, ClientCertificate, Cost, File, KeySource, LimitKey, OnExceed,
    OnStoreError, Precision, RateLimit, RedisMode, Way,
};

fn parsed(text: &str) -> File {
    match config::parse(text, "test.yaml", &|name| {
        (name == "KEY").then(|| "s3cret-0123456789-s3cret-0123456789".into())
    }) {
        Ok(loaded) => loaded.file,
        Err(report) => panic!("{report}"),
    }
}

/// A file with one route that has these keys, and this at its top.
fn with(top: &str, route: &str) -> File {
    parsed(&format!("listeners: [1]\n{top}\nroutes: [{{ respond: {{}}{route} }}]\n"))
}

fn limits(typed: &str) -> Vec<RateLimit> {
    with("", &format!(", rate_limit: {typed}")).routes.remove(0).rate_limit
}

#[test]
fn a_file_that_says_nothing_identifies_and_limits_nobody() {
    let file = with("", "");
    let route = &file.routes[0];
    assert!(route.auth.is_empty() && route.scopes.is_empty() && route.rate_limit.is_empty());
    assert!(
        route.allow.is_none()
            && route.cors.is_none()
            && route.concurrency.is_none()
            && route.bandwidth.is_none()
    );
    assert!(route.ip.allow.is_empty() && route.ip.deny.is_empty());
    assert!(
        file.cluster.is_none()
            && file.consumers.is_empty()
            && file.plans.is_empty()
            && file.rate_limit.is_empty()
    );
    assert_eq!(file.auth.realm.as_str(), "tidegate");
    assert_eq!(file.auth.api_key.header.as_str(), "x-api-key");
    assert!(file.auth.jwt.is_empty() && file.auth.introspection.is_none() && file.auth.oidc.is_none());
    assert_eq!(file.limits.rate_limit_memory.get(), 256 << 20);
}

#[test]
fn a_bare_rate_is_a_whole_limit() {
    for typed in ["100/s", "[100/s]", "{ rate: 100/s }", "[{ rate: 100/s }]"] {
        let [limit] = limits(typed).try_into().unwrap();
        assert_eq!((limit.rate.count(), limit.rate.per()), (100, Duration::from_secs(1)), "{typed}");
        assert_eq!((limit.burst(), limit.quota()), (100, None));
        assert!(limit.key.is_empty() && limit.name.is_none() && limit.matches.is_none() && !limit.shadow);
        assert_eq!((limit.cost, limit.on_exceed), (Cost::Fixed(1), OnExceed::Reject));
        assert_eq!((limit.precision, limit.on_store_error), (Precision::Fast, OnStoreError::Local));
    }
}

#[test]
fn a_rate_per_hour_day_or_month_is_a_quota_unless_it_has_a_burst() {
    let of =
        |typed: &str| limits(typed).iter().map(|limit| (limit.quota(), limit.burst())).collect::<Vec<_>>();
    let quotas = of("[1000/h, 10/d, 5/month, 60/m]");
    let spans: Vec<_> = quotas.iter().map(|(span, _)| *span).collect();
    assert_eq!(spans, [Some(Calendar::Hour), Some(Calendar::Day), Some(Calendar::Month), None]);
    assert_eq!(of("{ rate: 1000/h, burst: 50 }"), [(None, 50)]);
}

#[test]
fn keys_costs_and_what_follows_have_short_forms() {
    let all = limits(
        "[{ rate: 1/s, key: route, cost: 5, burst: 10, on_exceed: reject },
          { rate: 9/s, key: [ip, \"header:X-Tenant\"], cost: response, on_exceed: { queue: 2s } },
          { rate: 9/s, key: global, cost: { header: X-Units } }]",
    );
    let keys: Vec<String> = all.iter().flat_map(|limit| limit.key.iter().map(LimitKey::to_string)).collect();
    assert_eq!(keys, ["route", "ip", "header:x-tenant", "global"]);
    let costs: Vec<_> = all.iter().map(|limit| limit.cost.clone()).collect();
    assert_eq!(costs[0], Cost::Fixed(5));
    assert!(matches!(&costs[1], Cost::Response(header) if header.as_str() == "x-ratelimit-cost"));
    assert!(matches!(&costs[2], Cost::Response(header) if header.as_str() == "x-units"));
    assert!(
        matches!(all[1].on_exceed, OnExceed::Queue(patience) if patience.get() == Duration::from_secs(2))
    );
}

#[test]
fn a_bare_number_is_a_limit_at_a_time() {
    let gate = with("", ", concurrency: 10, bandwidth: 1MiB").routes.remove(0);
    assert_eq!(gate.concurrency.map(|gate| (gate.limit, gate.key)), Some((10, Vec::new())));
    assert_eq!(gate.bandwidth.map(config::ByteSize::get), Some(1 << 20));
}

#[test]
fn a_bare_issuer_brings_its_own_keys() {
    let file = with("auth: { jwt: \"https://id.example.com\" }", ", auth: jwt");
    let [jwt] = file.auth.jwt.try_into().unwrap();
    assert!(
        matches!(jwt.keys(), Some(KeySource::Discovery(issuer)) if issuer.as_str() == "https://id.example.com")
    );
    assert_eq!(jwt.leeway.get(), Some(Duration::from_secs(30)));
    assert_eq!((jwt.refresh.get(), jwt.consumer_claim.as_str()), (Duration::from_secs(600), "sub"));
    assert_eq!(jwt.header.as_str(), "authorization");
    assert_eq!(file.routes[0].auth, [Way::Jwt]);
}

#[test]
fn keys_of_an_issuer_come_from_one_source() {
    let source = |typed: &str| {
        let file = with(&format!("auth: {{ jwt: {{ audience: a, {typed} }} }}"), ", auth: jwt");
        format!("{:?}", file.auth.jwt[0].keys())
    };
    assert!(source("jwks_url: \"https://a.com/keys\"").contains("Jwks(HttpUrl"));
    assert!(source("jwks_url: \"http://127.0.0.1:9000/keys\"").contains("Jwks(HttpUrl"));
    assert!(source("jwks_url: \"http://a.com/keys\", allow_http: true").contains("Jwks(HttpUrl"));
    assert!(source("jwks_file: keys.json").contains("JwksFile"));
    assert!(source("public_key: key.pem, algorithms: EdDSA").contains("PublicKey"));
    assert_eq!(source("secret: \"${KEY}\", algorithms: [HS256]"), "Some(Secret(***))");
    assert!(Algorithm::HS256.is_symmetric() && !Algorithm::EdDsa.is_symmetric());
}

#[test]
fn authorities_have_defaults() {
    let file = with(
        "auth:
          introspection: { url: \"https://id.example.com/introspect\" }
          forward: http://10.0.0.1/auth
          oidc: { issuer: \"https://id.example.com\", client_id: shop }
          basic:
          mtls: {}",
        ", auth: [introspection, forward, oidc]",
    );
    let asked = file.auth.introspection.unwrap();
    assert_eq!(
        (asked.cache.get(), asked.timeout.get()),
        (Some(Duration::from_secs(30)), Duration::from_secs(5))
    );
    let forward = file.auth.forward.unwrap();
    assert_eq!(
        forward.send.iter().map(config::HeaderName::as_str).collect::<Vec<_>>(),
        ["authorization", "cookie"]
    );
    assert_eq!((forward.subject.as_str(), forward.cache.get()), ("x-user", None));
    assert_eq!((forward.url.host(), forward.url.port(), forward.url.path()), ("10.0.0.1", 80, "/auth"));
    let oidc = file.auth.oidc.unwrap();
    assert_eq!((oidc.callback.as_str(), oidc.logout.as_str()), ("/oauth2/callback", "/oauth2/logout"));
    assert_eq!(oidc.scopes.len(), 3);
    assert_eq!(oidc.session.lifetime.get(), Duration::from_secs(12 * 3_600));
    assert_eq!((oidc.session.cookie.as_str(), oidc.session.secret.len()), ("tidegate_session", 0));
}

#[test]
fn consumers_are_known_by_names_keys_passwords_and_certificates() {
    let file = with(
        "consumers:
          - mobile
          - { name: web, plan: pro, api_keys: \"${KEY}\", scopes: orders }
          - { name: old, basic: { password_hash: \"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$qLml5cbqZjP4tSFjQ3ISlzPuQoXDPoNgLJyWyrd5TYA\" } }
          - { name: cert, certificate: [billing.internal, { subject: \"CN=billing\" }] }
plans: { pro: { rate_limit: 100/s, concurrency: 5 } }",
        ", auth: api_key",
    );
    let names: Vec<&str> = file.consumers.iter().map(|consumer| consumer.name.as_str()).collect();
    assert_eq!(names, ["mobile", "web", "old", "cert"]);
    let web = &file.consumers[1];
    assert_eq!(web.plan.as_ref().map(config::PlanName::as_str), Some("pro"));
    assert_eq!(web.api_keys[0].reveal(), "s3cret-0123456789-s3cret-0123456789");
    assert_eq!((web.username(), file.consumers[2].username()), (None, Some("old")));
    assert!(
        matches!(&file.consumers[3].certificate[0], ClientCertificate::San(san) if san.as_str() == "billing.internal")
    );
    let (name, plan) = file.plans.first_key_value().unwrap();
    assert_eq!((name.as_str(), plan.rate_limit.len()), ("pro", 1));
    assert_eq!(plan.concurrency.as_ref().map(|gate| gate.limit), Some(5));
}

#[test]
fn no_credential_is_shown_of_a_file() {
    let text = "listeners: [1]
cluster: { redis: { url: \"redis://app:s3cret@127.0.0.1\" } }
consumers:
  - { name: a, api_keys: [s3cret-0123456789], basic: { password_hash: \"$argon2id$v=19$m=8,t=1,p=1$c3MzY3JldHM$s3crets3crets3crets3cret\" } }
auth:
  jwt: { issuer: a, audience: b, secret: \"${KEY}\" }
  introspection: { url: \"https://a.com/\", client_id: a, client_secret: s3cret }
  oidc: { issuer: \"https://a.com\", client_id: a, client_secret: s3cret, session: { secret: [\"${KEY}\", \"${KEY}\"] } }
routes: [{ respond: {}, auth: [api_key, basic, jwt, introspection, oidc] }]
";
    let file = parsed(text);
    let shown = format!("{file:?}{}", file.redacted());
    assert!(!shown.contains("s3cret"), "{shown}");
    assert_eq!(file.redacted()["consumers"][0]["api_keys"][0], "***");
    assert_eq!(file.redacted()["cluster"]["redis"]["url"], "redis://app:***@127.0.0.1:6379");
}

#[test]
fn what_follows_the_comma_of_a_bare_secret_is_not_shown() {
    let hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$s3crets3crets3cret";
    for secret in [hash, "a,s3cret", "a,s3cret,s3cret2"] {
        for key in ["password_hash", "password", "pasword_hash"] {
            let text = format!(
                "listeners: [1]\nconsumers: [{{ name: a, basic: {{ {key}: {secret} }} }}]\nroutes: [{{ respond: {{}} }}]\n"
            );
            let report = config::parse(&text, "test.yaml", &|_| None).unwrap_err();
            let shown = format!("{}{}", report.render(true), report.to_json());
            assert!(!shown.contains("s3cret"), "{key}: {secret}\n{shown}");
            assert!(shown.contains("is cut at its comma"), "{shown}");
        }
    }
}

#[test]
fn a_redis_is_one_server_sentinels_or_a_cluster() {
    let redis = |typed: &str| with(&format!("cluster: {{ redis: {typed} }}"), "").cluster.unwrap().redis;
    let one = redis("\"redis://127.0.0.1\"");
    assert_eq!(one.urls().map(ToString::to_string).collect::<Vec<_>>(), ["redis://127.0.0.1:6379"]);
    assert_eq!(one.mode, RedisMode::Single);
    let sentinels = redis("{ urls: [\"redis://a:1\", \"redis://b:2\"], mode: sentinel, master: m }");
    assert_eq!((sentinels.urls().count(), sentinels.mode), (2, RedisMode::Sentinel));
    let cluster = with("cluster: { redis: { url: \"rediss://a\" } }", "").cluster.unwrap();
    assert_eq!((cluster.prefix.as_str(), cluster.timeout.get()), ("tidegate", Duration::from_millis(100)));
    assert!(cluster.redis.urls().all(|url| url.secure));
}

#[test]
fn a_bare_origin_is_a_whole_rule_for_other_web_sites() {
    let cors = with("", ", cors: https://app.example.com").routes.remove(0).cors.unwrap();
    assert_eq!(cors.origins[0].as_str(), "https://app.example.com");
    assert!(
        !cors.credentials && cors.methods.is_empty() && cors.headers.is_empty() && cors.expose.is_empty()
    );
    assert_eq!(cors.max_age.get(), Duration::from_secs(600));
    let cors = with("", ", cors: [\"https://a.com\", \"https://*.b.com\"]").routes.remove(0).cors.unwrap();
    assert_eq!(cors.origins.len(), 2);
}

#[test]
fn clients_show_a_certificate_unless_the_listener_says_they_may_not() {
    let auth = |typed: &str| {
        let text = format!(
            "listeners: [{{ address: 1, tls: {{ certificate: a, key: b, client_ca: c{typed} }} }}]\nroutes: [{{ respond: {{}} }}]\n"
        );
        parsed(&text).listeners[0].tls.as_ref().unwrap().client_auth
    };
    assert_eq!(auth(""), ClientAuth::Required);
    assert_eq!(auth(", client_auth: optional"), ClientAuth::Optional);
}

#[test]
fn ten_thousand_consumers_plans_and_limits_are_read() {
    use std::fmt::Write as _;

    let mut text = "listeners: [1]\nrate_limit:\n".to_owned();
    (0..10_000).for_each(|n| writeln!(text, "  - {{ name: a{n}, rate: 1/s }}").unwrap());
    text.push_str("plans:\n");
    (0..10_000).for_each(|n| writeln!(text, "  p{n}: {{ rate_limit: {{ name: b, rate: 1/s }} }}").unwrap());
    text.push_str("consumers:\n");
    (0..10_000).for_each(|n| writeln!(text, "  - {{ name: c{n}, plan: p{n} }}").unwrap());
    text.push_str("routes:\n");
    let route = |n| {
        format!("  - {{ match: {{ host: h{n}.com }}, respond: {{}}, auth: [api_key], rate_limit: 1/s }}\n")
    };
    (0..10_000).for_each(|n| text.push_str(&route(n)));
    let file = parsed(&text);
    assert_eq!((file.consumers.len(), file.plans.len(), file.rate_limit.len()), (10_000, 10_000, 10_000));
}
