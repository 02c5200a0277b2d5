//! `tidegate sample-api`: the API of the demo.

use crate::args::SampleApi;
use crate::say;
use anyhow::{Context, Result};
use std::process::ExitCode;

/// Serves the sample API until interrupted.
pub(crate) fn sample_api(args: &SampleApi) -> Result<ExitCode> {
    if args.end_with_parent {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
    }
    let listener = std::net::TcpListener::bind(("127.0.0.1", args.port)).with_context(|| {
        format!("cannot listen on 127.0.0.1:{}: give another port with --port", args.port)
    })?;
    say::line(&format!("{} listens on http://{}", args.name, listener.local_addr()?));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let settings = shop::Settings::named(args.name.as_str());
        shop::serve(listener, settings, stopped()).await
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
}
