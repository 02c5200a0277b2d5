//! The access log: one line for each request, in JSON or the combined log format.
//!
//! A worker formats into a buffer of its own and hands it on when it is full or old; one writer thread writes. When
//! the writer cannot keep up, or the disk is full, lines are dropped and counted: a log never slows a request down.
//! *Promise*: a line is printable ASCII and holds exactly one request; nothing that a client sends can forge, split
//! or extend it. Values of query parameters that carry secrets are masked.
//! *Not here*: when to flush (the worker's timer), which requests to leave out.
//! Cost: formatting, about half a microsecond a line, no allocation and no system call.

mod clf;
mod entry;
mod escape;
mod json;
mod mask;
mod output;
mod recorder;
mod writer;

pub use entry::{Client, Entry};
pub(crate) use escape::push_json_string;
pub use recorder::Recorder;

pub use crate::rotation::Rotate;

use base::meters::Counter;
use mask::Mask;
use output::Output;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use writer::{Message, Writer};

/// Full buffers that may wait for the writer: 4 MiB with buffers of 64 KiB.
const WAITING: usize = 64;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object.
    Json,
    /// The combined log format of the Apache server, which every log tool reads.
    Clf,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The end of a file, made when it is missing and opened again when it was moved away.
    File(PathBuf),
}

/// What a config says about the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How a line looks.
    pub format: Format,
    /// Where it goes.
    pub sink: Sink,
    /// Rotation of a file; `None` leaves that to others. Does nothing to the other sinks.
    pub rotate: Option<Rotate>,
    /// Query parameters whose values are masked, in addition to the usual names of secrets.
    pub mask: Vec<String>,
}

/// What recorders and the log share.
#[derive(Debug)]
struct Shared {
    format: Format,
    mask: Mask,
    dropped: Arc<Counter>,
    stopping: AtomicBool,
}

/// A running access log. Dropping it stops the writer when the last recorder is gone too.
#[derive(Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
    batches: SyncSender<Message>,
    /// Gives one message when the writer has ended.
    ended: Mutex<Receiver<()>>,
}

impl AccessLog {
    /// Opens the sink and starts the writer thread. `dropped` counts the lines that are lost.
    pub fn start(settings: &Settings, dropped: Arc<Counter>) -> io::Result<Arc<Self>> {
        let output = Output::open(&settings.sink, settings.rotate)?;
        let shared = Arc::new(Shared {
            format: settings.format,
            mask: Mask::new(&settings.mask),
            dropped,
            stopping: AtomicBool::new(false),
        });
        let (batches, received) = mpsc::sync_channel(WAITING);
        let (end, ended) = mpsc::sync_channel(1);
        let writer = Writer::new(output, received, Arc::clone(&shared));
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            writer.run();
            // Nobody may be waiting.
            let _ = end.try_send(());
        })?;
        Ok(Arc::new(Self { shared, batches, ended: Mutex::new(ended) }))
    }

    /// A recorder for one worker.
    pub fn recorder(&self) -> Recorder {
        Recorder::new(Arc::clone(&self.shared), self.batches.clone())
    }

    /// Writes what recorders have handed on, then stops the writer; says whether that was done within `deadline`.
    /// Recorders flush before (they also do when dropped); what they hand on later is dropped and counted.
    pub fn flush_and_stop(&self, deadline: Duration) -> bool {
        self.shared.stopping.store(true, Ordering::Release);
        // A full channel means that the writer is awake; it looks at the flag after each batch.
        let _ = self.batches.try_send(Message::Wake);
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        // A second call finds the sender gone, which also means that the writer has ended.
        !matches!(ended.recv_timeout(deadline), Err(mpsc::RecvTimeoutError::Timeout))
    }
}
