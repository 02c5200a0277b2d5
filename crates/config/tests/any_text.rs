//! Any text gives a file or a report, and what the check lets through fits the types.

use std::fs;

use proptest::prelude::*;

fn check(text: &str) -> Result<(), TestCaseError> {
    let env = |name: &str| name.len().is_multiple_of(2).then(|| "1".to_owned());
    if let Err(report) = config::parse_endpoints(text, "any.yaml", &env) {
        prop_assert!(report.has_errors());
        prop_assert!(!report.render(true).contains("passed its check but"), "{}", report);
    }
    match config::parse(text, "any.yaml", &env) {
        Ok(loaded) => prop_assert!(!loaded.report.has_errors()),
        Err(report) => {
            prop_assert!(report.has_errors());
            let shown = report.render(true);
            prop_assert!(!shown.contains("passed its check but"), "{}", shown);
            prop_assert!(report.to_json().is_array());
        }
    }
    Ok(())
}

/// Keys that random files are made of.
const KEYS: &str = "
    listeners services routes admin limits observe match service address endpoints url weight tls
    headers path respond redirect timeouts access_log token certificates cache name methods prefix
    max_body to dns srv endpoints_file resolver port lb_policy hash_on bounded_load sticky health_check
    tcp grpc expect outlier_detection retry on backoff hedge queue adaptive_concurrency fallback split
    mirror zone instances command env cwd user scale min max count concurrency cpu memory latency_p95 up down policies
    type value period select schedule days from time_zone zero after panic_window tick limits files nice hold size log
    keep watch exec webhook advise deployment kind namespace api keda
    auth jwt api_key introspection basic mtls forward oidc issuer audience jwks_url algorithms session idle lifetime realm
    consumers plan plans scopes api_keys password_hash certificate san fingerprint subject allow deny ip cors origins
    credentials rate_limit rate burst key cost shadow on_exceed precision on_store_error concurrency bandwidth cluster
    redis urls mode master prefix
    memory disk path size threads purge_from ttl force statuses max_object uncacheable tags keep only except any_host
    per_consumer client_control targeted stale_while_revalidate stale_if_error static root index spa precompressed
    cache_control dotfiles links types
";

/// What stands around keys, and values.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ", ",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "\n  - ",
    "a: ",
    "a",
    "off",
    "true",
    "null",
    "~",
    "0",
    "-1",
    "1.2",
    "8080",
    "15s",
    "1MiB",
    "20%",
    "p95",
    "5xx",
    "200-399",
    "maglev",
    "a.b:80",
    "_a._tcp.b",
    "mon-fri",
    "\"08:00\"",
    "UTC",
    "\"{port}\"",
    "\"a-{id}\"",
    "\"utm_*\"",
    "404",
    "max-age=1",
    "{port}",
    "python3 a.py --port {port}",
    "socket",
    "200%",
    "3",
    "\":1\"",
    "\"http://a:1\"",
    "/x",
    "\"\"",
    "${A}",
    "${AB}",
    "$${",
    "${",
    "file:/nope",
    "&a ",
    "*a",
    "<<: ",
    "? ",
    "!!str ",
    "|\n  x",
    "'",
    "\"",
    "#",
    "\t",
    "é",
    "\u{feff}",
    "---\n",
];

/// A piece that files are made of, so that random ones get past the parser and deep into the check.
fn piece() -> impl Strategy<Value = String> {
    let keys: Vec<&'static str> = KEYS.split_whitespace().collect();
    prop_oneof![
        prop::sample::select(keys).prop_map(|key| format!("{key}: ")),
        prop::sample::select(PIECES).prop_map(str::to_owned),
    ]
}

/// An example that has most keys.
fn example() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "../../examples/reverse-proxy.yaml",
        "../../examples/resilience.yaml",
        "../../examples/instances.yaml",
        "../../examples/auth.yaml",
        "../../examples/jwt.yaml",
        "../../examples/rate-limits.yaml",
        "../../examples/cluster.yaml",
        "../../examples/cache.yaml",
        "../../examples/static.yaml",
    ])
}

/// Keys inside a service and inside a route, where pieces that are thrown together seldom get to.
fn keys() -> impl Strategy<Value = String> {
    prop::collection::vec((piece(), piece(), piece()), 1..4)
        .prop_map(|keys| keys.into_iter().flat_map(|(key, a, b)| [", ".to_owned(), key, a, b]).collect())
}

proptest! {
    #[test]
    fn keys_thrown_together_in_a_service_and_a_route_never_panic(service in keys(), route in keys()) {
        check(&format!("listeners: [1]\nservices: {{ a: {{ endpoints: [\"http://a:1\"]{service} }} }}\nroutes: [{{ service: a{route} }}]\n"))?;
    }

    #[test]
    fn keys_thrown_together_in_instances_and_their_scale_never_panic(instances in keys(), scale in keys()) {
        check(&format!("listeners: [1]\nservices: {{ a: {{ instances: {{ command: a{instances}, scale: {{ max: 2{scale} }} }} }} }}\nroutes: [{{ service: a }}]\n"))?;
    }

    #[test]
    fn keys_thrown_together_in_auth_consumers_and_limits_never_panic(jwt in keys(), oidc in keys(), consumer in keys(), limit in keys()) {
        check(&format!("listeners: [1]\nauth: {{ jwt: {{ issuer: a{jwt} }}, oidc: {{ client_id: a{oidc} }} }}\nconsumers: [{{ name: a{consumer} }}]\nroutes: [{{ respond: {{}}, auth: jwt, rate_limit: {{ rate: 1/s{limit} }} }}]\n"))?;
    }

    #[test]
    fn keys_thrown_together_in_caches_and_static_files_never_panic(shared in keys(), route in keys(), key in keys(), files in keys()) {
        check(&format!("listeners: [1]\ncache: {{ disk: {{ size: 1GiB{shared} }}{shared} }}\nservices: {{ a: \"http://b\" }}\nroutes: [{{ match: {{ path: \"/{{id}}\" }}, service: a, cache: {{ ttl: 60s, key: {{ query: [a]{key} }}{route} }} }}, {{ static: {{ root: a{files} }} }}]\n"))?;
    }

    #[test]
    fn tags_patterns_and_files_of_any_text_never_panic(tag in any::<String>(), pattern in any::<String>(), file in any::<String>()) {
        let [tag, pattern, file] = [tag, pattern, file].map(|text| serde_json::to_string(&text).unwrap());
        check(&format!("listeners: [1]\nservices: {{ a: \"http://b\" }}\nroutes: [{{ match: {{ path: {file} }}, service: a, cache: {{ tags: [{tag}], key: {{ query: {pattern} }} }} }}, {{ match: {{ path: {tag} }}, static: {{ root: {file}, index: {file}, spa: {file}, cache_control: {tag}, types: {{ a: {tag} }} }} }}]\n"))?;
    }

    #[test]
    fn a_rate_an_origin_and_a_hash_of_any_text_never_panic(rate in any::<String>(), origin in any::<String>(), hash in any::<String>()) {
        let [rate, origin, hash] = [rate, origin, hash].map(|text| serde_json::to_string(&text).unwrap());
        check(&format!("listeners: [1]\nrate_limit: [{rate}, {{ rate: 1/s, key: {rate} }}]\ncluster: {{ redis: {origin} }}\nconsumers: [{{ name: a, api_keys: {hash}, certificate: {{ fingerprint: {rate} }}, basic: {{ password_hash: {hash} }} }}]\nroutes: [{{ respond: {{}}, cors: {origin}, auth: [basic] }}]\n"))?;
    }

    #[test]
    fn a_command_of_any_text_never_panics(line in any::<String>(), word in any::<String>()) {
        let (line, word) = (serde_json::to_string(&line).unwrap(), serde_json::to_string(&word).unwrap());
        check(&format!("listeners: [1]\nservices: {{ a: {{ instances: {line} }}, b: {{ instances: {{ command: [a, {word}], env: {{ A: {word} }} }} }} }}\nroutes: [{{ service: a }}]\n"))?;
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn text_made_of_pieces_of_configs_never_panics(pieces in prop::collection::vec(piece(), 0..40)) {
        check(&pieces.concat())?;
    }

    #[test]
    fn a_damaged_example_never_panics(name in example(), at in 0usize..6000, cut in 0usize..40, pieces in prop::collection::vec(piece(), 0..3)) {
        let text = fs::read_to_string(name).unwrap();
        let chars: Vec<char> = text.chars().collect();
        let at = at % chars.len();
        let head: String = chars[..at].iter().collect();
        let tail: String = chars[(at + cut).min(chars.len())..].iter().collect();
        check(&format!("{head}{}{tail}", pieces.concat()))?;
    }

    #[test]
    fn a_value_replaced_in_a_whole_file_never_panics(name in example(), line in 0usize..200, value in piece()) {
        let text = fs::read_to_string(name).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let line = line % lines.len();
        if let Some((key, _)) = lines[line].split_once(": ") {
            lines[line] = format!("{key}: {value}");
        }
        check(&lines.join("\n"))?;
    }
}
