//! What a new connection goes through before its first request: PROXY protocol, TLS, which HTTP.

use crate::drain::Drain;
use crate::h1::{self, ServerLimits};
use crate::listening::Listening;
use crate::proxy_protocol;
use crate::service::{Peer, Service, Trouble};
use crate::stream::Stream;
use crate::timer::Timer;
use crate::tls::ClientCertificate;
use bytes::BytesMut;
use message::Scheme;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;
use tokio::io::{AsyncRead, ReadBuf};

/// How an HTTP/2 connection begins (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves a connection until it ends.
pub(crate) async fn run<S: Service>(
    mut stream: Stream,
    listening: &Listening,
    core: usize,
    service: &Rc<S>,
    limits: &ServerLimits,
    drain: &Drain,
) {
    let deadline = Instant::now() + limits.head_timeout;
    let mut address = remote(&stream);
    if let Some(accept) = listening.proxy_protocol {
        match Box::pin(tokio::time::timeout_at(deadline.into(), proxy_protocol::receive(&stream, accept)))
            .await
        {
            Ok(Ok(header)) => address = header.source.or(address),
            Ok(Err(e)) => return service.trouble(listening.id, &Trouble::Proxy(e.to_string())),
            Err(_) => return,
        }
    }
    if let Some(tls) = &listening.tls {
        // Boxed, like all that is not the usual: a connection should hold no room for what it does not do.
        match Box::pin(tls.accept(stream, deadline.saturating_duration_since(Instant::now()))).await {
            Ok(secured) => stream = secured,
            Err(e) => return service.trouble(listening.id, &Trouble::Handshake(e.to_string())),
        }
    }
    let peer = Rc::new(Peer {
        text: address.map_or_else(|| "unknown".into(), |a| a.ip().to_canonical().to_string().into()),
        address,
        scheme: if stream.is_plain() { Scheme::Http } else { Scheme::Https },
        tls: stream.tls_version(),
        certificate: stream.peer_certificate().and_then(ClientCertificate::read).map(Arc::new),
        is_unix: listening.is_unix,
        listener: listening.id,
        core,
    });
    let mut inbox = BytesMut::new();
    let h2 = match stream.alpn() {
        Some(chosen) => chosen == b"h2",
        None if listening.http2 => match Box::pin(begins_http2(&mut stream, &mut inbox, deadline)).await {
            Some(h2) => h2,
            None => return,
        },
        None => false,
    };
    if h2 {
        Box::pin(crate::h2::serve(stream, inbox, peer, service, limits, drain)).await;
    } else if listening.http1 || !listening.http2 {
        h1::serve(stream, inbox, peer, &**service, limits, drain).await;
    }
}

fn remote(stream: &Stream) -> Option<SocketAddr> {
    match stream.transport() {
        Stream::Tcp(tcp) => tcp.peer_addr().ok(),
        _ => None,
    }
}

/// Does the connection begin with HTTP/2's preface? Reads no further than needed to tell, but keeps all that came.
/// `None`: it ended, or nothing came in time.
async fn begins_http2(stream: &mut Stream, inbox: &mut BytesMut, deadline: Instant) -> Option<bool> {
    let mut timer = Timer::default();
    poll_fn(|cx| {
        loop {
            let n = inbox.len().min(PREFACE.len());
            if n > 0 && (inbox[..n] != PREFACE[..n] || n == PREFACE.len()) {
                return Poll::Ready(Some(inbox[..n] == *PREFACE));
            }
            let mut chunk = [0; 2048];
            let mut buffer = ReadBuf::new(&mut chunk);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    inbox.extend_from_slice(buffer.filled());
                }
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending => {
                    // A beginning that stays one is HTTP/1's to refuse, in words.
                    return timer.poll_until(cx, deadline).map(|()| (!inbox.is_empty()).then_some(false));
                }
            }
        }
    })
    .await
}
