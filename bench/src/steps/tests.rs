use super::*;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn a_step_is_connections_and_seconds() {
    assert_eq!("200x60".parse(), Ok(Step { connections: 200, secs: 60 }));
    for bad in ["", "200", "x", "200x", "ax6", "-1x6"] {
        assert!(bad.parse::<Step>().unwrap_err().contains("such as 200x60"), "{bad}");
    }
}

#[test]
fn each_second_has_its_share_and_latencies_are_parts_of_it() {
    let took = (1..=100).map(Duration::from_millis).collect();
    let since = RefCell::new(Since { took, failed: 3 });
    let second = take(&since, 7, 10);
    let expect =
        Second { seconds: 7, connections: 10, good: 100, failed: 3, p50: 51.0, p95: 96.0, max: 100.0 };
    assert_eq!(second, expect);
    assert_eq!(take(&since, 8, 10), Second { seconds: 8, connections: 10, ..Second::default() });
}

/// Answers after a while, counting how many are asked at a time at most.
fn origin() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, now, most) = (client.unwrap(), Arc::clone(&now), Arc::clone(&most));
            std::thread::spawn(move || {
                let mut heard = [0; 1024];
                while client.read(&mut heard).is_ok_and(|count| count > 0) {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(20));
                    now.fetch_sub(1, Ordering::SeqCst);
                    if client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, seen)
}

#[test]
fn connections_come_and_go_with_the_steps() {
    let (port, most) = origin();
    let mut seconds = Vec::new();
    let steps = [
        Step { connections: 2, secs: 1 },
        Step { connections: 6, secs: 1 },
        Step { connections: 1, secs: 1 },
    ];
    run(port, "/", &steps, |second| seconds.push(*second)).unwrap();
    assert_eq!(seconds.iter().map(|second| second.seconds).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(seconds.iter().all(|second| second.good > 0 && second.failed == 0), "{seconds:?}");
    assert!(seconds.iter().all(|second| second.p50 >= 20.0 && second.p50 <= second.max), "{seconds:?}");
    assert_eq!(most.load(Ordering::SeqCst), 6);
}

#[test]
fn where_nobody_listens_all_fails_and_it_ends_in_time() {
    let port = crate::port::free_port().unwrap();
    let mut failed = 0;
    run(port, "/", &[Step { connections: 3, secs: 1 }], |second| failed += second.failed).unwrap();
    assert!(failed > 0);
}
