//! What a fleet asks of the gateway, and what it tells it.

use std::fmt;
use std::time::Duration;
use upstream::Place;

/// The gateway, as a fleet sees it. Called on the fleet's thread, never while the fleet is at work on itself.
pub trait Host {
    /// Who is there to get requests now: those that are ready, and those that finish what they have (`cordoned`).
    fn endpoints(&self, service: &str, members: &[Member]);

    /// What an instance is at work on at this moment.
    fn in_flight(&self, service: &str, name: &str) -> InFlight;

    /// Something happened.
    fn tell(&self, service: &str, happening: &Happening);
}

/// An instance that gets requests, or still answers some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// `shop-1`. Names are used again, so that there are not more of them than instances at a time.
    pub name: Box<str>,
    /// Where it listens.
    pub place: Place,
    /// It gets no more requests.
    pub cordoned: bool,
}

/// What an instance is at work on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Requests, those among [`Self::streams`] included.
    pub requests: u32,
    /// Those that may go on for long: tunnels and streams.
    pub streams: u32,
}

/// What an instance is launched as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Launched {
    /// This process of this machine.
    Process(u32),
    /// The container with this id.
    Container(Box<str>),
}

impl fmt::Display for Launched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(pid) => write!(f, "process {pid}"),
            // So many digits as engines show themselves.
            Self::Container(id) => write!(f, "container {}", id.get(..12).unwrap_or(id)),
        }
    }
}

/// What happens in a fleet. [`Display`](fmt::Display) gives a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A process or a container was launched.
    Started {
        /// Of which instance.
        name: Box<str>,
        /// Which.
        launched: Launched,
        /// Of which revision.
        revision: String,
    },
    /// An instance takes requests.
    Ready {
        /// Which.
        name: Box<str>,
        /// How long after its launch.
        after: Duration,
    },
    /// An instance ended that nobody had told to.
    Exited {
        /// Which.
        name: Box<str>,
        /// How: `exit status 1`, `signal 9`.
        status: String,
        /// It had been ready.
        was_ready: bool,
        /// How long it had lived.
        lived: Duration,
        /// The last lines that it wrote.
        last_words: Option<String>,
    },
    /// An instance could not be launched, or did not become ready.
    NeverReady {
        /// Which.
        name: Box<str>,
        /// Why.
        why: String,
    },
    /// Instances end as fast as they are started.
    CrashLoop {
        /// What was last seen.
        why: String,
    },
    /// An instance is being replaced.
    Replacing {
        /// Which.
        name: Box<str>,
        /// Why: more memory than it may have, an operator's wish.
        why: String,
    },
    /// An instance had to be ended before its requests were done.
    DrainedLate {
        /// Which.
        name: Box<str>,
        /// Requests that were cut.
        requests: u32,
        /// Streams among them.
        streams: u32,
    },
    /// An instance did not end on SIGTERM in time.
    Killed {
        /// Which.
        name: Box<str>,
    },
    /// An instance has ended as it was told to.
    Stopped {
        /// Which.
        name: Box<str>,
        /// How.
        status: String,
    },
    /// All instances are to be replaced, one after the other.
    RolloutBegan {
        /// By instances of this revision.
        revision: String,
        /// Why.
        why: &'static str,
    },
    /// All have been replaced.
    RolledOut {
        /// By instances of this revision.
        revision: String,
    },
    /// The new revision does not come up; the old one serves.
    RolloutFailed {
        /// The new one.
        revision: String,
        /// What was last seen.
        why: String,
    },
    /// Something is not as it was asked for, and instances are kept all the same: a log that cannot be written, a limit that
    /// cannot be set.
    Trouble {
        /// With which instance.
        name: Box<str>,
        /// What.
        what: String,
    },
}

impl Happening {
    /// A label for metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Ready { .. } => "ready",
            Self::Exited { .. } => "exited",
            Self::NeverReady { .. } => "never_ready",
            Self::CrashLoop { .. } => "crash_loop",
            Self::Replacing { .. } => "replacing",
            Self::DrainedLate { .. } => "drained_late",
            Self::Killed { .. } => "killed",
            Self::Stopped { .. } => "stopped",
            Self::RolloutBegan { .. } => "rollout_began",
            Self::RolledOut { .. } => "rolled_out",
            Self::RolloutFailed { .. } => "rollout_failed",
            Self::Trouble { .. } => "trouble",
        }
    }

    /// The instance that it happened to.
    pub fn instance(&self) -> Option<&str> {
        match self {
            Self::Started { name, .. }
            | Self::Ready { name, .. }
            | Self::Exited { name, .. }
            | Self::NeverReady { name, .. }
            | Self::Replacing { name, .. }
            | Self::DrainedLate { name, .. }
            | Self::Killed { name }
            | Self::Stopped { name, .. }
            | Self::Trouble { name, .. } => Some(name),
            Self::CrashLoop { .. }
            | Self::RolloutBegan { .. }
            | Self::RolledOut { .. }
            | Self::RolloutFailed { .. } => None,
        }
    }
}

/// The last of the lines that an instance wrote, behind how it ended.
pub(crate) fn said(words: Option<&str>) -> String {
    match words.and_then(|words| words.lines().last()) {
        Some(line) => format!("; it last said: {line}"),
        None => String::new(),
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { name, launched, revision } => {
                write!(f, "{name} is launched as {launched}, revision {revision}")
            }
            Self::Ready { name, after } => write!(f, "{name} is ready after {after:.2?}"),
            Self::Exited { name, status, was_ready, lived, last_words } => {
                let when = if *was_ready { "while it served" } else { "before it was ready" };
                write!(
                    f,
                    "{name} ended {when}, after {lived:.1?}, with {status}{}",
                    said(last_words.as_deref())
                )
            }
            Self::NeverReady { name, why } => write!(f, "{name} did not become ready: {why}"),
            Self::CrashLoop { why } => write!(f, "instances end as fast as they are started: {why}"),
            Self::Replacing { name, why } => write!(f, "{name} is being replaced: {why}"),
            Self::DrainedLate { name, requests, streams } => {
                write!(f, "{name} is ended with {requests} requests under way, {streams} of them streams")
            }
            Self::Killed { name } => write!(f, "{name} did not end on SIGTERM and is killed"),
            Self::Stopped { name, status } => write!(f, "{name} has ended with {status}"),
            Self::RolloutBegan { revision, why } => {
                write!(f, "instances are being replaced by revision {revision}: {why}")
            }
            Self::RolledOut { revision } => write!(f, "all instances are of revision {revision}"),
            Self::RolloutFailed { revision, why } => {
                write!(f, "revision {revision} does not come up, the one before serves: {why}")
            }
            Self::Trouble { name, what } => write!(f, "{name}: {what}"),
        }
    }
}
