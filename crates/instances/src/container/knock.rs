//! Does somebody listen behind a port that an engine publishes?
//!
//! Engines publish ports by a proxy that takes every connection, and closes it again where nobody listens in the
//! container. So that a port takes connections says nothing there, and one that stays open for a moment does.

use crate::ready::Answerer;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A proxy on the same machine has closed a connection by then that leads nowhere.
const STAYS_OPEN: Duration = Duration::from_millis(150);
/// How long opening one may take.
const OPENS: Duration = Duration::from_secs(1);

/// Opens a connection, says nothing, and looks whether it stays.
pub(super) async fn knock(address: SocketAddr) -> Answerer {
    let mut stream = match timeout(OPENS, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(e)) => return Answerer::Nobody(e.to_string()),
        Err(_) => return Answerer::Nobody("its port takes no connections".into()),
    };
    match timeout(STAYS_OPEN, stream.read_u8()).await {
        // It waits for a request, or it speaks first.
        Err(_) | Ok(Ok(_)) => Answerer::Instance,
        Ok(Err(_)) => Answerer::Nobody("nobody listens at that port in the container".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    async fn knocked(answers: impl AsyncFnOnce(TcpStream)) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answering = async { answers(listener.accept().await.unwrap().0).await };
        let (knocked, ()) = tokio::join!(knock(address), answering);
        matches!(knocked, Answerer::Instance)
    }

    #[tokio::test]
    async fn a_connection_that_is_closed_at_once_leads_nowhere() {
        assert!(!knocked(async |stream| drop(stream)).await);
        assert!(!matches!(knock(([127, 0, 0, 1], 1).into()).await, Answerer::Instance));
    }

    #[tokio::test]
    async fn one_that_stays_open_or_speaks_leads_to_somebody() {
        assert!(knocked(async |mut stream| stream.write_all(b"220 ready").await.unwrap()).await);
        let waits = async |mut stream: TcpStream| {
            // Until the other side has seen enough.
            let _ = stream.read_u8().await;
        };
        assert!(knocked(waits).await);
    }
}
