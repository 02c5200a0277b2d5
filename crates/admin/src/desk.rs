//! Where a request is answered: guarded, looked up in the table, read to its end, handed to the node.

use crate::answer::{self, Answer, Problem};
use crate::edit::{self, Edit};
use crate::endpoint::{self, Door, Found};
use crate::guard::Settings;
use crate::instances::{self, Steps};
use crate::live::Memory;
use crate::node::Node;
use crate::query::Query;
use crate::{cache, events, keys, openapi, page, status};
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Body;
use serde_json::json;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Bytes that a request's body may have.
const BODY_LIMIT: usize = 1024 * 1024;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What every connection needs.
pub(crate) struct Desk {
    pub(crate) node: Arc<dyn Node>,
    pub(crate) settings: Settings,
    pub(crate) memory: Memory,
    pub(crate) steps: Steps,
}

impl Desk {
    pub(crate) fn new(node: Arc<dyn Node>, settings: Settings) -> Self {
        Self { node, settings, memory: Memory::default(), steps: Steps::default() }
    }

    /// Remembers how things stand. To be called every [`crate::live::STEP`].
    pub(crate) fn mark(&self) {
        self.memory.mark(self.node.snapshot());
        self.steps.mark(&self.node.instances());
    }

    /// Answers one request. Whatever happens there is an answer, with the security headers.
    pub(crate) async fn answer<B>(&self, request: Request<B>, peer: IpAddr) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let answer = self.try_answer(request, peer).await;
        answer::secured(answer.unwrap_or_else(Problem::into_answer))
    }

    async fn try_answer<B>(&self, request: Request<B>, peer: IpAddr) -> Result<Answer, Problem>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let found = endpoint::find(request.method(), request.uri().path());
        // The guard comes before 404 and 405, so strangers learn nothing about what there is.
        if !found.as_ref().is_ok_and(|found| found.endpoint.open) {
            self.settings.check(&request, peer)?;
        }
        let found = found?;
        let (head, body) = request.into_parts();
        let body = read(body).await?;
        self.open(&found, head.uri.query().unwrap_or(""), &body).await
    }

    async fn open(&self, found: &Found, query: &str, body: &Bytes) -> Result<Answer, Problem> {
        const OK: StatusCode = StatusCode::OK;
        let (node, name) = (&*self.node, &*found.name);
        let answer = match found.endpoint.door {
            Door::Page => self.page(),
            Door::Health => answer::text(OK, "ok\n"),
            Door::Ready if node.ready() => answer::text(OK, "ready\n"),
            Door::Ready => answer::text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            Door::Metrics => answer::with(OK, "text/plain; version=0.0.4; charset=utf-8", node.metrics()),
            Door::OpenApi => answer::json(OK, &openapi::document()),
            Door::Config => answer::json(OK, &node.config()),
            Door::Routes => answer::json(OK, &node.routes()),
            Door::Services => answer::json(OK, &json!(node.services())),
            Door::Service => {
                let service = node.services().into_iter().find(|service| service.name == name);
                answer::json(OK, &json!(service.ok_or_else(|| edit::no_service(name))?))
            }
            Door::AddEndpoint => edit::done(node, name, Edit::Add(text(body)?))?,
            Door::RemoveEndpoint => edit::done(node, name, Edit::Remove(&edit::url(query)?))?,
            Door::DrainEndpoint => edit::done(node, name, Edit::Drain(&edit::url(query)?))?,
            Door::UndrainEndpoint => edit::done(node, name, Edit::Undrain(&edit::url(query)?))?,
            Door::Instances => instances::list(node, query)?,
            Door::Decisions => instances::decisions(node, name)?,
            Door::Restart => instances::restart(node, name)?,
            Door::Keys => keys::list(node, query)?,
            Door::CreateKey => {
                let body = body.clone();
                self.waiting(move |node| keys::create(node, &body)).await?
            }
            Door::RotateKey => {
                let (id, body) = (found.name.clone(), body.clone());
                self.waiting(move |node| keys::rotate(node, &id, &body)).await?
            }
            Door::RevokeKey => {
                let id = found.name.clone();
                self.waiting(move |node| keys::revoke(node, &id)).await?
            }
            Door::Revocations => keys::revocations(node),
            Door::RevokeTokens => {
                let body = body.clone();
                self.waiting(move |node| keys::revoke_tokens(node, &body)).await?
            }
            Door::Consumers => answer::json(OK, &json!(node.consumers())),
            Door::Limits => answer::json(OK, &json!(node.limits())),
            Door::Cache => cache::show(node, &self.memory.view(node.snapshot())),
            Door::Purge => cache::purge(node, body).await?,
            Door::Status => answer::json(OK, &status::document(node, &self.memory.view(node.snapshot()))),
            Door::Events => answer::json(OK, &events::document(&node.events())),
            Door::Explain => explain(node, query)?,
            Door::Reload => reload(node).await?,
            Door::Drain => {
                node.drain();
                answer::json(OK, &json!({ "draining": true }))
            }
            Door::Upgrade => {
                let refused = |why| Problem::new(StatusCode::CONFLICT, why);
                answer::json(OK, &node.upgrade().await.map_err(refused)?)
            }
        };
        Ok(answer)
    }

    /// Does what waits for the disk, on a thread that may. A client that leaves meanwhile leaves it to its end.
    async fn waiting(
        &self,
        work: impl FnOnce(&dyn Node) -> Result<Answer, Problem> + Send + 'static,
    ) -> Result<Answer, Problem> {
        let node = Arc::clone(&self.node);
        tokio::task::spawn_blocking(move || work(&*node)).await.unwrap_or_else(|_| {
            let detail = "It was begun and broke off: look whether it is done before you try again.";
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail))
        })
    }

    fn page(&self) -> Answer {
        let live = self.memory.view(self.node.snapshot());
        let nonce = page::nonce();
        let html = page::render(&*self.node, &live, &self.steps, &nonce);
        let mut answer = answer::with(StatusCode::OK, "text/html; charset=utf-8", html);
        let policy = HeaderValue::try_from(page::policy(&nonce)).expect("a nonce is hex digits");
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        answer
    }
}

/// Reads a body to its end within bounds, so the connection can be used again. Most endpoints need nothing of it.
async fn read<B>(body: B) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 1 MiB.");
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > BODY_LIMIT as u64 {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_LIMIT).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(e)) if e.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "The body ended before its end.")),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "The body took too long.")),
    }
}

/// A body that is to be text.
fn text(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body)
        .map_err(|_| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "The body is not UTF-8."))
}

fn explain(node: &dyn Node, query: &str) -> Result<Answer, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let query = Query::of(query);
    let Some(request) = query.first("request") else {
        return Err(bad("Say which request: /api/explain?request=GET%20http://host/path".to_owned()));
    };
    let headers: Vec<String> = query.all("header").collect();
    let road = node.explain(&request, &headers).map_err(bad)?;
    Ok(answer::json(StatusCode::OK, &road))
}

async fn reload(node: &dyn Node) -> Result<Answer, Problem> {
    let changes = node.reload().await.map_err(|problems| {
        let detail = "The config has problems; nothing changed.";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).member("problems", problems)
    })?;
    Ok(answer::json(StatusCode::OK, &changes))
}
