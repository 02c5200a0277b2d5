//! From the settings of a service to what the engine is told of one container. Pure.

use crate::settings::{Container, FleetSettings, fill_in};
use engines::docker::{Reach, Recipe};

/// What the container of that name is made of.
pub(super) fn recipe(name: &str, settings: &FleetSettings, container: &Container) -> Recipe {
    let program = &settings.program;
    let port = container.port.to_string();
    let values = [("{port}", &*port), ("{name}", name), ("{service}", &*settings.service)];
    // In variables names in braces are too usual to be ours; where to listen is not.
    let env = program.env.iter().map(|(key, value)| (key.clone(), fill_in(value, &values[..1])));
    let own = [("PORT", &*port), ("TIDEGATE_INSTANCE", name)];
    let own = own.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    Recipe {
        command: program.command.iter().map(|word| fill_in(word, &values)).collect(),
        env: env.chain(own).collect(),
        user: user(program.user.as_deref(), program.group.as_deref()),
        reach: container
            .network
            .as_deref()
            .map_or(Reach::Published, |network| Reach::Network(network.into())),
        volumes: container.volumes.clone(),
        memory: program.limits.memory,
        millicores: program.limits.cpu.map(thousandths),
        processes: program.limits.processes.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
        ..Recipe::new(&settings.service, &settings.revision(), &container.image, container.port)
    }
}

/// Of cores, as the engine counts them. The config bounds them far below the largest number.
#[expect(clippy::cast_sign_loss, reason = "what is negative becomes 0, which the engine takes for no bound")]
fn thousandths(cores: f64) -> u32 {
    (cores * 1000.0).round() as u32
}

/// As the engine takes it: `shop`, `shop:shop`, `1000:1000`. A group alone is nobody's.
fn user(user: Option<&str>, group: Option<&str>) -> Option<String> {
    match (user, group) {
        (Some(user), Some(group)) => Some(format!("{user}:{group}")),
        (user, _) => user.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Limits, Program};

    fn settings() -> (FleetSettings, Container) {
        let container = Container {
            image: "shop:1".into(),
            port: 8080,
            socket: None,
            owner: "gate".into(),
            network: None,
            volumes: vec!["data:/data".into()],
        };
        let program = Program {
            command: ["--port={port}", "{name}.{service}"].map(str::to_owned).into(),
            env: vec![("LISTEN".into(), ":{port} {name}".into())],
            user: Some("1000".into()),
            group: Some("50".into()),
            limits: Limits { files: None, processes: Some(100), memory: Some(64 << 20), cpu: Some(1.5) },
            ..Program::default()
        };
        let settings = FleetSettings { program, ..FleetSettings::new("shop", vec![]) };
        (FleetSettings { container: Some(container.clone()), ..settings }, container)
    }

    #[test]
    fn an_instance_is_told_its_port_and_its_name() {
        let (settings, container) = settings();
        let recipe = recipe("shop-3", &settings, &container);
        assert_eq!(recipe.command, ["--port=8080", "shop-3.shop"]);
        let env = [("LISTEN", ":8080 {name}"), ("PORT", "8080"), ("TIDEGATE_INSTANCE", "shop-3")];
        assert_eq!(recipe.env, env.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!((&*recipe.service, &*recipe.revision), ("shop", &*settings.revision()));
    }

    #[test]
    fn limits_and_who_it_runs_as_are_the_engines() {
        let (settings, container) = settings();
        let made = recipe("shop-1", &settings, &container);
        assert_eq!((made.memory, made.millicores, made.processes), (Some(64 << 20), Some(1500), Some(100)));
        assert_eq!(made.volumes, ["data:/data"]);
        assert_eq!((made.user.as_deref(), made.reach), (Some("1000:50"), Reach::Published));
        let container = Container { network: Some("shopnet".into()), ..container };
        assert_eq!(recipe("shop-1", &settings, &container).reach, Reach::Network("shopnet".into()));
        assert_eq!(user(None, Some("50")), None);
    }
}
