//! Where lines end up: a standard stream, or the end of a file that may be moved away and is rotated (`rotation.rs`).
//! Once a second the path is compared with what is open.

use super::Sink;
use crate::rotation::{Rotate, open_log, tend_log};
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

/// How often, and with which pause, a stream that cannot take more at the moment is tried again: one second in all.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// An open sink.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    place: Place,
    /// A write ended inside a line: the next one starts with a line feed, so that two lines never melt into one.
    torn: bool,
}

#[derive(Debug)]
enum Place {
    Stream(&'static str),
    Path { path: PathBuf, rotate: Option<Rotate>, size: u64 },
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Stream(name) => f.write_str(name),
            Place::Path { path, .. } => path.display().fmt(f),
        }
    }
}

impl Output {
    /// Opens a sink.
    pub(super) fn open(sink: &Sink, rotate: Option<Rotate>) -> io::Result<Self> {
        // A copy of the descriptor, because the library's stdout has a buffer and hides that it is closed.
        let (file, place) = match sink {
            Sink::Stdout => {
                (File::from(io::stdout().as_fd().try_clone_to_owned()?), Place::Stream("standard output"))
            }
            Sink::Stderr => {
                (File::from(io::stderr().as_fd().try_clone_to_owned()?), Place::Stream("standard error"))
            }
            Sink::File(path) => {
                let file = open_log(path)?;
                let size = file.metadata()?.len();
                (file, Place::Path { path: path.clone(), rotate, size })
            }
        };
        Ok(Self { file, place, torn: false })
    }

    /// Writes whole lines. On an error says how many of them were lost; one that was written in part counts as lost.
    pub(super) fn write(&mut self, text: &[u8]) -> Result<(), (u64, io::Error)> {
        let lost = |rest: &[u8]| memchr::memchr_iter(b'\n', rest).count() as u64;
        if self.torn {
            write_some(&mut self.file, b"\n").map_err(|(_, e)| (lost(text), e))?;
            self.torn = false;
        }
        let (written, result) = match write_some(&mut self.file, text) {
            Ok(()) => (text.len(), Ok(())),
            Err((written, e)) => (written, Err((lost(&text[written..]), e))),
        };
        self.torn = result.is_err() && written > 0 && text[written - 1] != b'\n';
        if let Place::Path { size, rotate, .. } = &mut self.place {
            *size += written as u64;
            if result.is_ok() && rotate.is_some_and(|r| *size >= r.max_size) {
                return self.tend().map_err(|e| (0, e));
            }
        }
        result
    }

    /// Opens the file again where it was moved away, and rotates it where it is too large.
    pub(super) fn tend(&mut self) -> io::Result<()> {
        let Place::Path { path, rotate, size } = &mut self.place else { return Ok(()) };
        if tend_log(path, &self.file, size, *rotate)? {
            self.file = open_log(path)?;
            *size = self.file.metadata()?.len();
            self.torn = false;
        }
        Ok(())
    }
}

/// Writes everything, or says how many bytes were written before the error.
fn write_some(file: &mut File, text: &[u8]) -> Result<(), (usize, io::Error)> {
    let (mut written, mut tries) = (0, 0);
    while written < text.len() {
        match file.write(&text[written..]) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(n) => written += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            // Somebody made the stream non-blocking. This thread has nothing else to do than to wait for it.
            Err(e) if e.kind() == ErrorKind::WouldBlock && tries < TRIES => {
                tries += 1;
                std::thread::sleep(PAUSE);
            }
            Err(e) => return Err((written, e)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(file: File) -> Output {
        Output { file, place: Place::Stream("pipe"), torn: false }
    }

    #[test]
    fn a_closed_pipe_costs_lines_and_not_the_process() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut output = stream(File::from(std::os::fd::OwnedFd::from(writer)));
        let (lost, error) = output.write(b"one\ntwo\n").unwrap_err();
        assert_eq!((lost, error.kind()), (2, ErrorKind::BrokenPipe));
    }

    #[test]
    fn a_full_disk_costs_lines_each_time_it_is_tried() {
        let mut output = Output::open(&Sink::File("/dev/full".into()), None).unwrap();
        for _ in 0..2 {
            let (lost, error) = output.write(b"one\ntwo\n").unwrap_err();
            assert_eq!((lost, error.kind()), (2, ErrorKind::StorageFull));
        }
        output.tend().unwrap();
    }

    #[test]
    fn a_line_that_was_torn_is_ended_before_the_next_one() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = stream(File::from(std::os::fd::OwnedFd::from(writer)));
        output.torn = true;
        output.write(b"next\n").unwrap();
        drop(output);
        let mut text = String::new();
        io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "\nnext\n");
    }
}
