//! What the keys of `instances` become: defaults, short forms, and what is never shown.

use std::path::Path;
use std::time::Duration;

use config::{
    Discovery, Driver, File, InstanceLogPath, InstancePort, Instances, PeriodOrOff, PodPort, PolicyKind,
    Select, Service, WorkloadKind,
};

fn env(name: &str) -> Option<String> {
    (name == "PASSWORD").then(|| "hunter2 {brace}".to_owned())
}

fn parsed(text: &str) -> File {
    match config::parse(text, "test.yaml", &env) {
        Ok(loaded) => loaded.file,
        Err(report) => panic!("{report}"),
    }
}

fn service(keys: &str) -> Service {
    let text = format!("listeners: [1]\nservices: {{ a: {{ {keys} }} }}\nroutes: [{{ service: a }}]\n");
    parsed(&text).services.into_values().next().expect("the one service")
}

fn instances(keys: &str) -> Instances {
    service(&format!("instances: {keys}")).instances.expect("instances")
}

fn words(instances: &Instances) -> Vec<&str> {
    instances.command.iter().map(config::CommandWord::as_str).collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_command_alone_is_one_instance_with_every_default() {
    let service = service("instances: \"python3 shop.py --port {port}\"");
    let Discovery::Instances(instances) = service.discovery() else { panic!("{service:?}") };
    assert_eq!(words(instances), ["python3", "shop.py", "--port", "{port}"]);
    assert!(matches!(instances.driver(), Driver::Process([_, _, _, _])));
    assert_eq!((instances.port, instances.cwd.as_deref()), (InstancePort::Auto, None));
    let scale = &instances.scale;
    assert_eq!((scale.min(), scale.max(), scale.zero.is_none()), (1, 1, true));
    assert!(scale.concurrency.is_none() && scale.cpu.is_none() && !scale.forecast && !scale.dry_run);
    assert!((scale.tolerance.fraction() - 0.1).abs() < 1e-9);
    assert_eq!(
        (scale.tick.get(), scale.stable_window.get(), scale.panic_window.get()),
        (seconds(2), seconds(60), seconds(6))
    );
    assert!((scale.panic_threshold.get() - 2.0).abs() < 1e-9);
    assert_eq!(instances.start_timeout.get(), seconds(30));
    assert_eq!(instances.stop_timeout.get(), seconds(10));
    assert_eq!((instances.drain_timeout.get(), instances.min_uptime.get()), (seconds(30), seconds(1)));
    assert!((instances.cpus.get() - 1.0).abs() < 1e-9);
    assert_eq!((instances.hold.size, instances.hold.timeout.get()), (10_000, seconds(30)));
    let log = &instances.log;
    assert_eq!(
        (&log.path, log.max_size.get(), log.keep, log.lines_per_second),
        (&InstanceLogPath::Inherit, 10 << 20, 3, 1_000)
    );
    assert!(instances.memory().is_none() && instances.limits.files.is_none() && instances.watch.is_empty());
}

#[test]
fn the_number_may_rise_and_fall_as_in_the_hpa() {
    let scale = instances("server").scale;
    let policies = |policies: &[config::ScalePolicy]| {
        policies.iter().map(|policy| (policy.kind, policy.value, policy.period.get())).collect::<Vec<_>>()
    };
    let double = (PolicyKind::Percent, 100, seconds(15));
    assert_eq!(policies(&scale.up.policies), [(PolicyKind::Instances, 4, seconds(15)), double]);
    assert_eq!(policies(&scale.down.policies), [double]);
    assert_eq!((scale.up.stabilization_window.get(), scale.up.select), (None, Select::Max));
    assert_eq!((scale.down.stabilization_window.get(), scale.down.select), (Some(seconds(300)), Select::Max));

    let scale = instances(
        "{ command: a, scale: { max: 4, rps: 1, up: { select: disabled, policies: [] },
           down: { stabilization_window: 0s, policies: [{ type: instances, value: 1, period: 1m }], select: min } } }",
    )
    .scale;
    assert_eq!((scale.up.select, scale.up.policies.len()), (Select::Disabled, 0));
    assert_eq!(scale.up.stabilization_window, PeriodOrOff::Off, "what is absent keeps its default");
    assert_eq!(policies(&scale.down.policies), [(PolicyKind::Instances, 1, seconds(60))]);
    assert_eq!((scale.down.stabilization_window.get(), scale.down.select), (None, Select::Min));
}

#[test]
fn a_line_is_split_as_a_shell_would_split_it() {
    for (typed, split) in [
        (r#"sh -c "exec 'a b' $0" x\ y"#, &["sh", "-c", "exec 'a b' $0", "x y"] as &[&str]),
        (r#"a '' "" b"#, &["a", "", "", "b"]),
        ("a $HOME * ~", &["a", "$HOME", "*", "~"]),
        ("  a\n  b\t c  ", &["a", "b", "c"]),
        (r"java -jar shop.jar --server.port={port}", &["java", "-jar", "shop.jar", "--server.port={port}"]),
    ] {
        let quoted = serde_json::to_string(typed).expect("JSON");
        assert_eq!(words(&instances(&quoted)), split, "{typed}");
        assert_eq!(words(&instances(&format!("{{ command: {quoted} }}"))), split, "{typed}");
    }
    let list = instances("[\"a b\", 8080, \"'\", true]");
    assert_eq!(words(&list), ["a b", "8080", "'", "true"], "a list is taken as it is");
}

#[test]
fn a_bare_number_is_so_many_instances_always() {
    let scale = |typed: &str| {
        let scale = instances(&format!("{{ command: a, scale: {typed} }}")).scale;
        (scale.min(), scale.max())
    };
    assert_eq!(scale("3"), (3, 3));
    assert_eq!(scale("{ count: 3 }"), (3, 3));
    assert_eq!(scale("{ min: 4, cpu: 70% }"), (4, 4));
    assert_eq!(scale("{ max: 4, cpu: 70% }"), (1, 4));
    assert_eq!(scale("{ min: 2, max: 4, cpu: 70% }"), (2, 4));
    assert_eq!(scale("{ zero: { after: 5m } }"), (0, 1));
    assert_eq!(scale("{ zero: 5m, min: 0, max: 4, cpu: 70% }"), (0, 4));
}

#[test]
fn a_window_of_the_schedule_is_every_day_from_midnight_to_midnight_in_utc() {
    let schedule = |typed: &str| {
        instances(&format!("{{ command: a, scale: {{ max: 8, schedule: [{typed}] }} }}"))
            .scale
            .schedule
            .remove(0)
    };
    let plain = schedule("{ min: 2 }");
    assert_eq!((plain.days(), plain.from.minutes(), plain.to.minutes()), ([true; 7], 0, 1440));
    assert_eq!((plain.time_zone.as_ref(), plain.min, plain.max), (None, Some(2), None));
    let office = schedule(
        "{ days: [mon-wed, fri], from: \"08:00\", to: 18:30, time_zone: Europe/Berlin, min: 2, max: 6 }",
    );
    assert_eq!(office.days(), [true, true, true, false, true, false, false]);
    assert_eq!((office.from.minutes(), office.to.minutes()), (480, 1110));
    assert_eq!(office.time_zone.as_ref().map(config::TimeZone::as_str), Some("Europe/Berlin"));
}

#[test]
fn short_forms_stand_for_mappings() {
    let all = instances(
        "{ command: [a], port: 3000, hold: 5, log: off, watch: ./app, limits: { nice: -5, cpu: 250%, memory: 1GiB } }",
    );
    assert_eq!(
        (all.port, all.hold.size, &all.log.path),
        (InstancePort::First(3000), 5, &InstanceLogPath::Off)
    );
    assert_eq!(all.watch, [Path::new("./app")]);
    assert_eq!((all.limits.nice, all.memory().map(config::ByteSize::get)), (Some(-5), Some(1 << 30)));
    assert!(all.limits.cpu.is_some_and(|cpu| (cpu.get() - 2.5).abs() < 1e-9));
    let log = instances("{ command: [a], log: \"logs/{name}.log\", max_memory: 64MiB }");
    assert_eq!(log.log.path, InstanceLogPath::File("logs/{name}.log".into()));
    assert_eq!(log.memory().map(config::ByteSize::get), Some(64 << 20));
    let numbers = instances("{ command: [a], user: 1000, group: www-data }");
    assert_eq!(numbers.user.as_ref().map(config::Account::as_str), Some("1000"));
}

#[test]
fn somebody_else_may_launch_the_instances() {
    let endpoints = "endpoints: \"http://a:1\", instances:";
    let told =
        service(&format!("{endpoints} {{ exec: \"./scale.sh --all\", scale: {{ max: 8, rps: 10 }} }}"));
    assert!(matches!(told.discovery(), Discovery::Endpoints([_])));
    let instances = told.instances.expect("instances");
    assert!(matches!(instances.driver(), Driver::Exec([script, _]) if script.as_str() == "./scale.sh"));

    let hook = service(&format!("{endpoints} {{ webhook: \"https://Hooks.internal/scale?id=1\" }}"));
    let instances = hook.instances.expect("instances");
    let Driver::Webhook(hook) = instances.driver() else { panic!("{instances:?}") };
    assert_eq!((hook.url.secure, hook.url.host.as_str(), hook.url.port), (true, "hooks.internal", 443));
    assert_eq!((hook.url.path.as_str(), hook.token.is_none()), ("/scale?id=1", true));

    let advice = service(&format!("{endpoints} {{ advise: true }}"));
    assert_eq!(advice.instances.expect("instances").driver(), Driver::Advise);
}

#[test]
fn the_environment_of_instances_is_passed_on_and_never_shown() {
    let text = "listeners: [1]\nroutes: [{ service: a }]\nservices:\n  a:\n    instances:\n      command: server\n      env: { A: hunter2, B: 3, C: true, D: \"${PASSWORD}\", E: \"127.0.0.1:{port}\", F: \"\" }\n";
    let loaded = config::parse(text, "test.yaml", &env).unwrap_or_else(|report| panic!("{report}"));
    let service = loaded.file.services.values().next().expect("the one service");
    let env = &service.instances.as_ref().expect("instances").env;
    let values: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
    let expected = [
        ("A", "hunter2"),
        ("B", "3"),
        ("C", "true"),
        ("D", "hunter2 {brace}"),
        ("E", "127.0.0.1:{port}"),
        ("F", ""),
    ];
    assert_eq!(values, expected);
    let shown = format!("{loaded:?}{}", loaded.file.redacted());
    assert!(!shown.contains("hunter2") && shown.contains("***"), "{shown}");
}

#[test]
fn a_port_of_another_address_of_the_machine_is_free_for_instances() {
    let check = |listener: &str| {
        let text = format!(
            "listeners: [\"{listener}\"]\nadmin: off\nroutes: [{{ service: a }}]\nservices: {{ a: {{ instances: {{ command: a, port: 8080 }} }} }}\n"
        );
        config::parse(&text, "test.yaml", &env).is_ok()
    };
    assert!(check("10.0.0.1:8080") && check("[::1]:8081") && check("127.0.0.1:0") && check(":8082"));
    assert!(
        !check(":8081") && !check("0.0.0.0:8080") && !check("127.0.0.1:8080"),
        "one is for a replacement"
    );
}

#[test]
fn a_large_file_of_mistakes_is_told_in_little_time() {
    let mut text = "listeners: [1]\nroutes: [{ service: a }]\nservices:\n".to_owned();
    for number in 0..5_000 {
        let service = format!(
            "  s{number}: {{ instances: {{ command: a, port: {}, scale: {{ schedule: [{{ time_zone: America/Nowhere{number} }}] }} }} }}\n",
            1 + number
        );
        text.push_str(&service);
    }
    text += "  a: { instances: [a, \"";
    text += &"{".repeat(4 << 20);
    text += "\"] }\n";
    let begun = std::time::Instant::now();
    let report = config::parse(&text, "test.yaml", &env).unwrap_err();
    assert!(report.problems().len() + report.left_out() > 10_000);
    // Whatever grew with the square of the file would take minutes.
    assert!(begun.elapsed() < seconds(20), "{:?}", begun.elapsed());
}

#[test]
fn a_workload_of_a_cluster_is_named_and_the_rest_follows() {
    let bare = service("instances: { deployment: shop, scale: { max: 4, zero: 5m, rps: 10 } }");
    let Discovery::Instances(keys) = bare.discovery() else { panic!("{bare:?}") };
    let Driver::Kubernetes(shop) = keys.driver() else { panic!("{keys:?}") };
    assert_eq!((shop.name.as_str(), shop.service().as_str()), ("shop", "shop"));
    assert_eq!((shop.kind, &shop.namespace, &shop.port), (WorkloadKind::Deployment, &None, &None));
    assert!(shop.api.is_none() && keys.are_endpoints());

    let all = instances(
        "{ deployment: { name: db, kind: stateful_set, namespace: prod, service: db-pods, port: 5000,
           api: { url: \"https://10.96.0.1:6443\", token: \"${PASSWORD}\", ca: ca.pem } } }",
    );
    let Driver::Kubernetes(db) = all.driver() else { panic!("{all:?}") };
    assert_eq!((db.service().as_str(), db.kind), ("db-pods", WorkloadKind::StatefulSet));
    assert_eq!(db.port, Some(PodPort::Number(5000)));
    let api = db.api.as_ref().expect("an API server");
    assert_eq!(api.url.to_string(), "https://10.96.0.1:6443");
    assert!(api.token.as_ref().is_some_and(|token| token.reveal().starts_with("hunter2")));
    assert!(!format!("{all:?}").contains("hunter2"));

    let named =
        instances("{ deployment: { name: a, port: http, namespace: b, api: \"http://127.0.0.1:8001\" } }");
    let Driver::Kubernetes(named) = named.driver() else { panic!("{named:?}") };
    assert_eq!(named.port, Some(PodPort::Named("http".into())));
    assert!(named.api.as_ref().is_some_and(|api| api.token.is_none() && api.ca.is_none()));
}

#[test]
fn keda_is_answered_only_where_the_file_says_so_and_on_loopback_unless_it_says_where() {
    let keda = |typed: &str| {
        let service = "{ instances: { deployment: shop, scale: { max: 4, rps: 10 } } }";
        let text =
            format!("listeners: [1]\n{typed}\nservices: {{ a: {service} }}\nroutes: [{{ service: a }}]\n");
        parsed(&text).keda.map(|keda| keda.listen.to_string())
    };
    assert_eq!(keda(""), None);
    assert_eq!(keda("keda: {}"), Some("127.0.0.1:9095".into()));
    assert_eq!(keda("keda: { listen: \"0.0.0.0:9100\" }"), Some("0.0.0.0:9100".into()));
    assert_eq!(keda("keda: :9100"), Some(":9100".into()));
}

#[test]
fn an_image_alone_is_a_container_with_every_default() {
    let service = service("instances: { image: \"ghcr.io/acme/shop:1.4\" }");
    let Discovery::Instances(instances) = service.discovery() else { panic!("{service:?}") };
    let Driver::Container(image) = instances.driver() else { panic!("{instances:?}") };
    assert_eq!((image.as_str(), instances.container_port()), ("ghcr.io/acme/shop:1.4", 8080));
    assert!(instances.is_launched() && instances.docker.is_none() && instances.command.is_empty());
}

#[test]
fn a_command_beside_an_image_is_its_arguments() {
    let text = "{ image: shop, command: \"serve --port {port}\", container_port: 3000, docker: { socket: /run/d.sock, volumes: '/srv:/data:ro' }, \
                user: 1000, group: 50, env: { A: b }, limits: { cpu: 150%, memory: 1GiB, processes: 99 } }";
    let instances = instances(text);
    assert!(matches!(instances.driver(), Driver::Container(_)));
    assert_eq!((words(&instances), instances.container_port()), (vec!["serve", "--port", "{port}"], 3000));
    let docker = instances.docker.unwrap_or_default();
    assert_eq!(docker.socket.as_deref(), Some(Path::new("/run/d.sock")));
    assert_eq!((docker.owner.as_str(), docker.network), ("tidegate", None));
    assert_eq!(docker.volumes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/srv:/data:ro"]);
}
