//! A question to a service on the side: who is this? Sent with the worker's own client, over the service's pools, with its
//! TLS and its timeouts. The answer is read whole, within a bound.

use crate::desk::{Desk, Here};
use crate::stop::Stop;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use message::{Authority, Fields, Method, Name, RequestHead, StatusCode, Target, Version};
use net::Body;
use std::time::Duration;
use upstream::{Forward, Manner};

/// Bytes of an answer that are read.
const ANSWER_MOST: usize = 256 * 1024;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// Whom: the service's place in the site.
    pub(crate) service: usize,
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: &'a str,
    pub(crate) fields: Fields,
    pub(crate) body: Bytes,
    /// How long all of it may take.
    pub(crate) patience: Duration,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) fields: Fields,
    pub(crate) body: Bytes,
}

/// Asks. The error is for the operator.
pub(crate) async fn ask(desk: &Desk, here: &Here, question: Question<'_>) -> Result<Reply, String> {
    let patience = question.patience;
    let asking = asked(desk, here, question);
    tokio::time::timeout(patience, Box::pin(asking)).await.unwrap_or_else(|_| Err("no answer in time".into()))
}

async fn asked(desk: &Desk, here: &Here, question: Question<'_>) -> Result<Reply, String> {
    let Question { service, method, target, mut fields, body, .. } = question;
    let local = here.services.get(service).ok_or("it is not in the config any more")?;
    let target = Target::parse(target.as_bytes(), false).map_err(|_| "its path is none".to_owned())?;
    fields.set(Name::UserAgent, concat!("tidegate/", env!("CARGO_PKG_VERSION")).as_bytes());
    if !body.is_empty() || method == Method::POST {
        fields.set(Name::ContentLength, body.len().to_string().as_bytes());
    }
    let authority: Option<Authority> = None;
    let head = RequestHead { method, target, authority, version: Version::HTTP_11, fields, upgrade: None };
    let mut body = Body::full(body);
    let manner = Manner::default();
    let forward = Forward::own(&head, &mut body, &manner);
    let answered = desk.client.forward(local, forward).await.map_err(|failed| {
        let stop = Stop::failed(&failed);
        stop.detail.unwrap_or(stop.public)
    })?;
    let mut answer = answered.answer.body;
    let mut whole = BytesMut::new();
    while let Some(frame) = answer.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > ANSWER_MOST {
                return Err(format!("an answer of more than {ANSWER_MOST} bytes"));
            }
            whole.extend_from_slice(&data);
        }
    }
    drop(answered.permit);
    let head = answered.answer.head;
    Ok(Reply { status: head.status, fields: head.fields, body: whole.freeze() })
}
