//! What KEDA is told, where the config has `keda`: how much each service is asked for.
//!
//! *Promise*: what is told is what decisions are made from; a connection of KEDA's ends with the process that looks after
//! the instances, so that nobody is told what another process knows better.
//! *Not here*: gRPC (`engines::keda`), the numbers (`board.rs`).

use super::board::Board;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, LocalSet};

/// How often an address is tried that somebody else has: most likely the process that is being replaced.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// The port that KEDA asks.
pub(super) struct Keda {
    listen: config::Address,
    serving: JoinHandle<()>,
}

impl Keda {
    /// Listens from now on, until it is dropped.
    pub(super) fn start(listen: config::Address, board: &Arc<Board>) -> Self {
        let (address, board) = (listen.clone(), Arc::clone(board));
        // A set of tasks of its own: dropped, it takes all connections with it.
        let serving = tokio::task::spawn_local(async move {
            LocalSet::new().run_until(serve(&address, board)).await;
        });
        Self { listen, serving }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> &config::Address {
        &self.listen
    }
}

impl Drop for Keda {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(address: &config::Address, board: Arc<Board>) {
    let listener = bound(address).await;
    if let Ok(at) = listener.local_addr() {
        observe::log::info(format_args!("KEDA is answered on {at}"));
    }
    engines::keda::serve(listener, Rc::new(move |service: &str| board.demand(service))).await;
}

/// The socket, as soon as nobody else has its address.
async fn bound(address: &config::Address) -> TcpListener {
    let mut told = None;
    loop {
        match bind(address) {
            Ok(listener) => return listener,
            Err(why) if told.as_ref() != Some(&why) => {
                observe::log::warning(format_args!("KEDA is not answered yet: {why}"));
                told = Some(why);
            }
            Err(_) => {}
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

fn bind(address: &config::Address) -> Result<TcpListener, String> {
    let address: net::bind::Address =
        address.to_string().parse().map_err(|bad: net::bind::BadAddress| bad.to_string())?;
    let bound = net::bind::bind(&address, false).map_err(|error| error.to_string())?;
    let net::bind::Listener::Tcp(tcp) = bound else { return Err(format!("{address} is a Unix socket")) };
    TcpListener::from_std(tcp).map_err(|error| error.to_string())
}
