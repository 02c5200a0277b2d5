//! The body of an upstream's answer as it arrives.
//!
//! It carries what is left of the request's body along: a client and an upstream that talk in both directions at once
//! are served by whoever polls this. At its end the connection goes back to where idle ones wait.

use super::chunk::Step;
use super::client::Connection;
use super::decode::Decoder;
use super::framing::Framing;
use super::pump::{Pump, PumpError, Turn};
use super::wire::Wire;
use crate::body::{Body, BodyError};
use base::turn;
use bytes::Bytes;
use http_body::Frame;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The body of an HTTP/1 answer.
#[derive(Debug)]
pub(crate) struct ResponseBody {
    conn: Option<Box<Connection>>,
    decoder: Decoder,
    length: Option<u64>,
    keep_alive: bool,
    /// What of the request is still to be sent.
    rest: Option<(Pump, Body)>,
    idle: Duration,
    waiting_since: Option<Instant>,
}

impl ResponseBody {
    pub(crate) fn new(
        conn: Box<Connection>,
        decoder: Decoder,
        framing: Framing,
        keep_alive: bool,
        rest: Option<(Pump, Body)>,
        idle: Duration,
    ) -> Self {
        let length = if let Framing::Length(n) = framing { Some(n) } else { None };
        Self { conn: Some(conn), decoder, length, keep_alive, rest, idle, waiting_since: None }
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Err(e) = self.send_rest(cx) {
            return Poll::Ready(Some(Err(e)));
        }
        let Some(conn) = self.conn.as_mut() else { return Poll::Ready(None) };
        loop {
            let frame = match self.decoder.step(&mut conn.wire.inbox) {
                Err(reject) => {
                    self.conn = None;
                    return Poll::Ready(Some(Err(BodyError::UpstreamCut(reject.to_string()))));
                }
                Ok(Step::Data(data)) => Some(Frame::data(data)),
                Ok(Step::Done(trailers)) => trailers.map(|t| Frame::trailers(t.to_map())),
                Ok(Step::Need) => match conn.wire.poll_fill(cx, self.decoder.wanted()) {
                    Poll::Ready(Ok(1..)) => {
                        self.waiting_since = None;
                        continue;
                    }
                    Poll::Ready(Ok(_)) if matches!(self.decoder, Decoder::UntilClose) => {
                        self.conn = None;
                        return Poll::Ready(None);
                    }
                    Poll::Ready(end) => {
                        self.conn = None;
                        let why = end.map_or_else(|e| e.to_string(), |_| "the connection closed".into());
                        return Poll::Ready(Some(Err(BodyError::UpstreamCut(why))));
                    }
                    Poll::Pending => {
                        let since = *self.waiting_since.get_or_insert_with(turn::now);
                        return conn
                            .timer
                            .poll_until(cx, since + self.idle)
                            .map(|()| Some(Err(BodyError::UpstreamSilent)));
                    }
                },
            };
            if self.decoder.is_done() {
                self.finish();
            }
            return Poll::Ready(frame.map(Ok));
        }
    }

    /// Sends on what is left of the request.
    fn send_rest(&mut self, cx: &mut Context<'_>) -> Result<(), BodyError> {
        let (Some((pump, body)), Some(conn)) = (&mut self.rest, &mut self.conn) else { return Ok(()) };
        let Wire { stream, outbox, .. } = &mut conn.wire;
        match pump.turn(cx, body, outbox, stream) {
            Ok(Turn::Finished) => self.rest = None,
            Ok(_) => {}
            Err(PumpError::Body(e)) => {
                self.conn = None;
                return Err(e);
            }
            // The upstream wants no more of the request; its answer may go on.
            Err(PumpError::Io(_)) => {
                self.keep_alive = false;
                self.rest = None;
            }
        }
        Ok(())
    }

    fn finish(&mut self) {
        if let Some(conn) = self.conn.take()
            && self.keep_alive
            && self.rest.is_none()
        {
            conn.release();
        }
    }
}
