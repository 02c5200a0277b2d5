//! Programs that the config wants launched: are they there?
//!
//! A warning, no error: a program may be installed later, and whoever checks a config may do so on another machine. *Not
//! here*: whether it starts, which its first instance shows.

use config::{CommandWord, Driver, File, Instances, Path, Report};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path as FilePath, PathBuf};

/// Warns about commands whose program is not there, and directories that they are to run in.
pub(crate) fn check(file: &File, report: &mut Report) {
    let search = std::env::var("PATH").unwrap_or_default();
    for (name, service) in &file.services {
        let Some(instances) = &service.instances else { continue };
        let at = Path::new().key("services").key(name.as_str()).key("instances");
        if let Some(cwd) = instances.cwd.as_deref().filter(|cwd| !cwd.is_dir()) {
            let message = format!("there is no directory {}", cwd.display());
            report.warn(&at.key("cwd"), message, Some("the instances are to run in it"));
        }
        let (key, command) = match instances.driver() {
            Driver::Process(command) => ("command", command),
            Driver::Exec(command) => ("exec", command),
            Driver::Container(_) | Driver::Kubernetes(_) | Driver::Webhook(_) | Driver::Advise => continue,
        };
        if let Some(why) = missing(command, instances, &search) {
            report.warn(&at.key(key), why, Some("it could not be run now"));
        }
    }
}

/// Why the program of a command cannot be run; `None` where it can, or where that is known only later.
fn missing(command: &[CommandWord], instances: &Instances, search: &str) -> Option<String> {
    let program = command.first()?.as_str();
    if program.contains('{') {
        return None;
    }
    let home = instances.cwd.as_deref().unwrap_or(FilePath::new(""));
    if program.contains('/') {
        let path = home.join(program);
        return match is_program(&path) {
            true => None,
            false if path.is_file() => Some(format!("{} is not executable", path.display())),
            false => Some(format!("there is no program {}", path.display())),
        };
    }
    let own = instances.env.iter().find(|(name, _)| name.as_str() == "PATH").map(|(_, value)| value.reveal());
    let found = std::env::split_paths(own.unwrap_or(search)).any(|folder| is_program(&folder.join(program)));
    if found {
        return None;
    }
    let here: PathBuf = home.join(program);
    let hint = if is_program(&here) {
        format!("; `./{program}` is the one in the directory")
    } else {
        String::new()
    };
    Some(format!("there is no program `{program}` in PATH{hint}"))
}

fn is_program(path: &FilePath) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(instances: &str) -> Option<String> {
        let text = format!(
            "listeners: [1]\nservices: {{ shop: {{ instances: {instances} }} }}\nroutes: [{{ service: shop }}]\n"
        );
        let mut loaded =
            config::parse(&text, "test.yaml", &|_| None).unwrap_or_else(|report| panic!("{report}"));
        check(&loaded.file, &mut loaded.report);
        assert!(!loaded.report.has_errors(), "a warning refuses no file");
        loaded.report.problems().first().map(|problem| problem.message.clone())
    }

    #[test]
    fn a_program_is_looked_for_where_it_would_be_run() {
        assert_eq!(told("sh -c true"), None);
        assert_eq!(told("/bin/sh"), None);
        assert_eq!(told("{ command: ./sh, cwd: /bin }"), None);
        assert_eq!(told("{ command: \"{name}/run\" }"), None, "who knows");
        let none = told("no-such-program --port 1");
        assert_eq!(none.as_deref(), Some("there is no program `no-such-program` in PATH"));
        let nowhere = told("{ command: sh, env: { PATH: /nowhere } }");
        assert_eq!(nowhere.as_deref(), Some("there is no program `sh` in PATH"));
        let here = told("{ command: sh, env: { PATH: /nowhere }, cwd: /bin }");
        assert_eq!(
            here.as_deref(),
            Some("there is no program `sh` in PATH; `./sh` is the one in the directory")
        );
        assert_eq!(told("/etc/passwd").as_deref(), Some("/etc/passwd is not executable"));
        assert_eq!(told("./nowhere/run").as_deref(), Some("there is no program ./nowhere/run"));
    }

    #[test]
    fn a_directory_that_is_not_there_is_told() {
        let told = told("{ command: /bin/sh, cwd: /nowhere/at/all }");
        assert_eq!(told.as_deref(), Some("there is no directory /nowhere/at/all"));
    }
}
