//! The scripts that run in Redis, each as one step that nothing else comes between.
//!
//! A server keeps a script under the hash of its text until it restarts, so only the hash is sent. A server that does not have
//! it gets the text once.

use crate::link::Link;
use crate::trouble::Trouble;
use redis::{Cmd, ToRedisArgs, Value};

/// A script.
pub(crate) struct Script {
    text: &'static str,
    hash: String,
}

/// All of them.
pub(crate) struct Scripts {
    pub(crate) take: Script,
    pub(crate) settle: Script,
    pub(crate) beat: Script,
    pub(crate) put: Script,
    pub(crate) news: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            take: Script::new(concat!(include_str!("lua/shared.lua"), include_str!("lua/take.lua"))),
            settle: Script::new(concat!(include_str!("lua/shared.lua"), include_str!("lua/settle.lua"))),
            beat: Script::new(include_str!("lua/beat.lua")),
            put: Script::new(include_str!("lua/put.lua")),
            news: Script::new(include_str!("lua/news.lua")),
        }
    }
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }

    /// Runs it over the connection of the moment.
    pub(crate) async fn run<K: ToRedisArgs, A: ToRedisArgs>(
        &self,
        link: &Link,
        keys: &[K],
        arguments: &[A],
    ) -> Result<Value, Trouble> {
        let answer = link.ask(&command("EVALSHA", &self.hash, keys, arguments)).await;
        if let Err(Trouble::NoScript) = answer {
            return link.ask(&command("EVAL", self.text, keys, arguments)).await;
        }
        answer
    }

    /// The question as it goes to a server that may not have it, for a connection that is not in use yet.
    pub(crate) fn whole<K: ToRedisArgs, A: ToRedisArgs>(&self, keys: &[K], arguments: &[A]) -> Cmd {
        command("EVAL", self.text, keys, arguments)
    }
}

fn command<K: ToRedisArgs, A: ToRedisArgs>(name: &str, script: &str, keys: &[K], arguments: &[A]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(keys.len());
    for key in keys {
        command.arg(key);
    }
    for argument in arguments {
        command.arg(argument);
    }
    command
}

/// The answer as whole numbers, at least `least` of them.
pub(crate) fn numbers(answer: Value, least: usize) -> Result<Vec<i64>, Trouble> {
    let Value::Array(values) = answer else { return Err(Trouble::Nonsense) };
    let number = |value| if let Value::Int(number) = value { Ok(number) } else { Err(Trouble::Nonsense) };
    let numbers: Vec<i64> = values.into_iter().map(number).collect::<Result<_, _>>()?;
    if numbers.len() < least { Err(Trouble::Nonsense) } else { Ok(numbers) }
}

/// The answer as text.
pub(crate) fn text(answer: Value) -> Result<String, Trouble> {
    match answer {
        Value::BulkString(bytes) => String::from_utf8(bytes).map_err(|_| Trouble::Nonsense),
        Value::SimpleString(text) => Ok(text),
        _ => Err(Trouble::Nonsense),
    }
}

/// The answer as a list.
pub(crate) fn list(answer: Value) -> Result<Vec<Value>, Trouble> {
    if let Value::Array(values) = answer { Ok(values) } else { Err(Trouble::Nonsense) }
}
