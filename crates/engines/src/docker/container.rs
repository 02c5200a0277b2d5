//! What the engine says of a container. Pure.

use super::recipe::{NAME, NETWORK, OWNER, PORT, REVISION, SERVICE, exposed};
use serde::{Deserialize, Deserializer};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A container of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The engine's id of it.
    pub id: Box<str>,
    /// The name of the instance: `shop-1`.
    pub name: Box<str>,
    /// Its service.
    pub service: Box<str>,
    /// Which revision of the service it is.
    pub revision: Box<str>,
    /// What it does.
    pub state: State,
    /// Where it is reached, once it runs.
    pub address: Option<SocketAddr>,
    /// Its first process, as the engine's machine counts.
    pub pid: Option<u32>,
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It was made and never started.
    Created,
    /// It runs.
    Running,
    /// It has ended, or is about to.
    Ended {
        /// The exit status of its first process; 128 and the number for a signal.
        code: i64,
        /// The kernel ended it for want of memory.
        out_of_memory: bool,
    },
}

/// `GET /containers/{id}/json`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    id: Box<str>,
    #[serde(default)]
    state: Raw,
    config: Config,
    #[serde(default)]
    network_settings: Network,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Raw {
    status: String,
    running: bool,
    exit_code: i64,
    #[serde(rename = "OOMKilled")]
    out_of_memory: bool,
    pid: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default, deserialize_with = "nullable")]
    labels: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Network {
    /// The value is `null` for a port that is exposed and not published.
    #[serde(deserialize_with = "nullable")]
    ports: HashMap<String, Option<Vec<Binding>>>,
    #[serde(deserialize_with = "nullable")]
    networks: HashMap<String, Attached>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    #[serde(default)]
    host_ip: String,
    #[serde(default)]
    host_port: String,
}

#[derive(Deserialize)]
struct Attached {
    #[serde(rename = "IPAddress", default)]
    address: String,
    #[serde(rename = "GlobalIPv6Address", default)]
    address_v6: String,
}

/// Go writes an empty map as `null`.
fn nullable<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Inspected {
    /// The container, where it is one of this owner's.
    pub(super) fn container(self, owner: &str) -> Option<Container> {
        let label = |key: &str| self.config.labels.get(key).map(|value| Box::from(value.as_str()));
        if label(OWNER).as_deref() != Some(owner) {
            return None;
        }
        let state = self.state.meaning();
        let port = label(PORT)?.parse().ok()?;
        let address = self.network_settings.at(port, label(NETWORK).as_deref());
        Some(Container {
            name: label(NAME)?,
            service: label(SERVICE)?,
            revision: label(REVISION)?,
            pid: Some(self.state.pid).filter(|&pid| pid != 0),
            address: address.filter(|_| state == State::Running),
            id: self.id,
            state,
        })
    }
}

impl Raw {
    fn meaning(&self) -> State {
        match (&*self.status, self.running) {
            ("created" | "configured" | "initialized", _) => State::Created,
            // A paused container is one that runs: whoever paused it has a reason.
            (_, true) => State::Running,
            _ => State::Ended { code: self.exit_code, out_of_memory: self.out_of_memory },
        }
    }
}

impl Network {
    fn at(&self, port: u16, network: Option<&str>) -> Option<SocketAddr> {
        let Some(network) = network else { return self.published(&exposed(port)) };
        let attached = self.networks.get(network)?;
        let ip = attached.address.parse().or_else(|_| attached.address_v6.parse()).ok()?;
        Some(SocketAddr::new(ip, port))
    }

    fn published(&self, exposed: &str) -> Option<SocketAddr> {
        let bindings = self.ports.get(exposed)?.as_ref()?;
        bindings.iter().find_map(|binding| {
            // An engine without the address publishes on all: the loopback is one of them.
            let ip: IpAddr = binding.host_ip.parse().unwrap_or(Ipv4Addr::LOCALHOST.into());
            let ip = if ip.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { ip };
            let port = binding.host_port.parse().ok().filter(|&port| port != 0)?;
            Some(SocketAddr::new(ip, port)).filter(|address| address.ip().is_loopback())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn inspected(state: &Value, network: &Value) -> Option<Container> {
        inspected_in(state, network, &json!(null))
    }

    fn inspected_in(state: &Value, network: &Value, name: &Value) -> Option<Container> {
        let mut labels = json!({
            OWNER: "t", SERVICE: "shop", NAME: "shop-1", REVISION: "r1", PORT: "8080", "other": "x",
        });
        if !name.is_null() {
            labels[NETWORK] = name.clone();
        }
        let json = json!({
            "Id": "abc", "Name": "/t-shop-1", "State": state, "Config": { "Labels": labels, "Env": ["A=b"] },
            "NetworkSettings": network,
        });
        let inspected: Inspected = serde_json::from_value(json).unwrap();
        inspected.container("t")
    }

    #[test]
    fn a_running_container_is_where_its_port_was_published() {
        let running = json!({ "Status": "running", "Running": true, "Pid": 42, "ExitCode": 0 });
        for (ports, expected) in [
            (
                json!({ "8080/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "32768" }] }),
                Some("127.0.0.1:32768"),
            ),
            (json!({ "8080/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "32768" }] }), Some("127.0.0.1:32768")),
            (json!({ "8080/tcp": [{ "HostIp": "", "HostPort": "5" }] }), Some("127.0.0.1:5")),
            (json!({ "8080/tcp": [{ "HostIp": "10.0.0.1", "HostPort": "5" }] }), None),
            (json!({ "8080/tcp": null, "9/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "5" }] }), None),
            (json!({ "8080/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "99999" }] }), None),
            (json!(null), None),
        ] {
            let container = inspected(&running, &json!({ "Ports": ports })).unwrap();
            assert_eq!(container.address.map(|a| a.to_string()).as_deref(), expected, "{ports}");
            assert_eq!((container.state, container.pid), (State::Running, Some(42)));
        }
    }

    #[test]
    fn a_container_of_a_network_is_at_its_own_address_in_it() {
        let running = json!({ "Status": "running", "Running": true });
        let networks = json!({ "Networks": {
            "bridge": { "IPAddress": "172.17.0.2" },
            "shopnet": { "IPAddress": "172.18.0.5", "GlobalIPv6Address": "" },
            "six": { "IPAddress": "", "GlobalIPv6Address": "fd00::5" },
        } });
        let address = |name: &str| {
            let container = inspected_in(&running, &networks, &json!(name)).unwrap();
            container.address.map(|address| address.to_string())
        };
        assert_eq!(address("shopnet").as_deref(), Some("172.18.0.5:8080"));
        assert_eq!(address("six").as_deref(), Some("[fd00::5]:8080"));
        assert_eq!(address("other"), None);
    }

    #[test]
    fn states_are_told_apart() {
        for (state, expected) in [
            (json!({ "Status": "created" }), State::Created),
            (json!({ "Status": "paused", "Running": true, "Paused": true }), State::Running),
            (json!({ "Status": "exited", "ExitCode": 3 }), State::Ended { code: 3, out_of_memory: false }),
            (
                json!({ "Status": "exited", "ExitCode": 137, "OOMKilled": true }),
                State::Ended { code: 137, out_of_memory: true },
            ),
            (json!({ "Status": "dead" }), State::Ended { code: 0, out_of_memory: false }),
        ] {
            assert_eq!(inspected(&state, &json!({})).unwrap().state, expected, "{state}");
        }
    }

    #[test]
    fn a_container_of_somebody_else_is_none_of_ours() {
        for labels in [
            json!(null),
            json!({}),
            json!({ OWNER: "other", SERVICE: "shop", NAME: "n", REVISION: "r", PORT: "80" }),
            json!({ OWNER: "t" }),
        ] {
            let json = json!({ "Id": "abc", "Config": { "Labels": labels } });
            let inspected: Inspected = serde_json::from_value(json).unwrap();
            assert_eq!(inspected.container("t"), None);
        }
    }
}
