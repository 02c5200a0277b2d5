//! As whom, and whom, the API is asked: tokens that rotate, certificates, what a pod finds around itself.

use super::cluster::{Cluster, Follower, Heard, in_short, settings, shop, slice};
use crate::fixture::{run, until};
use crate::server::Server;
use engines::kubernetes::{Api, Kind, Port, Settings, Token};
use engines::{Secret, Trouble};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use std::sync::Arc;
use testing::Folder;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[test]
fn a_token_that_rotates_is_used_with_the_next_question() {
    run(async {
        let (cluster, folder) = (Cluster::new(), Folder::new());
        cluster.put("a", slice(&[("10.0.0.1", true)]));
        cluster.token.replace(Some("first".into()));
        let token = folder.write("token", "first\n");
        let (_server, address) = cluster.serve().await;
        let api = Api::new(Settings { token: Token::File(token), ..settings(address) }).unwrap();
        let follower = Follower::start(api.slices("shop", Port::Only).unwrap());
        until("a watch", || cluster.watchers() == 1).await;
        cluster.token.replace(Some("second".into()));
        folder.write("token", "second");
        cluster.end();
        until("another watch", || cluster.watchers() == 1).await;
        cluster.put("a", slice(&[("10.0.0.2", true)]));
        follower.has(&["10.0.0.2:8080"]).await;
        assert_eq!(follower.troubles(), 0, "{:?}", follower.heard.all());
    });
}

#[test]
fn a_token_that_is_refused_is_told_and_a_new_one_is_tried() {
    run(async {
        let (cluster, folder) = (Cluster::new(), Folder::new());
        cluster.token.replace(Some("right".into()));
        let token = folder.write("token", "hunter2");
        let (_server, address) = cluster.serve().await;
        let api = Api::new(Settings { token: Token::File(token), ..settings(address) }).unwrap();
        let follower = Follower::start(api.slices("shop", Port::Only).unwrap());
        let refused = |heard: &Heard| matches!(heard, Heard::Trouble(t) if t == "answered 401: Unauthorized");
        follower.heard.wait("a refusal", refused).await;
        folder.write("token", "right");
        follower.heard.wait("all is well", |heard| *heard == Heard::Well).await;
    });
}

#[test]
fn a_token_file_that_is_no_good_is_an_error_that_names_it() {
    run(async {
        let (cluster, folder) = (Cluster::new(), Folder::new());
        let (_server, address) = cluster.serve().await;
        for (name, text) in
            [("empty", " \n".to_owned()), ("large", "x".repeat(70_000)), ("lines", "hunter2\nx".into())]
        {
            let token = Token::File(folder.write(name, &text));
            let api = Api::new(Settings { token, ..settings(address) }).unwrap();
            let trouble = api.workload(Kind::Deployment, "shop").unwrap().wanted().await.unwrap_err();
            assert!(matches!(trouble, Trouble::Setup(_)), "{trouble}");
            assert!(!trouble.to_string().contains("hunter2"), "{trouble}");
        }
        let token = Token::File(folder.path("missing"));
        let api = Api::new(Settings { token, ..settings(address) }).unwrap();
        let text = api.workload(Kind::Deployment, "shop").unwrap().wanted().await.unwrap_err().to_string();
        assert!(text.contains("missing: No such file"), "{text}");
        assert!(cluster.asked.borrow().is_empty());
    });
}

#[test]
fn no_secret_is_shown() {
    run(async {
        let (_server, address) = Cluster::new().serve().await;
        let settings = Settings { token: Token::Fixed(Secret::new("hunter2")), ..settings(address) };
        let api = Api::new(settings.clone()).unwrap();
        let shown = format!("{settings:?} {api:?} {:?}", api.slices("shop", Port::Only));
        assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
    });
}

/// A certificate for 127.0.0.1 of a CA whose file is `ca.crt`.
fn acceptor(folder: &Folder) -> TlsAcceptor {
    let mut ca = CertificateParams::new(vec![]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    folder.write("ca.crt", &ca.self_signed(&ca_key).unwrap().pem());
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[test]
fn a_pod_asks_over_tls_as_its_account_in_its_namespace() {
    run(async {
        let (cluster, folder) = (Cluster::new(), Folder::new());
        cluster.put("a", slice(&[("10.0.0.1", true)]));
        cluster.token.replace(Some("mine".into()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let acceptor = acceptor(&folder);
        let _server = Server::tls(listener, acceptor, cluster.handler());
        folder.write("token", "mine");
        folder.write("namespace", "default\n");
        let environment = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some("127.0.0.1".to_owned()),
            "KUBERNETES_SERVICE_PORT" => Some(port.clone()),
            _ => None,
        };
        let settings = Settings::in_cluster_of(environment, folder.as_ref()).unwrap();
        let api = Api::new(settings.clone()).unwrap();
        assert_eq!(api.namespace(), "default");
        let found = api.slices("shop", Port::Only).unwrap().look().await.unwrap();
        assert_eq!(in_short(&found), ["10.0.0.1:8080"]);

        // Another CA: the token is not sent to whoever that is.
        cluster.asked.borrow_mut().clear();
        let elsewhere = Folder::new();
        drop(self::acceptor(&elsewhere));
        let settings = Settings { ca: Some(elsewhere.path("ca.crt")), ..settings };
        let api = Api::new(settings).unwrap();
        let trouble = api.slices("shop", Port::Only).unwrap().look().await.unwrap_err();
        assert!(matches!(trouble, Trouble::Unreachable(_)), "{trouble}");
        assert!(cluster.asked.borrow().is_empty());

        // A CA that is replaced is used with the next question.
        std::fs::copy(folder.path("ca.crt"), elsewhere.path("ca.crt")).unwrap();
        assert!(api.slices("shop", Port::Only).unwrap().look().await.is_ok());
    });
}

#[test]
fn outside_of_a_cluster_that_is_said() {
    let trouble = Settings::in_cluster_of(|_| None, "/nonexistent".as_ref()).unwrap_err();
    assert!(trouble.to_string().contains("KUBERNETES_SERVICE_HOST is not set"), "{trouble}");
    let environment = |_: &str| Some("::1".to_owned());
    let trouble = Settings::in_cluster_of(environment, "/nonexistent".as_ref()).unwrap_err();
    assert!(trouble.to_string().contains("cannot read /nonexistent/namespace"), "{trouble}");
}

#[test]
fn an_ipv6_address_of_the_api_gets_its_brackets() {
    let folder = Folder::new();
    folder.write("namespace", "default");
    let environment = |name: &str| Some(if name.ends_with("HOST") { "fd00::1" } else { "443" }.to_owned());
    let settings = Settings::in_cluster_of(environment, folder.as_ref()).unwrap();
    assert_eq!(&*settings.url, "https://[fd00::1]:443");
    assert!(Api::new(settings).is_ok());
}

#[test]
fn what_is_no_name_is_not_asked_for() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let api = Api::new(settings(address)).unwrap();
        assert!(api.slices("../secrets", Port::Only).is_err());
        assert!(api.workload(Kind::Deployment, "a/b").is_err());
        assert!(Api::new(Settings::at(&format!("http://{address}"), "x?y")).is_err());
        assert!(Api::new(Settings::at("https://user:hunter2@x", "default")).is_err());
        let workload = api.workload(Kind::Deployment, "shop").unwrap();
        assert!(matches!(workload.mark(&["../nodes/x"]).await, Err(Trouble::Setup(_))));
        assert!(cluster.asked.borrow().is_empty());
    });
}

#[test]
fn a_path_of_the_url_stands_in_front_of_those_of_the_api() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let api = Api::new(Settings::at(&format!("http://{address}/k8s/c-1/"), "default")).unwrap();
        assert_eq!(api.slices("shop", Port::Only).unwrap().look().await.unwrap_err().status(), Some(404));
        let asked = cluster.asked.borrow()[0].clone();
        assert!(asked.path().starts_with("/k8s/c-1/apis/discovery.k8s.io/v1/"), "{asked:?}");
        assert_eq!(asked.field("host"), Some(&*address.to_string()));
        assert_eq!(asked.field("authorization"), None);
        assert!(asked.field("user-agent").unwrap().starts_with("tidegate/"));
        assert_eq!(shop(address).look().await, Ok(vec![]));
    });
}
