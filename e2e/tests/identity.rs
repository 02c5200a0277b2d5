//! Who is calling and what they may: keys, passwords, certificates, authorities that are asked, addresses, web sites.

use e2e::{
    Certificate, Origin, PATIENCE, Redis, Request, Response, Scratch, Tidegate, curl, eventually, is_problem,
    post, soon,
};

const MOBILE: &str = "mobile-key-0123456789abcdef";
const PARTNER: &str = "partner-key-0123456789abcdef";
/// Of `correct-horse-battery`, made by the reference implementation of Argon2.
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$oDCrbE4pIm5/uKj7QY1tfg$AIfGsHoVuHDTcLC0vwPy68rBdyIT5mIyt+9bUvr9xDg";
/// `pat:correct-horse-battery` and `pat:wrong`, in base64.
const RIGHT: &str = "Authorization: Basic cGF0OmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ==\r\n";
const WRONG: &str = "Authorization: Basic cGF0Ondyb25n\r\n";

/// Two consumers, and these routes and other keys.
fn config(origin: &Origin, routes: &str, more: &str) -> String {
    format!(
        "services: {{ api: \"{}\" }}\n\
         plans: {{ pro: {{ rate_limit: [1000000/s] }} }}\n\
         consumers:\n\
         - {{ name: mobile, plan: pro, scopes: [orders, read], api_keys: [{MOBILE}] }}\n\
         - {{ name: partner, scopes: [read], api_keys: [{PARTNER}], basic: {{ username: pat, password_hash: \"{HASH}\" }} }}\n\
         routes:\n{routes}\n{more}\n",
        origin.url()
    )
}

fn key(key: &str) -> String {
    format!("X-API-Key: {key}\r\n")
}

#[track_caller]
fn last(origin: &Origin) -> Request {
    origin.requests().pop().expect("the service was asked")
}

fn challenges(answer: &Response) -> String {
    answer.fields.all("www-authenticate").join(", ")
}

#[test]
fn an_api_key_is_taken_from_each_place_and_the_service_learns_the_caller_and_not_the_key() {
    let origin = Origin::hello();
    let auth = "auth: { api_key: { header: X-Key, query: api_key, cookie: key } }";
    let gateway = Tidegate::start(&config(&origin, "- { service: api, auth: [api_key] }", auth));
    let shown = [
        ("/a?x=1&y=2", format!("X-Key: {MOBILE}\r\nCookie: theme=dark\r\n")),
        (&*format!("/b?x=1&api_key={MOBILE}&y=2"), "Cookie: theme=dark\r\n".into()),
        ("/c?x=1&y=2", format!("Cookie: theme=dark; key={MOBILE}\r\n")),
    ]
    .map(|(target, fields)| (target.to_owned(), fields));
    for (target, fields) in shown {
        let answer = gateway.connect().get(&target, &fields);
        assert_eq!(answer.status, 200, "{target}: {answer}\n{}", gateway.stderr());
        let request = last(&origin);
        let head = String::from_utf8_lossy(&request.head).into_owned();
        assert!(!head.contains(MOBILE), "the key was passed on: {head}");
        assert!(request.target.ends_with("?x=1&y=2"), "{head}");
        assert_eq!(request.fields.get("cookie"), Some("theme=dark"), "{head}");
        let told = ["auth", "consumer", "plan"].map(|name| request.fields.all(&format!("x-tidegate-{name}")));
        assert_eq!(told, [["api_key"], ["mobile"], ["pro"]], "{head}");
    }
}

#[test]
fn what_clients_say_of_who_they_are_reaches_no_service() {
    let origin = Origin::hello();
    let routes = "- { match: { path: \"/known/*\" }, service: api, auth: [api_key] }\n- { service: api }";
    let gateway = Tidegate::start(&config(&origin, routes, "trusted_proxies: [127.0.0.0/8]"));
    let lies = "X-Tidegate-Consumer: admin\r\nX-Tidegate-Plan: gold\r\nX_Tidegate_Scopes: all\r\n\
                x-tidegate-auth: mtls\r\nX-Tidegate-Subject: root\r\nConnection: x-tidegate-auth\r\n";
    for (path, fields) in [("/known/a", format!("{}{lies}", key(PARTNER))), ("/unknown", lies.to_owned())] {
        assert_eq!(gateway.connect().get(path, &fields).status, 200);
        let head = String::from_utf8_lossy(&last(&origin).head).to_lowercase();
        for lie in ["admin", "gold", "all", "mtls", "root"] {
            assert!(!head.contains(&format!(": {lie}\r\n")), "{path}: {head}");
        }
        assert_eq!(head.contains("x-tidegate-consumer: partner"), path == "/known/a", "{head}");
        assert_eq!(head.contains("x-tidegate-auth: api_key"), path == "/known/a", "{head}");
    }
}

#[test]
fn who_shows_nothing_or_something_wrong_gets_401_with_a_challenge() {
    let origin = Origin::hello();
    let routes = "- { match: { path: \"/key\" }, service: api, auth: [api_key] }\n\
                  - { match: { path: \"/both\" }, service: api, auth: [api_key, basic] }";
    let gateway = Tidegate::start(&config(&origin, routes, "auth: { realm: shop }"));
    let two = format!("{}{}", key(MOBILE), key(PARTNER));
    let never_made = "tg_AAAAAAAAAAAA_0123456789012345678901234567890123456789abc_AAAAAA";
    for fields in [
        String::new(),
        key("mobile-key-0123456789abcdeF"),
        two,
        format!("Authorization: Bearer {never_made}\r\n"),
    ] {
        let answer = gateway.connect().get("/key", &fields);
        assert_eq!(answer.status, 401, "{fields}: {answer}");
        assert!(is_problem(&answer), "{answer}");
        assert!(challenges(&answer).contains("realm=\"shop\""), "{answer}");
    }
    let answer = gateway.connect().get("/both", "");
    let texts = challenges(&answer);
    assert!(texts.contains("Basic realm=\"shop\"") && texts.contains("ApiKey"), "{answer}");
    assert!(origin.requests().is_empty(), "{:?}", origin.requests());
}

#[test]
fn who_is_known_and_may_not_gets_403() {
    let origin = Origin::hello();
    let routes = "- { match: { path: \"/scoped\" }, service: api, auth: [api_key], scopes: [read, orders] }\n\
                  - { match: { path: \"/ruled\" }, service: api, auth: [api_key], allow: 'caller.plan == \"pro\"' }\n\
                  - { match: { path: \"/by-method\" }, service: api, auth: [api_key], allow: 'request.method == \"GET\" || \"orders\" in caller.scopes' }";
    let gateway = Tidegate::start(&config(&origin, routes, ""));
    for path in ["/scoped", "/ruled"] {
        assert_eq!(gateway.connect().get(path, &key(MOBILE)).status, 200, "{path}");
        let answer = gateway.connect().get(path, &key(PARTNER));
        assert_eq!(answer.status, 403, "{path}: {answer}");
        assert!(is_problem(&answer), "{answer}");
        if path == "/scoped" {
            let texts = challenges(&answer);
            assert!(texts.contains("insufficient_scope") && texts.contains("orders"), "{answer}");
        }
    }
    let posts = |who: &str| gateway.connect().send(post("/by-method", &key(who), "x")).response().status;
    assert_eq!((posts(MOBILE), posts(PARTNER)), (200, 403));
    assert_eq!(gateway.connect().get("/by-method", &key(PARTNER)).status, 200);
}

#[test]
fn where_anybody_may_come_a_wrong_credential_is_refused_all_the_same() {
    let origin = Origin::hello();
    let gateway =
        Tidegate::start(&config(&origin, "- { service: api, auth: [api_key, basic, anonymous] }", ""));
    assert_eq!(gateway.connect().get("/", "").status, 200);
    assert_eq!(last(&origin).fields.get("x-tidegate-auth"), Some("anonymous"));
    assert!(!last(&origin).fields.has("x-tidegate-consumer"));
    assert_eq!(gateway.connect().get("/", &key(PARTNER)).status, 200);
    assert_eq!(last(&origin).fields.get("x-tidegate-consumer"), Some("partner"));
    for fields in [key("no-such-key-0123456789abcdef"), WRONG.into()] {
        assert_eq!(gateway.connect().get("/", &fields).status, 401, "{fields}");
    }
}

#[test]
fn keys_of_the_config_come_and_go_with_a_reload_also_on_connections_that_are_open() {
    let origin = Origin::hello();
    let config = config(&origin, "- { service: api, auth: [api_key] }", "");
    let gateway = Tidegate::start(&config);
    let (mut client, new) = (gateway.connect(), "another-key-0123456789abcdef");
    assert_eq!([MOBILE, new].map(|known| client.get("/", &key(known)).status), [200, 401]);
    gateway.write_config(&config.replace(MOBILE, new));
    assert_eq!(gateway.reload().status, 200);
    // Workers learn of it one after the other.
    soon("the old key ends", || client.get("/", &key(MOBILE)).status == 401);
    soon("the new key begins", || client.get("/", &key(new)).status == 200);
    assert_eq!(client.get("/", &key(MOBILE)).status, 401);
}

#[test]
fn a_password_opens_and_is_not_passed_on() {
    let origin = Origin::hello();
    let gateway = Tidegate::start(&config(&origin, "- { service: api, auth: [basic] }", ""));
    let answer = gateway.connect().get("/", RIGHT);
    assert_eq!(answer.status, 200, "{answer}");
    let request = last(&origin);
    assert!(!request.fields.has("authorization"), "{:?}", request.fields);
    assert_eq!(request.fields.get("x-tidegate-consumer"), Some("partner"));
    assert_eq!(request.fields.get("x-tidegate-auth"), Some("basic"));
    // `nobody:correct-horse-battery`, no base64, and no colon.
    for fields in [
        WRONG,
        "Authorization: Basic bm9ib2R5OmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ==\r\n",
        "Authorization: Basic %%%\r\n",
        "Authorization: Basic cGF0\r\n",
        "",
    ] {
        let answer = gateway.connect().get("/", fields);
        assert_eq!(answer.status, 401, "{fields}: {answer}");
        assert!(challenges(&answer).starts_with("Basic realm="), "{answer}");
    }
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_client_certificate_names_its_consumer_and_is_asked_for_where_the_route_wants_one() {
    let (origin, scratch) = (Origin::hello(), Scratch::new());
    let [server, billing, guest] =
        ["server", "billing", "guest"].map(|name| Certificate::make(&scratch, name));
    let read = |of: &Certificate| std::fs::read_to_string(&of.certificate).expect("openssl has written it");
    scratch.write("clients.pem", read(&billing) + &read(&guest));
    let gateway = Tidegate::start_in(
        scratch,
        &format!(
            "listeners: [{{ address: \"127.0.0.1:{{port}}\", tls: {{ certificate: server.pem, key: server.key, \
             client_ca: clients.pem, client_auth: optional }} }}]\n\
             services: {{ api: \"{}\" }}\n\
             consumers: [{{ name: billing, certificate: {{ subject: \"CN=billing\" }} }}]\n\
             routes:\n- {{ match: {{ path: /mine }}, service: api, auth: [mtls] }}\n- {{ service: api }}\n",
            origin.url()
        ),
    );
    let trust = server.certificate.to_string_lossy().into_owned();
    let ask = |path: &str, who: Option<&Certificate>| {
        let url = format!("https://localhost:{}{path}", gateway.address().port());
        let mut args = vec!["--cacert".to_owned(), trust.clone()];
        if let Some(who) = who {
            let (certificate, key) = (who.certificate.to_string_lossy(), who.key.to_string_lossy());
            args.extend(["--cert".into(), certificate.into(), "--key".into(), key.into()]);
        }
        args.push(url);
        curl(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let seen = ask("/mine", Some(&billing));
    assert_eq!(seen.status, 200, "{seen:?}\n{}", gateway.stderr());
    assert_eq!(last(&origin).fields.get("x-tidegate-consumer"), Some("billing"));
    assert_eq!(last(&origin).fields.get("x-tidegate-auth"), Some("mtls"));
    assert_eq!(ask("/mine", None).status, 401, "without a certificate");
    assert_eq!(ask("/mine", Some(&guest)).status, 401, "a certificate of nobody's");
    assert_eq!(ask("/open", None).status, 200, "where the route asks for none");
}

/// An authority that lets `Authorization: Bearer yes` pass, and speaks for itself to all others.
fn authority() -> Origin {
    Origin::start(|exchange| {
        exchange.read_body();
        if exchange.request().fields.get("authorization") == Some("Bearer yes") {
            exchange.send(
                "HTTP/1.1 200 OK\r\nX-User: ann\r\nX-Scopes: read write\r\nX-Team: blue\r\nX-Own: 1\r\nContent-Length: 0\r\n\r\n",
            );
        } else {
            exchange.send(
                "HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nSet-Cookie: a=b\r\nContent-Length: 4\r\n\r\nlog!",
            );
        }
    })
}

#[test]
fn another_service_says_who_is_calling_or_answers_itself() {
    let (origin, authority) = (Origin::hello(), authority());
    let address = authority.address();
    let forward = format!(
        "auth: {{ forward: {{ url: \"{}/ask\", keep: [x-user, x-team, x-quiet], subject: x-user, scopes: x-scopes }} }}",
        authority.url()
    );
    let routes = "- { match: { path: \"/w/*\" }, service: api, auth: [forward], scopes: [write] }\n\
                  - { match: { path: \"/x\" }, service: api, auth: [forward], scopes: [admin] }";
    let gateway = Tidegate::start(&config(&origin, routes, &forward));
    let lies = "X-User: root\r\nX-Team: red\r\nX-Quiet: lie\r\nX-Forwarded-Uri: /public\r\nX-Forwarded-Method: TRACE\r\n";
    let yes = format!("Authorization: Bearer yes\r\n{lies}");
    let answer = gateway.connect().send(post("/w/a?b=c", &yes, "body")).response();
    assert_eq!(answer.status, 200, "{answer}\n{}", gateway.stderr());
    let request = last(&origin);
    assert_eq!(request.body, b"body");
    assert_eq!(request.fields.all("x-user"), ["ann"]);
    assert_eq!(request.fields.all("x-team"), ["blue"]);
    for name in ["x-quiet", "x-own"] {
        assert!(!request.fields.has(name), "{name}: {:?}", request.fields);
    }
    assert_eq!(request.fields.get("x-tidegate-subject"), Some("ann"));
    let asked = last(&authority);
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", "/ask"));
    assert_eq!(asked.fields.all("x-forwarded-uri"), ["/w/a?b=c"]);
    assert_eq!(asked.fields.all("x-forwarded-method"), ["POST"]);
    assert_eq!(gateway.connect().get("/x", &yes).status, 403);

    let answer = gateway.get("/w/a");
    assert_eq!((answer.status, answer.text().as_str()), (302, "log!"), "{answer}");
    assert_eq!(answer.fields.get("location"), Some("https://login.example/"));
    assert_eq!(answer.fields.get("set-cookie"), Some("a=b"));

    drop(authority);
    let answer = gateway.connect().get("/w/a", &yes);
    assert_eq!(answer.status, 503, "{answer}");
    assert!(answer.fields.has("retry-after") && is_problem(&answer), "{answer}");
    let _again = Origin::start_at(address, |exchange| {
        exchange.send_ok("");
    });
    soon("the authority is asked again", || gateway.connect().get("/w/a", &yes).status != 503);
    assert_eq!(origin.requests().len(), 1, "nobody else came through");
}

#[test]
fn a_token_that_says_nothing_is_asked_about_and_the_answer_holds_for_a_while() {
    let origin = Origin::hello();
    let issuer = Origin::start(|exchange| {
        exchange.read_body();
        let form = String::from_utf8_lossy(&exchange.request().body).into_owned();
        exchange.send_ok(if form.contains("token=good") {
            "{\"active\":true,\"sub\":\"mobile\",\"scope\":\"read\",\"aud\":\"shop\"}"
        } else {
            "{\"active\":false}"
        });
    });
    let auth = format!(
        "auth: {{ introspection: {{ url: \"{}/introspect\", client_id: shop, client_secret: very-secret-indeed, audience: shop }} }}",
        issuer.url()
    );
    let gateway = Tidegate::start(&config(&origin, "- { service: api, auth: [introspection] }", &auth));
    let ask = |token: &str| gateway.connect().get("/", &format!("Authorization: Bearer {token}\r\n"));
    for _ in 0..3 {
        let answer = ask("good");
        assert_eq!(answer.status, 200, "{answer}\n{}", gateway.stderr());
    }
    assert_eq!(last(&origin).fields.get("x-tidegate-consumer"), Some("mobile"));
    assert_eq!(last(&origin).fields.get("x-tidegate-plan"), Some("pro"));
    let asked = issuer.only_request();
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/introspect"));
    // `shop:very-secret-indeed`
    assert_eq!(asked.fields.get("authorization"), Some("Basic c2hvcDp2ZXJ5LXNlY3JldC1pbmRlZWQ="));
    let refused = ask("bad");
    assert_eq!(refused.status, 401, "{refused}");
    assert!(challenges(&refused).contains("invalid_token"), "{refused}");

    drop(issuer);
    assert_eq!(ask("good").status, 200, "what is known holds");
    let unknown = ask("good-too");
    assert_eq!(unknown.status, 503, "{unknown}");
    assert!(unknown.fields.has("retry-after"), "{unknown}");
}

#[test]
fn addresses_are_looked_at_behind_proxies_that_are_trusted() {
    let origin = Origin::hello();
    let routes = "- { match: { path: /office }, service: api, ip: { allow: [10.1.0.0/16, \"2001:db8::/32\"], deny: [10.1.2.3] } }\n\
                  - { match: { path: /not-here }, service: api, ip: { deny: [127.0.0.0/8] } }";
    let trust = "trusted_proxies: [127.0.0.0/8]";
    let behind = Tidegate::start(&config(&origin, routes, trust));
    let ask = |path: &str, client: &str| {
        behind.connect().get(path, &format!("X-Forwarded-For: {client}\r\n")).status
    };
    for (client, status) in [
        ("10.1.9.9", 200),
        ("2001:db8::7", 200),
        ("::ffff:10.1.9.9", 200),
        ("10.1.2.3", 403),
        ("192.0.2.1", 403),
        // What the client itself wrote, in front of what the proxy saw.
        ("10.1.9.9, 192.0.2.1", 403),
    ] {
        assert_eq!(ask("/office", client), status, "{client}");
    }
    assert_eq!(behind.get("/not-here").status, 403);
    let alone = Tidegate::start(&config(&origin, routes, ""));
    assert_eq!(alone.connect().get("/office", "X-Forwarded-For: 10.1.9.9\r\n").status, 403);
}

#[test]
fn browsers_are_told_which_sites_may_use_a_route_with_errors_too() {
    let origin = Origin::always(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept\r\n\r\nok",
    );
    let routes = "- { service: api, auth: [api_key], cors: { origins: [\"https://app.example.com\", \"https://*.shop.example\"], \
                  methods: [GET, PUT], headers: [x-api-key], expose: [x-total], credentials: true, max_age: 5m } }";
    let gateway = Tidegate::start(&config(&origin, routes, ""));
    let preflight = |from: &str, method: &str| {
        let fields = format!(
            "Origin: {from}\r\nAccess-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: x-api-key\r\n"
        );
        gateway.connect().send(format!("OPTIONS / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).response()
    };
    for from in ["https://app.example.com", "https://eu.shop.example"] {
        let answer = preflight(from, "PUT");
        assert_eq!(answer.status, 204, "{answer}");
        assert_eq!(answer.fields.all("access-control-allow-origin"), [from]);
        assert!(answer.fields.lists("access-control-allow-methods", "PUT"), "{answer}");
        assert!(answer.fields.lists("access-control-allow-headers", "x-api-key"), "{answer}");
        assert_eq!(answer.fields.get("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.fields.get("access-control-max-age"), Some("300"));
        assert!(answer.fields.lists("vary", "origin"), "{answer}");
    }
    for (from, method) in [
        ("https://evil.example", "PUT"),
        ("https://app.example.com.evil.example", "PUT"),
        ("https://shop.example.evil", "PUT"),
        ("null", "PUT"),
    ] {
        let answer = preflight(from, method);
        assert!(!answer.fields.has("access-control-allow-origin"), "{from}: {answer}");
    }
    assert!(origin.requests().is_empty(), "preflights are answered by the gateway");

    let from = "Origin: https://app.example.com\r\n";
    let (good, bad) =
        (gateway.connect().get("/", &format!("{from}{}", key(MOBILE))), gateway.connect().get("/", from));
    assert_eq!((good.status, bad.status), (200, 401));
    for answer in [&good, &bad] {
        assert_eq!(answer.fields.all("access-control-allow-origin"), ["https://app.example.com"], "{answer}");
        assert!(answer.fields.lists("vary", "origin"), "{answer}");
        assert!(answer.fields.lists("access-control-expose-headers", "x-total"), "{answer}");
    }
    assert!(good.fields.lists("vary", "accept"), "{good}");
    let foreign = gateway.connect().get("/", &format!("Origin: https://evil.example\r\n{}", key(MOBILE)));
    assert!(!foreign.fields.has("access-control-allow-origin"), "{foreign}");
    assert!(foreign.fields.lists("vary", "origin"), "{foreign}");
}

#[test]
fn the_access_log_and_the_metrics_name_the_caller() {
    let origin = Origin::hello();
    let gateway = Tidegate::start(&config(&origin, "- { service: api, auth: [api_key, basic] }", ""));
    for _ in 0..3 {
        assert_eq!(gateway.connect().get("/one", &key(MOBILE)).status, 200);
    }
    assert_eq!(gateway.connect().get("/two", RIGHT).status, 200);
    assert_eq!(gateway.connect().get("/three", "").status, 401);
    let one = gateway.access_log("/one");
    assert_eq!(
        (&one["auth"], &one["consumer"], &one["plan"]),
        (&"api_key".into(), &"mobile".into(), &"pro".into())
    );
    let two = gateway.access_log("/two");
    assert_eq!((&two["auth"], &two["consumer"]), (&"basic".into(), &"partner".into()), "{two}");
    assert!(gateway.access_log("/three")["consumer"].is_null());
    let callers = |labels: &[&str]| gateway.metric("tidegate_callers_total", labels);
    assert_eq!(callers(&["way=\"api_key\"", "plan=\"pro\""]), 3, "{}", gateway.metrics());
    assert_eq!(callers(&["way=\"basic\"", "plan=\"\""]), 1);
}

#[test]
fn no_secret_is_shown_anywhere() {
    let (origin, scratch) = (Origin::hello(), Scratch::new());
    // Nobody answers questions there.
    let nobody = Origin::hello().url();
    let mut redis = Redis::with(&["--requirepass", "redis-password-0123456789"]);
    let file = scratch.write("client-secret", "introspection-secret-0123456789\n");
    let more = format!(
        "cluster: {{ redis: \"redis://:redis-password-0123456789@127.0.0.1:{port}\" }}\n\
         rate_limit: [100000/s]\n\
         auth:\n\
         \x20 api_key: {{ query: k9, cookie: c9 }}\n\
         \x20 jwt: {{ issuer: \"https://id.example\", secret: jwt-secret-0123456789-0123456789-0123456789 }}\n\
         \x20 introspection: {{ url: \"{nobody}/i\", client_id: shop, client_secret: \"file:{file}\" }}\n\
         \x20 forward: {{ url: \"{nobody}/f\" }}\n\
         \x20 oidc: {{ issuer: \"{nobody}\", client_id: shop, client_secret: oidc-secret-0123456789, session: {{ secret: session-secret-0123456789-0123456789 }} }}\n",
        port = redis.port(),
        file = file.display(),
    );
    let routes = "- { match: { path: \"/f\" }, service: api, auth: [forward] }\n\
                  - { match: { path: \"/o\" }, service: api, auth: [oidc] }\n\
                  - { service: api, auth: [api_key, jwt, introspection, basic] }";
    let gateway = Tidegate::start(&config(&origin, routes, &more));
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYXJrZXItaW4tYS10b2tlbiJ9.c2lnbmF0dXJlLW1hcmtlcg";
    let ask = |target: &str, fields: &str| gateway.connect().get(target, fields).status;
    assert_eq!(ask("/", &key(MOBILE)), 200);
    assert_eq!(ask(&format!("/?k9={PARTNER}&x=1"), ""), 200);
    assert_eq!(ask("/", &format!("Cookie: c9={MOBILE}\r\n")), 200);
    assert_eq!(ask("/", RIGHT), 200);
    assert_eq!(ask("/", WRONG), 401);
    assert_eq!(ask("/?k9=wrong-key-in-the-query", ""), 401);
    assert_eq!(ask("/", &key("wrong-key-in-a-header")), 401);
    assert_eq!(ask("/", &format!("Authorization: Bearer {jwt}\r\n")), 401);
    assert_eq!(ask("/", "Authorization: Bearer opaque-token-0123456789\r\n"), 503);
    assert_eq!(ask("/f", "Authorization: Bearer forwarded-token-0123456789\r\n"), 503);
    ask("/oauth2/callback?code=code-marker-0123456789&state=state-0123456789", "");
    ask("/o", "Cookie: tidegate_session=session-cookie-0123456789\r\n");
    // Trouble is what is written about most.
    redis.kill();
    gateway.wait_for_print("the store of the cluster cannot be used");
    ask("/", &key(MOBILE));
    assert_eq!(gateway.reload().status, 200);
    soon("the log of the last request", || gateway.stdout().matches("\"path\":\"/\"").count() >= 4);

    let pages =
        ["/api/config", "/api/routes", "/api/services", "/api/status", "/api/events", "/metrics", "/"];
    let mut shown: Vec<(&str, String)> =
        pages.iter().map(|path| (*path, gateway.admin("GET", path).text())).collect();
    shown.push(("stdout", gateway.stdout()));
    shown.push(("stderr", gateway.stderr()));
    let secrets = [
        MOBILE,
        PARTNER,
        "AIfGsHoVuHDTcLC0vwPy68rBdyIT5mIyt",
        "correct-horse",
        "cGF0OmNvcnJlY3Q",
        "cGF0Ondyb25n",
        "wrong-key-in",
        "redis-password",
        "jwt-secret",
        "introspection-secret",
        "oidc-secret",
        "session-secret",
        "opaque-token",
        "forwarded-token",
        "marker",
        "c2lnbmF0dXJl",
        "session-cookie",
    ];
    for (place, text) in &shown {
        assert!(!text.is_empty(), "{place} shows nothing");
        for secret in secrets {
            let line = text.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{place} shows `{secret}`: {}", line.unwrap_or_default());
        }
    }
    assert!(eventually(PATIENCE, || gateway.stderr().contains("refused")), "and yet it tells of refusals");
}
