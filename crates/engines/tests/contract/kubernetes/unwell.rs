//! An API server that is slow, gone, overloaded, or talks nonsense: what was known holds, and it is found again.

use super::cluster::{Cluster, Follower, Heard, api, settings, shop, slice};
use crate::fixture::{run, until};
use crate::server::{Answer, Part, Server};
use engines::Trouble;
use engines::kubernetes::{Api, Kind, Port, Settings};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

fn trouble_with(heard: &Heard, text: &str) -> bool {
    matches!(heard, Heard::Trouble(trouble) if trouble.contains(text))
}

#[test]
fn while_nobody_answers_the_endpoints_stay_and_afterwards_they_are_followed_again() {
    run(async {
        let cluster = Cluster::new();
        cluster.put("a", slice(&[("10.0.0.1", true)]));
        let (server, address) = cluster.serve().await;
        let follower = Follower::start(shop(address));
        until("a watch", || cluster.watchers() == 1).await;
        drop(server);
        follower.heard.wait("trouble", |heard| trouble_with(heard, "cannot be reached")).await;
        assert_eq!(follower.last(), ["10.0.0.1:8080"]);
        cluster.put("a", slice(&[("10.0.0.2", true)]));
        let _server = Server::tcp(TcpListener::bind(address).await.unwrap(), cluster.handler());
        follower.has(&["10.0.0.2:8080"]).await;
        assert_eq!(follower.heard.count(|heard| *heard == Heard::Well), 1, "{:?}", follower.heard.all());
    });
}

#[test]
fn nonsense_in_a_watch_is_told_and_everything_is_listed_anew() {
    run(async {
        let cluster = Cluster::new();
        cluster.put("a", slice(&[("10.0.0.1", true)]));
        let (_server, address) = cluster.serve().await;
        let follower = Follower::start(shop(address));
        for (turn, nonsense) in
            ["<html>\n", "{\"type\":\"ADDED\",\"object\":7}\n", "\u{0}\n"].iter().enumerate()
        {
            until("a watch", || cluster.watchers() == 1).await;
            cluster.say(&Part::Text((*nonsense).into()));
            until("another list", || cluster.lists() == turn + 2).await;
        }
        assert!(follower.heard.count(|heard| trouble_with(heard, "makes no sense")) >= 1);
        assert_eq!(follower.last(), ["10.0.0.1:8080"]);
        cluster.put("a", slice(&[("10.0.0.2", true)]));
        follower.has(&["10.0.0.2:8080"]).await;
    });
}

#[test]
fn an_event_without_an_end_is_cut_off_at_its_bound() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let follower = Follower::start(shop(address));
        until("a watch", || cluster.watchers() == 1).await;
        for _ in 0..5 {
            cluster.say(&Part::Text("x".repeat(1 << 20)));
        }
        follower.heard.wait("trouble", |heard| trouble_with(heard, "more than 4194304 bytes")).await;
        until("another list", || cluster.lists() == 2).await;
    });
}

#[test]
fn an_answer_that_is_too_large_or_no_answer_at_all_is_an_error() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let workload = api(address).workload(Kind::Deployment, "shop").unwrap();
        let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
        let large = [&head[..], &vec![b' '; (8 << 20) + 1]].concat();
        let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"spec\":".to_vec();
        for (bytes, matches) in [
            (large, "answered with more than 8388608 bytes"),
            (cut, "broke off"),
            (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "broke off"),
            (Vec::new(), "broke off"),
            ([&head[..], b"<html>"].concat(), "no scale that could be understood"),
            (
                [&head[..], b"{\"metadata\":{},\"spec\":{\"replicas\":-1}}"].concat(),
                "no scale that could be understood",
            ),
            ([&head[..], &vec![b'['; 100_000]].concat(), "no scale that could be understood"),
        ] {
            cluster.faults.borrow_mut().push_back(Answer::Raw(bytes));
            let text = workload.wanted().await.unwrap_err().to_string();
            assert!(text.contains(matches), "{text}");
        }
    });
}

#[test]
fn a_server_that_says_nothing_is_left_in_time() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let settings = Settings { timeout: Duration::from_millis(100), ..settings(address) };
        let api = Api::new(settings).unwrap();
        cluster.faults.borrow_mut().extend([Answer::Silence, Answer::Silence]);
        let began = Instant::now();
        let workload = api.workload(Kind::Deployment, "shop").unwrap();
        assert_eq!(workload.wanted().await, Err(Trouble::Timeout));
        assert_eq!(api.slices("shop", Port::Only).unwrap().look().await, Err(Trouble::Timeout));
        assert!(began.elapsed() < Duration::from_secs(5));
    });
}

#[test]
fn a_server_that_asks_for_time_gets_it() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let busy =
            Answer::Json(429, "retry-after: 1\r\n".into(), "{\"message\":\"too many requests\"}".into());
        cluster.faults.borrow_mut().push_back(busy);
        let began = Instant::now();
        let follower = Follower::start(shop(address));
        follower.heard.wait("trouble", |heard| trouble_with(heard, "answered 429: too many requests")).await;
        follower.has(&[]).await;
        assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    });
}

#[test]
fn a_right_that_is_missing_is_told_once_and_in_the_servers_words() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let forbidden = || {
            let body =
                "{\"kind\":\"Status\",\"message\":\"endpointslices is forbidden: no list\",\"code\":403}";
            Answer::Json(403, String::new(), body.into())
        };
        cluster.faults.borrow_mut().extend((0..4).map(|_| forbidden()));
        let follower = Follower::start(shop(address));
        follower.has(&[]).await;
        assert_eq!(follower.troubles(), 1, "{:?}", follower.heard.all());
        assert!(trouble_with(&follower.heard.all()[0], "answered 403: endpointslices is forbidden"));
        follower.heard.wait("all is well", |heard| *heard == Heard::Well).await;
    });
}

#[test]
fn watches_that_end_at_once_are_not_repeated_without_a_pause() {
    run(async {
        let cluster = Cluster::new();
        let (_server, address) = cluster.serve().await;
        let _follower = Follower::start(shop(address));
        let began = Instant::now();
        until("five watches", || {
            cluster.end();
            cluster.watches().len() >= 5
        })
        .await;
        // Four pauses of at least 50, 100, 200 and 400 ms.
        assert!(began.elapsed() >= Duration::from_millis(750), "{:?}", began.elapsed());
    });
}
