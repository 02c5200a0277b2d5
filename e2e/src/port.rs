//! Ports that nobody else takes while a test uses them.
//!
//! Binding port 0 and letting go of it again is a race: the kernel hands the same port to the next one who asks, and
//! with `SO_REUSEPORT` two gateways would then share it without a word. So ports come from below the range of ephemeral
//! ports, and a locked file keeps other tests, of this process or another, away for as long as the value lives.

use std::fs::{File, create_dir_all};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The first port that tests may take; Linux' ephemeral ports start at 32768.
const FIRST: u16 = 12_000;
/// How many there are.
const COUNT: u16 = 20_000;

/// A TCP port of 127.0.0.1 that is free until someone binds it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Takes a free port.
    pub fn free() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let folder = std::env::temp_dir().join("tidegate-e2e-ports");
        create_dir_all(&folder).expect("the temporary folder can be written");
        // Processes start at different places, so that they rarely try the same port.
        let start = (std::process::id() as u16).wrapping_mul(97) % COUNT;
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
            let number = FIRST + (start + step) % COUNT;
            let lock = File::create(folder.join(number.to_string())).expect("a lock file can be made");
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Self { number, _lock: lock };
            }
        }
        panic!("no free port from {FIRST} to {}", FIRST + COUNT);
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Its address on 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}
