//! Who listens on a port: a process of the instance, or somebody who took the port before it.
//!
//! Sockets that listen are in `/proc/net/tcp` and `tcp6` with the number of their inode; who holds an inode is seen in
//! `/proc/PID/fd`. Looked at once for each start. Only what listens where 127.0.0.1 is reached counts.

use super::tree::Tree;
use crate::channel::Owner;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};

/// The state LISTEN (`TCP_LISTEN` in `include/net/tcp_states.h`).
const LISTEN: &str = "0A";
/// Addresses as the kernel prints them, word by word in the byte order of the machine: 127.0.0.1, any, any of IPv6, and 127.0.0.1
/// within IPv6. On a machine with the other byte order only the wildcards are known, so nothing is taken for foreign there.
const REACHED: [&str; 4] =
    ["0100007F", "00000000", "00000000000000000000000000000000", "0000000000000000FFFF00000100007F"];

/// Who listens on that port of 127.0.0.1.
pub(super) fn of(port: u16) -> Owner {
    let mut inodes = HashSet::new();
    for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        // A kernel without IPv6 has no such table.
        let Ok(file) = File::open(table) else { continue };
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        inodes.extend(lines.filter_map(|line| listener(&line, port)));
    }
    if inodes.is_empty() {
        return Owner::Nobody;
    }
    let held: HashSet<u64> = Tree::below_this_process().pids().iter().flat_map(|pid| sockets(*pid)).collect();
    if inodes.is_subset(&held) { Owner::Instance } else { Owner::Foreign }
}

/// The inode in a line of the table, where it listens on that port.
fn listener(line: &str, port: u16) -> Option<u64> {
    // sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode ..
    let mut fields = line.split_ascii_whitespace();
    let (address, number) = fields.nth(1)?.split_once(':')?;
    let state = fields.nth(1)?;
    let is_it = state == LISTEN && u16::from_str_radix(number, 16) == Ok(port) && REACHED.contains(&address);
    if is_it { fields.nth(5)?.parse().ok() } else { None }
}

/// The inodes of a process's sockets.
fn sockets(pid: i32) -> Vec<u64> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    open.filter_map(|entry| {
        let target = fs::read_link(entry.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_listens_on_the_port_and_can_be_reached_counts() {
        let line = |address, state| {
            format!(
                "   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 4711 1 x"
            )
        };
        assert_eq!(listener(&line("0100007F:1F90", "0A"), 8080), Some(4711));
        assert_eq!(listener(&line("00000000:1F90", "0A"), 8080), Some(4711));
        assert_eq!(listener(&line("0000000000000000FFFF00000100007F:1F90", "0A"), 8080), Some(4711));
        assert_eq!(listener(&line("0100007F:1F90", "01"), 8080), None, "a connection");
        assert_eq!(listener(&line("0100007F:1F91", "0A"), 8080), None, "another port");
        assert_eq!(listener(&line("0500000A:1F90", "0A"), 8080), None, "an address of the network");
        for malformed in ["", "  sl  local_address rem_address   st", "0: x y 0A", "0: 0100007F:1F90 0 0A"] {
            assert_eq!(listener(malformed, 8080), None, "{malformed}");
        }
    }

    #[test]
    fn a_listener_of_another_process_is_foreign_and_none_is_nobody() {
        // This process has no children here that listen: itself is no part of the tree below it.
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(of(port), Owner::Foreign);
        drop(socket);
        assert_eq!(of(port), Owner::Nobody);
    }
}
