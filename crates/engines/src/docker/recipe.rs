//! What a container is made of, and how that is said to the engine.

use fetch::Trouble;
use serde_json::{Value, json};
use std::fmt;

/// The labels that say whose a container is.
pub(super) const OWNER: &str = "tidegate.owner";
pub(super) const SERVICE: &str = "tidegate.service";
pub(super) const NAME: &str = "tidegate.name";
pub(super) const REVISION: &str = "tidegate.revision";
/// The labels that say how it is reached, so that it can be found again whatever the config says by then.
pub(super) const PORT: &str = "tidegate.port";
pub(super) const NETWORK: &str = "tidegate.network";

/// The longest name of a service or a container that is used here.
const NAME_MOST: usize = 128;

/// What the containers of one revision of a service have in common.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The service.
    pub service: Box<str>,
    /// What changes whenever anything below does.
    pub revision: Box<str>,
    /// The image: `shop:1.4`, or with a digest.
    pub image: Box<str>,
    /// Its command; empty: that of the image.
    pub command: Vec<String>,
    /// Its environment, beside that of the image.
    pub env: Vec<(String, String)>,
    /// As whom it runs; `None`: as the image says.
    pub user: Option<String>,
    /// The port on which it listens in the container.
    pub port: u16,
    /// How it is reached.
    pub reach: Reach,
    /// What of the engine's machine, or which volume, is mounted where: `/srv/data:/data:ro`.
    pub volumes: Vec<String>,
    /// Most memory, in bytes; swap included.
    pub memory: Option<u64>,
    /// Most CPU time per time, in thousandths of a core: 1500 is one and a half.
    pub millicores: Option<u32>,
    /// Most processes.
    pub processes: Option<u32>,
    /// Fetch the image where the engine does not have it. Registries that want a login are not asked.
    pub pull: bool,
}

/// How a container's port is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// On 127.0.0.1, at a port that the engine chooses: where Tidegate runs on the machine of the engine.
    #[default]
    Published,
    /// At its own address in this network of the engine: where Tidegate runs in a container of that network itself.
    Network(Box<str>),
}

impl fmt::Debug for Recipe {
    /// Environment and command are where secrets stand: only how many of them there are is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipe")
            .field("service", &self.service)
            .field("revision", &self.revision)
            .field("image", &self.image)
            .field("command", &self.command.len())
            .field("env", &self.env.len())
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Recipe {
    /// That image of that service, listening on that port; nothing else is said.
    pub fn new(service: &str, revision: &str, image: &str, port: u16) -> Self {
        Self {
            service: service.into(),
            revision: revision.into(),
            image: image.into(),
            command: Vec::new(),
            env: Vec::new(),
            user: None,
            port,
            reach: Reach::Published,
            volumes: Vec::new(),
            memory: None,
            millicores: None,
            processes: None,
            pull: true,
        }
    }

    /// Refuses what the engine would refuse in words that quote it.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        let wrong = |what: &str| Err(Trouble::Setup(what.into()));
        checked("service", &self.service)?;
        if let Reach::Network(network) = &self.reach {
            checked("network", network)?;
        }
        if self.image.is_empty() || self.port == 0 {
            return wrong("an image and a port are needed");
        }
        if self.env.iter().any(|(key, _)| key.is_empty() || key.contains(['=', '\0'])) {
            return wrong("a variable of the environment has a name that is none");
        }
        if self.env.iter().any(|(_, value)| value.contains('\0')) {
            return wrong("a variable of the environment holds a zero byte");
        }
        Ok(())
    }

    /// The body of `POST /containers/create`.
    pub(super) fn create(&self, owner: &str, name: &str) -> Value {
        let env: Vec<String> = self.env.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let mut body = json!({
            "Image": &*self.image,
            "Env": env,
            "Labels": self.labels(owner, name),
            "ExposedPorts": { exposed(self.port): {} },
            "HostConfig": self.host(),
        });
        if !self.command.is_empty() {
            body["Cmd"] = json!(self.command);
        }
        if let Some(user) = &self.user {
            body["User"] = json!(user);
        }
        body
    }

    fn labels(&self, owner: &str, name: &str) -> Value {
        let mut labels = json!({
            OWNER: owner,
            SERVICE: &*self.service,
            NAME: name,
            REVISION: &*self.revision,
            PORT: self.port.to_string(),
        });
        if let Reach::Network(network) = &self.reach {
            labels[NETWORK] = json!(&**network);
        }
        labels
    }

    fn host(&self) -> Value {
        let mut host = json!({
            // Whether it is started again is decided here.
            "RestartPolicy": { "Name": "no" },
            "AutoRemove": false,
            // Reaps what the program leaves behind, and passes signals on.
            "Init": true,
            "SecurityOpt": ["no-new-privileges"],
        });
        match &self.reach {
            Reach::Published => {
                host["PortBindings"] =
                    json!({ exposed(self.port): [{ "HostIp": "127.0.0.1", "HostPort": "" }] });
            }
            Reach::Network(network) => host["NetworkMode"] = json!(&**network),
        }
        if !self.volumes.is_empty() {
            host["Binds"] = json!(self.volumes);
        }
        if let Some(memory) = self.memory {
            host["Memory"] = json!(memory);
            host["MemorySwap"] = json!(memory);
        }
        if let Some(millicores) = self.millicores {
            host["NanoCpus"] = json!(u64::from(millicores) * 1_000_000);
        }
        if let Some(processes) = self.processes {
            host["PidsLimit"] = json!(processes);
        }
        host
    }
}

/// A port as the engine writes it.
pub(super) fn exposed(port: u16) -> String {
    format!("{port}/tcp")
}

/// Names of services, owners and containers become parts of paths and filters: nothing else gets there.
pub(super) fn checked(what: &str, name: &str) -> Result<(), Trouble> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let first = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if first && name.len() <= NAME_MOST && name.bytes().all(fits) {
        return Ok(());
    }
    Err(Trouble::Setup(format!("`{}` is not the name of a {what}", name.escape_debug()).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_left_to_the_image() {
        let body = Recipe::new("shop", "r1", "shop:1", 8080).create("t", "shop-1");
        assert_eq!(body.get("Cmd"), None);
        assert_eq!(body.get("User"), None);
        assert_eq!((body["HostConfig"].get("Memory"), body["HostConfig"].get("Binds")), (None, None));
        assert_eq!(body["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostIp"], "127.0.0.1");
    }

    #[test]
    fn limits_and_labels_are_said() {
        let recipe = Recipe {
            memory: Some(64 << 20),
            millicores: Some(1500),
            processes: Some(100),
            command: vec!["serve".into()],
            env: vec![("KEY".into(), "a=b".into())],
            reach: Reach::Network("shopnet".into()),
            volumes: vec!["/srv:/data:ro".into()],
            ..Recipe::new("shop", "r1", "shop:1", 8080)
        };
        let body = recipe.create("t", "shop-1");
        let host = &body["HostConfig"];
        assert_eq!((&host["Memory"], &host["MemorySwap"]), (&json!(67_108_864), &json!(67_108_864)));
        assert_eq!((&host["NanoCpus"], &host["PidsLimit"]), (&json!(1_500_000_000), &json!(100)));
        assert_eq!((&body["Cmd"], &body["Env"]), (&json!(["serve"]), &json!(["KEY=a=b"])));
        assert_eq!(host["Binds"], json!(["/srv:/data:ro"]));
        assert_eq!((&host["NetworkMode"], host.get("PortBindings")), (&json!("shopnet"), None));
        assert_eq!(
            body["Labels"],
            json!({ OWNER: "t", SERVICE: "shop", NAME: "shop-1", REVISION: "r1", PORT: "8080", NETWORK: "shopnet" })
        );
    }

    #[test]
    fn a_recipe_shows_no_environment_and_no_command() {
        let recipe = Recipe {
            command: vec!["--password=hunter2".into()],
            env: vec![("PASSWORD".into(), "hunter2".into())],
            ..Recipe::new("shop", "r1", "shop:1", 8080)
        };
        assert!(!format!("{recipe:?}").contains("hunter2"));
    }

    #[test]
    fn a_recipe_that_the_engine_would_refuse_is_refused_without_quoting_it() {
        for (key, value) in [("", "hunter2"), ("A=B", "hunter2"), ("A", "hunter2\0")] {
            let recipe = Recipe { env: vec![(key.into(), value.into())], ..Recipe::new("s", "r", "i", 80) };
            assert!(!recipe.check().unwrap_err().to_string().contains("hunter2"));
        }
        assert!(Recipe::new("s", "r", "", 80).check().is_err());
        assert!(Recipe::new("s", "r", "i", 0).check().is_err());
    }

    #[test]
    fn only_names_become_parts_of_paths() {
        for name in ["shop", "shop-1", "a_b.c", "9"] {
            assert_eq!(checked("container", name), Ok(()), "{name}");
        }
        for name in ["", "-a", ".", "../x", "a/b", "a b", "a\"b", "ä", &"a".repeat(129)] {
            assert!(checked("container", name).is_err(), "{name}");
        }
    }
}
