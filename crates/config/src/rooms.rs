//! What the file says of caching and of files, in the words of the rooms that do it.
//!
//! It is one step from the types to the rooms' settings, with defaults that depend on other parts of the file filled in. *Not
//! here*: opening anything; the root of files and the folder of the disk are looked at by their rooms.

use cache::{KeySettings, QueryRule, Settings, Template};
use files::FilesSettings;
use message::StatusCode;

use crate::file::{Cache, CacheKey, CacheQuery, File, StaticFiles};
use crate::path::Path;
use crate::report::Report;
use crate::value::{CacheTime, QueryPattern};

impl File {
    /// Whether some route keeps responses.
    pub fn caches(&self) -> bool {
        self.routes.iter().any(|route| route.cache.is_some())
    }

    /// What the route at that place wants of the cache; `None` where it has none. Tags that cannot be read go to the report.
    pub fn cache_of(&self, route: usize, report: &mut Report) -> Option<Settings> {
        let typed = self.routes.get(route)?.cache.as_ref()?;
        let path = Path::new().key("routes").index(route).key("cache").key("tags");
        Some(Settings {
            ttl: typed.ttl.map(CacheTime::get),
            force: typed.force,
            stale_while_revalidate: typed.stale_while_revalidate.map(CacheTime::get),
            stale_if_error: typed.stale_if_error.map(CacheTime::get),
            // Each status is one that exists, so none is left out.
            statuses: typed
                .statuses
                .iter()
                .filter_map(|(status, time)| Some((StatusCode::from_u16(status.get()).ok()?, time.get())))
                .collect(),
            max_object: self.largest(typed),
            uncacheable: typed.uncacheable.get(),
            tags: templates(typed, &path, report),
            key: key(&typed.key),
            per_consumer: typed.per_consumer,
            client_control: typed.client_control,
            targeted: typed.targeted.iter().map(|name| name.as_str().into()).collect(),
        })
    }

    /// The largest body that a route keeps, in bytes.
    fn largest(&self, typed: &Cache) -> u64 {
        match (typed.max_object, &self.cache.disk) {
            (Some(most), _) => most.get(),
            (None, Some(disk)) => disk.max_object(),
            (None, None) => Cache::MAX_OBJECT.min(self.cache.memory.get() / Cache::SHARE),
        }
    }
}

/// The tags, as the room reads them.
fn templates(typed: &Cache, path: &Path, report: &mut Report) -> Vec<Template> {
    let mut templates = Vec::with_capacity(typed.tags.len());
    for (index, tag) in typed.tags.iter().enumerate() {
        match Template::parse(tag.as_str()) {
            Ok(template) => templates.push(template),
            Err(why) => report.add(&path.index(index), why, Some("a tag such as `product-{id}`"), None),
        }
    }
    templates
}

fn key(typed: &CacheKey) -> KeySettings {
    let patterns = |list: &[QueryPattern]| list.iter().map(|pattern| pattern.as_str().into()).collect();
    KeySettings {
        query: match &typed.query {
            CacheQuery::All => QueryRule::All,
            CacheQuery::Exact => QueryRule::Exact,
            CacheQuery::None => QueryRule::None,
            CacheQuery::Only(list) => QueryRule::Only(patterns(list)),
            CacheQuery::Except(list) => QueryRule::Except(patterns(list)),
        },
        headers: typed.headers.iter().map(|name| name.as_str().into()).collect(),
        cookies: typed.cookies.iter().map(|name| name.as_str().into()).collect(),
        any_host: typed.any_host,
    }
}

impl StaticFiles {
    /// Which files, and how.
    pub fn settings(&self) -> FilesSettings {
        FilesSettings {
            root: self.root.clone(),
            index: self.index.iter().map(|name| name.as_str().into()).collect(),
            spa: self.spa.file().map(Into::into),
            precompressed: self.precompressed,
            cache_control: self.cache_control.as_ref().map(|value| value.as_str().into()),
            dotfiles: self.dotfiles,
            links: self.links,
            types: self.types.iter().map(|(end, kind)| (end.as_str().into(), kind.as_str().into())).collect(),
        }
    }
}
