//! Which route would serve a GET of what was asked for, whatever the method?

use message::{Method, RequestHead};
use route::Ask;

/// The question.
pub(crate) fn to_get(head: &RequestHead) -> Ask<'_> {
    Ask {
        method: &Method::GET,
        host: head.authority.as_ref().map_or("", |authority| authority.host()),
        path: head.target.path(),
        query: head.target.query(),
        fields: &head.fields,
    }
}
