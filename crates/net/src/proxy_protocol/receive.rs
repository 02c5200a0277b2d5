//! Taking a header off a socket, and not one byte more.

use std::future::poll_fn;
use std::io;

use super::{Accept, Header, Parsed, ProxyError, V2_MAX, parse};
use crate::stream::Stream;

/// Why no header was received.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The bytes are not a header.
    #[error(transparent)]
    Refused(#[from] ProxyError),
    /// The peer hung up before the header's end; with nothing sent, that is a bare health check.
    #[error("the connection ended before its PROXY protocol header")]
    Closed,
    /// The socket failed.
    #[error("reading the PROXY protocol header: {0}")]
    Io(#[from] io::Error),
}

/// Receives the header that a plain stream begins with. The deadline is the caller's.
///
/// Bytes are looked at before they are taken: what the parser has no use for stays in the socket.
pub async fn receive(stream: &Stream, accept: Accept) -> Result<Header, ReceiveError> {
    let mut bytes = Vec::with_capacity(256);
    loop {
        let taken = bytes.len();
        // The parser refuses longer ones, so that there is always room for a byte more.
        bytes.resize((taken + 256).min(V2_MAX), 0);
        let peeked = readable(stream, |stream| stream.try_peek(&mut bytes[taken..])).await?;
        if peeked == 0 {
            return Err(ReceiveError::Closed);
        }
        bytes.truncate(taken + peeked);
        let (header, end) = match parse(&bytes, accept)? {
            Parsed::Incomplete => (None, taken + peeked),
            Parsed::Done { header, consumed } => (Some(header), consumed),
        };
        take(stream, &mut bytes[taken..end]).await?;
        if let Some(header) = header {
            return Ok(header);
        }
    }
}

/// Takes bytes that were seen before, so that they are there.
async fn take(stream: &Stream, mut seen: &mut [u8]) -> Result<(), ReceiveError> {
    while !seen.is_empty() {
        let count = readable(stream, |stream| stream.try_read(seen)).await?;
        if count == 0 {
            return Err(ReceiveError::Closed);
        }
        seen = &mut seen[count..];
    }
    Ok(())
}

async fn readable(stream: &Stream, mut op: impl FnMut(&Stream) -> io::Result<usize>) -> io::Result<usize> {
    loop {
        poll_fn(|cx| stream.poll_readable(cx)).await?;
        match op(stream) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            done => return done,
        }
    }
}
