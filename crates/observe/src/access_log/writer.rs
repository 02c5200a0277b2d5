//! The thread that writes: takes batches from the workers, tends the file once a second, tells of what was lost.
//!
//! Nothing ends it but the end of the log: a full disk or a closed pipe costs lines, which are counted and told of at
//! most once a second, and the next batch is tried again.

use super::Shared;
use super::output::Output;
use crate::log;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

/// How often the file is looked after and losses are told of.
const TICK: Duration = Duration::from_secs(1);

/// Whole lines of one worker.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) text: Vec<u8>,
    pub(super) lines: u64,
    /// Where the emptied buffer goes.
    pub(super) give_back: SyncSender<Vec<u8>>,
}

#[derive(Debug)]
pub(super) enum Message {
    Batch(Batch),
    /// Look at the flag that says stop.
    Wake,
}

pub(super) struct Writer {
    output: Output,
    batches: Receiver<Message>,
    shared: Arc<Shared>,
    /// How many lost lines have been told of.
    told: u64,
    trouble: Option<io::Error>,
}

impl Writer {
    pub(super) fn new(output: Output, batches: Receiver<Message>, shared: Arc<Shared>) -> Self {
        let told = shared.dropped.get();
        Self { output, batches, shared, told, trouble: None }
    }

    /// Writes until the log is stopped or nobody can send any more.
    pub(super) fn run(mut self) {
        let mut tended = Instant::now();
        loop {
            match self.batches.recv_timeout(TICK) {
                Ok(Message::Batch(batch)) => self.write(batch),
                Ok(Message::Wake) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if tended.elapsed() >= TICK {
                self.tend();
                tended = Instant::now();
            }
            if self.shared.stopping.load(Ordering::Acquire) {
                break;
            }
        }
        while let Ok(message) = self.batches.try_recv() {
            if let Message::Batch(batch) = message {
                self.write(batch);
            }
        }
        self.tell();
    }

    fn write(&mut self, batch: Batch) {
        let Batch { mut text, lines, give_back } = batch;
        if let Err((lost, error)) = self.output.write(&text) {
            self.shared.dropped.add(lost.min(lines));
            self.trouble = Some(error);
        }
        text.clear();
        // A worker that has enough spare buffers lets this one go.
        let _ = give_back.try_send(text);
    }

    fn tend(&mut self) {
        if let Err(error) = self.output.tend() {
            self.trouble = Some(error);
        }
        self.tell();
    }

    /// Tells the operator of new losses and troubles.
    fn tell(&mut self) {
        let dropped = self.shared.dropped.get();
        let lost = dropped - std::mem::replace(&mut self.told, dropped);
        if let Some(error) = self.trouble.take() {
            log::error(format_args!("access log: {}: {error}; {lost} lines lost", self.output));
        } else if lost > 0 {
            let slow =
                format_args!("access log: {} is slower than the traffic; {lost} lines lost", self.output);
            log::warning(slow);
        }
    }
}
