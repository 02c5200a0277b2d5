//! The place where it is measured: a folder, certificates, the programs that are there, and turns.

use crate::contender::{Cached, Contender, Front, Keys, Places, Plan, Pool};
use crate::options::Options;
use crate::port::free_port;
use crate::server::{Launch, OTHER_CORE, Probe, SERVER_CORE, Server};
use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::cell::RefCell;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What came of each server in each round, and remarks.
pub(crate) type Turns<T> = (Vec<(Contender, Vec<T>)>, Vec<String>);

/// Everything that scenarios share. Its folder goes when it is dropped.
pub(crate) struct Lab {
    pub(crate) options: Options,
    pub(crate) helpers: PathBuf,
    /// The servers that were found, with their programs, in the order asked for.
    pub(crate) present: Vec<(Contender, PathBuf)>,
    /// What was asked for and is not there, in words.
    pub(crate) absent: Vec<String>,
    /// Files that are kept beside the tables: the end of the name, and what stands in it.
    pub(crate) kept: RefCell<Vec<(&'static str, String)>>,
    folder: PathBuf,
}

impl Lab {
    pub(crate) fn open(options: &Options) -> Result<Self> {
        raise_descriptor_limit()?;
        let helpers =
            std::env::current_exe()?.parent().context("this program is in no folder")?.to_path_buf();
        let places = Places {
            rivals: rivals_folder(&helpers),
            tidegate: options.tidegate.clone().unwrap_or_else(|| helpers.join("tidegate")),
            helpers: helpers.clone(),
        };
        let (mut present, mut absent) = (Vec::new(), Vec::new());
        for &contender in &options.servers {
            match contender.find(&places) {
                Some(program) => present.push((contender, std::path::absolute(program)?)),
                None => absent.push(contender.absence(&places)),
            }
        }
        let folder = std::env::temp_dir().join(format!("tidegate-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
        let lab =
            Self { options: options.clone(), helpers, present, absent, kept: RefCell::default(), folder };
        lab.make_keys()?;
        Ok(lab)
    }

    /// A plan on free ports for the origin on port `origin`.
    pub(crate) fn plan(&self, origin: &Origin, front: Front) -> Result<Plan> {
        Ok(Plan {
            port: free_port()?,
            origin: origin.port,
            body: origin.body,
            front,
            routes: None,
            connections: 1024,
            admin: free_port()?,
            keys: self.keys(),
            guard: None,
        })
    }

    /// Starts the origin, with answers of that many bytes.
    pub(crate) fn origin(&self, body: usize) -> Result<Origin> {
        let port = free_port()?;
        let launch = Launch::new(&self.helpers.join("bench-origin"), [port.to_string(), body.to_string()]);
        let mut server = Server::start(&launch, OTHER_CORE, port, &self.folder_for("origin")?)?;
        server.ready(Probe::Accepts).context("the origin")?;
        Ok(Origin { port, body, _server: server })
    }

    /// Starts a server and waits until it is ready; returns it with the time that took.
    pub(crate) fn start(
        &self,
        (contender, program): (Contender, &Path),
        plan: &Plan,
    ) -> Result<(Server, Duration)> {
        let folder = self.folder_for(&contender.name())?;
        let launch = contender.prepare(program, plan, &folder)?;
        let mut server = Server::start(&launch, SERVER_CORE, plan.port, &folder)?;
        let (path, fields) = (plan.path(), plan.fields());
        let took = server.ready(match plan.front {
            Front::Http1 => Probe::Answers(&path, &fields),
            Front::Http2 | Front::Tls => Probe::Accepts,
        })?;
        Ok((server, took))
    }

    /// Starts a server in front of several instances and waits until it answers.
    pub(crate) fn start_pool(&self, (contender, program): (Contender, &Path), pool: &Pool) -> Result<Server> {
        let folder = self.folder_for(&contender.name())?;
        let launch = contender.prepare_pool(program, pool, &folder)?;
        let launch = launch.with_context(|| format!("no configuration of {}", contender.name()))?;
        let mut server = Server::start(&launch, SERVER_CORE, pool.port, &folder)?;
        server.ready(Probe::Answers("/item/0", ""))?;
        Ok(server)
    }

    /// Starts a server that keeps answers, and waits until it answers at `path`.
    pub(crate) fn start_cached(
        &self,
        (contender, program): (Contender, &Path),
        cached: &Cached,
        path: &str,
    ) -> Result<Server> {
        let folder = self.folder_for(&contender.name())?;
        let launch = contender.prepare_cached(program, cached, &folder)?;
        let launch = launch.with_context(|| format!("no configuration of {}", contender.name()))?;
        let mut server = Server::start(&launch, SERVER_CORE, cached.port, &folder)?;
        server.ready(Probe::Answers(path, ""))?;
        Ok(server)
    }

    /// The folder in which a server keeps its files while it runs.
    pub(crate) fn folder_for(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    fn keys(&self) -> Keys {
        let file = |name: &str| self.folder.join(name);
        Keys { certificate: file("cert.pem"), key: file("key.pem"), both: file("both.pem") }
    }

    /// A self-signed certificate with an ECDSA key on P-256, the kind that a public authority hands out today.
    fn make_keys(&self) -> Result<()> {
        let keys = self.keys();
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .arg("-keyout")
            .arg(&keys.key)
            .arg("-out")
            .arg(&keys.certificate)
            .output()
            .context("could not start openssl (Debian package openssl)")?;
        if !output.status.success() {
            bail!("openssl made no certificate: {}", String::from_utf8_lossy(&output.stderr));
        }
        let both = [std::fs::read(&keys.certificate)?, std::fs::read(&keys.key)?].concat();
        Ok(std::fs::write(&keys.both, both)?)
    }

    /// Measures every server that can do `plan`, in turns, and returns what came of each, with remarks.
    ///
    /// A server that fails once is not counted at all: its earlier rounds are dropped too.
    pub(crate) fn in_turns<T>(
        &self,
        plan: &Plan,
        rounds: u64,
        measure: impl FnMut((Contender, &Path)) -> Result<T>,
    ) -> Turns<T> {
        self.those_in_turns(|contender| contender.can(plan), rounds, measure)
    }

    /// As [`Lab::in_turns`], every server of which `able` says so.
    pub(crate) fn those_in_turns<T>(
        &self,
        able: impl Fn(Contender) -> bool,
        rounds: u64,
        mut measure: impl FnMut((Contender, &Path)) -> Result<T>,
    ) -> Turns<T> {
        let mut remarks = Vec::new();
        let able = self.present.iter().filter(|(contender, _)| able(*contender));
        let mut results: Vec<_> =
            able.map(|(contender, program)| (*contender, program, Vec::new())).collect();
        for round in 1..=rounds {
            results.retain_mut(|(contender, program, rows)| {
                progress(&format!("  round {round} of {rounds}: {}", contender.name()));
                match measure((*contender, program.as_path())) {
                    Ok(row) => {
                        rows.push(row);
                        true
                    }
                    Err(error) => {
                        remarks.push(format!("{}: not counted: {error:#}", contender.name()));
                        false
                    }
                }
            });
        }
        progress("");
        (results.into_iter().map(|(contender, _, rows)| (contender, rows)).collect(), remarks)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Left-overs in the temporary folder do no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Replaces the line of a terminal that says what is being measured; says nothing into a file.
fn progress(line: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{line}");
    }
}

/// A running origin.
pub(crate) struct Origin {
    pub(crate) port: u16,
    body: usize,
    _server: Server,
}

/// `TIDEGATE_RIVALS`, or where `--install` puts them: `rivals` in the folder that holds all that cargo built.
fn rivals_folder(helpers: &Path) -> Option<PathBuf> {
    let set = std::env::var_os("TIDEGATE_RIVALS").map(PathBuf::from);
    set.or_else(|| Some(helpers.parent()?.join("rivals"))).filter(|folder| folder.is_dir())
}

/// Ten thousand connections need as many descriptors in the load tool and more in the server, which inherit our limit.
fn raise_descriptor_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}
