//! What the keys of the cache and of static files become: defaults, short forms, and the settings of the rooms.

use std::fs;

use super::*;
use config::{Action, Cache, CacheQuery, Report, Spa, StaticFiles};

fn loaded(text: &str) -> config::Loaded {
    config::parse(text, "test.yaml", &|_| None).unwrap_or_else(|report| panic!("{report}"))
}

/// A file with one route that has this behind its `cache`, and this at its top.
fn with(top: &str, typed: &str) -> File {
    let text = format!(
        "listeners: [1]\nservices: {{ a: \"http://b\" }}\n{top}\nroutes: [{{ service: a, cache: {typed} }}]\n"
    );
    loaded(&text).file
}

fn cache(typed: &str) -> Cache {
    with("", typed).routes.remove(0).cache.expect("a cache")
}

fn settings(top: &str, typed: &str) -> Settings {
    let mut report = empty_report();
    let settings =
        settings_of(&with(top, typed).routes[0], &with(top, typed), &config::Path::new(), &mut report)
            .expect("settings");
    assert!(!settings.key.route.is_empty());
    let settings = Settings { key: KeySettings { route: "".into(), ..settings.key }, ..settings };
    assert!(report.problems().is_empty(), "{report}");
    settings
}

/// A report that knows no file.
fn empty_report() -> Report {
    loaded("listeners: [1]\nroutes: [{ respond: {} }]\n").report
}

fn files(typed: &str) -> StaticFiles {
    let text = format!("listeners: [1]\nroutes: [{{ static: {typed} }}]\n");
    loaded(&text).file.routes.remove(0).files.expect("files")
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_file_that_says_nothing_keeps_nothing() {
    let file = loaded("listeners: [1]\nroutes: [{ respond: {} }]\n").file;
    assert!(!file.caches() && file.routes[0].cache.is_none() && file.routes[0].files.is_none());
    assert!(settings_of(&file.routes[0], &file, &config::Path::new(), &mut empty_report()).is_none());
    assert_eq!((file.cache.memory.get(), file.cache.name.as_str()), (256 << 20, "tidegate"));
    assert!(file.cache.disk.is_none() && file.cache.purge_from.is_empty());
}

#[test]
fn an_empty_cache_is_the_default_of_the_room() {
    for typed in ["{}", ""] {
        assert_eq!(format!("{:?}", settings("", typed)), format!("{:?}", Settings::default()), "`{typed}`");
    }
    assert!(with("", "{}").caches());
}

#[test]
fn a_bare_duration_is_the_ttl() {
    assert_eq!(cache("60s"), cache("{ ttl: 60s }"));
    assert_eq!(settings("", "1h30m").ttl, Some(seconds(5_400)));
}

#[test]
fn every_key_reaches_the_room() {
    let typed = "{ ttl: 60s, force: true, stale_while_revalidate: 5m, stale_if_error: 1d, statuses: { 404: 10s, \"410\": 1m }, \
                 max_object: 1MiB, uncacheable: 30s, per_consumer: off, client_control: false, targeted: Surrogate-Control, \
                 key: { query: none, headers: [Accept-Language, x-tenant], cookies: theme, any_host: true } }";
    let settings = settings("", typed);
    assert_eq!((settings.ttl, settings.force), (Some(seconds(60)), true));
    assert_eq!(
        (settings.stale_while_revalidate, settings.stale_if_error),
        (Some(seconds(300)), Some(seconds(86_400)))
    );
    let statuses: Vec<(u16, u64)> =
        settings.statuses.iter().map(|(status, time)| (status.as_u16(), time.as_secs())).collect();
    assert_eq!(statuses, [(404, 10), (410, 60)]);
    assert_eq!((settings.max_object, settings.uncacheable), (1 << 20, seconds(30)));
    assert_eq!((settings.per_consumer, settings.client_control), (false, false));
    assert_eq!(settings.targeted.join(" "), "surrogate-control");
    assert_eq!(settings.key.query, QueryRule::None);
    assert_eq!(settings.key.headers.join(" "), "accept-language x-tenant");
    assert_eq!((settings.key.cookies, settings.key.any_host), (vec!["theme".into()], true));
    assert!(cache("{ per_consumer: true }").per_consumer);
    assert!(cache("{ targeted: [] }").targeted.is_empty());
}

#[test]
fn the_query_of_a_key_is_a_word_a_list_or_all_but_a_list() {
    let query = |typed: &str| settings("", &format!("{{ key: {{ query: {typed} }} }}")).key.query;
    let list = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect::<Vec<Box<str>>>();
    assert_eq!(
        (query("all"), query("exact"), query("none")),
        (QueryRule::All, QueryRule::Exact, QueryRule::None)
    );
    assert_eq!(query("[a, b, \"utm_*\"]"), QueryRule::Only(list(&["a", "b", "utm_*"])));
    assert_eq!(query("{ only: a }"), QueryRule::Only(list(&["a"])));
    assert_eq!(query("{ except: [utm_*] }"), QueryRule::Except(list(&["utm_*"])));
    assert_eq!(query("{ except: utm_* }"), QueryRule::Except(list(&["utm_*"])));
    assert_eq!(query("{ keep: exact }"), QueryRule::Exact);
    // In a list a word is the name of a parameter.
    assert_eq!(query("[all]"), QueryRule::Only(list(&["all"])));
    assert_eq!(cache("{}").key.query, CacheQuery::All);
}

#[test]
fn the_largest_response_follows_from_where_it_is_kept() {
    let largest = |top: &str, typed: &str| settings(top, typed).max_object;
    assert_eq!(largest("", "{}"), 8 << 20);
    assert_eq!(largest("cache: { memory: 16MiB }", "{}"), 2 << 20);
    assert_eq!(largest("cache: { disk: 10GiB }", "{}"), 1 << 30);
    assert_eq!(largest("cache: { disk: 100MiB }", "{}"), 100 << 20);
    assert_eq!(largest("cache: { disk: { size: 10GiB, max_object: 2GiB } }", "{}"), 2 << 30);
    assert_eq!(largest("cache: { disk: 10GiB }", "{ max_object: 1KiB }"), 1 << 10);
    assert_eq!(largest("", "{ max_object: 32MiB }"), 32 << 20);
}

#[test]
fn the_disk_has_a_folder_of_its_own_in_the_data_dir() {
    let disk = |typed: &str| with(&format!("cache: {{ disk: {typed} }}"), "{}").cache.disk.expect("a disk");
    let plain = disk("10GiB");
    assert_eq!((plain.size.get(), plain.threads, plain.max_object()), (10 << 30, 2, 1 << 30));
    assert_eq!(
        plain.path(std::path::Path::new("/var/lib/tidegate")),
        std::path::Path::new("/var/lib/tidegate/cache")
    );
    let named = disk("{ path: ./cache, size: 1GB, threads: 8 }");
    assert_eq!(named.path(std::path::Path::new("/var/lib/tidegate")), std::path::Path::new("./cache"));
    assert_eq!((named.size.get(), named.threads), (1_000_000_000, 8));
}

#[test]
fn who_may_purge_is_one_range_or_a_list() {
    let ranges = |typed: &str| {
        let file = with(&format!("cache: {{ purge_from: {typed} }}"), "{}");
        file.cache.purge_from.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(ranges("127.0.0.0/8"), ["127.0.0.0/8"]);
    assert_eq!(ranges("[127.0.0.0/8, \"::1\"]").len(), 2);
}

#[test]
fn names_in_tags_are_those_of_the_path_of_the_query_and_of_headers() {
    let text = "listeners: [1]\nservices: { a: \"http://b\" }\nroutes:\n  - match: { path: \"/{shop-id}/p/{id}/*\" }\n    service: a\n    \
                cache: { tags: [all, \"p-{id}\", \"s-{shop-id}\", \"{query.a b}\", \"{header.X-Shop}\"] }\n";
    // A parameter of the query may hold a space, a tag may not.
    assert!(config::parse(text, "test.yaml", &|_| None).is_err());
    let file = loaded(&text.replace("a b", "page")).file;
    let tags = &file.routes[0].cache.as_ref().expect("a cache").tags;
    let tags: Vec<&str> = tags.iter().map(config::TagText::as_str).collect();
    assert_eq!(tags, ["all", "p-{id}", "s-{shop-id}", "{query.page}", "{header.X-Shop}"]);
}

#[test]
fn a_bare_path_is_a_folder_with_every_default() {
    assert_eq!(files("./public"), files("{ root: ./public }"));
    let expected = FilesSettings {
        root: "./public".into(),
        index: vec!["index.html".into()],
        spa: None,
        precompressed: true,
        cache_control: None,
        dotfiles: false,
        links: false,
        types: Vec::new(),
    };
    assert_eq!(files_of(&files("./public")), expected);
}

#[test]
fn every_key_of_static_files_reaches_the_room() {
    let typed = "{ root: /srv, index: [index.htm, home.html], spa: app.html, precompressed: off, dotfiles: on, links: true, \
                 cache_control: \"public, max-age=3600\", types: { wasm: application/wasm, mjs: text/javascript } }";
    let expected = FilesSettings {
        root: "/srv".into(),
        index: vec!["index.htm".into(), "home.html".into()],
        spa: Some("app.html".into()),
        precompressed: false,
        cache_control: Some("public, max-age=3600".into()),
        dotfiles: true,
        links: true,
        types: vec![("mjs".into(), "text/javascript".into()), ("wasm".into(), "application/wasm".into())],
    };
    assert_eq!(files_of(&files(typed)), expected);
}

#[test]
fn an_application_of_one_page_is_on_off_or_a_file() {
    let spa = |typed: &str| files(&format!("{{ root: a, spa: {typed} }}")).spa;
    assert_eq!((spa("true"), spa("on")), (Spa::File("index.html".into()), Spa::File("index.html".into())));
    assert_eq!((spa("false"), spa("off")), (Spa::Off, Spa::Off));
    assert_eq!(spa("app/index.html"), Spa::File("app/index.html".into()));
    assert!(files("{ root: a, index: [] }").index.is_empty());
}

#[test]
fn files_are_one_of_the_things_that_a_route_does() {
    let file = loaded("listeners: [1]\nroutes: [{ match: { path: \"/a/{b}/*\" }, static: ./public }]\n").file;
    let action = file.routes[0].action();
    assert!(matches!(action, Some(Action::Static(files)) if files.root == std::path::Path::new("./public")));
}

#[test]
fn a_large_file_of_caches_is_checked_in_little_time() {
    let mut text = String::from("listeners: [1]\nservices: { a: \"http://b\" }\nroutes:\n");
    for number in 0..5_000 {
        let route = format!(
            "  - {{ match: {{ path: \"/{number}/{{id}}\" }}, service: a, cache: {{ ttl: 60s, tags: [\"t-{{id}}\"], key: {{ query: [a, b] }} }} }}\n"
        );
        text.push_str(&route);
    }
    assert_eq!(loaded(&text).file.routes.len(), 5_000);
}

#[test]
fn the_guide_explains_every_reason_of_the_cache() {
    let guide = fs::read_to_string("../../docs/guide/caching.md").expect("the guide");
    for reason in Reason::ALL {
        assert!(guide.contains(&format!("\n| `{}` |", reason.label())), "`{}`", reason.label());
    }
}

#[test]
fn the_files_in_the_guides_are_right() {
    let mut files = 0;
    for page in ["caching", "static-files"] {
        let guide = fs::read_to_string(format!("../../docs/guide/{page}.md")).expect("the guide");
        for block in guide.split("```yaml\n").skip(1) {
            let (text, _) = block.split_once("```").expect("the end of a block");
            // What shows one part of a file stands below a listener and a service.
            let whole = text.starts_with("listeners:");
            let top = "listeners: [1]\nservices: { shop: \"http://127.0.0.1:3000\" }\n";
            let rest = if text.contains("routes:") { "" } else { "routes: [{ service: shop, cache: {} }]\n" };
            let text = if whole { text.to_owned() } else { format!("{top}{text}{rest}") };
            assert!(loaded(&text).report.problems().is_empty(), "{page}: {}", loaded(&text).report);
            files += 1;
        }
    }
    assert!(files >= 6, "only {files}");
}
