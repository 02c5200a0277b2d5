//! Tokens and logins of a login provider that others wrote, as a real one would be used: found by its name, with keys
//! that change, and now and then away.

use e2e::{
    Origin, PATIENCE, Port, PythonServer, Raw, Request, Response, Tidegate, eventually, get, is_problem, soon,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

/// The provider, with a port that stays its own while it is away.
struct Provider {
    port: Port,
    server: Option<PythonServer>,
}

impl Provider {
    fn start() -> Self {
        let mut provider = Self { port: Port::free(), server: None };
        provider.restart();
        provider
    }

    /// Starts it (again), with new keys.
    fn restart(&mut self) {
        self.server = None;
        self.server = Some(PythonServer::start("oidc_provider.py", &[&self.port.number().to_string()]));
    }

    fn kill(&mut self) {
        self.server = None;
    }

    fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// An access token of these claims.
    #[track_caller]
    fn token(&self, claims: &str) -> String {
        // It is called what it is asked as.
        let address = self.port.address();
        let request = format!("GET /mint?{claims} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        let answer = Raw::connect(address).send(request).response();
        assert_eq!(answer.status, 200, "{answer}");
        answer.text()
    }
}

#[track_caller]
fn gateway(provider: &Provider, origin: &Origin) -> Tidegate {
    Tidegate::start(&format!(
        "services: {{ api: \"{}\" }}\n\
         plans: {{ pro: {{ concurrency: 100 }} }}\n\
         auth: {{ jwt: {{ issuer: \"{}\", audience: shop, plan_claim: plan }} }}\n\
         routes:\n- {{ match: {{ path: /orders }}, service: api, auth: [jwt], scopes: [orders] }}\n\
         - {{ match: {{ path: /team }}, service: api, auth: [jwt], allow: 'claims.team == \"blue\"' }}\n\
         - {{ service: api, auth: [jwt] }}\n",
        origin.url(),
        provider.url()
    ))
}

fn ask(gateway: &Tidegate, path: &str, token: &str) -> Response {
    gateway.connect().get(path, &format!("Authorization: Bearer {token}\r\n"))
}

/// Asks until the provider's keys are known.
#[track_caller]
fn wait_for_keys(gateway: &Tidegate, token: &str) {
    let came = eventually(PATIENCE, || ask(gateway, "/", token).status == 200);
    assert!(came, "{}\n{}", ask(gateway, "/", token), gateway.stderr());
}

#[track_caller]
fn last(origin: &Origin) -> Request {
    origin.requests().pop().expect("the service was asked")
}

#[test]
fn tokens_of_a_provider_that_is_known_by_its_name_alone_open_what_they_are_for() {
    let (provider, origin) = (Provider::start(), Origin::hello());
    let gateway = gateway(&provider, &origin);
    let good = provider.token("sub=ann&aud=shop&scope=read+orders&plan=pro&team=blue");
    wait_for_keys(&gateway, &good);
    let told = |name: &str| last(&origin).fields.get(&format!("x-tidegate-{name}")).map(str::to_owned);
    assert_eq!(
        ["auth", "subject", "plan"].map(told),
        [Some("jwt".into()), Some("ann".into()), Some("pro".into())]
    );
    assert_eq!((ask(&gateway, "/orders", &good).status, ask(&gateway, "/team", &good).status), (200, 200));
    let other = provider.token("sub=bob&aud=shop&scope=read&team=red");
    for path in ["/orders", "/team"] {
        assert_eq!(ask(&gateway, path, &other).status, 403, "{path}");
    }

    let seen = origin.requests().len();
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    // Another's claims under this signature.
    let theirs: Vec<&str> = other.split('.').collect();
    let tampered = format!("{}.{}.{}", parts[0], theirs[1], parts[2]);
    // `{"alg":"none"}`
    parts[0] = "eyJhbGciOiJub25lIn0".into();
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    let refused = [
        ("for another audience", provider.token("sub=ann&aud=bank")),
        ("for no audience", provider.token("sub=ann")),
        ("expired", provider.token("sub=ann&aud=shop&exp=-60")),
        ("tampered with", tampered),
        ("unsigned", unsigned),
        ("cut", good[..good.len() - 8].to_owned()),
        ("no token", "a.b.c".into()),
    ];
    for (what, token) in refused {
        let answer = ask(&gateway, "/", &token);
        assert_eq!(answer.status, 401, "{what}: {answer}");
        let challenge = answer.fields.get("www-authenticate").unwrap_or_default();
        assert!(challenge.contains("Bearer") && challenge.contains("invalid_token"), "{what}: {answer}");
        assert!(is_problem(&answer), "{what}: {answer}");
    }
    let none = gateway.get("/");
    assert_eq!(none.status, 401);
    let challenge = none.fields.get("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer") && !challenge.contains("error"), "RFC 6750 section 3.1: {none}");
    assert_eq!(origin.requests().len(), seen, "nothing of that reached the service");
}

#[test]
fn new_keys_of_a_provider_are_found_by_themselves_and_old_ones_end() {
    let (mut provider, origin) = (Provider::start(), Origin::hello());
    let gateway = gateway(&provider, &origin);
    let (old, another_old) = (provider.token("sub=ann&aud=shop"), provider.token("sub=bob&aud=shop"));
    wait_for_keys(&gateway, &old);
    provider.restart();
    let new = provider.token("sub=ann&aud=shop");
    let began = Instant::now();
    wait_for_keys(&gateway, &new);
    let took = began.elapsed();
    assert!(took.as_secs() < 15, "{took:?}");
    for (what, token) in [("was known", &old), ("is new here", &another_old)] {
        let answer = ask(&gateway, "/", token);
        assert_eq!(answer.status, 401, "a token of the old key that {what}: {answer}");
    }
}

#[test]
fn known_tokens_work_while_the_provider_is_away_and_so_do_new_ones_of_known_keys() {
    let (mut provider, origin) = (Provider::start(), Origin::hello());
    // Of a key that the gateway has never seen.
    let unknown = provider.token("sub=eve&aud=shop");
    provider.restart();
    let gateway = gateway(&provider, &origin);
    let [known, fresh] = ["ann", "bob"].map(|name| provider.token(&format!("sub={name}&aud=shop")));
    wait_for_keys(&gateway, &known);
    provider.kill();
    assert_eq!(ask(&gateway, "/", &known).status, 200);
    assert_eq!(ask(&gateway, "/", &fresh).status, 200, "its signature needs nobody to be asked");
    for _ in 0..3 {
        let answer = ask(&gateway, "/", &unknown);
        assert_eq!(answer.status, 503, "nobody can say: {answer}");
        assert!(answer.fields.has("retry-after"), "{answer}");
    }
    assert_eq!(ask(&gateway, "/", &known).status, 200);
}

#[test]
fn a_gateway_whose_provider_was_never_there_says_so_and_takes_tokens_once_it_comes() {
    let (mut provider, origin) = (Provider::start(), Origin::hello());
    let early = provider.token("sub=ann&aud=shop");
    provider.kill();
    let gateway = gateway(&provider, &origin);
    let answer = ask(&gateway, "/", &early);
    assert_eq!(answer.status, 503, "{answer}");
    assert!(answer.fields.has("retry-after") && is_problem(&answer), "{answer}");
    provider.restart();
    wait_for_keys(&gateway, &provider.token("sub=ann&aud=shop"));
}

#[test]
fn a_revoked_token_is_refused_at_once_and_so_are_all_of_a_revoked_subject() {
    let (provider, origin) = (Provider::start(), Origin::hello());
    let gateway = gateway(&provider, &origin);
    let revoke = |what: &str| {
        let address = gateway.admin_address();
        let fields = "Content-Type: application/json\r\nConnection: close\r\n";
        let request =
            e2e::post("/api/revocations", fields, what).replace("example.com", &address.to_string());
        let answer = Raw::connect(address).send(request).response();
        assert_eq!(answer.status, 201, "{answer}");
    };
    let [one, other] = ["one", "other"].map(|jti| provider.token(&format!("sub=ann&aud=shop&jti={jti}")));
    let bob = provider.token("sub=bob&aud=shop&jti=third");
    wait_for_keys(&gateway, &one);
    let seen = |tokens: [&str; 3]| tokens.map(|token| ask(&gateway, "/", token).status);
    assert_eq!(seen([&one, &other, &bob]), [200, 200, 200]);
    revoke(r#"{"jti": "one"}"#);
    assert_eq!(seen([&one, &other, &bob]), [401, 200, 200]);
    revoke(r#"{"subject": "ann"}"#);
    assert_eq!(seen([&one, &other, &bob]), [401, 401, 200]);
}

/// A browser, as much of it as a login needs: it keeps cookies for each host and shows them there.
#[derive(Default)]
struct Browser {
    jars: BTreeMap<SocketAddr, BTreeMap<String, String>>,
}

impl Browser {
    #[track_caller]
    fn send(&mut self, address: SocketAddr, request: &str) -> Response {
        let jar = self.jars.entry(address).or_default();
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookie =
            if cookies.is_empty() { String::new() } else { format!("Cookie: {}\r\n", cookies.join("; ")) };
        let request = request.replace("Host: example.com\r\n", &format!("Host: {address}\r\n{cookie}"));
        let answer = Raw::connect(address).send(request).response();
        for line in answer.fields.all("set-cookie") {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').expect("a cookie is a pair");
            let attributes = attributes.to_lowercase();
            if attributes.contains("max-age=0") || value.is_empty() {
                jar.remove(name);
            } else {
                assert!(attributes.contains("httponly") && attributes.contains("samesite=lax"), "{line}");
                jar.insert(name.into(), value.into());
            }
        }
        answer
    }

    /// Asks for a page.
    #[track_caller]
    fn page(&mut self, address: SocketAddr, target: &str) -> Response {
        self.send(
            address,
            &get(target, "Accept: text/html,*/*\r\nSec-Fetch-Mode: navigate\r\nConnection: close\r\n"),
        )
    }

    /// Logs in as `name`, from the page on which it was asked for to the first page behind.
    #[track_caller]
    fn log_in(&mut self, gateway: &Tidegate, provider: &Provider, target: &str, name: &str) -> Response {
        let sent = self.page(gateway.address(), target);
        assert_eq!(sent.status, 302, "{sent}\n{}", gateway.stderr());
        let at = behind(&sent, &provider.url());
        let form = format!("sub={name}");
        let fields = "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n";
        let back = self.send(provider.port.address(), &e2e::post(&at, fields, &form));
        let at = behind(&back, &gateway.url(""));
        assert!(at.starts_with("/oauth2/callback?"), "{back}");
        let landed = self.page(gateway.address(), &at);
        assert_eq!(landed.status, 302, "{landed}\n{}", gateway.stderr());
        landed
    }
}

/// The target in `Location`, which must be on that host.
#[track_caller]
fn behind(answer: &Response, host: &str) -> String {
    let location = answer.fields.get("location").unwrap_or_default();
    let target =
        location.strip_prefix(host).unwrap_or_else(|| panic!("`{location}` is not at {host}: {answer}"));
    target.to_owned()
}

#[track_caller]
fn site(provider: &Provider, origin: &Origin) -> Tidegate {
    let gateway = Tidegate::start(&format!(
        "services: {{ api: \"{}\" }}\n\
         auth: {{ oidc: {{ issuer: \"{}\", client_id: shop, client_secret: a-secret-of-the-client, \
         session: {{ secret: 0123456789-0123456789-0123456789-01 }} }} }}\n\
         routes: [{{ service: api, auth: [oidc] }}]\n",
        origin.url(),
        provider.url()
    ));
    // The provider is looked up in the background.
    soon("the provider is known", || Browser::default().page(gateway.address(), "/").status == 302);
    gateway
}

#[test]
fn a_browser_logs_in_comes_back_to_its_page_and_logs_out() {
    let (provider, origin) = (Provider::start(), Origin::hello());
    let (gateway, mut browser) = (site(&provider, &origin), Browser::default());
    let script =
        browser.send(gateway.address(), &get("/data", "Accept: application/json\r\nConnection: close\r\n"));
    assert_eq!(script.status, 401, "a script cannot log in: {script}");
    let landed = browser.log_in(&gateway, &provider, "/page?x=1&y=%2F", "ann");
    let location = landed.fields.get("location").unwrap_or_default();
    assert!(location.ends_with("/page?x=1&y=%2F"), "back where it began: {location}");
    assert!(origin.requests().is_empty(), "the service saw nobody who was not logged in");

    let page = browser.page(gateway.address(), "/page?x=1&y=%2F");
    assert_eq!((page.status, page.text().as_str()), (200, "/page?x=1&y=%2F"), "{page}");
    let request = last(&origin);
    assert_eq!(request.fields.get("x-tidegate-subject"), Some("ann"));
    assert_eq!(request.fields.get("x-tidegate-auth"), Some("oidc"));
    let session: Vec<String> = browser.jars[&gateway.address()].values().cloned().collect();
    let shown = request.fields.all("cookie").join(";");
    assert!(session.iter().all(|value| !shown.contains(value)), "the session was passed on: {shown}");

    let left = browser.page(gateway.address(), "/oauth2/logout");
    assert_eq!(left.status, 302, "{left}");
    assert!(behind(&left, &provider.url()).starts_with("/oauth2/end_session"), "{left}");
    assert_eq!(browser.page(gateway.address(), "/page").status, 302, "logged out");
}

#[test]
fn a_session_is_good_for_pages_of_its_own_site_only_and_cannot_be_made_up() {
    let (provider, origin) = (Provider::start(), Origin::hello());
    let (gateway, mut browser) = (site(&provider, &origin), Browser::default());
    browser.log_in(&gateway, &provider, "/", "ann");
    let mut post = |fields: &str| {
        let fields = format!("{fields}Connection: close\r\n");
        browser.send(gateway.address(), &e2e::post("/buy", &fields, "x")).status
    };
    let own = format!("Origin: {}\r\n", gateway.url(""));
    assert_eq!(post(&own), 200);
    assert_eq!(post("Origin: https://evil.example\r\n"), 401);
    assert_eq!(post("Sec-Fetch-Site: cross-site\r\n"), 401);
    assert_eq!(origin.requests().len(), 1);

    // One character of the session is another.
    let jar = browser.jars.get_mut(&gateway.address()).expect("it has been there");
    for value in jar.values_mut() {
        let at = value.len() / 2;
        let other = if &value[at..=at] == "A" { "B" } else { "A" };
        value.replace_range(at..=at, other);
    }
    assert_eq!(browser.page(gateway.address(), "/").status, 302, "not logged in");
}

#[test]
fn a_login_ends_in_the_browser_in_which_it_began() {
    let (provider, origin) = (Provider::start(), Origin::hello());
    let gateway = site(&provider, &origin);
    let (mut attacker, mut victim) = (Browser::default(), Browser::default());
    let sent = attacker.page(gateway.address(), "/");
    let fields = "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n";
    let at = behind(&sent, &provider.url());
    let back = attacker.send(provider.port.address(), &e2e::post(&at, fields, "sub=eve"));
    let at = behind(&back, &gateway.url(""));
    let answer = victim.page(gateway.address(), &at);
    assert_eq!(answer.status, 403, "nobody is logged in as somebody else: {answer}");
    assert!(victim.jars[&gateway.address()].is_empty());
    // A refusal of the provider is told, and no page is asked for in vain.
    let mut asker = Browser::default();
    let at = behind(&asker.page(gateway.address(), "/"), &provider.url());
    let back = asker.send(provider.port.address(), &e2e::post(&at, fields, "action=deny"));
    assert_eq!(back.status, 302, "{back}");
    let answer = asker.page(gateway.address(), &behind(&back, &gateway.url("")));
    assert_eq!(answer.status, 403, "{answer}");
    assert!(origin.requests().is_empty());
}
