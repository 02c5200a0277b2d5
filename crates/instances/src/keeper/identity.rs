//! As which user a program runs.
//!
//! Names are looked up in `/etc/passwd` and `/etc/group`; users of a directory service are given by their numbers.
//! *Promise*: where a user is asked for, the program runs as that user, with that user's groups, or not at all.

use crate::channel::Plan;
use rustix::process::{Gid, Uid};
use std::fs;
use std::os::unix::fs::chown;

/// Who.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    user: u32,
    group: u32,
    /// The groups that list the user.
    others: Vec<u32>,
}

/// Makes this process the user that is asked for. The folder of the instance's socket becomes that user's.
pub(super) fn assume(plan: &Plan) -> Result<(), String> {
    let program = &plan.program;
    if program.user.is_none() && program.group.is_none() {
        return Ok(());
    }
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let (users, groups) = (read("/etc/passwd"), read("/etc/group"));
    let (me, mine) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let identity = find(program.user.as_deref(), program.group.as_deref(), me, &users, &groups)?;
    if (identity.user, identity.group) == (me, mine) {
        // Nothing to change, for which no privileges are needed.
        return Ok(());
    }
    let cannot = |e: &dyn std::fmt::Display| {
        let who = program.user.as_deref().or(program.group.as_deref()).unwrap_or_default();
        format!("cannot run as `{who}`: {e}")
    };
    if let Some(folder) = &plan.folder {
        chown(folder, Some(identity.user), Some(identity.group)).map_err(|e| cannot(&e))?;
    }
    let others: Vec<_> = identity.others.iter().map(|g| Gid::from_raw(*g)).collect();
    let (user, group) = (Uid::from_raw(identity.user), Gid::from_raw(identity.group));
    // Groups first: without privileges they could not be changed any more. This process has one thread.
    rustix::thread::set_thread_groups(&others).map_err(|e| cannot(&e))?;
    rustix::thread::set_thread_res_gid(group, group, group).map_err(|e| cannot(&e))?;
    rustix::thread::set_thread_res_uid(user, user, user).map_err(|e| cannot(&e))
}

fn find(
    user: Option<&str>,
    group: Option<&str>,
    me: u32,
    users: &str,
    groups: &str,
) -> Result<Identity, String> {
    let wanted = user.map_or_else(|| me.to_string(), str::to_owned);
    // name:password:uid:gid:..
    let row = rows(users).find(|row| row.first() == Some(&&*wanted) || row.get(2) == Some(&&*wanted));
    let number = |row: &Vec<&str>, at: usize| row.get(at).and_then(|n| n.parse::<u32>().ok());
    let uid = row.as_ref().and_then(|row| number(row, 2)).or_else(|| wanted.parse().ok());
    let uid = uid.filter(|uid| *uid != u32::MAX).ok_or_else(|| format!("there is no user `{wanted}`"))?;
    let gid = match group {
        // name:password:gid:members
        Some(name) => rows(groups)
            .find(|row| row.first() == Some(&name))
            .and_then(|row| number(&row, 2))
            .or_else(|| name.parse().ok())
            .ok_or_else(|| format!("there is no group `{name}`"))?,
        None => row
            .as_ref()
            .and_then(|row| number(row, 3))
            .ok_or_else(|| format!("user `{wanted}` has no group of its own: `group` is needed"))?,
    };
    if gid == u32::MAX {
        return Err("there is no such group".into());
    }
    let name = row.as_ref().and_then(|row| row.first().copied()).unwrap_or_default();
    let lists =
        |row: &Vec<&str>| !name.is_empty() && row.get(3).is_some_and(|m| m.split(',').any(|m| m == name));
    let others = rows(groups).filter(lists).filter_map(|row| number(&row, 2)).collect();
    Ok(Identity { user: uid, group: gid, others })
}

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.trim_end().split(':').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34::/var:/bin/false\nbroken\n";
    const GROUPS: &str = "root:x:0:\nweb:x:34:\nlogs:x:4:www,other\nmedia:x:9:awww\n";

    #[test]
    fn users_and_groups_are_found_by_name_and_by_number() {
        let find = |user, group| find(user, group, 33, USERS, GROUPS);
        let www = |group, others: &[u32]| Ok(Identity { user: 33, group, others: others.into() });
        assert_eq!(find(Some("www"), None), www(34, &[4]));
        assert_eq!(find(Some("33"), None), www(34, &[4]));
        assert_eq!(find(None, Some("logs")), www(4, &[4]));
        assert_eq!(find(Some("www"), Some("77")), www(77, &[4]));
        assert_eq!(find(Some("700"), Some("web")), Ok(Identity { user: 700, group: 34, others: vec![] }));
    }

    #[test]
    fn whoever_is_not_there_is_refused() {
        for (user, group) in [
            (Some("nobody-here"), None),
            (Some("700"), None),
            (Some("www"), Some("none")),
            (Some("-1"), None),
        ] {
            assert!(find(user, group, 0, USERS, GROUPS).is_err(), "{user:?} {group:?}");
        }
        assert!(find(Some("4294967295"), Some("web"), 0, USERS, GROUPS).is_err());
    }
}
