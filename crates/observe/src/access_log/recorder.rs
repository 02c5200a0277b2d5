//! A worker's end of the access log: formats lines into a buffer, hands full or old buffers to the writer.

use super::entry::{Client, Entry};
use super::writer::{Batch, Message};
use super::{Format, Shared, clf, json};
use crate::stamp::Stamp;
use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};

/// Bytes at which a buffer is handed on.
const FULL: usize = 64 * 1024;

/// Room behind [`FULL`] for the line that crosses it.
const SLACK: usize = 4 * 1024;

/// Buffers that come back empty and are used again.
const SPARE: usize = 4;

/// One worker's recorder. It belongs to one thread and never waits for anything.
#[derive(Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    batches: SyncSender<Message>,
    returned: Receiver<Vec<u8>>,
    give_back: SyncSender<Vec<u8>>,
    buffer: Vec<u8>,
    lines: u64,
    stamp: Stamp,
    scratch: Vec<u8>,
}

impl Recorder {
    pub(super) fn new(shared: Arc<Shared>, batches: SyncSender<Message>) -> Self {
        let (give_back, returned) = mpsc::sync_channel(SPARE);
        Self {
            shared,
            batches,
            returned,
            give_back,
            buffer: Vec::with_capacity(FULL + SLACK),
            lines: 0,
            stamp: Stamp::default(),
            scratch: Vec::new(),
        }
    }

    /// Writes one line about a request.
    pub fn record(&mut self, entry: &Entry<'_>) {
        self.stamp.set(entry.time);
        let write = match self.shared.format {
            Format::Json => json::write,
            Format::Clf => clf::write,
        };
        write(&mut self.buffer, entry, &self.stamp, &self.shared.mask, &mut self.scratch);
        self.buffer.push(b'\n');
        self.lines += 1;
        if self.buffer.len() >= FULL {
            self.flush();
            if self.buffer.len() >= FULL {
                self.drop_all();
            }
        }
    }

    /// Hands on what there is. A worker calls it every 200 ms or so. Where the writer is behind, the lines stay here
    /// until the buffer is full, and only then are dropped.
    pub fn flush(&mut self) {
        if self.lines == 0 {
            return;
        }
        let empty = self.returned.try_recv().unwrap_or_else(|_| Vec::with_capacity(FULL + SLACK));
        let batch = Batch {
            text: std::mem::replace(&mut self.buffer, empty),
            lines: std::mem::take(&mut self.lines),
            give_back: self.give_back.clone(),
        };
        match self.batches.try_send(Message::Batch(batch)) {
            Ok(()) | Err(TrySendError::Full(Message::Wake) | TrySendError::Disconnected(Message::Wake)) => {}
            Err(TrySendError::Full(Message::Batch(back))) => self.take_back(back),
            Err(TrySendError::Disconnected(Message::Batch(back))) => {
                self.take_back(back);
                self.drop_all();
            }
        }
    }

    fn take_back(&mut self, batch: Batch) {
        let empty = std::mem::replace(&mut self.buffer, batch.text);
        self.lines = batch.lines;
        let _ = self.give_back.try_send(empty);
    }

    fn drop_all(&mut self) {
        self.shared.dropped.add(self.lines);
        self.lines = 0;
        self.buffer.clear();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.flush();
        self.drop_all();
    }
}

/// Writes who sent a request.
pub(super) fn push_client(out: &mut Vec<u8>, client: Client) {
    match client {
        Client::Address(address) => push_address(out, address),
        Client::Unix => out.extend_from_slice(b"unix:"),
        Client::Unknown => out.extend_from_slice(b"unknown"),
    }
}

/// Writes an address. IPv4, the usual case, without the machinery of formatting.
fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            let mut number = itoa::Buffer::new();
            out.extend_from_slice(number.format(a).as_bytes());
            for octet in [b, c, d] {
                out.push(b'.');
                out.extend_from_slice(number.format(octet).as_bytes());
            }
        }
        IpAddr::V6(v6) => {
            // Writing to a vector cannot fail.
            let _ = write!(out, "{v6}");
        }
    }
}
