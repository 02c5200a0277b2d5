//! Requests go on while instances come and go.

use super::stage::{Play, Seen, ask, mark, run, server, settings};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_local};

/// Clients that ask whoever gets requests, one after the other.
struct Clients {
    asked: Rc<Cell<u32>>,
    stop: Rc<Cell<bool>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Clients {
    fn start(seen: &Rc<Seen>) -> Self {
        let (asked, stop) = (Rc::<Cell<u32>>::default(), Rc::<Cell<bool>>::default());
        let client = |n: usize| {
            let (seen, asked, stop) = (Rc::clone(seen), Rc::clone(&asked), Rc::clone(&stop));
            async move {
                while !stop.get() {
                    let open = seen.open();
                    let member = &open[(asked.get() as usize + n) % open.len()];
                    seen.count(&member.name, 1);
                    let answer = ask(&member.place, if n.is_multiple_of(2) { "/slow" } else { "/" }).await;
                    seen.count(&member.name, -1);
                    answer.unwrap_or_else(|e| panic!("{} fails: {e}", member.name));
                    asked.set(asked.get() + 1);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        };
        let tasks = (0..6).map(|n| spawn_local(client(n))).collect();
        Self { asked, stop, tasks }
    }

    /// No request has failed; how many there were.
    async fn end(self) -> u32 {
        self.stop.set(true);
        for task in self.tasks {
            task.await.expect("no request fails");
        }
        self.asked.get()
    }
}

pub(crate) fn no_request_fails_while_all_instances_are_replaced() {
    run(async {
        let mark = mark();
        let play = Play::with(settings(server(&[]), &mark), 3).await;
        let before = play.fleet.view();
        let clients = Clients::start(&play.seen);
        play.fleet.configure(settings(server(&["delay=50"]), &mark));
        play.told("rolled_out").await;
        let view = play.until(|view| view.instances.len() == 3).await;
        let is_old = |i: &&instances::InstanceView| before.instances.iter().any(|b| b.pid == i.pid);
        assert_eq!(view.instances.iter().find(is_old), None);
        let asked = clients.end().await;
        assert!(asked > 50, "{asked}");
        assert_eq!(play.seen.texts("drained_late"), [""; 0]);
        play.end().await;
    });
}

pub(crate) fn no_request_fails_while_the_count_goes_up_and_down() {
    run(async {
        let play = Play::with(settings(server(&[]), &mark()), 1).await;
        let clients = Clients::start(&play.seen);
        for count in [4, 1, 3, 2] {
            play.fleet.want(count);
            play.until(|view| view.ready == count && view.instances.len() as u32 == count).await;
        }
        let asked = clients.end().await;
        assert!(asked > 50, "{asked}");
        play.end().await;
    });
}
