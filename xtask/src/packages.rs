//! Debian packages that a task needs: installed when we are root, named when we are not.
//!
//! A package counts as present when what it gives is there, however it came there, so a check is a look at
//! the disk and costs next to nothing.

use crate::shell::{command, has, run, succeeds};
use anyhow::{Result, bail};

/// A Debian package and how to see that what we want of it is there.
pub(crate) struct Package {
    name: &'static str,
    proof: Proof,
}

enum Proof {
    /// A program of that name can be found.
    Program(&'static str),
    /// Python can import that module.
    Module(&'static str),
}

impl Package {
    /// A package wanted for one of its programs.
    pub(crate) const fn program(name: &'static str, program: &'static str) -> Self {
        Self { name, proof: Proof::Program(program) }
    }

    /// A package wanted for a module of Debian's Python.
    pub(crate) const fn module(name: &'static str, module: &'static str) -> Self {
        Self { name, proof: Proof::Module(module) }
    }

    fn is_here(&self) -> bool {
        match self.proof {
            Proof::Program(program) => has(program),
            Proof::Module(module) => succeeds(command("python3").args(["-c", &format!("import {module}")])),
        }
    }
}

/// Makes sure that all of them are there. `why` completes the sentence "these are needed ...".
pub(crate) fn ensure(packages: &[Package], why: &str) -> Result<()> {
    let missing: Vec<_> = packages.iter().filter(|package| !package.is_here()).map(|p| p.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !has("apt-get") || !is_root() {
        bail!("these are needed {why}: {names}\nInstall them: sudo apt-get install -y {names}");
    }
    println!("Installing {names} (needed {why})");
    run(command("apt-get").args(["update", "-q"]))?;
    run(command("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "-y", "-q", "--no-install-recommends"])
        .args(&missing))
}

/// Whether we may install packages: our effective user is 0. The owner of our own entry in /proc says so.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_here_needs_no_installation() {
        ensure(&[Package::program("dash", "sh")], "by this test").unwrap();
    }

    #[test]
    fn a_missing_program_is_seen_as_missing() {
        assert!(!Package::program("none", "tidegate-no-such-program").is_here());
        assert!(!Package::module("none", "tidegate_no_such_module").is_here());
    }
}
