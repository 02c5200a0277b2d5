//! The echo: a WebSocket (RFC 6455) that sends every text and binary message back.
//!
//! Messages are at most 64 KiB; a client that is silent for two minutes, or does not read what it is sent for ten
//! seconds, is left. When the instance shuts down it says 1001, going away.

use crate::body::LIMIT;
use crate::reply::{Problem, Reply};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

const SILENCE: Duration = Duration::from_secs(120);
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// `GET /v1/echo`: 101, after which [`converse`] takes the connection over.
pub(crate) fn accept(mut request: Request<Incoming>, switch: &mpsc::Sender<OnUpgrade>) -> Reply {
    let accept = handshake(request.headers())?;
    // There is room for one: HTTP/1.1 has no second request after a switch.
    switch
        .try_send(hyper::upgrade::on(&mut request))
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "this connection is switching already"))?;
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let fields = response.headers_mut();
    fields.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// Checks the client's side of the opening handshake (RFC 6455 section 4.2.1) and gives the accept key.
fn handshake(fields: &HeaderMap) -> Result<HeaderValue, Problem> {
    let asks = lists(fields, &header::CONNECTION, "upgrade")
        && lists(fields, &header::UPGRADE, "websocket")
        && fields.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    if !asks {
        let says =
            "this is a WebSocket; connect to it with `Upgrade: websocket` and `Sec-WebSocket-Version: 13`";
        return Err(Problem::new(StatusCode::UPGRADE_REQUIRED, says)
            .with(header::UPGRADE, HeaderValue::from_static("websocket"))
            .with(header::CONNECTION, HeaderValue::from_static("Upgrade"))
            .with(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")));
    }
    let key = fields.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    // 16 bytes in base64 are 22 letters and two signs of padding.
    if key.len() != 24 || !key.ends_with(b"==") {
        let says = "`Sec-WebSocket-Key` must be 16 bytes in base64";
        return Err(Problem::new(StatusCode::BAD_REQUEST, says));
    }
    Ok(HeaderValue::from_str(&derive_accept_key(key)).expect("base64 is a field value"))
}

/// Does the comma-separated field `name` list `token`, in whatever case?
fn lists(fields: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lines = fields.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|one| one.trim().eq_ignore_ascii_case(token))
}

/// Speaks WebSocket until the client leaves, breaks the rules, or the instance shuts down.
pub(crate) async fn converse(upgrade: OnUpgrade, mut leaving: watch::Receiver<bool>) {
    let Ok(io) = upgrade.await else { return };
    let limits = WebSocketConfig::default()
        .max_message_size(Some(LIMIT))
        .max_frame_size(Some(LIMIT))
        .max_write_buffer_size(4 * LIMIT);
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(io), Role::Server, Some(limits)).await;
    let reason = tokio::select! {
        reason = echo(&mut socket) => reason,
        () = async { drop(leaving.wait_for(|&left| left).await) } => Some(CloseCode::Away),
    };
    if let Some(code) = reason {
        let frame = CloseFrame { code, reason: "".into() };
        // A client that does not take the goodbye is left all the same.
        let _ = timeout(WRITE_DEADLINE, socket.close(Some(frame))).await;
    }
}

/// Returns with what is to be said as a reason for closing; `None` where the client knows.
async fn echo(socket: &mut WebSocketStream<TokioIo<Upgraded>>) -> Option<CloseCode> {
    loop {
        match timeout(SILENCE, socket.next()).await {
            Ok(Some(Ok(message @ (Message::Text(_) | Message::Binary(_))))) => {
                timeout(WRITE_DEADLINE, socket.send(message)).await.ok()?.ok()?;
            }
            // Pings are answered and a close is returned by the next read.
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(Error::Capacity(_)))) => return Some(CloseCode::Size),
            Ok(Some(Err(Error::Protocol(_)))) => return Some(CloseCode::Protocol),
            Ok(Some(Err(Error::Utf8(_)))) => return Some(CloseCode::Invalid),
            Ok(Some(Err(_)) | None) => return None,
            Err(_) => return Some(CloseCode::Away),
        }
    }
}
