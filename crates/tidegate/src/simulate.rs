//! `tidegate simulate scale TRACE.csv`: what the autoscaler would do with that traffic, without any traffic.
//!
//! What holds comes from three places, each over the one before: what the trace says of itself, the config, the flags.

use crate::say;
use anyhow::{Context, Result, bail};
use base::units::{parse_duration, parse_percent};
use clap::{Args as ClapArgs, Subcommand};
use simulator::{Overrides, Parameters, Trace};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Simulate {
    /// Show what the autoscaler would do with a trace of traffic, beside a plain Kubernetes HPA.
    Scale(Scale),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Scale {
    /// The traffic: a CSV file with the columns `seconds` and `rps`, such as examples/traces/spike.csv.
    trace: PathBuf,
    /// Scale as this config says.
    #[arg(long, requires = "service")]
    config: Option<PathBuf>,
    /// The service of the config.
    #[arg(long, value_name = "NAME", requires = "config")]
    service: Option<String>,
    #[command(flatten)]
    given: Given,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Write a page with charts to this file. It needs nothing else to be shown.
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Write the rows over time to this file.
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
}

/// Numbers that were typed.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Scaling and service")]
struct Given {
    /// Fewest instances.
    #[arg(long)]
    min: Option<u32>,
    /// Most instances [default: 20].
    #[arg(long)]
    max: Option<u32>,
    /// Target: requests under way and waiting for each instance [default: 70 % of its slots].
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    concurrency: Option<f64>,
    /// Target: requests per second for each instance.
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    rps: Option<f64>,
    /// Target: the share of its slots that an instance uses, such as 70%.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    cpu: Option<f64>,
    /// Guard: the 95th percentile.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    latency_p95: Option<Duration>,
    /// No instance where nobody has asked for so long.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    zero_after: Option<Duration>,
    /// How long an instance takes to be ready [default: 5s].
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    start_time: Option<Duration>,
    /// How long a request takes on average, without waiting, where the trace does not say [default: 100ms].
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    service_time: Option<Duration>,
    /// Lognormal service times with this coefficient of variation, instead of exponential ones.
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    cv: Option<f64>,
    /// Requests that an instance works on at a time [default: 20].
    #[arg(long)]
    slots: Option<u32>,
    /// Requests that Tidegate holds while no instance has room [default: 10000].
    #[arg(long)]
    hold_size: Option<u32>,
    /// How long a request waits before it is lost, on both sides [default: 30s].
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    hold_timeout: Option<Duration>,
    /// Requests that wait in an instance's own backlog beside the HPA, which holds none [default: 512].
    #[arg(long)]
    backlog: Option<u32>,
    /// Another seed gives other chances [default: 1].
    #[arg(long)]
    seed: Option<u64>,
}

impl Given {
    fn overrides(&self) -> Overrides {
        Overrides {
            min: self.min,
            max: self.max,
            concurrency: self.concurrency,
            rps: self.rps,
            cpu: self.cpu,
            latency_p95: self.latency_p95,
            zero_after: self.zero_after,
            start_time: self.start_time,
            service_time: self.service_time,
            cv: self.cv,
            slots: self.slots,
            hold_size: self.hold_size,
            hold_timeout: self.hold_timeout,
            backlog: self.backlog,
            seed: self.seed,
        }
    }
}

fn positive(text: &str) -> Result<f64, &'static str> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 1e9 => Ok(number),
        _ => Err("expected a number above 0, such as 20 or 0.5"),
    }
}

/// Runs a simulation.
pub(crate) fn simulate(what: &Simulate) -> Result<ExitCode> {
    let Simulate::Scale(args) = what;
    let name = args.trace.display().to_string();
    let trace = Trace::parse(&text_of(&args.trace)?).with_context(|| name.clone())?;
    let mut parameters = Parameters::default().with(trace.settings());
    if let (Some(config), Some(service)) = (&args.config, &args.service) {
        parameters = settings_from(config, service, &parameters)?;
    }
    let parameters = parameters.with(&args.given.overrides()).checked().map_err(anyhow::Error::msg)?;
    let report = simulator::compare(&trace, &parameters, &name, |initial| {
        scale::Scaler::new(parameters.scale.clone(), initial)
    });
    if let Some(path) = &args.out {
        write(path, &report.html())?;
    }
    if let Some(path) = &args.csv {
        write(path, &report.csv())?;
    }
    if args.json {
        say::line(&serde_json::to_string_pretty(&report.json())?);
    } else {
        say::line(report.text().trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// The trace's text. No more is read than a trace may have.
fn text_of(path: &Path) -> Result<String> {
    let name = || path.display().to_string();
    let mut bytes = Vec::new();
    let most = Trace::MOST_BYTES as u64 + 1;
    File::open(path).with_context(name)?.take(most).read_to_end(&mut bytes).with_context(name)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => bail!("{}: a trace is a CSV text, and this is none", path.display()),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Scaling and holding as the config has them for that service.
fn settings_from(config: &Path, service: &str, parameters: &Parameters) -> Result<Parameters> {
    let loaded = config::load(config).map_err(|report| anyhow::anyhow!(report.render(false)))?;
    let services = &loaded.file.services;
    let Some((_, typed)) = services.iter().find(|(name, _)| name.as_str() == service) else {
        let names: Vec<_> = services.keys().map(config::ServiceName::as_str).collect();
        bail!("{}: there is no service `{service}`; there are {}", config.display(), names.join(", "));
    };
    let Some(plan) = crate::assemble::instances::plan(service, typed, None) else {
        bail!("{}: service `{service}` has no `instances`, so that nothing is scaled", config.display());
    };
    let hold = crate::assemble::instances::hold(typed);
    Ok(Parameters {
        scale: plan.scale,
        hold_size: hold.map_or(parameters.hold_size, |hold| u32::try_from(hold.size).unwrap_or(u32::MAX)),
        hold_timeout: hold.map_or(parameters.hold_timeout, |hold| hold.timeout),
        ..parameters.clone()
    })
}
