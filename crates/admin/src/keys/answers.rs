//! What is answered about keys and revocations. Everything here that changes something waits for the disk, so it is
//! called where waiting harms nobody (`desk.rs`).

use super::{KeyRefusal, KeyView, MintedKey, NewRevocation};
use crate::answer::{self, Answer, Problem};
use crate::node::Node;
use crate::query::Query;
use crate::{edit, object};
use http::StatusCode;
use serde_json::{Value, json};

/// Keys that are listed at a time, the newest first.
const LISTED: usize = 10_000;

/// `GET /api/keys`: all, or those of the consumer that the query names. The newest come first.
pub(crate) fn list(node: &dyn Node, query: &str) -> Result<Answer, Problem> {
    let mut keys = node.keys();
    if let Some(name) = Query::of(query).first("consumer") {
        let consumers = node.consumers();
        keys.retain(|key| key.consumer == name);
        // One that is not in the config any more may have keys yet.
        if keys.is_empty() && !consumers.iter().any(|consumer| consumer.name == name) {
            let known = edit::listed(consumers.into_iter().map(|consumer| consumer.name).collect());
            let has =
                known.map_or("The config names none.".to_owned(), |names| format!("There are {names}."));
            let detail = format!("There is no consumer `{}`. {has}", edit::shown(&name));
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        }
    }
    keys.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
    keys.truncate(LISTED);
    Ok(answer::json(StatusCode::OK, &json!(keys)))
}

/// `POST /api/keys`.
pub(crate) fn create(node: &dyn Node, body: &[u8]) -> Result<Answer, Problem> {
    const EXAMPLE: &str = "{\"consumer\": \"mobile-app\", \"expires_in\": \"30d\"}";
    let minted = node.create_key(object::read(body, EXAMPLE)?).map_err(|refusal| problem("", refusal))?;
    Ok(answer::json(StatusCode::CREATED, &told(minted)))
}

/// `POST /api/keys/{id}/rotate`.
pub(crate) fn rotate(node: &dyn Node, id: &str, body: &[u8]) -> Result<Answer, Problem> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let rotation = object::read(body, "{\"overlap\": \"24h\"}, or nothing")?;
    let minted = node.rotate_key(id, rotation).map_err(|refusal| problem(id, refusal))?;
    Ok(answer::json(StatusCode::CREATED, &told(minted)))
}

/// `DELETE /api/keys/{id}`. Once more does no harm.
pub(crate) fn revoke(node: &dyn Node, id: &str) -> Result<Answer, Problem> {
    let key = node.revoke_key(id).map_err(|refusal| problem(id, refusal))?;
    Ok(answer::json(StatusCode::OK, &json!(key)))
}

/// `GET /api/revocations`: the newest first.
pub(crate) fn revocations(node: &dyn Node) -> Answer {
    let mut all = node.revocations();
    all.sort_by(|a, b| {
        b.changed.cmp(&a.changed).then_with(|| (&a.jti, &a.subject).cmp(&(&b.jti, &b.subject)))
    });
    all.truncate(LISTED);
    answer::json(StatusCode::OK, &json!(all))
}

/// `POST /api/revocations`. Once more does no harm.
pub(crate) fn revoke_tokens(node: &dyn Node, body: &[u8]) -> Result<Answer, Problem> {
    const EXAMPLE: &str = "{\"jti\": \"4f1c\"} or {\"subject\": \"ann\"}";
    let wanted: NewRevocation = object::read(body, EXAMPLE)?;
    let named = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
    if named(&wanted.jti) == named(&wanted.subject) {
        return Err(edit::bad(
            format!("Say which tokens, by one name that is not empty: {EXAMPLE}."),
            json!([]),
        ));
    }
    let done = node.revoke_tokens(wanted).map_err(|refusal| problem("", refusal))?;
    Ok(answer::json(StatusCode::CREATED, &json!(done)))
}

/// A new key with its text: the one time that it is told.
fn told(minted: MintedKey) -> Value {
    let mut value = json!(minted.view);
    value["key"] = json!(minted.text);
    if let Some(KeyView { id, expires, .. }) = minted.replaces {
        value["replaces"] = json!({ "id": id, "expires": expires });
    }
    value
}

fn problem(id: &str, refusal: KeyRefusal) -> Problem {
    match refusal {
        KeyRefusal::NoKey => {
            let detail = format!("There is no key `{}`. GET /api/keys lists their ids.", edit::shown(id));
            Problem::new(StatusCode::NOT_FOUND, detail)
        }
        KeyRefusal::Bad(why) => edit::bad(why, json!([])),
        KeyRefusal::NotNow(why) => edit::not_now(why),
        KeyRefusal::Failed(why) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, why),
    }
}
