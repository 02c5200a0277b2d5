//! A Python environment of our own under `target/`, made once and kept until its list of packages changes.

use crate::shell::{command, run};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Makes sure that `folder` is a virtual environment with `packages` (pip requirements) and returns its Python.
///
/// The list that was installed is kept in the folder; while it stays the same nothing is started.
pub(crate) fn ensure(folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    let receipt = folder.join("installed.txt");
    let wanted = packages.join("\n");
    if python.is_file() && std::fs::read_to_string(&receipt).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("Making the Python environment {}", folder.display());
    run(command("python3").args(["-m", "venv", "--clear"]).arg(folder)).context(
        "could not make a Python environment. On Debian: sudo apt-get install -y python3 python3-venv",
    )?;
    run(command(&python).args(["-m", "pip", "install", "-q", "--disable-pip-version-check"]).args(packages))
        .with_context(|| {
            format!(
                "could not install Python packages. Try: {} -m pip install {}",
                python.display(),
                packages.join(" ")
            )
        })?;
    std::fs::write(&receipt, wanted).with_context(|| format!("could not write {}", receipt.display()))?;
    Ok(python)
}
