//! What all nodes must hear, such as that a page is to be purged: a stream in Redis, kept to its last ten thousand messages.
//!
//! A node that was cut off reads on from where it was. Where messages may be lost to it - the stream was trimmed or its server has lost
//! it - it is told so ([`Heard::Missed`]) and can do what is safe. Nobody hears his own messages.
//! *Promise*: each message once and in order; within a fifth of a second where the store works. *Cost*: ten questions a second.

use crate::cluster::Shared;
use crate::script::{list, text};
use crate::trouble::Trouble;
use redis::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Messages that the stream keeps, about.
const KEPT: usize = 10_000;
/// Messages that are read at a time.
const AT_ONCE: usize = 256;
/// Messages that wait for a slow subscriber; it misses what does not fit.
const WAITING: usize = 1_024;
/// A message's bytes at most.
const BYTES_MOST: usize = 64 * 1_024;

/// What a subscriber hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message of another node.
    Message(Arc<[u8]>),
    /// Messages may have been lost, of whatever topic.
    Missed,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// More than 64 KiB, or no topic.
    #[error("a message of more than 64 KiB, or without a topic")]
    TooLong,
    /// The store cannot be asked now; whether it has got the message is not known.
    #[error("the shared store cannot be asked now")]
    StoreDown,
}

#[derive(Clone, Debug)]
struct Note {
    /// Empty: missed.
    topic: Box<str>,
    bytes: Arc<[u8]>,
}

/// Hears one topic.
#[derive(Debug)]
pub struct Subscription {
    topic: Box<str>,
    notes: broadcast::Receiver<Note>,
}

impl Subscription {
    /// Is there nothing that was passed on and not taken yet?
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// Waits for what comes next; `None` when the cluster has ended.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            match self.notes.recv().await {
                Ok(note) if note.topic == self.topic => return Some(Heard::Message(note.bytes)),
                Ok(note) if note.topic.is_empty() => return Some(Heard::Missed),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return Some(Heard::Missed),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

/// A place in what all nodes hear, to go on from in another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Milliseconds since 1970, by the store's clock.
    pub time: u64,
    /// Which message of that millisecond.
    pub number: u64,
}

/// The id of a message in a stream: a time and a number.
type Id = (u64, u64);

/// This node's end of it.
#[derive(Debug)]
pub(crate) struct Bus {
    notes: broadcast::Sender<Note>,
    /// The last message that was read; none before the first look.
    at: Mutex<Option<Id>>,
    /// It was set back, so what lies between may be gone.
    is_set_back: AtomicBool,
    /// All that was there has been passed on, once since then.
    is_heard: AtomicBool,
    /// Which messages are our own.
    me: Box<str>,
}

impl Bus {
    pub(crate) fn new(me: String) -> Self {
        Self {
            notes: broadcast::Sender::new(WAITING),
            at: Mutex::default(),
            is_set_back: AtomicBool::new(false),
            is_heard: AtomicBool::new(false),
            me: me.into(),
        }
    }

    pub(crate) fn subscribe(&self, topic: &str) -> Subscription {
        Subscription { topic: topic.into(), notes: self.notes.subscribe() }
    }

    /// How far this node has heard the others; `None` before the first look.
    pub(crate) fn place(&self) -> Option<Place> {
        self.at().map(|(time, number)| Place { time, number })
    }

    /// Reads on from a place of an earlier process, where that lies before what was read by this one.
    pub(crate) fn resume(&self, place: Place) {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = (place.time, place.number);
        if at.is_none_or(|at| at > earlier) {
            *at = Some(earlier);
            self.is_heard.store(false, Ordering::Release);
            self.is_set_back.store(true, Ordering::Release);
        }
    }

    /// Was all that the others have said passed on to subscribers, at least once, since the place was set?
    pub(crate) fn has_heard(&self) -> bool {
        self.is_heard.load(Ordering::Acquire)
    }

    fn heard_all(&self) {
        if !self.is_set_back.load(Ordering::Acquire) {
            self.is_heard.store(true, Ordering::Release);
        }
    }

    fn at(&self) -> Option<Id> {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_at(&self, at: Id) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    fn tell(&self, topic: &str, bytes: Vec<u8>) {
        // Nobody may be listening.
        let _ = self.notes.send(Note { topic: topic.into(), bytes: bytes.into() });
    }
}

/// Tells all other nodes.
pub(crate) async fn publish(shared: &Shared, topic: &str, bytes: &[u8]) -> Result<(), Unsent> {
    if topic.is_empty() || bytes.len() > BYTES_MOST {
        return Err(Unsent::TooLong);
    }
    let mut command = redis::cmd("XADD");
    command.arg(shared.names.single("bus")).arg("MAXLEN").arg("~").arg(KEPT).arg("*");
    command.arg("from").arg(&*shared.bus.me).arg("topic").arg(topic).arg("bytes").arg(bytes);
    shared.link.ask(&command).await.map(drop).map_err(|_| Unsent::StoreDown)
}

/// Finds the place to read on from, behind a new connection.
pub(crate) async fn find_place(shared: &Shared) -> Result<(), Trouble> {
    let last = end(shared, "XREVRANGE", "+", "-").await?;
    let Some(at) = shared.bus.at() else {
        // What was said before this node was born is not for it.
        shared.bus.set_at(last.unwrap_or_default());
        return Ok(());
    };
    let first = end(shared, "XRANGE", "-", "+").await?;
    let has_lost = last.is_none_or(|last| last < at) && at != Id::default();
    let was_trimmed = first.is_some_and(|first| first > at);
    if has_lost {
        shared.bus.set_at(Id::default());
    }
    if has_lost || was_trimmed {
        shared.bus.tell("", Vec::new());
    }
    Ok(())
}

/// Reads what is new and passes it on.
pub(crate) async fn read(shared: &Shared) -> Result<(), Trouble> {
    if shared.bus.is_set_back.swap(false, Ordering::AcqRel) {
        find_place(shared).await?;
    }
    loop {
        let (time, number) = shared.bus.at().unwrap_or_default();
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(AT_ONCE).arg("STREAMS").arg(shared.names.single("bus"));
        let answer = shared.link.ask(command.arg(format!("{time}-{number}"))).await?;
        if answer == Value::Nil {
            shared.bus.heard_all();
            return Ok(());
        }
        // One stream was asked for: [[its name, [messages]]].
        let mut streams = list(answer)?;
        let mut stream = list(streams.pop().ok_or(Trouble::Nonsense)?)?;
        let messages = list(stream.pop().ok_or(Trouble::Nonsense)?)?;
        let count = messages.len();
        for message in messages {
            hear(&shared.bus, message)?;
        }
        if count < AT_ONCE {
            shared.bus.heard_all();
            return Ok(());
        }
    }
}

fn hear(bus: &Bus, message: Value) -> Result<(), Trouble> {
    let [id, fields] = <[Value; 2]>::try_from(list(message)?).map_err(|_| Trouble::Nonsense)?;
    bus.set_at(read_id(id)?);
    let mut fields = list(fields)?.into_iter();
    let (mut from, mut topic, mut bytes) = (None, None, None);
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        match &*text(name)? {
            "from" => from = text(value).ok(),
            "topic" => topic = text(value).ok(),
            "bytes" => bytes = if let Value::BulkString(bytes) = value { Some(bytes) } else { None },
            _ => {}
        }
    }
    // What lacks a part is somebody else's, or of another version: it is not for us.
    if let (Some(from), Some(topic), Some(bytes)) = (from, topic, bytes)
        && *from != *bus.me
        && !topic.is_empty()
    {
        bus.tell(&topic, bytes);
    }
    Ok(())
}

/// The id at one end of the stream.
async fn end(shared: &Shared, command: &str, from: &str, to: &str) -> Result<Option<Id>, Trouble> {
    let mut command = redis::cmd(command);
    command.arg(shared.names.single("bus")).arg(from).arg(to).arg("COUNT").arg(1);
    let Some(message) = list(shared.link.ask(&command).await?)?.pop() else { return Ok(None) };
    let mut parts = list(message)?;
    parts.truncate(1);
    parts.pop().ok_or(Trouble::Nonsense).and_then(read_id).map(Some)
}

fn read_id(id: Value) -> Result<Id, Trouble> {
    let id = text(id)?;
    let (time, number) = id.split_once('-').ok_or(Trouble::Nonsense)?;
    Ok((time.parse().map_err(|_| Trouble::Nonsense)?, number.parse().map_err(|_| Trouble::Nonsense)?))
}
