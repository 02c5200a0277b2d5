//! What browsers are told.

use super::*;

fn settings(origins: &[&str]) -> CorsSettings {
    CorsSettings {
        origins: origins.iter().map(ToString::to_string).collect(),
        methods: vec!["GET".into(), "PUT".into()],
        headers: vec!["Content-Type".into(), "X-Token".into()],
        max_age: Duration::from_secs(600),
        ..CorsSettings::default()
    }
}

fn cors(origins: &[&str]) -> Cors {
    Cors::new(&settings(origins)).unwrap()
}

fn text(fields: Option<Fields>) -> String {
    let mut out = Vec::new();
    fields.map(|fields| fields.write_lines(&mut out));
    String::from_utf8(out).unwrap()
}

#[test]
fn an_exact_origin_is_permitted_and_nothing_that_looks_like_it() {
    let cors = cors(&["https://app.example.com", "HTTP://Dev.example.com:80"]);
    for (origin, want) in [
        ("https://app.example.com", true),
        ("http://dev.example.com", true),
        ("http://app.example.com", false),
        ("https://app.example.com:8443", false),
        ("https://app.example.com.evil.example", false),
        ("https://evil.example/https://app.example.com", false),
        ("https://appxexample.com", false),
        ("null", false),
        ("", false),
    ] {
        assert_eq!(cors.actual(origin.as_bytes()).is_some(), want, "{origin}");
    }
}

#[test]
fn a_star_stands_for_subdomains_of_any_depth_and_not_for_the_domain() {
    let cors = cors(&["https://*.example.com"]);
    for (origin, want) in [
        ("https://a.example.com", true),
        ("https://a.b-c.example.com", true),
        ("https://example.com", false),
        ("https://.example.com", false),
        ("https://evilexample.com", false),
        ("http://a.example.com", false),
        ("https://a.example.com:444", false),
        ("https://evil.example/.example.com", false),
        ("https://evil.example?.example.com", false),
        ("https://evil.example:1.example.com", false),
        ("https://user@a.example.com", false),
    ] {
        assert_eq!(cors.actual(origin.as_bytes()).is_some(), want, "{origin}");
    }
}

#[test]
fn a_preflight_is_told_what_it_may_and_for_how_long() {
    let cors = cors(&["https://app.example.com"]);
    let answer = cors.preflight(b"https://app.example.com", b"PUT", Some(b"content-type,x-token"));
    assert_eq!(
        text(answer),
        "access-control-allow-origin: https://app.example.com\r\n\
         access-control-allow-methods: GET, PUT\r\n\
         access-control-allow-headers: Content-Type, X-Token\r\n\
         access-control-max-age: 600\r\n\
         vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
    );
    let ask = |origin: &str, method: &str, headers: Option<&str>| {
        cors.preflight(origin.as_bytes(), method.as_bytes(), headers.map(str::as_bytes)).is_some()
    };
    let own = "https://app.example.com";
    assert!(ask(own, "POST", None), "a method that needs no permission");
    assert!(!ask(own, "DELETE", None));
    assert!(!ask(own, "put", None), "methods are case-sensitive");
    assert!(!ask(own, "PUT", Some("x-token, x-other")));
    assert!(!ask("https://evil.example", "PUT", None));
    assert!(!ask(own, "PUT", Some(&"x-token,".repeat(300))), "bounded");
}

#[test]
fn any_method_and_any_field_are_answered_with_what_was_asked() {
    let any = CorsSettings {
        methods: vec!["*".into()],
        headers: vec!["*".into()],
        credentials: true,
        ..settings(&["https://app.example.com"])
    };
    let cors = Cors::new(&any).unwrap();
    let answer = text(cors.preflight(b"https://app.example.com", b"PATCH", Some(b"authorization")));
    assert!(answer.contains("access-control-allow-methods: PATCH\r\n"), "{answer}");
    assert!(answer.contains("access-control-allow-headers: authorization\r\n"), "{answer}");
    assert!(answer.contains("access-control-allow-credentials: true\r\n"), "{answer}");
    for (method, headers) in [("PA TCH", "x"), ("", "x"), ("PUT", "a b"), ("PUT", "a\r\nb: c")] {
        let answer = cors.preflight(b"https://app.example.com", method.as_bytes(), Some(headers.as_bytes()));
        assert!(answer.is_none(), "{method} {headers:?}");
    }
}

#[test]
fn everyone_may_read_what_is_public_and_never_with_credentials() {
    let public = CorsSettings { expose: vec!["*".into()], ..settings(&["*"]) };
    assert_eq!(
        text(Cors::new(&public).unwrap().actual(b"null")),
        "access-control-allow-origin: *\r\naccess-control-expose-headers: *\r\nvary: Origin\r\n"
    );
    let open = CorsSettings { credentials: true, ..settings(&["https://a.example", "*"]) };
    assert_eq!(Cors::new(&open).unwrap_err(), BadCors::AnyoneWithCredentials);
}

#[test]
fn what_the_service_permits_is_replaced_and_vary_is_always_there() {
    let cors = cors(&["https://app.example.com"]);
    let applied = |origin: Option<&str>, lines: &[(&str, &str)]| {
        let mut answer = Fields::new();
        for (name, value) in lines {
            answer.push(name, value.as_bytes()).unwrap();
        }
        cors.apply(origin.map(str::as_bytes), &mut answer);
        text(Some(answer))
    };
    assert_eq!(
        applied(Some("https://app.example.com"), &[("Access-Control-Allow-Origin", "*"), ("vary", "Accept")]),
        "vary: Accept\r\naccess-control-allow-origin: https://app.example.com\r\nvary: Origin\r\n"
    );
    assert_eq!(
        applied(Some("https://evil.example"), &[("ACCESS-CONTROL-ALLOW-ORIGIN", "https://evil.example")]),
        "vary: Origin\r\n"
    );
    assert_eq!(applied(None, &[("vary", "accept, origin")]), "vary: accept, origin\r\n");
}

#[test]
fn settings_that_mean_nothing_are_refused_by_name() {
    for bad in [
        "example.com",
        "https://",
        "https://a/",
        "https://a.example/path",
        "https://a b",
        "null",
        "https://*",
        "https://*.",
        "https://a.*.example",
        "https://[::1",
        "https://[x]",
        "https://*.[::1]",
        "https://a:99999",
        "https://a:",
        "://a",
        "https://u@a",
        "https://*.*.example",
    ] {
        assert_eq!(Cors::new(&settings(&[bad])).unwrap_err(), BadCors::Origin(bad.into()), "{bad}");
    }
    for good in
        ["https://[::1]:8443", "http://localhost:3000", "capacitor://localhost", "https://*.localhost:3000"]
    {
        assert!(Cors::new(&settings(&[good])).is_ok(), "{good}");
    }
    assert_eq!(Cors::new(&settings(&[])).unwrap_err(), BadCors::NoOrigins);
    let spaced = CorsSettings { methods: vec!["GET POST".into()], ..settings(&["*"]) };
    assert_eq!(Cors::new(&spaced).unwrap_err(), BadCors::Token("GET POST".into()));
}
