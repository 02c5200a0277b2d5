//! What the whole-program tests stand on: the built `tidegate` binary, scripted origins, raw and real clients.
//!
//! The tests know Tidegate only from outside: its command line, its config file, its sockets and what it prints. They
//! import no room of the workspace, so that a mistake that two rooms share cannot hide from them. What a test expects
//! comes from the RFCs and from the documented interface.
//!
//! *Invariant*: nothing waits without a deadline, all traffic is on 127.0.0.1, and whatever a test started (processes,
//! threads, files, ports) is gone when the value that stands for it is dropped.

mod application;
mod binary;
mod cached;
mod certificate;
mod clients;
mod cluster;
mod crowd;
mod dns;
mod fleet;
mod gate;
mod instances;
mod message;
mod open_loop;
mod origin;
mod port;
mod python;
mod raw;
mod redis;
mod scratch;
mod tidegate;
mod wait;
mod websockets;

pub use application::{Alone, application};
pub use binary::tidegate_binary;
pub use cached::Saying;
pub use certificate::Certificate;
pub use clients::{Curl, Load, curl, curl_raw, finish, h2load, run};
pub use cluster::Cluster;
pub use crowd::{Crowd, at_once, get, post, shares};
pub use dns::DnsServer;
pub use fleet::{Fleet, Group, has_ended, send_signal};
pub use gate::Gate;
pub use instances::Instances;
pub use message::{Fields, Request, Response, is_problem};
pub use open_loop::{OpenLoop, Tally};
pub use origin::{Exchange, Origin};
pub use port::Port;
pub use python::{PythonServer, python, python_script, start_python_script};
pub use raw::Raw;
pub use redis::Redis;
pub use scratch::Scratch;
pub use tidegate::Tidegate;
pub use wait::{PATIENCE, eventually, soon, while_waiting};
pub use websockets::{ECHO_INTERVAL, WebSockets};

pub use rustix::process::Signal;
