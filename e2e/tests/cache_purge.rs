//! What is purged is given to nobody any more: on this node at once, on the others within a second, and on those that were
//! away meanwhile as well.

use e2e::{
    Gate, Origin, PATIENCE, Raw, Redis, Response, Scratch, Signal, Tidegate, eventually, get, is_problem,
    soon, while_waiting,
};
use std::time::{Duration, Instant};

const FRESH: &str = "Cache-Control: max-age=3600\r\n";
/// Clients of this machine may purge.
const OURS: &str = "cache: { purge_from: 127.0.0.0/8 }";
/// How soon the other nodes know.
const SOON: Duration = Duration::from_secs(1);

/// Sends a PURGE, which must be carried out.
#[track_caller]
fn purge(gateway: &Tidegate, target: &str, fields: &str) -> Response {
    let answer = gateway.connect().ask("PURGE", target, fields);
    assert_eq!(answer.status, 200, "{answer}");
    answer
}

/// Fetches so that it is kept, and tells its body.
#[track_caller]
fn warm(gateway: &Tidegate, path: &str) -> String {
    gateway.get(path);
    let kept = gateway.get(path);
    assert!(kept.is_hit(), "{path}: {kept}");
    kept.text()
}

#[test]
fn a_url_is_purged_in_all_its_forms_and_nothing_else_is() {
    let origin = Origin::counting("Cache-Control: max-age=3600\r\nVary: Accept-Language\r\n");
    let gateway = Tidegate::caching_with(&origin, "{}", OURS);
    let ask =
        |path: &str, language: &str| gateway.connect().get(path, &format!("Accept-Language: {language}\r\n"));
    for (path, language) in [("/a", "de"), ("/a", "en"), ("/a?b=1", "de"), ("/a/b", "de")] {
        ask(path, language);
        assert!(ask(path, language).is_hit());
    }
    let done = purge(&gateway, "/a", "");
    assert!(done.text().contains("example.com/a"), "{done}");
    assert!(!ask("/a", "de").is_hit() && !ask("/a", "en").is_hit());
    assert!(ask("/a?b=1", "de").is_hit() && ask("/a/b", "de").is_hit());
    assert!(ask("/a", "de").is_hit() && ask("/a", "en").is_hit(), "what comes later is kept");
    assert!(
        origin.requests().iter().all(|request| request.method == "GET"),
        "the origin hears nothing of it"
    );
    let other = "PURGE /a HTTP/1.1\r\nHost: other.example\r\n\r\n";
    assert_eq!(gateway.connect().send(other).response().status, 200);
    assert!(ask("/a", "de").is_hit(), "another host's is another's");
}

#[test]
fn all_that_begins_so_is_purged() {
    let origin = Origin::counting(FRESH);
    let gateway = Tidegate::caching_with(&origin, "{}", OURS);
    for path in ["/v1/a", "/v1/b?c=d", "/v1/b/c", "/v2/a", "/v"] {
        warm(&gateway, path);
    }
    purge(&gateway, "/v1/*", "");
    let kept = ["/v1/a", "/v1/b?c=d", "/v1/b/c", "/v2/a", "/v"].map(|path| gateway.get(path).is_hit());
    assert_eq!(kept, [false, false, false, true, true]);
    purge(&gateway, "/*", "");
    assert!(!["/v1/a", "/v2/a", "/v"].iter().any(|path| gateway.get(path).is_hit()));
}

#[test]
fn all_that_has_a_tag_is_purged_whoever_gave_it() {
    let origin = Origin::start(|exchange| {
        let tags = match exchange.request().target.as_str() {
            "/v1/products/7" => "Surrogate-Key: seven odd\r\n",
            "/v1/products/8" => "Cache-Tag: eight, even\r\n",
            _ => "",
        };
        let body = exchange.marked();
        exchange.answer("200 OK", &format!("{FRESH}{tags}"), body);
    });
    let gateway = Tidegate::start(&format!(
        "services: {{ api: \"{}\" }}\n{OURS}\nroutes:\n\
         - {{ match: {{ path: \"/v1/products/{{id}}\" }}, service: api, cache: {{ tags: [products, \"product-{{id}}\"] }} }}\n\
         - {{ service: api, cache: {{}} }}\n",
        origin.url()
    ));
    let all = ["/v1/products/7", "/v1/products/8", "/v1/products/9", "/other"];
    for (header, tags, gone) in [
        ("Surrogate-Key", "odd", [true, false, false, false]),
        ("Cache-Tag", "even", [false, true, false, false]),
        ("Surrogate-Key", "seven eight", [true, true, false, false]),
        ("Surrogate-Key", "product-9", [false, false, true, false]),
        ("Cache-Tag", "products", [true, true, true, false]),
        ("Surrogate-Key", "product", [false; 4]),
    ] {
        for path in all {
            warm(&gateway, path);
        }
        purge(&gateway, "/", &format!("{header}: {tags}\r\n"));
        let purged = all.map(|path| !gateway.get(path).is_hit());
        assert_eq!(purged, gone, "{header}: {tags}");
    }
}

#[test]
fn who_may_not_purge_is_refused_and_nothing_is_purged() {
    let origin = Origin::counting(FRESH);
    let gateway = Tidegate::caching_with(&origin, "{}", "cache: { purge_from: [10.0.0.0/8, \"::1\"] }");
    warm(&gateway, "/a");
    for target in ["/a", "/*"] {
        let refused = gateway.connect().ask("PURGE", target, "X-Forwarded-For: 10.0.0.1\r\n");
        assert!(refused.status == 403 && is_problem(&refused), "{refused}");
    }
    assert!(gateway.get("/a").is_hit());
    assert_eq!(origin.count(), 1);
}

#[test]
fn what_is_purged_softly_is_given_while_a_new_one_is_fetched() {
    let gate = Gate::shut();
    let origins = gate.clone();
    let origin = Origin::start(move |exchange| {
        if exchange.number() == 2 {
            origins.pass();
        }
        let body = exchange.marked();
        exchange.answer("200 OK", "Cache-Control: max-age=3600\r\nETag: \"a\"\r\n", body);
    });
    let gateway = Tidegate::caching_with(&origin, "{ stale_while_revalidate: 10m }", OURS);
    assert_eq!(warm(&gateway, "/a"), "/a 1");
    purge(&gateway, "/a", "X-Purge: soft\r\n");
    let stale = gateway.get("/a");
    assert_eq!(stale.text(), "/a 1", "{stale}");
    soon("a new one is asked for", || gate.waiting() == 1);
    assert_eq!(gateway.get("/a").text(), "/a 1", "nobody waits");
    gate.open();
    soon("the new one is there", || gateway.get("/a").text() == "/a 2");
    assert!(gateway.get("/a").is_hit(), "and it is fresh");
    assert_eq!(origin.count(), 2);
}

#[test]
fn what_is_purged_softly_is_asked_about_where_stale_may_not_be_given() {
    let origin = Origin::counting("Cache-Control: max-age=3600\r\nETag: \"a\"\r\n");
    let gateway = Tidegate::caching_with(&origin, "{}", OURS);
    warm(&gateway, "/a");
    purge(&gateway, "/a", "X-Purge: soft\r\n");
    let answer = gateway.get("/a");
    assert_eq!((answer.text().as_str(), answer.says("detail=purged")), ("/a 2", true), "{answer}");
    assert_eq!(origin.requests()[1].fields.get("if-none-match"), Some("\"a\""));
    let wrong = gateway.connect().ask("PURGE", "/a", "X-Purge: gently\r\n");
    assert_eq!(wrong.status, 400, "{wrong}");
}

/// An origin that stops in the middle of its first answer, before its head or behind it.
fn held(before_head: bool, gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::start(move |exchange| {
        let (body, first) = (exchange.marked(), exchange.number() == 1);
        if first && before_head {
            gate.pass();
        }
        let (start, end) = body.split_at(1);
        exchange.send(format!("HTTP/1.1 200 OK\r\n{FRESH}Content-Length: {}\r\n\r\n{start}", body.len()));
        if first && !before_head {
            gate.pass();
        }
        exchange.send(end);
    })
}

#[test]
fn what_was_being_fetched_during_the_purge_is_not_kept_as_new() {
    for before_head in [true, false] {
        let gate = Gate::shut();
        let origin = held(before_head, &gate);
        let gateway = Tidegate::caching_with(&origin, "{}", OURS);
        let mut early = gateway.connect();
        early.send(get("/a", ""));
        soon("the fetch is under way", || gate.waiting() == 1);
        if !before_head {
            early.read_until(b"/").expect("the first byte comes");
        }
        purge(&gateway, "/a", "");
        // Who comes behind the purge may wait, but must not get what was fetched before it.
        let mut late = gateway.connect();
        late.send(get("/a", ""));
        if !before_head {
            assert_eq!(late.response().text(), "/a 2");
        }
        gate.open();
        early.read_until(b"a 1").expect("whoever came before the purge gets it whole");
        if before_head {
            assert_eq!(late.response().text(), "/a 2");
        }
        let next = gateway.get("/a");
        assert_eq!(
            (next.is_hit(), next.text().as_str()),
            (true, "/a 2"),
            "before the head: {before_head}: {next}"
        );
        assert_eq!(origin.count(), 2);
    }
}

/// The config of a node of a cluster, with a disk in `data` where there is one.
fn node(redis: &Redis, origin: &Origin, data: Option<&Scratch>) -> String {
    let cache = match data {
        Some(data) => {
            format!("data_dir: {}\ncache: {{ purge_from: 127.0.0.0/8, disk: 64MiB }}", data.path().display())
        }
        None => OURS.to_owned(),
    };
    let more = format!("cluster: {{ redis: \"{}\" }}\n{cache}", redis.url());
    Tidegate::caching_config(origin.address(), "{ tags: [all] }", &more)
}

/// Two nodes that know each other.
#[track_caller]
fn two(redis: &Redis, origin: &Origin) -> [Tidegate; 2] {
    let config = node(redis, origin, None);
    let nodes = [Tidegate::start(&config), Tidegate::start(&config)];
    for node in &nodes {
        node.wait_for_print("the store of the cluster is up");
    }
    nodes
}

/// Polls for a second until the node no longer has it, and looks that it stays so.
#[track_caller]
fn assert_gone(node: &Tidegate, path: &str, old: &str) {
    let began = Instant::now();
    let gone = eventually(SOON, || node.get(path).text() != old);
    assert!(gone && began.elapsed() <= SOON + SOON / 2, "{path} is there after {:?}", began.elapsed());
    while_waiting(SOON / 4, || assert_ne!(node.get(path).text(), old));
}

#[test]
fn what_is_purged_on_one_node_is_gone_on_the_other_within_a_second() {
    let (redis, origin) = (Redis::start(), Origin::counting(FRESH));
    let [here, there] = two(&redis, &origin);
    for (target, fields) in [("/a", ""), ("/*", ""), ("/", "Surrogate-Key: all\r\n")] {
        let (old, others) = (warm(&here, "/a"), warm(&there, "/a"));
        purge(&here, target, fields);
        assert_ne!(here.get("/a").text(), old, "here at once");
        assert_gone(&there, "/a", &others);
    }
    // And the other way.
    let old = warm(&here, "/a");
    purge(&there, "/a", "");
    assert_gone(&here, "/a", &old);
}

#[test]
fn a_soft_purge_is_soft_on_the_other_node_too() {
    let (redis, origin) =
        (Redis::start(), Origin::counting("Cache-Control: max-age=3600\r\nETag: \"a\"\r\n"));
    let [here, there] = two(&redis, &origin);
    warm(&there, "/a");
    purge(&here, "/a", "X-Purge: soft\r\n");
    let mut answer = Response::default();
    let asked = eventually(SOON, || {
        answer = there.get("/a");
        !answer.is_hit()
    });
    assert!(asked && answer.says("detail=purged"), "{answer}");
}

#[test]
fn a_node_that_was_stopped_during_the_purge_hears_of_it_when_it_goes_on() {
    let (redis, origin) = (Redis::start(), Origin::counting(FRESH));
    let [here, there] = two(&redis, &origin);
    let old = warm(&there, "/a");
    there.signal(Signal::STOP);
    purge(&here, "/a", "");
    there.signal(Signal::CONT);
    assert_gone(&there, "/a", &old);
}

#[test]
fn a_node_that_was_away_during_the_purge_does_not_find_it_on_its_disk() {
    let (redis, origin, data) = (Redis::start(), Origin::counting(FRESH), Scratch::new());
    let here = Tidegate::start(&node(&redis, &origin, None));
    let config = node(&redis, &origin, Some(&data));
    let there = Tidegate::start(&config);
    for node in [&here, &there] {
        node.wait_for_print("the store of the cluster is up");
    }
    let (old, kept) = (warm(&there, "/a"), warm(&there, "/kept"));
    on_disk(&data, 2);
    // The place in what the nodes tell each other is written down within a turn of a second.
    purge(&here, "/nothing", "");
    soon("the other has heard that", || ledger(&data).contains("nothing"));
    drop(there);
    purge(&here, "/a", "");
    let there = Tidegate::start(&config);
    let first = there.get("/a").text();
    assert_ne!(first, old, "as soon as it is ready");
    while_waiting(SOON, || assert_ne!(there.get("/a").text(), old));
    let warm = there.get("/kept");
    assert!(warm.is_hit() && warm.text() == kept, "what was not purged is there: {warm}");
}

/// Waits until so many responses lie in the folder of the disk.
#[track_caller]
fn on_disk(data: &Scratch, count: usize) {
    let files = || {
        let folders = std::fs::read_dir(data.file("cache")).into_iter().flatten().flatten();
        let parts = folders.filter(|folder| folder.file_name().len() == 2);
        parts.filter_map(|part| std::fs::read_dir(part.path()).ok()).flatten().count()
    };
    soon("they are on the disk", || files() >= count);
}

/// What is written down of purges.
fn ledger(data: &Scratch) -> String {
    std::fs::read_to_string(data.file("cache/notes/purges")).unwrap_or_default()
}

#[test]
fn a_purge_outlasts_the_death_of_the_process() {
    let (origin, data) = (Origin::counting(FRESH), Scratch::new());
    let more =
        format!("data_dir: {}\ncache: {{ purge_from: 127.0.0.0/8, disk: 64MiB }}", data.path().display());
    let config = Tidegate::caching_config(origin.address(), "{}", &more);
    let gateway = Tidegate::start(&config);
    let (old, kept) = (warm(&gateway, "/a"), warm(&gateway, "/kept"));
    on_disk(&data, 2);
    purge(&gateway, "/a", "");
    soon("the purge is written down", || ledger(&data).contains("/a"));
    drop(gateway);
    let gateway = Tidegate::start(&config);
    let answer = gateway.get("/a");
    assert!(!answer.is_hit() && answer.text() != old, "{answer}");
    let warm = gateway.get("/kept");
    assert!(warm.is_hit() && warm.text() == kept, "{warm}");
}

#[test]
fn nodes_that_cannot_be_told_at_once_are_told_later() {
    let (redis, origin) = (Redis::start(), Origin::counting(FRESH));
    let [here, there] = two(&redis, &origin);
    let (old, others) = (warm(&here, "/a"), warm(&there, "/a"));
    redis.pause();
    let began = Instant::now();
    purge(&here, "/a", "");
    assert!(began.elapsed() < Duration::from_secs(2), "a purge waits for nobody: {:?}", began.elapsed());
    assert_ne!(here.get("/a").text(), old, "here at once");
    assert_eq!(there.get("/a").text(), others);
    // Long enough for the nodes to give it up.
    here.wait_for_print("the store of the cluster cannot be used");
    redis.resume();
    let told = eventually(PATIENCE, || there.get("/a").text() != others);
    assert!(told, "{}\n{}", here.stderr(), there.stderr());
}

#[test]
fn nodes_hear_of_a_purge_though_redis_was_lost_with_all_it_knew() {
    let (mut redis, origin) = (Redis::start(), Origin::counting(FRESH));
    let [here, there] = two(&redis, &origin);
    let (old, others) = (warm(&here, "/a"), warm(&there, "/a"));
    redis.kill();
    purge(&here, "/a", "");
    assert_ne!(here.get("/a").text(), old);
    here.wait_for_print("the store of the cluster cannot be used");
    redis.restart();
    let told = eventually(PATIENCE, || there.get("/a").text() != others);
    assert!(told, "{}\n{}", here.stderr(), there.stderr());
}

#[test]
fn purging_thousands_takes_effect_at_once() {
    let origin = Origin::start(|exchange| {
        exchange.answer("200 OK", &format!("{FRESH}Surrogate-Key: all\r\n"), "x");
    });
    let gateway = Tidegate::caching_with(&origin, "{}", OURS);
    let mut client: Raw = gateway.connect();
    for number in 0..2000 {
        client.get(&format!("/{number}"), "");
    }
    assert!(client.get("/1999", "").is_hit() && client.get("/0", "").is_hit());
    purge(&gateway, "/", "Surrogate-Key: all\r\n");
    assert!((0..2000).step_by(100).all(|number| !client.get(&format!("/{number}"), "").is_hit()));
}
