//! What a run came to: printed table by table, and kept by date where asked.

use crate::contender::Contender;
use crate::lab::Lab;
use crate::options::{Options, Scenario};
use crate::scenario::WARM;
use crate::table::Table;
use anyhow::{Context, Result};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The tables of a run and where it took place.
pub(crate) struct Report {
    /// UTC, such as `2026-11-21T20-00-00Z`.
    date: String,
    /// Processor, kernel and method, one line each.
    setting: Vec<String>,
    /// Each server's name and version.
    versions: Vec<(String, String)>,
    pub(crate) tables: Vec<Table>,
}

impl Report {
    pub(crate) fn new(lab: &Lab) -> Result<Self> {
        let date = Command::new("date").args(["-u", "+%Y-%m-%dT%H-%M-%SZ"]).output()?;
        let versions = lab
            .present
            .iter()
            .filter_map(|(contender, program)| Some((contender.name(), version(*contender, program)?)));
        Ok(Self {
            date: String::from_utf8(date.stdout)?.trim().to_owned(),
            setting: vec![
                format!("Processor: {}", processor()),
                format!("Kernel: {}", std::fs::read_to_string("/proc/sys/kernel/osrelease")?.trim()),
                method(&lab.options),
            ],
            versions: versions.collect(),
            tables: Vec::new(),
        })
    }

    /// The setting and the versions.
    pub(crate) fn heading(&self) -> String {
        let mut text = format!("## {}\n\n", self.date);
        for line in &self.setting {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "- {line}");
        }
        for (name, version) in &self.versions {
            let _ = writeln!(text, "- {name}: {version}");
        }
        text
    }

    /// Writes `DATE.md` and `DATE.json` into `folder` and returns the first.
    pub(crate) fn save(&self, folder: &Path) -> Result<PathBuf> {
        std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        let mut text = self.heading();
        for table in &self.tables {
            let _ = write!(text, "\n{table}");
        }
        let path = folder.join(format!("{}.md", self.date));
        std::fs::write(&path, text)?;
        let json = json!({
            "date": self.date,
            "setting": self.setting,
            "versions": self.versions.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "tables": self.tables.iter().map(Table::to_json).collect::<Vec<_>>(),
        });
        std::fs::write(path.with_extension("json"), format!("{json:#}\n"))?;
        Ok(path)
    }
}

/// How it is measured. `cache`, `faults` and `scale` have times of their own.
fn method(options: &Options) -> String {
    let named = &options.scenarios;
    let has = |scenario| named.contains(&scenario);
    let own = [Scenario::Cache, Scenario::Faults, Scenario::Scale];
    let turns =
        |secs, warm| format!("{} rounds in turns of {secs} s after {warm} s of warming up", options.reps);
    let ways = [
        (named.is_empty() || named.iter().any(|one| !own.contains(one)), "", turns(options.secs, 1)),
        (
            has(Scenario::Cache),
            "in cache ",
            format!(
                "{} rounds in turns of {} s for hits and files and one for the rest",
                options.reps, options.cache_secs
            ),
        ),
        (has(Scenario::Faults), "in faults ", turns(options.fault_secs, WARM)),
        (has(Scenario::Scale), "in scale ", format!("one run with {} s at its height", options.scale_secs)),
    ];
    let ways: Vec<_> = ways.into_iter().filter(|(is_asked, ..)| *is_asked).collect();
    let name = |label: &'static str| if ways.len() > 1 { label } else { "" };
    let ways: Vec<_> = ways.iter().map(|(_, label, way)| format!("{}{way}", name(label))).collect();
    format!(
        "Server on core 0, origin and load tool on core 1; {}; medians; errors are summed",
        ways.join(", ")
    )
}

/// The first line of what the server says about its version; some say it on stderr.
fn version(contender: Contender, program: &Path) -> Option<String> {
    let output = Command::new(program).arg(contender.version_argument()?).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().map(str::trim).find(|line| line.chars().any(|c| c.is_ascii_digit()))?;
    // Envoy starts with the path of its program.
    Some(line.rsplit_once("version: ").map_or(line, |(_, version)| version).to_owned())
}

fn processor() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn check(line: &str, expect: &[&str]) {
        let options = Options::parse_from(["bench"].into_iter().chain(line.split_whitespace()));
        let told = method(&options);
        let ways = told.split("; ").nth(1).unwrap();
        assert_eq!(ways.split(", ").collect::<Vec<_>>(), expect, "{line}");
    }

    #[test]
    fn the_method_tells_the_times_of_what_was_asked_for() {
        let usual = "3 rounds in turns of 4 s after 1 s of warming up";
        check("", &[usual]);
        check("proxy", &[usual]);
        check("faults", &["3 rounds in turns of 30 s after 5 s of warming up"]);
        check("scale --scale-secs 9", &["one run with 9 s at its height"]);
        check("cache --reps 2", &["2 rounds in turns of 1 s for hits and files and one for the rest"]);
        let scale = "in scale one run with 60 s at its height";
        check("scale h2", &[usual, scale]);
        check("scale faults", &["in faults 3 rounds in turns of 30 s after 5 s of warming up", scale]);
    }
}
