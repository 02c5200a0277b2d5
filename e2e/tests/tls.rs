//! TLS on both sides: versions, agreement on HTTP, certificates that change, trust in endpoints.

use e2e::{Certificate, Origin, Scratch, Tidegate, curl, eventually, h2load, soon};
use std::time::Duration;

fn tls_gateway(origin: &Origin) -> (Tidegate, Certificate) {
    let scratch = Scratch::new();
    let certificate = Certificate::make(&scratch, "first");
    let gateway = Tidegate::start_in(
        scratch,
        &format!(
            "listeners: [{{ address: \"127.0.0.1:{{port}}\", tls: {{ certificate: first.pem, key: first.key }} }}]\n\
             services: {{ api: \"{}\" }}\nroutes: [{{ service: api }}]",
            origin.url()
        ),
    );
    (gateway, certificate)
}

#[test]
fn tls_agrees_on_http_2_or_on_http_1_as_the_client_wants() {
    let origin = Origin::hello();
    let (gateway, certificate) = tls_gateway(&origin);
    let url = format!("https://localhost:{}/p", gateway.address().port());
    let trust = certificate.certificate.to_string_lossy().into_owned();
    for (want, version) in [("--http2", "2"), ("--http1.1", "1.1"), ("--no-alpn", "1.1")] {
        let seen = curl(&[want, "--cacert", &trust, &url]);
        assert_eq!(
            (seen.status, seen.version.as_str(), seen.body.as_str()),
            (200, version, "/p"),
            "{want}: {seen:?}"
        );
    }
    assert_eq!(origin.requests()[0].fields.get("x-forwarded-proto"), Some("https"));
}

#[test]
fn old_versions_of_tls_are_refused() {
    let origin = Origin::hello();
    let (gateway, certificate) = tls_gateway(&origin);
    let url = format!("https://localhost:{}/p", gateway.address().port());
    let trust = certificate.certificate.to_string_lossy().into_owned();
    let seen = curl(&["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", "--cacert", &trust, &url]);
    assert_ne!(seen.exit, 0, "{seen:?}");
    for version in ["1.2", "1.3"] {
        let seen = curl(&["--tls-max", version, "--cacert", &trust, &url]);
        assert_eq!(seen.status, 200, "{version}: {seen:?}");
    }
}

#[test]
fn a_thousand_requests_over_http_2_and_tls_all_succeed() {
    let origin = Origin::hello();
    let (gateway, _) = tls_gateway(&origin);
    let url = format!("https://127.0.0.1:{}/p", gateway.address().port());
    let load = h2load(&["-n", "1000", "-c", "10", "-m", "10", &url]);
    assert_eq!((load.succeeded, load.failed), (1000, 0), "{}", load.report);
}

#[test]
fn a_new_certificate_on_disk_is_taken_up_and_a_bad_one_is_not() {
    let scratch = Scratch::new();
    let first = Certificate::make(&scratch, "first");
    let second = Certificate::make(&scratch, "second");
    std::fs::copy(&first.certificate, scratch.file("live.pem")).expect("a file can be copied");
    std::fs::copy(&first.key, scratch.file("live.key")).expect("a file can be copied");
    let gateway = Tidegate::start_in(
        scratch,
        "listeners: [{ address: \"127.0.0.1:{port}\", tls: { certificate: live.pem, key: live.key } }]\n\
         routes: [{ respond: { body: here } }]",
    );
    let url = format!("https://localhost:{}/", gateway.address().port());
    let exit_with =
        |trusted: &Certificate| curl(&["--cacert", &trusted.certificate.to_string_lossy(), &url]).exit;
    assert_eq!((exit_with(&first), exit_with(&second)), (0, 60), "60: the certificate is not trusted");
    std::fs::copy(&second.certificate, gateway.file("live.pem")).expect("a file can be copied");
    std::fs::copy(&second.key, gateway.file("live.key")).expect("a file can be copied");
    assert!((200..300).contains(&gateway.reload().status));
    soon("the new certificate is shown", || exit_with(&second) == 0);
    assert_eq!(exit_with(&first), 60);
    // A key that does not belong to its certificate changes nothing.
    std::fs::copy(&first.key, gateway.file("live.key")).expect("a file can be copied");
    gateway.reload();
    let broken = eventually(Duration::from_secs(2), || exit_with(&second) != 0);
    assert!(!broken, "{}", gateway.stderr());
}

/// A gateway whose clear listener leads to its own TLS listener, as an API with TLS would be reached.
fn to_tls(service: &str) -> Tidegate {
    let scratch = Scratch::new();
    Certificate::make(&scratch, "inner");
    Certificate::make(&scratch, "other");
    Tidegate::start_in(
        scratch,
        &format!(
            "listeners: [\"127.0.0.1:{{port}}\", {{ address: \"127.0.0.1:{{port2}}\", tls: {{ certificate: inner.pem, key: inner.key }} }}]\n\
             services: {{ inner: {{ endpoints: [\"https://localhost:{{port2}}\"], {service} }} }}\n\
             routes: [{{ match: {{ path: \"/out/*\" }}, strip_prefix: /out, service: inner }}, \
             {{ match: {{ path: /in }}, respond: {{ body: inside }} }}]"
        ),
    )
}

#[test]
fn an_endpoint_with_a_trusted_certificate_is_reached() {
    for protocol in ["http1", "http2"] {
        let gateway = to_tls(&format!("protocol: {protocol}, tls: {{ ca: inner.pem }}"));
        let answer = gateway.get("/out/in");
        assert_eq!(answer.text(), "inside", "{protocol}: {answer}\n{}", gateway.stderr());
    }
}

#[test]
fn an_endpoint_with_an_untrusted_certificate_is_not_asked() {
    for trust in [
        "tls: { ca: other.pem }",
        "lb_policy: p2c_ewma",
        "tls: { ca: inner.pem, server_name: other.example }",
    ] {
        let gateway = to_tls(trust);
        let answer = gateway.get("/out/in");
        assert_eq!(answer.status, 503, "{trust}: {answer}");
    }
}

#[test]
fn verification_can_be_given_up_on_purpose() {
    let gateway = to_tls("tls: { insecure_skip_verify: true }");
    assert_eq!(gateway.get("/out/in").text(), "inside");
}

#[test]
fn clear_text_to_a_tls_port_is_not_served() {
    let origin = Origin::hello();
    let (gateway, _) = tls_gateway(&origin);
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let told = client.read_to_end().unwrap_or_default();
    assert!(!told.starts_with(b"HTTP/1.1 200"), "{}", told.escape_ascii());
    assert_eq!(origin.bytes(), 0);
}
