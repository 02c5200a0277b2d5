//! Where new connections go, and how many there may be.

use crate::client::Client;
use crate::harness::{Server, Setup, until};
use net::bind::{Address, Listener, bind};
use std::net::TcpStream;

/// How many connections each worker serves.
fn spread(clients: &mut [Client], workers: usize) -> Vec<usize> {
    let mut spread = vec![0; workers];
    for client in clients {
        let core: usize = client.get("/core").text().parse().unwrap();
        spread[core] += 1;
    }
    spread
}

/// The most connections that one of four `SO_REUSEPORT` sockets gets out of eight, by the kernel's hash alone.
fn most_by_hash() -> usize {
    let first = bind(&Address::Ip("127.0.0.1:0".parse().unwrap()), true).unwrap();
    let address = first.local_addr().unwrap();
    let mut sockets = vec![first];
    sockets.resize_with(4, || bind(&Address::Ip(address), true).unwrap());
    let _clients: Vec<_> = (0..8).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut accepted = [0; 4];
    until("eight connections", || {
        for (count, socket) in accepted.iter_mut().zip(&sockets) {
            let Listener::Tcp(tcp) = socket else { panic!("bound to an IP address") };
            while tcp.accept().is_ok() {
                *count += 1;
            }
        }
        accepted.iter().sum::<usize>() == 8
    });
    accepted.into_iter().max().unwrap()
}

#[test]
#[allow(
    clippy::print_stdout,
    reason = "the skew of the kernel's hash is a number to look at, not one to assert"
)]
fn eight_long_connections_are_spread_evenly_over_four_workers() {
    let server = Setup { workers: 4, ..Setup::default() }.start();
    let (mut most, mut by_hash) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let mut clients: Vec<_> = (0..8)
            .map(|_| {
                let mut client = Client::connect(server.address());
                client.get("/core");
                client
            })
            .collect();
        let spread = spread(&mut clients, 4);
        assert!(spread.iter().all(|&n| n <= 3), "{spread:?}");
        most.push(spread.into_iter().max().unwrap());
        by_hash.push(most_by_hash());
        drop(clients);
        until("all connections to end", || server.workers.open() == 0);
    }
    println!(
        "most of 8 connections on one of 4 workers, 20 times: {most:?}; by the kernel's hash alone: {by_hash:?}"
    );
}

#[test]
fn workers_listen_on_every_socket_when_there_are_more_than_workers() {
    let server = Setup { workers: 2, sockets: 7, ..Setup::default() }.start();
    // The kernel spreads them by hash: all but surely no socket is left out.
    let mut clients: Vec<_> = (0..100).map(|_| Client::connect(server.address())).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status(), "200");
    }
}

#[test]
fn a_connection_beyond_the_listeners_limit_is_refused_until_one_ends() {
    let server = Setup { workers: 2, listeners: vec![2], ..Setup::default() }.start();
    let mut first = Client::connect(server.address());
    assert_eq!(first.get("/").status(), "200");
    let mut second = Client::connect(server.address());
    assert_eq!(second.get("/").status(), "200");
    refused(&server);
    assert!(server.record.troubles.lock().unwrap()[0].contains("refused a connection: 2 are open"));
    drop(first);
    until("a connection to end", || server.workers.open() == 1);
    assert_eq!(Client::connect(server.address()).get("/").status(), "200");
}

#[test]
fn the_limit_over_all_listeners_counts_the_connections_of_all() {
    let server = Setup { listeners: vec![10, 10], max_connections: 2, ..Setup::default() }.start();
    let mut clients: Vec<_> = server.addresses.iter().map(|a| Client::connect(*a)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status(), "200");
    }
    refused(&server);
}

#[test]
fn the_limit_of_one_listener_does_not_count_the_connections_of_another() {
    let server = Setup { listeners: vec![10, 2], ..Setup::default() }.start();
    let mut clients: Vec<_> = (0..5).map(|_| Client::connect(server.addresses[0])).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status(), "200");
    }
    let mut other = Client::connect(server.addresses[1]);
    assert_eq!(other.get("/").status(), "200");
}

/// A new connection to the first listener ends without an answer.
fn refused(server: &Server) {
    let before = server.record.troubles.lock().unwrap().len();
    let mut client = Client::connect(server.address());
    assert_eq!(client.rest(), b"");
    until("the refusal to be told", || server.record.troubles.lock().unwrap().len() > before);
}
