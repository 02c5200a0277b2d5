//! What an HTTP server may answer, and how it may fail to.

use super::*;

#[test]
fn a_server_that_answers_200_passes() {
    run(async {
        let (address, heads) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        let outcome = probe(&at(address), &http(PATIENT)).await;
        assert_eq!(outcome.verdict, Verdict::Passed);
        assert!(outcome.took < PATIENT);
        let head = heads.borrow()[0].to_ascii_lowercase();
        assert!(head.starts_with("get /healthz http/1.1\r\n"), "{head}");
        for line in [
            &format!("host: {address}\r\n"),
            &format!("user-agent: tidegate-health-check/{}\r\n", env!("CARGO_PKG_VERSION")),
            "connection: close\r\n",
        ] {
            assert!(head.contains(line), "{line} in {head}");
        }
    });
}

#[test]
fn the_host_of_the_settings_is_asked_for() {
    run(async {
        let (address, heads) = answering(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        let kind =
            ProbeKind::Http { path: "/a?b=c".into(), host: Some("api.example".into()), expect: vec![] };
        assert_eq!(probe(&at(address), &asking(kind, PATIENT)).await.verdict, Verdict::Passed);
        let head = heads.borrow()[0].clone();
        assert!(
            head.starts_with("GET /a?b=c HTTP/1.1\r\n") && head.contains("host: api.example\r\n"),
            "{head}"
        );
    });
}

#[test]
fn a_status_that_is_not_expected_fails_and_is_named() {
    run(async {
        let (address, _) = answering(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(failure(&probe(&at(address), &http(PATIENT)).await), "answered 503");
        let expected = expecting(vec![500..=599], PATIENT);
        assert_eq!(probe(&at(address), &expected).await.verdict, Verdict::Passed);
    });
}

#[test]
fn a_redirect_is_an_answer_and_is_not_followed() {
    run(async {
        let answer = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
        let (address, heads) = answering(answer).await;
        assert_eq!(probe(&at(address), &http(PATIENT)).await.verdict, Verdict::Passed);
        let strict = expecting(vec![200..=200], PATIENT);
        assert_eq!(failure(&probe(&at(address), &strict).await), "answered 302");
        assert!(heads.borrow().iter().all(|head| head.starts_with("GET /healthz ")));
    });
}

#[test]
fn a_server_that_refuses_connections_is_unreachable() {
    run(async {
        let outcome = probe(&at(nobody()), &http(PATIENT)).await;
        assert!(matches!(outcome.verdict, Verdict::Unreachable(_)), "{outcome:?}");
    });
}

#[test]
fn a_server_that_hangs_fails_when_the_time_is_up_and_its_connection_is_closed() {
    run(async {
        let closed = Rc::<RefCell<bool>>::default();
        let seen = Rc::clone(&closed);
        let address = server(move |mut stream| {
            let seen = Rc::clone(&seen);
            async move {
                let mut all = Vec::new();
                let _ = stream.read_to_end(&mut all).await;
                *seen.borrow_mut() = true;
            }
        })
        .await;
        let outcome = probe(&at(address), &http(SHORT)).await;
        assert_eq!(failure(&outcome), "gave no answer in time");
        assert!(outcome.took >= SHORT, "{:?}", outcome.took);
        crate::fixture::until("the connection is closed", || *closed.borrow()).await;
    });
}

#[test]
fn a_server_that_closes_without_an_answer_fails() {
    run(async {
        let (address, _) = answering(b"").await;
        assert_eq!(
            failure(&probe(&at(address), &http(PATIENT)).await),
            "closed the connection without an answer"
        );
    });
}

#[test]
fn an_answer_that_is_not_http_fails() {
    run(async {
        for nonsense in [&b"hello\r\n\r\n"[..], b"HTTP/1.1 abc\r\n\r\n", b"\0\0\0\r\n\r\n"] {
            let (address, _) = answering(nonsense).await;
            let outcome = probe(&at(address), &http(PATIENT)).await;
            assert!(failure(&outcome).contains("malformed"), "{outcome:?}");
        }
    });
}

#[test]
fn a_body_that_is_cut_short_fails() {
    run(async {
        let (address, _) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok").await;
        let outcome = probe(&at(address), &http(PATIENT)).await;
        assert!(failure(&outcome).contains("cut its answer short"), "{outcome:?}");
    });
}

#[test]
fn a_head_and_a_body_that_drip_do_not_hold_a_probe_beyond_its_time() {
    run(async {
        for answer in [&b"HTTP/1.1 200 OK\r\nx: "[..], b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"]
        {
            let address = server(move |mut stream| async move {
                head(&mut stream).await;
                let _ = stream.write_all(answer).await;
                let mut ticks = tokio::time::interval(Duration::from_millis(10));
                while stream.write_all(b"a").await.is_ok() {
                    ticks.tick().await;
                }
            })
            .await;
            let outcome = probe(&at(address), &http(SHORT)).await;
            failure(&outcome);
            assert!(outcome.took >= SHORT && outcome.took < PATIENT, "{:?}", outcome.took);
        }
    });
}

#[test]
fn a_body_without_end_is_read_up_to_a_bound_and_passes() {
    run(async {
        let sent = Rc::<std::cell::Cell<usize>>::default();
        let count = Rc::clone(&sent);
        let address = server(move |mut stream| {
            let count = Rc::clone(&count);
            async move {
                head(&mut stream).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                while stream.write_all(&[b'a'; 4096]).await.is_ok() {
                    count.set(count.get() + 4096);
                }
            }
        })
        .await;
        assert_eq!(probe(&at(address), &http(PATIENT)).await.verdict, Verdict::Passed);
        assert!(sent.get() >= BODY_MOST / 2, "it was read, not just left: {}", sent.get());
    });
}

#[test]
fn a_head_that_is_too_large_fails() {
    run(async {
        let address = server(|mut stream| async move {
            head(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
            while stream
                .write_all(b"x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
                .await
                .is_ok()
            {}
        })
        .await;
        let outcome = probe(&at(address), &http(PATIENT)).await;
        assert!(failure(&outcome).contains("malformed"), "{outcome:?}");
    });
}

#[test]
fn a_path_that_is_none_fails_without_harm() {
    run(async {
        let (address, heads) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let kind = ProbeKind::Http { path: "health z".into(), host: None, expect: vec![] };
        failure(&probe(&at(address), &asking(kind, PATIENT)).await);
        assert!(heads.borrow().iter().all(String::is_empty));
    });
}
