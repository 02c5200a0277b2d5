//! How instances are launched: words of commands, their environment, where they listen, who they run as, their log.

use std::fmt;

use super::number::whole;
use super::placeholder::{OF_A_COMMAND, OF_A_LOG, only, placeholders};
use super::{Bad, Typed, typed, word};
use crate::suggest::nearest;

/// Bytes of one word of a command, or of one variable. The kernel takes no more (`MAX_ARG_STRLEN`, execve(2)), and
/// what is filled in needs room too.
const MAX_WORD: usize = 120 * 1024;

word!(
    /// One word of a command. `{port}`, `{socket}`, `{name}` and `{service}` in it are still to be filled in.
    CommandWord, "command word", "a text, in which `{port}`, `{socket}`, `{name}` and `{service}` are filled in",
    &["string", "number", "boolean"], |text| {
        launchable(text)?;
        only(&OF_A_COMMAND, text).map(|()| text.into())
    }
);

/// Refuses what the kernel cannot hand to a process.
fn launchable(text: &str) -> Result<(), Bad> {
    if text.contains('\0') {
        return Err(Bad::because("it holds a zero byte, which ends a text for the system"));
    }
    if text.len() > MAX_WORD {
        return Err(Bad::because("it is longer than 120 KiB"));
    }
    Ok(())
}

/// Variables that Tidegate sets itself.
const OWN_VARIABLES: [&str; 2] = ["PORT", "TIDEGATE_INSTANCE"];

word!(
    /// The name of an environment variable.
    EnvName, "variable", "the name of an environment variable: letters, digits and `_`", &["string"], |text| {
        if OWN_VARIABLES.contains(&text) {
            let hint = format!("Tidegate sets `{text}` itself, for each instance; leave it out");
            return Err(Bad::plain().hint(hint));
        }
        let first_is_digit = text.starts_with(|c: char| c.is_ascii_digit());
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if plain && !first_is_digit && (1..=256).contains(&text.len()) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

/// The value of an environment variable. It is often a secret, and nothing tells which, so it is never shown; only
/// [`EnvValue::reveal`] gives it away. What comes out of `${ENV}` may hold any words in braces, so that placeholders are
/// looked for in what was typed (`meaning/instances.rs`).
#[derive(Clone, PartialEq, Eq)]
pub struct EnvValue(String);

impl EnvValue {
    /// The value. Placeholders in it are still to be filled in, as in a [`CommandWord`].
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Typed for EnvValue {
    const FORMAT: &'static str = "variable's value";
    const EXPECTED: &'static str =
        "a text, in which `{port}`, `{socket}`, `{name}` and `{service}` are filled in";
    const TYPES: &'static [&'static str] = &["string", "number", "boolean"];

    fn read(text: &str) -> Result<Self, Bad> {
        launchable(text).map(|()| Self(text.into()))
    }
}

/// Where an instance is to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstancePort {
    /// At a free port of 127.0.0.1, another one for each instance.
    Auto,
    /// At a Unix socket, another one for each instance.
    Socket,
    /// The first instance at this port of 127.0.0.1, the second at the next one, and so on.
    First(u16),
}

impl fmt::Display for InstancePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Socket => f.write_str("socket"),
            Self::First(port) => port.fmt(f),
        }
    }
}

impl Typed for InstancePort {
    const FORMAT: &'static str = "instance port";
    const EXPECTED: &'static str = "`auto`, `socket`, or a port from 1 to 65535";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        match text {
            "auto" => Ok(Self::Auto),
            "socket" => Ok(Self::Socket),
            "0" => Err(Bad::because("there is no port 0").or_mean("auto")),
            "unix" => Err(Bad::mean("socket")),
            _ => match whole(text) {
                Some(port) => Ok(Self::First(port)),
                None => Err(nearest(text, ["auto", "socket"]).map_or_else(Bad::plain, Bad::mean)),
            },
        }
    }
}

word!(
    /// The name or number of a user or a group of this machine.
    Account, "account", "the name or number of an account, such as `www-data`", &["string", "integer"], |text| {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.$".contains(&b));
        let clean = plain && !text.starts_with('-') && (1..=32).contains(&text.len());
        if clean { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

/// Where the output of instances goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceLogPath {
    /// To Tidegate's standard error, each line behind the name of its instance.
    Inherit,
    /// Nowhere.
    Off,
    /// To a file of each instance: a path in which `{name}` (and `{service}`) is still to be filled in.
    File(String),
}

impl fmt::Display for InstanceLogPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inherit => f.write_str("inherit"),
            Self::Off => f.write_str("off"),
            Self::File(path) => f.write_str(path),
        }
    }
}

impl Typed for InstanceLogPath {
    const FORMAT: &'static str = "instance log";
    const EXPECTED: &'static str = "`inherit`, `off`, or the path of a file such as `logs/{name}.log`";

    fn read(text: &str) -> Result<Self, Bad> {
        match text {
            "inherit" => return Ok(Self::Inherit),
            "off" => return Ok(Self::Off),
            "false" | "no" | "none" => return Err(Bad::mean("off")),
            "stdout" | "stderr" => return Err(Bad::mean("inherit")),
            _ => {}
        }
        // A bare word is more often a misspelled `inherit` than a file.
        if text.ends_with('/') || text.contains('\0') || !text.contains(['/', '{', '.']) {
            return Err(nearest(text, ["inherit", "off"]).map_or_else(Bad::plain, Bad::mean));
        }
        only(&OF_A_LOG, text)?;
        if placeholders(text).any(|word| word == "name") {
            return Ok(Self::File(text.into()));
        }
        let better = text.rsplit_once('.').filter(|(_, end)| !end.contains('/'));
        let better = better
            .map_or_else(|| format!("{text}-{{name}}"), |(start, end)| format!("{start}-{{name}}.{end}"));
        Err(Bad::because("all instances would write the same file").or_mean(better))
    }
}

typed!(EnvValue, InstancePort, InstanceLogPath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_listen_at_a_free_port_a_socket_or_from_a_port_on() {
        for text in ["auto", "socket", "1", "65535"] {
            assert_eq!(InstancePort::read(text).map(|port| port.to_string()), Ok(text.into()));
        }
        for text in ["", "0", "65536", "-1", "unix", "Auto", "80 ", "+80"] {
            assert!(InstancePort::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_log_file_is_named_after_its_instance() {
        for text in ["inherit", "off", "logs/{name}.log", "{name}", "/var/log/{service}/{name}"] {
            assert_eq!(InstanceLogPath::read(text).map(|path| path.to_string()), Ok(text.into()));
        }
        for text in ["", "inherits", "logs/", "{port}.log", "a/\0{name}", "stderr"] {
            assert!(InstanceLogPath::read(text).is_err(), "{text}");
        }
        let hint = |text| InstanceLogPath::read(text).map_err(|bad| bad.hint.unwrap_or_default());
        assert_eq!(hint("logs/shop.log"), Err("did you mean `logs/shop-{name}.log`?".into()));
        assert_eq!(hint("./logs.d/shop"), Err("did you mean `./logs.d/shop-{name}`?".into()));
    }

    #[test]
    fn what_the_system_cannot_pass_on_is_refused() {
        assert!(CommandWord::read("a\0b").is_err() && CommandWord::read(&"a".repeat(MAX_WORD + 1)).is_err());
        assert!(CommandWord::read("").is_ok(), "an argument may be empty");
        for text in ["", "1A", "A-B", "A=B", "PORT", "é", "TIDEGATE_INSTANCE"] {
            assert!(EnvName::read(text).is_err(), "{text}");
        }
        assert!(EnvName::read("_a1").is_ok());
        for text in ["", "a b", "-a", "root:root", "a/b"] {
            assert!(Account::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_value_of_a_variable_is_never_shown() {
        let value = EnvValue::read("hunter2").expect("a value");
        assert_eq!((format!("{value} {value:?}").as_str(), value.reveal()), ("*** ***", "hunter2"));
    }
}
