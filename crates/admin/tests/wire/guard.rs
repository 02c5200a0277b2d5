//! Who is let in, and what other sites cannot do.

use crate::server::Server;
use admin::{Node, Settings};

#[tokio::test]
async fn with_a_token_only_probes_are_open() {
    let server = Server::start(Settings { token: Some("s3cret".to_owned()), hosts: Vec::new() }).await;
    assert_eq!(server.send("GET /healthz", "").await.status(), 200);
    assert_eq!(server.send("GET /readyz", "").await.status(), 200);
    for line in ["GET /", "GET /metrics", "GET /api/config", "POST /api/drain", "GET /nope", "POST /healthz"]
    {
        let refused = server.send(line, "").await;
        refused.problem(401);
        for way in ["www-authenticate: Bearer ", "www-authenticate: Basic "] {
            assert!(refused.head().contains(way), "{line}");
        }
    }
    assert!(!server.node.draining());
    server.send("GET /metrics", "Authorization: Bearer wrong\r\n").await.problem(401);
    assert_eq!(server.send("GET /metrics", "Authorization: Bearer s3cret\r\n").await.status(), 200);
}

#[tokio::test]
async fn other_sites_cannot_reach_in_through_a_browser() {
    let server = Server::start(Settings::default()).await;
    let rebound =
        server.raw("GET /api/config HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").await;
    rebound.problem(403);
    let probe = server.raw("GET /healthz HTTP/1.1\r\nHost: pod.internal\r\nConnection: close\r\n\r\n").await;
    assert_eq!(probe.status(), 200);
    for field in ["Origin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n", "Origin: null\r\n"] {
        server.send("POST /api/drain", field).await.problem(403);
    }
    assert!(!server.node.draining());
    let own = format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", server.address);
    assert_eq!(server.send("POST /api/drain", &own).await.status(), 200);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = Server::start(Settings::default()).await;
    for line in ["GET /", "GET /healthz", "GET /nope", "GET /api/status"] {
        let answer = server.send(line, "").await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{line}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{line}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{line}");
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"), "{line}");
    }
}
