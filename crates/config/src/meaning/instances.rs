//! Instances: commands that can be launched, and keys that go with what launches them.

use std::borrow::Cow;

use super::{Problems, is_typed, kubernetes, scale};
use crate::node::{Kind, Node, clip};
use crate::path::Path;
use crate::report::Problem;
use crate::value::{ByteSize, InstancePort, OF_A_COMMAND, Typed, meant, placeholders};

/// Keys about processes, which are for those that Tidegate launches itself.
const OF_PROCESSES: [&str; 14] = [
    "env",
    "cwd",
    "user",
    "group",
    "port",
    "start_timeout",
    "stop_timeout",
    "drain_timeout",
    "min_uptime",
    "max_memory",
    "cpus",
    "limits",
    "log",
    "watch",
];

/// Keys that mean nothing for a container, and what does.
const OF_NO_CONTAINER: [(&str, &str); 3] = [
    ("cwd", "a container begins in the directory that its image says"),
    ("port", "say with `container_port` where the program listens in its container"),
    ("log", "the engine keeps what a container writes: `docker logs`"),
];

/// The same below `limits`.
const LIMITS_OF_NO_CONTAINER: [(&str, &str); 2] = [
    ("files", "the engine's own limit holds in its containers"),
    ("nice", "`limits.cpu` says how much a container may use"),
];

/// Keys that mean something for containers only.
const OF_CONTAINERS: [&str; 2] = ["container_port", "docker"];

/// Words that only a shell understands.
const OF_A_SHELL: [&str; 12] = ["|", "||", "&", "&&", ";", ">", ">>", "<", "<<", "2>", "2>&1", "&>"];

/// What goes instead of `command`: somebody else launches then.
pub(super) const OTHERS: [&str; 4] = ["deployment", "exec", "webhook", "advise"];

/// Checks `instances` of the service at `path`.
pub(super) fn check(service: &Node, path: &Path, problems: &mut Problems) {
    let Some(instances) = service.get("instances").filter(|node| !node.is_null()) else { return };
    let whole = path;
    let path = path.key("instances");
    if is_typed(instances, "image") {
        contained(instances, &path, problems);
        check_of_container(service, instances, whole, problems);
        memory(instances, &path, problems);
    } else if let Some(command) = command(instances) {
        // A bare command stands for the whole mapping.
        let bare = std::ptr::eq(command, instances);
        let at = if bare { path.clone() } else { path.key("command") };
        runnable(command, &at, problems);
        filled_in(instances, command, (&path, &at), problems);
        memory(instances, &path, problems);
    } else if let Some(other) = OTHERS.iter().find(|key| is_typed(instances, key)) {
        for key in OF_PROCESSES.iter().filter(|key| instances.get(key).is_some()) {
            let at = path.key(key);
            let problem = Problem::error(format!("{} goes with `command`", at.in_words()));
            problems.push((at, problem.hint(format!("with `{other}` somebody else launches the instances"))));
        }
    }
    if !is_typed(instances, "image") {
        for key in OF_CONTAINERS.iter().filter(|key| is_typed(instances, key)) {
            let at = path.key(key);
            let problem = Problem::error(format!("{} goes with `image`", at.in_words()));
            let hint = match OTHERS.iter().find(|other| is_typed(instances, other)) {
                Some(other) => format!("with `{other}` somebody else launches the instances"),
                None => "add `image: shop:1.4`, which is what containers are made of".into(),
            };
            problems.push((at, problem.hint(hint)));
        }
    }
    if let Some(command) = instances.get("exec") {
        runnable(command, &path.key("exec"), problems);
    }
    if let Some(deployment) = instances.get("deployment") {
        kubernetes::deployment(deployment, &path.key("deployment"), problems);
    }
    if let Some(bounds) = instances.get("scale") {
        scale::check(instances, bounds, &path, is_launched(instances), problems);
    }
}

/// Does Tidegate launch them itself?
pub(super) fn is_launched(instances: &Node) -> bool {
    is_typed(instances, "image") || command(instances).is_some()
}

/// What is typed of a container: no key that means something for processes only.
fn contained(instances: &Node, path: &Path, problems: &mut Problems) {
    let mut refuse = |at: Path, hint: &str| {
        let problem = Problem::error(format!("{} means nothing with `image`", at.in_words()));
        problems.push((at, problem.hint(hint)));
    };
    for (key, hint) in OF_NO_CONTAINER.iter().filter(|(key, _)| is_typed(instances, key)) {
        refuse(path.key(key), hint);
    }
    let limits = instances.get("limits");
    let is_limited = |key: &str| limits.is_some_and(|limits| is_typed(limits, key));
    for (key, hint) in LIMITS_OF_NO_CONTAINER.iter().filter(|(key, _)| is_limited(key)) {
        refuse(path.key("limits").key(key), hint);
    }
    if is_typed(instances, "group") && !is_typed(instances, "user") {
        let at = path.key("group");
        let problem = Problem::error(format!("{} needs `user`", at.in_words()));
        problems.push((at, problem.hint("engines know a group only behind a user")));
    }
    if let Some((at, _)) = texts(instances, path, problems)
        .into_iter()
        .find(|(_, text)| placeholders(text).any(|word| word == "socket"))
    {
        let problem = Problem::error("there is no `{socket}` in a container");
        problems.push((at, problem.hint("write `{port}`, which is `container_port`")));
    }
}

/// A port beside the one that is published cannot be asked from here.
fn check_of_container(service: &Node, instances: &Node, path: &Path, problems: &mut Problems) {
    let other = service.get("health_check").is_some_and(|check| is_typed(check, "port"));
    let in_network = instances.get("docker").is_some_and(|docker| is_typed(docker, "network"));
    if other && !in_network {
        let at = path.key("health_check").key("port");
        let problem = Problem::error(format!("{} cannot be reached", at.in_words()));
        let hint = "of a container only `container_port` is published; with `docker: { network: … }` all ports are there";
        problems.push((at, problem.hint(hint)));
    }
}

/// The command of instances that Tidegate launches.
pub(super) fn command(instances: &Node) -> Option<&Node> {
    let command = if matches!(instances.kind, Kind::Map(_)) { instances.get("command")? } else { instances };
    (!command.is_null() && !matches!(command.kind, Kind::Broken | Kind::Map(_))).then_some(command)
}

/// Where instances listen; `None` where what was typed is none.
pub(super) fn port(instances: &Node) -> Option<InstancePort> {
    instances.get("port").map_or(Some(InstancePort::Auto), |node| InstancePort::read(node.text()?).ok())
}

/// The words of a command, where all of them are known.
fn words(command: &Node) -> Option<Vec<Cow<'_, str>>> {
    match command.text() {
        Some(line) => shlex::split(line).map(|words| words.into_iter().map(Cow::Owned).collect()),
        None => command.items().iter().map(|word| word.text().map(Cow::Borrowed)).collect(),
    }
}

/// The first word is a program, and no word waits for a shell.
fn runnable(command: &Node, at: &Path, problems: &mut Problems) {
    let Some(words) = words(command) else { return };
    let Some(program) = words.first() else { return };
    let shown = command.scalar().is_none_or(|scalar| scalar.typed().is_none());
    let bad = |why: &str| Problem::error(format!("{} {why}", at.in_words()));
    let problem = if program.is_empty() {
        bad("has no program").expected("its first word to be a program")
    } else if program.bytes().all(|b| b.is_ascii_digit()) {
        bad("is a number").hint("how many instances there are is said by `scale`, beside `command`")
    } else if is_assignment(program) {
        let (name, _) = program.split_once('=').unwrap_or_default();
        bad("begins with a variable").hint(format!("write `env: {{ {}: … }}` beside `command`", clip(name)))
    } else {
        let operator = OF_A_SHELL.iter().find(|word| words.iter().any(|typed| typed == *word));
        let Some(operator) = operator.filter(|_| shown && command.scalar().is_some()) else { return };
        let message = format!("the program of {} gets `{operator}` as it is", at.in_words());
        Problem::warning(message)
            .hint("there is no shell; where one is needed write `[\"sh\", \"-c\", \"…\"]`")
    };
    problems.push((at.clone(), problem));
}

/// `NAME=value`, which a shell would take for a variable.
fn is_assignment(word: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

/// What is filled into command and environment: known words, and those of the place where the instances listen.
fn filled_in(instances: &Node, command: &Node, (path, at): (&Path, &Path), problems: &mut Problems) {
    let mut texts = variables(instances, path, problems);
    texts.splice(0..0, words(command).into_iter().flatten().map(|word| (at.clone(), word)));
    let Some(port) = port(instances) else { return };
    let place_of = |word: &str| {
        texts.iter().find(|(_, text)| placeholders(text).any(|found| found == word)).map(|(at, _)| at.clone())
    };
    if port == InstancePort::Socket {
        if let Some(at) = place_of("port") {
            let problem = Problem::error("there is no `{port}` with `port: socket`");
            problems.push((at, problem.hint("write `{socket}`, which is the path of the socket")));
        } else if place_of("socket").is_none() {
            let message = format!("nothing tells {} which socket to listen at", path.in_words());
            problems.push((
                path.key("port"),
                Problem::warning(message)
                    .hint("put `{socket}` into `command` or `env`, or read the variable `SOCKET`"),
            ));
        }
    } else if let Some(at) = place_of("socket") {
        let problem = Problem::error("there is no `{socket}` without `port: socket`");
        problems.push((at, problem.hint("add `port: socket`, or write `{port}`")));
    }
}

/// The texts of all variables, in which only known words may stand in braces.
fn variables<'n>(instances: &'n Node, path: &Path, problems: &mut Problems) -> Vec<(Path, Cow<'n, str>)> {
    let mut texts = Vec::new();
    for variable in instances.get("env").map(Node::entries).unwrap_or_default() {
        let Some(scalar) = variable.value.scalar() else { continue };
        let at = path.key("env").key(&variable.key);
        let typed = &**scalar.typed().unwrap_or(&scalar.text);
        if let Some(word) = placeholders(typed).find(|word| !OF_A_COMMAND.contains(word)) {
            let message = format!("a word in braces stands for nothing in {}", at.in_words());
            problems.push((at.clone(), Problem::error(message).hint(meant(&OF_A_COMMAND, word))));
        }
        texts.push((at, Cow::Borrowed(typed)));
    }
    texts
}

/// The texts of arguments and variables of a container.
fn texts<'n>(instances: &'n Node, path: &Path, problems: &mut Problems) -> Vec<(Path, Cow<'n, str>)> {
    let mut texts = variables(instances, path, problems);
    let arguments = command(instances).and_then(words).unwrap_or_default();
    texts.extend(arguments.into_iter().map(|word| (path.key("command"), word)));
    texts
}

/// An instance that the kernel ends first is never replaced in time.
fn memory(instances: &Node, path: &Path, problems: &mut Problems) {
    let size = |node: Option<&Node>| ByteSize::read(node?.text()?).ok();
    let hard = instances.get("limits").and_then(|limits| limits.get("memory"));
    if let (Some(soft), Some(hard), Some(node)) = (size(instances.get("max_memory")), size(hard), hard)
        && soft >= hard
    {
        let at = path.key("max_memory");
        let problem = Problem::warning(format!("{} has no effect", at.in_words()));
        problems.push((at, problem.also(node.span, "the kernel ends the instance before that")));
    }
}
