//! What an instance writes: read from its pipe, cut into lines, handed to the log.
//!
//! *Promise*: a program that floods its output waits for its reader, and the reader takes [`SLICE_MOST`] bytes in [`SLICE`] at
//! most, so that a flood costs a part of a core and no memory.

use super::lines::Lines;
use super::sink::Sink;
use crate::channel::Plan;
use rustix::io::Errno;
use std::io;
use std::os::fd::AsFd;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::{Duration, Instant, sleep_until};

/// Bytes read at a time.
const READ: usize = 64 * 1024;
const SLICE_MOST: usize = 2 * 1024 * 1024;
const SLICE: Duration = Duration::from_millis(100);
/// Bytes that are still read from a pipe whose program has ended; a pipe holds 64 KiB unless told otherwise (pipe(7)).
const DRAIN_MOST: usize = 1024 * 1024;

/// The output of one instance.
pub(super) struct Output {
    /// `None` where nobody can write to it any more.
    pipe: Option<pipe::Receiver>,
    buffer: Vec<u8>,
    /// Bytes that may be read until the slice ends.
    left: usize,
    slice_ends: Instant,
    lines: Lines,
    sink: Sink,
}

impl Output {
    pub(super) fn new(plan: &Plan, pipe: io::PipeReader) -> io::Result<Self> {
        Ok(Self {
            pipe: Some(pipe::Receiver::from_owned_fd(pipe.into())?),
            buffer: vec![0; READ],
            left: 0,
            slice_ends: Instant::now(),
            lines: Lines::new(&plan.name, plan.lines_per_second),
            sink: Sink::open(plan),
        })
    }

    /// Reads something once there is something. Nothing is lost where it is given up.
    pub(super) async fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else { return std::future::pending().await };
        if self.left == 0 {
            sleep_until(self.slice_ends).await;
            (self.left, self.slice_ends) = (SLICE_MOST, Instant::now() + SLICE);
        }
        match pipe.read(&mut self.buffer).await {
            Ok(0) | Err(_) => self.pipe = None,
            Ok(n) => {
                let now = Instant::now();
                if now >= self.slice_ends {
                    (self.left, self.slice_ends) = (SLICE_MOST, now + SLICE);
                }
                self.left = self.left.saturating_sub(n);
                self.lines.take(&self.buffer[..n], &mut self.sink);
            }
        }
        self.sink.pass_on();
    }

    /// Reads what is there. From the pipe itself: the runtime may not have looked at it since the program has written its
    /// last line, and would say that there is nothing.
    pub(super) fn drain(&mut self) {
        let mut left = DRAIN_MOST;
        while let Some(pipe) = &mut self.pipe
            && left > 0
        {
            match rustix::io::read(pipe.as_fd(), &mut self.buffer) {
                Ok(0) => self.pipe = None,
                Err(Errno::INTR) => {}
                Ok(n) => {
                    left = left.saturating_sub(n);
                    self.lines.take(&self.buffer[..n], &mut self.sink);
                    self.sink.pass_on();
                }
                Err(_) => break,
            }
        }
    }

    /// The last lines.
    pub(super) fn last_words(&self) -> String {
        self.lines.last_words()
    }

    /// Once a second: begins to count anew. Gives what is wrong with the log, now and then.
    pub(super) fn look(&mut self) -> Option<String> {
        self.lines.next_second(&mut self.sink);
        self.sink.pass_on();
        self.sink.trouble()
    }

    /// Writes what is left.
    pub(super) fn close(&mut self) {
        self.drain();
        self.lines.end(&mut self.sink);
        self.sink.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[tokio::test]
    async fn what_was_written_a_moment_before_the_end_is_not_lost() {
        let (ours, mut theirs) = io::pipe().unwrap();
        let plan = Plan { log: crate::settings::LogSettings::Off, lines_per_second: 10, ..Plan::default() };
        let mut output = Output::new(&plan, ours).unwrap();
        // The runtime has no turn between this and the look at the pipe.
        theirs.write_all(b"asked to end\n").unwrap();
        output.drain();
        assert_eq!(output.last_words(), "asked to end");
        drop(theirs);
        output.drain();
        assert!(output.pipe.is_none());
    }
}
