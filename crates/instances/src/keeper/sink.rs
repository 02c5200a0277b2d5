//! Where an instance's lines go, written by a thread of its own.
//!
//! *Promise*: a disk that is full, a file that cannot be written or a standard error that nobody reads costs lines, which are
//! counted, and never holds up the keeper or the instance. It is told at once, and then once a minute.

use super::lines::Takes;
use super::log_file::LogFile;
use crate::channel::Plan;
use crate::settings::LogSettings;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Batches of lines that wait for the writer; each has one read's worth of lines at most.
const WAITING: usize = 32;
/// How often it is told that lines are lost.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// How often a file is looked after where nothing is written.
const TEND_EVERY: Duration = Duration::from_secs(1);
/// How long the last lines may take.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A way for lines out of the keeper.
pub(super) struct Sink {
    /// `None` where lines go nowhere.
    writer: Option<SyncSender<Batch>>,
    ended: Option<Receiver<()>>,
    /// Before each line.
    prefix: Vec<u8>,
    batch: Batch,
    losses: Arc<Mutex<Losses>>,
    told: Option<Instant>,
}

#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    lines: u64,
}

#[derive(Default)]
struct Losses {
    lines: u64,
    why: Option<String>,
}

enum Writer {
    Stderr,
    File(LogFile),
}

impl Sink {
    pub(super) fn open(plan: &Plan) -> Self {
        let losses = Arc::<Mutex<Losses>>::default();
        let (writer, prefix) = match &plan.log {
            LogSettings::Off => (None, Vec::new()),
            LogSettings::Inherit => (Some(Writer::Stderr), format!("{} | ", plan.name).into_bytes()),
            LogSettings::File { path, max_size, keep } => {
                (Some(Writer::File(LogFile::new(path.into(), *max_size, *keep))), Vec::new())
            }
        };
        let (writer, ended) = match writer.map(|writer| start(writer, Arc::clone(&losses))) {
            Some(Ok((sender, ended))) => (Some(sender), Some(ended)),
            Some(Err(e)) => {
                lost(&losses, 0, &e);
                (None, None)
            }
            None => (None, None),
        };
        Self { writer, ended, prefix, batch: Batch::default(), losses, told: None }
    }

    /// Hands on the lines that were taken.
    pub(super) fn pass_on(&mut self) {
        if self.batch.lines == 0 {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        if let Some(Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch))) =
            self.writer.as_ref().map(|writer| writer.try_send(batch))
        {
            lost(&self.losses, batch.lines, &io::Error::other("nobody takes them"));
        }
    }

    /// What is to be told of lost lines, now and then.
    pub(super) fn trouble(&mut self) -> Option<String> {
        if self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return None;
        }
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        let Losses { lines, why: Some(why) } = std::mem::take(&mut *losses) else { return None };
        self.told = Some(Instant::now());
        Some(format!("its log cannot be written, {lines} lines are lost: {why}"))
    }

    /// Waits a moment for the writer to be done.
    pub(super) fn close(&mut self) {
        self.pass_on();
        self.writer = None;
        if let Some(ended) = self.ended.take() {
            // An error is what is waited for: the writer's end of it is gone.
            let _ = ended.recv_timeout(LAST_LINES);
        }
    }
}

impl Takes for Sink {
    fn line(&mut self, line: &[u8]) {
        if self.writer.is_some() {
            self.batch.text.extend_from_slice(&self.prefix);
            self.batch.text.extend_from_slice(line);
            self.batch.text.push(b'\n');
            self.batch.lines += 1;
        }
    }
}

fn lost(losses: &Mutex<Losses>, lines: u64, why: &io::Error) {
    let mut losses = losses.lock().unwrap_or_else(PoisonError::into_inner);
    losses.lines += lines;
    losses.why = Some(why.to_string());
}

fn start(mut writer: Writer, losses: Arc<Mutex<Losses>>) -> io::Result<(SyncSender<Batch>, Receiver<()>)> {
    let (sender, batches) = sync_channel::<Batch>(WAITING);
    let (ends, ended) = channel();
    let work = move || {
        let _ends = ends;
        loop {
            let result = match batches.recv_timeout(TEND_EVERY) {
                Ok(batch) => writer.write(&batch.text).map_err(|e| (batch.lines, e)),
                Err(RecvTimeoutError::Timeout) => writer.tend().map_err(|e| (0, e)),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if let Err((lines, e)) = result {
                lost(&losses, lines, &e);
            }
        }
    };
    std::thread::Builder::new().name("log".into()).stack_size(128 * 1024).spawn(work)?;
    Ok((sender, ended))
}

impl Writer {
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        match self {
            // In one call, so that lines of different processes do not mix.
            Self::Stderr => io::stderr().lock().write_all(text),
            Self::File(file) => file.write(text),
        }
    }

    fn tend(&mut self) -> io::Result<()> {
        match self {
            Self::Stderr => Ok(()),
            Self::File(file) => file.tend(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::Folder;

    fn plan(log: LogSettings) -> Plan {
        Plan { name: "shop-1".into(), log, lines_per_second: 1000, ..Plan::default() }
    }

    fn file(path: &str) -> LogSettings {
        LogSettings::File { path: path.into(), max_size: 1 << 20, keep: 1 }
    }

    #[test]
    fn lines_are_in_the_file_once_the_sink_is_closed() {
        let folder = Folder::new();
        let path = folder.path("below/shop.log");
        let mut sink = Sink::open(&plan(file(path.to_str().unwrap())));
        for line in ["one", "two"] {
            sink.line(line.as_bytes());
            sink.pass_on();
        }
        sink.close();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "one\ntwo\n");
        assert_eq!(sink.trouble(), None);
    }

    #[test]
    fn a_full_disk_is_told_once_in_a_while_with_what_was_lost() {
        let mut sink = Sink::open(&plan(file("/dev/full")));
        for _ in 0..3 {
            sink.line(b"lost");
        }
        sink.close();
        let trouble = sink.trouble().expect("it is told");
        assert!(trouble.contains("3 lines are lost") && trouble.contains("No space left"), "{trouble}");
        lost(&sink.losses, 1, &io::Error::other("again"));
        assert_eq!(sink.trouble(), None, "it was told a moment ago");
    }

    #[test]
    fn lines_that_go_nowhere_cost_nothing() {
        let mut sink = Sink::open(&plan(LogSettings::Off));
        sink.line(b"nobody reads this");
        assert!(sink.batch.text.is_empty());
        sink.close();
        assert_eq!(sink.trouble(), None);
    }
}
