//! `tidegate hash-password`: what stands in `consumers[].basic.password_hash`, made of a password.
//!
//! From a terminal the password is asked for twice and not echoed; else it is what stands on standard input, without the
//! end of its line. It is never an argument, where everybody on the machine could see it.

use crate::{random, say};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcsetattr};
use serde_json::json;
use std::io::{Read, Stdin, stdin};
use std::process::ExitCode;

/// Longest password, in bytes: with a name it must fit into a field of a request.
const MOST: usize = 1024;
/// What Ctrl-C sends.
const INTERRUPT: u8 = 3;

#[derive(Debug, Args)]
pub(crate) struct HashPassword {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Reads a password and prints its hash.
pub(crate) fn hash_password(how: &HashPassword) -> Result<ExitCode> {
    let input = stdin();
    let password = if isatty(&input) { typed(&input)? } else { checked(read(&input, None)?)? };
    let hash = auth::basic::hash(&password, &mut |bytes| random::fill(bytes));
    say::line(&if how.json { json!({ "password_hash": hash }).to_string() } else { hash });
    Ok(ExitCode::SUCCESS)
}

/// Asks a person, twice.
fn typed(input: &Stdin) -> Result<String> {
    let quiet = Quiet::begin(input)?;
    say::report("Password: ");
    let password = checked(read(input, Some(b'\n'))?)?;
    say::report("\nOnce more: ");
    let again = read(input, Some(b'\n'))?;
    say::report("\n");
    drop(quiet);
    ensure!(again == password.as_bytes(), "the two passwords differ");
    Ok(password)
}

/// Reads to the end, or to that byte; without the end of the line.
fn read(input: &Stdin, end: Option<u8>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut input = input.lock();
    let mut one = [0];
    // Byte by byte, because a line may end in the midst of what has come; two more may be its end.
    while bytes.len() <= MOST + 2 && input.read(&mut one).context("the password cannot be read")? == 1 {
        if one[0] == INTERRUPT && end.is_some() {
            bail!("interrupted");
        }
        if Some(one[0]) == end {
            break;
        }
        bytes.push(one[0]);
    }
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    if bytes.ends_with(b"\r") {
        bytes.pop();
    }
    Ok(bytes)
}

/// Can it be sent as a password (RFC 7617 section 2)?
fn checked(bytes: Vec<u8>) -> Result<String> {
    ensure!(!bytes.is_empty(), "the password is empty");
    ensure!(bytes.len() <= MOST, "the password is longer than {MOST} bytes");
    let Ok(password) = String::from_utf8(bytes) else { bail!("the password is not UTF-8") };
    ensure!(
        !password.chars().any(char::is_control),
        "the password holds a control character, or more than one line"
    );
    Ok(password)
}

/// The terminal echoes nothing while this lives. Ctrl-C ends the line, and does not end the process while its terminal is
/// like that.
struct Quiet<'a> {
    input: &'a Stdin,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(input: &'a Stdin) -> Result<Self> {
        let before = tcgetattr(input).context("the terminal cannot be asked")?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        tcsetattr(input, OptionalActions::Flush, &quiet).context("the terminal cannot be silenced")?;
        Ok(Self { input, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Whoever hung up does not miss the echo.
        let _ = tcsetattr(self.input, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_client_could_send_is_refused() {
        assert_eq!(checked("pass: w\u{f6}rd".into()).unwrap(), "pass: w\u{f6}rd");
        for (bytes, why) in [
            (Vec::new(), "empty"),
            (vec![b'a'; MOST + 1], "longer"),
            (vec![0xff], "UTF-8"),
            (b"one\ntwo".to_vec(), "more than one line"),
        ] {
            let said = checked(bytes).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
    }
}
