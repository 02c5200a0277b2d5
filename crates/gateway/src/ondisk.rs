//! Responses that lie on the disk.
//!
//! A response that was chosen by fields of the request lies under the key of its variant; under the key of what was asked for then
//! lies a marker that says which fields those are.

use crate::caching::Caches;
use bytes::Bytes;
use cache::{Content, Entry, Key, Vary};
use disk::{Found, Writer};
use message::RequestHead;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How a marker begins. A response's head begins with the number of its version, which is no letter.
const MARKER: &[u8] = b"vary:";
/// Bodies of up to so many bytes are taken into the memory when they are used. Larger ones are sent from their files, which costs a third
/// of it already at 64 KiB.
const SMALL: u64 = 16 * 1024;

/// The response for that request, in its variant. Its body stays in its file where it is large.
pub(crate) async fn find(caches: &Caches, key: Key, head: &RequestHead) -> Option<Arc<Entry>> {
    let disk = caches.disk.as_ref().filter(|_| caches.disk_is_current.load(Ordering::Acquire))?;
    let place = caches.store.place(key, head);
    let mut found = disk.find(place.0).await?;
    if let Some(names) = found.head.strip_prefix(MARKER) {
        let names = std::str::from_utf8(names).ok()?;
        let vary = Vary(names.split(',').map(Into::into).collect());
        let variant = caches.store.keys().variant(key, &vary, head);
        found = disk.find(variant.0).await?;
    }
    let Found { head: saved, file, offset, length, .. } = found;
    let entry = Arc::new(cache::load(&saved, Content::File { file, offset, length }).ok()?);
    if length > SMALL {
        return Some(entry);
    }
    let entry = Arc::new(in_memory(&entry, offset, length).await?);
    caches.store.put(key, head, Arc::clone(&entry));
    Some(entry)
}

/// The same response with its body read.
async fn in_memory(entry: &Entry, offset: u64, length: u64) -> Option<Entry> {
    let Content::File { file, .. } = &entry.content else { return None };
    let (file, length) = (Arc::clone(file), usize::try_from(length).ok()?);
    let reading = net::blocking(move || {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, offset).map(|()| Bytes::from(bytes))
    });
    let bytes = reading.await.ok()?.ok()?;
    Some(entry.with(Content::Whole(bytes)))
}

/// Begins to write a response.
pub(crate) fn write(caches: &Caches, key: Key, head: &RequestHead, entry: &Entry) -> Option<Writer> {
    let disk = caches.disk.as_ref()?;
    let place = match &entry.vary {
        None => key,
        Some(vary) => {
            let marker = [MARKER, vary.0.join(",").as_bytes()].concat();
            disk.write(key.0, marker.into(), Some(0))?.finish();
            caches.store.keys().variant(key, vary, head)
        }
    };
    disk.write(place.0, cache::save(entry).into(), entry.length())
}

/// Writes the head of a response anew whose fields have changed and whose body has not, where what lies there is that response.
pub(crate) fn rewrite(caches: &Caches, key: Key, head: &RequestHead, old: &Entry, new: &Entry) {
    let Some(disk) = &caches.disk else { return };
    let variant = new.vary.as_ref().map(|vary| caches.store.keys().variant(key, vary, head));
    let place = variant.unwrap_or(key).0;
    if !disk.has(place) {
        return;
    }
    let (disk, was, saved) = (Arc::clone(disk), old.freshness, cache::save(new));
    tokio::task::spawn_local(async move {
        let Some(found) = disk.find(place).await else { return };
        let there = cache::load(&found.head, Content::Whole(Bytes::new()));
        // No two responses came under one key in one millisecond with one age.
        if there.is_ok_and(|there| there.freshness == was) {
            disk.rewrite(&found, saved.into());
        }
    });
}

/// Takes a response out.
pub(crate) fn forget(caches: &Caches, key: Key, head: &RequestHead) {
    if let Some(disk) = &caches.disk {
        disk.remove(caches.store.place(key, head).0);
    }
}
