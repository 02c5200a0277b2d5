//! Brings a body from the origin to all who want it: those who wait, the memory, the disk.
//!
//! It runs beside the requests, so that none of them has to stay for the others, and none that is slow holds it up.

use crate::caching::Caches;
use bytes::Bytes;
use cache::{Content, Cut, Entry, Flow, Key};
use disk::Writer;
use http_body_util::BodyExt;
use message::RequestHead;
use net::Body;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use upstream::Permit;

/// How long a body waits for the disk to take more of it.
const DISK_PATIENCE: Duration = Duration::from_millis(500);

/// What is brought, and where to.
pub(crate) struct Pump {
    pub(crate) body: Body,
    pub(crate) flow: Arc<Flow>,
    pub(crate) writer: Option<Writer>,
    /// What stands in the memory meanwhile.
    pub(crate) entry: Arc<Entry>,
    pub(crate) key: Key,
    pub(crate) head: RequestHead,
    pub(crate) caches: Arc<Caches>,
    /// The endpoint is busy until the last byte.
    pub(crate) permit: Option<Permit>,
}

/// Whatever ends it, nobody goes on waiting, and nothing that is not whole is kept.
struct Ending {
    pump: Pump,
    is_whole: bool,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.is_whole {
            self.pump.flow.end(Err(Cut("the fetch was given up".into())));
            self.pump.caches.store.withdraw(self.pump.key, &self.pump.head, &self.pump.entry);
        }
    }
}

/// Brings it.
pub(crate) async fn pump(pump: Pump) {
    let mut ending = Ending { pump, is_whole: false };
    let it = &mut ending.pump;
    while let Some(frame) = it.body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => push(it, data).await,
            // Trailers are not kept (RFC 9111 section 3.1 leaves that to the cache).
            Ok(Err(_)) => {}
            Err(error) => {
                it.flow.end(Err(Cut(error.to_string().into())));
                return;
            }
        }
        if !it.flow.is_kept() && it.flow.is_abandoned() && it.writer.is_none() {
            // Nobody wants it any more.
            return;
        }
    }
    it.flow.end(Ok(()));
    it.permit = None;
    if let Some(writer) = it.writer.take() {
        writer.finish();
    }
    match it.flow.whole() {
        Some(bytes) => {
            let whole = Arc::new(it.entry.with(Content::Whole(bytes)));
            it.caches.store.replace(it.key, &it.head, &it.entry, whole);
        }
        // Too large for the memory: it is on the disk, or nowhere.
        None => it.caches.store.withdraw(it.key, &it.head, &it.entry),
    }
    ending.is_whole = true;
}

async fn push(it: &mut Pump, data: Bytes) {
    if let Some(writer) = &mut it.writer {
        // A disk that hangs holds up nobody: then the response is not on it.
        let pushed = tokio::time::timeout(DISK_PATIENCE, poll_fn(|cx| writer.poll_push(cx, &data))).await;
        if pushed != Ok(true) {
            it.writer = None;
        }
    }
    let mut left = data;
    poll_fn(|cx| it.flow.poll_push(cx, &mut left)).await;
}
