//! The application that tests have Tidegate launch: `scripts/instance.py`, whose head tells its manners and vices.

use crate::fleet::Group;
use crate::port::Port;
use crate::python::python;
use crate::raw::Raw;
use crate::wait::soon;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The command, with these arguments, as the config file takes it. Python starts without a look at packages, and so in
/// a few hundredths of a second.
pub fn application(args: &str) -> String {
    let words: Vec<String> = words(args).iter().map(|word| format!("\"{word}\"")).collect();
    format!("[{}]", words.join(", "))
}

fn words(args: &str) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/instance.py");
    let fixed = [python().display().to_string(), "-IS".into(), script.display().to_string()];
    fixed.into_iter().chain(args.split_whitespace().map(str::to_owned)).collect()
}

/// The application without Tidegate, for comparison. It ends when this is dropped.
#[derive(Debug)]
pub struct Alone {
    _process: Group,
    /// From its start to the end of its first answer.
    pub took: Duration,
}

impl Alone {
    /// Starts it and waits for the first answer.
    #[track_caller]
    pub fn start(args: &str) -> Self {
        let port = Port::free();
        let words = words(args);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env("PORT", port.number().to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let process = Group::spawn(&mut command);
        soon("the application answers", || {
            Raw::try_connect(port.address()).is_ok_and(|mut client| {
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").try_response().is_ok()
            })
        });
        Self { _process: process, took: began.elapsed() }
    }
}
