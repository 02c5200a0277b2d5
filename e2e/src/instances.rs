//! What the admin API says of the instances of a service, and waiting until it says something else.

use crate::message::Response;
use crate::raw::Raw;
use crate::wait::{PATIENCE, eventually};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// A request to the admin API, on a connection of its own.
pub(crate) fn ask_admin(address: SocketAddr, method: &str, path: &str) -> Option<Response> {
    let mut admin = Raw::try_connect(address).ok()?;
    let close = "Connection: close\r\nContent-Length: 0\r\n";
    admin.send(format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{close}\r\n"));
    admin.try_response().ok()
}

/// The instances of one service.
#[derive(Clone, Debug)]
pub struct Instances {
    admin: SocketAddr,
    service: String,
}

impl Instances {
    pub(crate) fn of(admin: SocketAddr, service: &str) -> Self {
        Self { admin, service: service.into() }
    }

    /// The service as `/api/instances` shows it; null where it is not shown.
    pub fn view(&self) -> Value {
        let all = self.ask("/api/instances");
        let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().find(|one| one["service"] == self.service.as_str()).cloned().unwrap_or_default()
    }

    /// One of its numbers, such as `ready`.
    pub fn number(&self, name: &str) -> u64 {
        self.view()[name].as_u64().unwrap_or_default()
    }

    /// The processes of all instances that live.
    pub fn pids(&self) -> BTreeSet<u32> {
        pids(&self.view(), |_| true)
    }

    /// The processes of those that take requests.
    pub fn ready(&self) -> BTreeSet<u32> {
        pids(&self.view(), |instance| instance["state"] == "ready")
    }

    /// Waits until that many take requests and no other lives, and gives their processes.
    #[track_caller]
    pub fn wait_ready(&self, count: usize) -> BTreeSet<u32> {
        let is_so = |view: &Value| {
            view["ready"] == count && view["instances"].as_array().is_some_and(|all| all.len() == count)
        };
        pids(&self.wait_until(&format!("{count} are ready and no other lives"), is_so), |_| true)
    }

    /// [`Self::wait_ready`] without that process, which has ended or is to end.
    #[track_caller]
    pub fn wait_without(&self, gone: u32, count: usize) -> BTreeSet<u32> {
        let view = self.wait_until(&format!("{count} are ready and {gone} is gone"), |view| {
            let pids = pids(view, |_| true);
            view["ready"] == count && pids.len() == count && !pids.contains(&gone)
        });
        pids(&view, |_| true)
    }

    /// Waits until `condition` holds of what is shown, and gives that.
    #[track_caller]
    pub fn wait_until(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let mut view = Value::Null;
        let came = eventually(PATIENCE * 2, || {
            view = self.view();
            condition(&view)
        });
        assert!(
            came,
            "waited {:?} in vain: {what}; now it is\n{view:#}\n{:#?}",
            PATIENCE * 2,
            self.decisions()
        );
        view
    }

    /// The last decisions, the oldest first.
    pub fn decisions(&self) -> Vec<Value> {
        let told = self.ask(&format!("/api/scale/{}/decisions", self.service));
        told.as_array().map(|all| all.iter().rev().cloned().collect()).unwrap_or_default()
    }

    /// Has them replaced, one after the other.
    #[track_caller]
    pub fn restart(&self) -> Response {
        let path = format!("/api/services/{}/restart", self.service);
        ask_admin(self.admin, "POST", &path).expect("the admin API answers")
    }

    fn ask(&self, path: &str) -> Value {
        let answer = ask_admin(self.admin, "GET", path);
        answer.and_then(|answer| serde_json::from_slice(&answer.body).ok()).unwrap_or_default()
    }
}

fn pids(view: &Value, of: impl Fn(&Value) -> bool) -> BTreeSet<u32> {
    let instances = view["instances"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pid = |instance: &Value| instance["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    instances.iter().filter(|instance| of(instance)).filter_map(pid).collect()
}
