//! Commands that ask a running node through its admin API.

use crate::args::At;
use crate::say;
use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

/// Longest wait for an answer, and largest one.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest wait for an upgrade: the new process has 30 s to be ready.
const UPGRADE_PATIENCE: Duration = Duration::from_secs(60);
const ANSWER_MOST: usize = 64 * 1024 * 1024;

/// `tidegate reload`.
pub(crate) fn reload(at: &At) -> Result<ExitCode> {
    let (code, answer) = ask(at, "POST", "/api/reload")?;
    say::line(&serde_json::to_string_pretty(&answer)?);
    Ok(ExitCode::from(u8::from(code != 200)))
}

/// `tidegate drain`.
pub(crate) fn drain(at: &At) -> Result<ExitCode> {
    ask(at, "POST", "/api/drain")?;
    say::line("the node takes no more work and ends with what is under way");
    Ok(ExitCode::SUCCESS)
}

/// `tidegate upgrade`.
pub(crate) fn upgrade(at: &At) -> Result<ExitCode> {
    let (_, answer) = ask_within(at, "POST", "/api/upgrade", String::new(), UPGRADE_PATIENCE)?;
    if at.json {
        say::line(&serde_json::to_string_pretty(&answer)?);
    } else {
        say::line(&format!(
            "process {} has taken over; process {} ends with what is under way",
            answer["pid"], answer["from"]
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// One request to the admin API: its status and its JSON.
pub(crate) fn ask(at: &At, method: &str, path: &str) -> Result<(u16, Value)> {
    ask_within(at, method, path, String::new(), PATIENCE)
}

/// The same, with a body. Gives answers of 422 too, which say what is wrong with that.
pub(crate) fn ask_with(at: &At, method: &str, path: &str, body: String) -> Result<(u16, Value)> {
    ask_within(at, method, path, body, PATIENCE)
}

/// A name as a segment of a path, or as a value in a query.
pub(crate) fn segment(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

fn ask_within(at: &At, method: &str, path: &str, body: String, patience: Duration) -> Result<(u16, Value)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::time::timeout(patience, exchange(at, method, path, body))
            .await
            .context("the node gave no answer in time")?
    })
}

async fn exchange(at: &At, method: &str, path: &str, body: String) -> Result<(u16, Value)> {
    let host =
        at.admin.trim_end_matches('/').strip_prefix("http://").with_context(|| {
            format!("`{}` is not an admin address: write http://127.0.0.1:9090", at.admin)
        })?;
    let stream = tokio::net::TcpStream::connect(host).await.with_context(|| {
        format!("no node answers at {}: is it running, and is this its admin address?", at.admin)
    })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = http::Request::builder().method(method).uri(path).header("host", host);
    if let Some(token) = &at.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
    let status = response.status();
    let body =
        Limited::new(response.into_body(), ANSWER_MOST).collect().await.map_err(|e| anyhow::anyhow!(e))?;
    let answer: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    if status.is_success() || status == 422 {
        return Ok((status.as_u16(), answer));
    }
    let why = answer["detail"].as_str().unwrap_or("it did not say why");
    bail!("the node refused with {status}: {why}")
}
