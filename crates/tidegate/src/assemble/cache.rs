//! The cache of the file -> what the gateway caches by.

use crate::caching::{Made, PATIENCE};
use cache::{KeySettings, QueryRule, Reason, Settings, Template};
use config::{File, Path, Report};
use files::{FilesSettings, Root};
use gateway::Network;
use gateway::caching::{Caches, Caching};
use message::StatusCode;
use observe::Meters;
use std::sync::Arc;
use std::time::Duration;

/// The cache, where a route caches. `made` is what is kept over reloads; a check has none, and nothing is kept.
pub(super) fn caches(file: &File, made: Option<&Made>) -> Option<Arc<Caches>> {
    let made = made?;
    if !file.caches() {
        return None;
    }
    let purge_from = file.cache.purge_from.iter();
    Some(Arc::new(Caches {
        store: Arc::clone(&made.store),
        disk: made.disk.clone(),
        disk_is_current: Arc::clone(&made.disk_is_current),
        name: file.cache.name.as_str().into(),
        patience: PATIENCE,
        purge_from: purge_from.filter_map(|range| range.to_string().parse::<Network>().ok()).collect(),
        purging: Arc::clone(&made.purging) as Arc<dyn gateway::caching::Purging>,
    }))
}

/// What one route wants of it.
pub(super) fn caching(
    route: &config::Route,
    file: &File,
    meters: &Meters,
    at: &Path,
    report: &mut Report,
) -> Option<Box<Caching>> {
    let settings = settings_of(route, file, at, report)?;
    let labels: Vec<&'static str> = Reason::ALL.iter().map(|reason| reason.label()).collect();
    Some(Box::new(Caching::new(settings, meters.cache(&route.name, &labels))))
}

/// The settings of one route.
fn settings_of(route: &config::Route, file: &File, at: &Path, report: &mut Report) -> Option<Settings> {
    let typed = route.cache.as_ref()?;
    let tags = typed.tags.iter().enumerate().filter_map(|(number, text)| {
        let parsed = Template::parse(text.as_str());
        parsed.map_err(|why| report.add(&at.key("cache").key("tags").index(number), why, None, None)).ok()
    });
    Some(Settings {
        tags: tags.collect(),
        ttl: typed.ttl.map(period),
        force: typed.force,
        stale_while_revalidate: typed.stale_while_revalidate.map(period),
        stale_if_error: typed.stale_if_error.map(period),
        statuses: typed
            .statuses
            .iter()
            .filter_map(|(status, ttl)| Some((StatusCode::from_u16(status.get()).ok()?, period(*ttl))))
            .collect(),
        max_object: typed.max_object(&file.cache),
        uncacheable: period(typed.uncacheable),
        key: KeySettings { route: route.name.as_str().into(), ..key(&typed.key) },
        per_consumer: typed.per_consumer,
        client_control: typed.client_control,
        targeted: typed.targeted.iter().map(|name| name.as_str().to_ascii_lowercase().into()).collect(),
    })
}

fn period(time: config::CacheTime) -> Duration {
    time.get()
}

fn key(typed: &config::CacheKey) -> KeySettings {
    let names = |all: &[config::QueryPattern]| all.iter().map(|name| name.as_str().into()).collect();
    KeySettings {
        query: match &typed.query {
            config::CacheQuery::All => QueryRule::All,
            config::CacheQuery::Exact => QueryRule::Exact,
            config::CacheQuery::None => QueryRule::None,
            config::CacheQuery::Only(only) => QueryRule::Only(names(only)),
            config::CacheQuery::Except(except) => QueryRule::Except(names(except)),
        },
        headers: typed.headers.iter().map(|name| name.as_str().to_ascii_lowercase().into()).collect(),
        cookies: typed.cookies.iter().map(|name| name.as_str().into()).collect(),
        any_host: typed.any_host,
        route: "".into(),
    }
}

/// The folder of a route for files.
pub(super) fn files(typed: &config::StaticFiles, at: &Path, report: &mut Report) -> Option<Arc<Root>> {
    match Root::open(files_of(typed)) {
        Ok(root) => Some(Arc::new(root)),
        Err(why) => {
            report.add(&at.key("static").key("root"), why.to_string(), None, None);
            None
        }
    }
}

/// The settings of files.
fn files_of(typed: &config::StaticFiles) -> FilesSettings {
    FilesSettings {
        root: typed.root.clone(),
        index: typed.index.iter().map(|name| name.as_str().into()).collect(),
        spa: typed.spa.file().map(Into::into),
        precompressed: typed.precompressed,
        cache_control: typed.cache_control.as_ref().map(|value| value.as_str().into()),
        dotfiles: typed.dotfiles,
        links: typed.links,
        types: typed.types.iter().map(|(end, kind)| (end.as_str().into(), kind.as_str().into())).collect(),
    }
}

#[cfg(test)]
mod tests;
