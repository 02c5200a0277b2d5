//! A purge of a cache that is made for this: it keeps everything, and forgets the half late or never.

use super::*;
use crate::object::label;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

/// Serves every connection on a thread of its own and returns the port. `answer` is given the request's first line.
fn serve(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
                let mut socket = socket;
                while let Some(Ok(line)) = lines.next() {
                    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    let body = answer(&line);
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    if socket.write_all((head + &body).as_bytes()).is_err() || line.starts_with("POST") {
                        return;
                    }
                }
            });
        }
    });
    port
}

/// What clients notice of a cache that forgets so long after it said that it would.
fn notice(late: Option<Duration>) -> Noticed {
    type Kept = HashMap<String, String>;
    let kept = Arc::new(Mutex::new((Kept::default(), None::<Instant>)));
    let told = Arc::clone(&kept);
    let port = serve(move |line| {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, forgets) = &mut *kept;
        if forgets.is_some_and(|at| at <= Instant::now()) {
            kept.retain(|path, _| path.contains(STAYS));
            *forgets = None;
        }
        let path = line.split(' ').nth(1).unwrap().to_owned();
        kept.entry(path.clone()).or_insert_with(|| label(&path, now())).clone()
    });
    let admin = serve(move |_| {
        told.lock().unwrap_or_else(PoisonError::into_inner).1 = late.map(|late| Instant::now() + late);
        "{\"purged\":1}".to_owned()
    });
    let each = Duration::from_secs(1);
    run(&Purging { port, admin, connections: 4, bytes: 64, objects: 10, each }).unwrap()
}

#[test]
fn a_purge_is_in_effect_when_nothing_old_comes_any_more() {
    let noticed = notice(Some(Duration::from_millis(200)));
    assert!(noticed.effect >= 200.0 && noticed.effect < 900.0, "{noticed:?}");
    assert!(noticed.old > 0 && noticed.done > noticed.old, "{noticed:?}");
    assert_eq!((noticed.status, noticed.said.as_str(), noticed.errors), (200, "{\"purged\":1}", 0));
    assert!(0.0 < noticed.p99_before && noticed.p99_before <= noticed.max_before, "{noticed:?}");
    assert!(0.0 < noticed.p99_during && noticed.p99_during <= noticed.max_during, "{noticed:?}");
}

#[test]
fn a_purge_without_effect_is_seen_to_have_none() {
    let noticed = notice(None);
    assert!(noticed.effect > 500.0, "what should have gone still came at the end: {noticed:?}");
}
