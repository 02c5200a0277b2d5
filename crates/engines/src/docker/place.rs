//! Where an engine is: as the environment says, else where engines usually are.

use std::path::{Path, PathBuf};

/// The socket of Docker, and that of Podman as root.
const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/podman/podman.sock"];

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At a Unix socket.
    Unix(PathBuf),
    /// At a URL, `http://` or `https://`. Whoever reaches it is root on its machine.
    Url(Box<str>),
}

impl Place {
    /// `DOCKER_HOST` where it is set; else the first socket that is there, Docker's or Podman's.
    pub fn found() -> Option<Self> {
        Self::found_by(|name| std::env::var(name).ok(), Path::exists)
    }

    /// The same in another environment, with other files.
    fn found_by(
        environment: impl Fn(&str) -> Option<String>,
        exists: impl Fn(&Path) -> bool,
    ) -> Option<Self> {
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        if let Some(host) = variable("DOCKER_HOST") {
            return match host.split_once("://") {
                Some(("unix", path)) => Some(Self::Unix(path.into())),
                Some(("tcp", rest)) => Some(Self::Url(format!("http://{rest}").into())),
                _ => Some(Self::Url(host.into())),
            };
        }
        let own = variable("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("podman/podman.sock"));
        SOCKETS.iter().map(PathBuf::from).chain(own).find(|path| exists(path)).map(Self::Unix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_where_the_environment_says_else_where_a_socket_is() {
        let found = |host: &'static str, sockets: &'static [&str]| {
            let environment = move |name: &str| match name {
                "DOCKER_HOST" => Some(host.to_owned()),
                "XDG_RUNTIME_DIR" => Some("/run/user/7".to_owned()),
                _ => None,
            };
            Place::found_by(environment, |path| sockets.contains(&path.to_str().unwrap()))
        };
        let unix = |path: &str| Some(Place::Unix(path.into()));
        assert_eq!(found("unix:///x/y.sock", &[]), unix("/x/y.sock"));
        assert_eq!(found("tcp://10.0.0.1:2375", &[]), Some(Place::Url("http://10.0.0.1:2375".into())));
        assert_eq!(
            found("", &["/run/podman/podman.sock", "/var/run/docker.sock"]),
            unix("/var/run/docker.sock")
        );
        assert_eq!(found("", &["/run/user/7/podman/podman.sock"]), unix("/run/user/7/podman/podman.sock"));
        assert_eq!(found("", &[]), None);
    }
}
