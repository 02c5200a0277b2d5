//! `cargo xtask schema`: the reference of the config file, written by the program that reads the config file.

use crate::shell::{cargo, output, root};
use anyhow::{Context, Result};
use std::fs;

/// Each file under `docs/reference/` and the arguments that print it.
const FILES: [(&str, &[&str]); 2] = [("schema.json", &["schema"]), ("config.md", &["schema", "--markdown"])];

/// Writes the generated pages. Both are printed before either is written, so a failure changes nothing.
pub(crate) fn run() -> Result<()> {
    let folder = root().join("docs/reference");
    let mut pages = Vec::new();
    for (file, args) in FILES {
        let page = output(cargo().args(["run", "--quiet", "--package", "tidegate", "--"]).args(args))?;
        anyhow::ensure!(!page.trim().is_empty(), "`tidegate {}` printed nothing", args.join(" "));
        pages.push((folder.join(file), page));
    }
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    for (path, page) in pages {
        fs::write(&path, page).with_context(|| format!("could not write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
