//! API keys that are made, replaced and revoked while requests come, by the command line and the admin API; and tokens'
//! revocations, limits and passwords from the command line.

use e2e::{Origin, PATIENCE, Raw, Response, Scratch, Tidegate, eventually, soon, tidegate_binary};
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

/// Two consumers, a plan, a route that wants a key, and one that wants nothing. Keys lie in `folder`.
fn config(origin: &Origin, folder: &Scratch) -> String {
    format!(
        "data_dir: {}\n\
         services: {{ api: {{ endpoints: [\"{}\"] }} }}\n\
         plans: {{ pro: {{ rate_limit: {{ name: fair, rate: 1000/s }} }} }}\n\
         consumers: [{{ name: mobile-app, plan: pro, scopes: [read] }}, {{ name: web }}]\n\
         routes:\n\
         - {{ name: write, match: {{ path: /write }}, service: api, auth: [api_key], scopes: [write] }}\n\
         - {{ name: open, match: {{ path: /open }}, service: api }}\n\
         - {{ name: all, match: {{ path: \"/*\" }}, service: api, auth: [api_key] }}\n",
        folder.path().display(),
        origin.url()
    )
}

/// Runs a command against a gateway: its exit code, standard output and standard error.
#[track_caller]
fn run(gateway: &Tidegate, args: &[&str]) -> (i32, String, String) {
    let admin = format!("http://{}", gateway.admin_address());
    let mut command = Command::new(tidegate_binary());
    command.args(args).args(["--admin", &admin]).stdin(Stdio::null());
    finished(&mut command, "")
}

/// Runs a command to its end with that on its standard input.
#[track_caller]
fn finished(command: &mut Command, input: &str) -> (i32, String, String) {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes()).expect("it reads");
    }
    let done = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code().unwrap_or(-1), text(&done.stdout), text(&done.stderr))
}

/// The same, where it must be done; standard output without the end of the line.
#[track_caller]
fn done(gateway: &Tidegate, args: &[&str]) -> String {
    let (code, out, err) = run(gateway, args);
    assert_eq!(code, 0, "{args:?}: {out}{err}\n{}", gateway.stderr());
    out.trim_end().to_owned()
}

fn with_key(gateway: &Tidegate, path: &str, key: &str) -> Response {
    gateway.connect().get(path, &format!("X-API-Key: {key}\r\nConnection: close\r\n"))
}

/// The id in the text of a key.
fn id(key: &str) -> &str {
    key.split('_').nth(1).expect("tg_ID_SECRET_SUM")
}

#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A request to the admin API with a body: its status and its JSON.
#[track_caller]
fn ask(gateway: &Tidegate, line: &str, body: &str) -> (u16, Value) {
    let address = gateway.admin_address();
    let head = format!("Host: {address}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    let answer = Raw::connect(address).send(format!("{line} HTTP/1.1\r\n{head}\r\n{body}")).response();
    (answer.status, json(&answer.text()))
}

#[test]
fn a_new_key_works_at_once_and_stands_alone_on_standard_output() {
    let (origin, folder) = (Origin::hello(), Scratch::new());
    let gateway = Tidegate::start(&config(&origin, &folder));
    assert_eq!(gateway.get("/").status, 401);
    let (code, out, err) = run(&gateway, &["keys", "create", "mobile-app", "--expires", "30d"]);
    assert_eq!(code, 0, "{err}");
    let key = out.strip_suffix('\n').expect("one line");
    assert!(key.starts_with("tg_") && key.len() == 66 && !key.contains('\n'), "{out}");
    assert!(err.contains("mobile-app") && err.contains("shown this once") && !err.contains(key), "{err}");
    assert_eq!(with_key(&gateway, "/", key).status, 200);
    assert_eq!(with_key(&gateway, "/write", key).status, 403, "its consumer may only read");
    let writer = done(&gateway, &["keys", "create", "mobile-app", "--scope", "write"]);
    assert_eq!(with_key(&gateway, "/write", &writer).status, 200);
}

#[test]
fn a_key_outlives_a_killed_process() {
    let (origin, folder) = (Origin::hello(), Scratch::new());
    let config = config(&origin, &folder);
    let before = Tidegate::start(&config);
    let kept = done(&before, &["keys", "create", "web"]);
    let lost = done(&before, &["keys", "create", "web"]);
    done(&before, &["keys", "revoke", id(&lost)]);
    // Killed: whatever was not on the disk is gone.
    drop(before);
    let after = Tidegate::start(&config);
    soon("the key works again", || with_key(&after, "/", &kept).status == 200);
    assert_eq!(with_key(&after, "/", &lost).status, 401, "what was revoked stays revoked");
    let all = json(&done(&after, &["keys", "list", "--json"]));
    let state = |key: &str| all.as_array().and_then(|all| all.iter().find(|k| k["id"] == id(key)).cloned());
    assert_eq!(state(&lost).expect("it is listed")["state"], "revoked", "{all}");
}

#[test]
fn a_rotated_key_is_good_until_the_overlap_ends() {
    let (origin, folder) = (Origin::hello(), Scratch::new());
    let gateway = Tidegate::start(&config(&origin, &folder));
    let first = done(&gateway, &["keys", "create", "web", "--label", "ci"]);
    let (code, out, err) = run(&gateway, &["keys", "rotate", id(&first), "--overlap", "2s"]);
    assert_eq!(code, 0, "{err}");
    let second = out.trim_end().to_owned();
    assert_ne!(first, second);
    assert!(err.contains(id(&first)), "{err}");
    assert_eq!(with_key(&gateway, "/", &second).status, 200);
    let (code, _, err) = run(&gateway, &["keys", "rotate", id(&first)]);
    assert!(code == 1 && err.contains(id(&second)), "it was replaced already: {err}");
    soon("the old key ends", || with_key(&gateway, "/", &first).status == 401);
    assert_eq!(with_key(&gateway, "/", &second).status, 200);
    let third = done(&gateway, &["keys", "rotate", id(&second), "--overlap", "0"]);
    assert_eq!(with_key(&gateway, "/", &second).status, 401, "without an overlap it ends at once");
    let list = done(&gateway, &["keys", "list", "--consumer", "web"]);
    assert!(list.contains(id(&third)) && list.contains("expired") && list.contains("ci"), "{list}");
}

#[test]
fn a_key_that_was_rotated_works_beside_its_successor() {
    let (origin, folder) = (Origin::hello(), Scratch::new());
    let gateway = Tidegate::start(&config(&origin, &folder));
    let first = done(&gateway, &["keys", "create", "web"]);
    let second = done(&gateway, &["keys", "rotate", id(&first)]);
    for key in [&first, &second] {
        assert_eq!(with_key(&gateway, "/", key).status, 200);
    }
    let all = json(&done(&gateway, &["keys", "list", "--json"]));
    let old = all.as_array().and_then(|all| all.iter().find(|k| k["id"] == id(&first)).cloned());
    let old = old.expect("it is listed");
    assert_eq!((&old["state"], &old["replaced_by"]), (&"retiring".into(), &id(&second).into()), "{old}");
}

#[test]
fn a_revoked_key_is_refused_at_once_and_revoking_twice_does_no_harm() {
    let (origin, folder) = (Origin::hello(), Scratch::new());
    let gateway = Tidegate::start(&config(&origin, &folder));
    let key = done(&gateway, &["keys", "create", "web"]);
    assert_eq!(with_key(&gateway, "/", &key).status, 200);
    done(&gateway, &["keys", "revoke", id(&key)]);
    assert_eq!(with_key(&gateway, "/", &key).status, 401);
    done(&gateway, &["keys", "revoke", id(&key)]);
    let (code, _, err) = run(&gateway, &["keys", "rotate", id(&key)]);
    assert!(code == 1 && err.contains("revoked"), "{err}");
    let (code, _, err) = run(&gateway, &["keys", "revoke", "nobodyskey00"]);
    assert!(code == 1 && err.contains("nobodyskey00"), "{err}");
}

#[test]
fn what_cannot_be_done_says_what_to_change() {
    let (origin, folder) = (Origin::hello(), Scratch::new());
    let gateway = Tidegate::start(&config(&origin, &folder));
    for (args, words) in [
        (&["keys", "create", "mobil-app"][..], "Did you mean `mobile-app`?"),
        (&["keys", "create", "stranger"], "mobile-app, web"),
        (&["keys", "create", "web", "--plan", "por"], "Did you mean `pro`?"),
        (&["keys", "create", "web", "--expires", "30"], "expires_in"),
        (&["keys", "create", "web", "--scope", "a\"b"], "scopes"),
        (&["keys", "list", "--consumer", "stranger"], "mobile-app, web"),
        (&["tokens", "revoke", "--jti", "a", "--until", "5"], "until"),
    ] {
        let (code, out, err) = run(&gateway, args);
        assert!(code == 1 && out.is_empty() && err.contains(words), "{args:?}: {code} {out}{err}");
    }
    for args in [
        &["tokens", "revoke"][..],
        &["keys", "create"],
        &["tokens", "revoke", "--jti", "a", "--subject", "b"],
    ] {
        assert_eq!(run(&gateway, args).0, 2, "{args:?}");
    }
    let (status, problem) = ask(&gateway, "POST /api/keys", "{\"consumer\": \"stranger\"}");
    assert_eq!((status, &problem["status"]), (422, &422.into()), "{problem}");
}

#[test]
fn a_node_that_asks_nobody_who_they_are_keeps_no_keys() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "consumers: [{ name: web }]");
    let (code, _, err) = run(&gateway, &["keys", "create", "web"]);
    assert!(code == 1 && err.contains("auth: [api_key]"), "{err}");
    assert!(!gateway.file("tidegate-data").exists(), "nothing was made for it");
}

#[test]
fn the_text_of_a_key_is_nowhere_but_in_the_answer_that_made_it() {
    let (origin, folder) = (Origin::hello(), Scratch::new());
    let gateway = Tidegate::start(&config(&origin, &folder));
    let (status, made) = ask(&gateway, "POST /api/keys", "{\"consumer\": \"web\", \"label\": \"x\"}");
    assert_eq!(status, 201, "{made}");
    let key = made["key"].as_str().expect("its text").to_owned();
    let secret = key.split('_').nth(2).expect("tg_ID_SECRET_SUM");
    assert_eq!(with_key(&gateway, "/logged", &key).status, 200);
    gateway.access_log("/logged");
    for path in [
        "/",
        "/api/keys",
        "/api/consumers",
        "/api/limits",
        "/api/config",
        "/api/status",
        "/api/events",
        "/metrics",
    ] {
        let shown = gateway.admin("GET", path);
        assert_eq!(shown.status, 200, "{path}");
        assert!(!shown.text().contains(secret), "{path}");
    }
    assert!(gateway.admin("GET", "/api/keys").text().contains(id(&key)));
    let said = gateway.stdout() + &gateway.stderr();
    assert!(said.contains("/logged") && !said.contains(secret), "{said}");
    let files = std::fs::read_dir(folder.path()).expect("the data folder").flatten();
    for file in files.filter(|file| file.path().is_file()) {
        let bytes = std::fs::read(file.path()).expect("it can be read");
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{file:?}");
    }
}

#[test]
fn consumers_and_limits_are_shown_with_what_they_did() {
    let (origin, folder) = (Origin::hello(), Scratch::new());
    let more =
        "rate_limit: [{ name: few, rate: 2/h, burst: 2, key: global, match: 'request.path == \"/open\"' }]\n";
    let gateway = Tidegate::start(&(config(&origin, &folder) + more));
    let key = done(&gateway, &["keys", "create", "web", "--expires", "1d"]);
    assert_eq!(with_key(&gateway, "/", &key).status, 200);
    let statuses: Vec<_> = (0..3).map(|_| gateway.get("/open").status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    let (_, consumers) = ask(&gateway, "GET /api/consumers", "");
    assert_eq!((&consumers[0]["plan"], &consumers[0]["keys"]), (&"pro".into(), &0.into()), "{consumers}");
    assert_eq!(
        (&consumers[1]["keys"], &consumers[1]["keys_expiring"]),
        (&1.into(), &1.into()),
        "{consumers}"
    );
    assert!(consumers[1]["last_used"].is_u64(), "{consumers}");
    let limits = json(&done(&gateway, &["limits", "--json"]));
    let policies = limits["policies"].as_array().expect("a list");
    let few: Vec<_> = policies.iter().filter(|policy| policy["name"] == "few").collect();
    assert_eq!(few.len(), 1, "of the top level, so shown once: {limits}");
    assert_eq!((&few[0]["rejected"], &few[0]["allowance"]), (&1.into(), &"2/h, burst 2".into()), "{limits}");
    assert!(policies.iter().any(|policy| policy["plan"] == "pro" && policy["name"] == "fair"), "{limits}");
    assert_eq!(limits["cluster"], Value::Null);
    let text = done(&gateway, &["limits"]);
    assert!(text.contains("everywhere") && text.contains("plan pro"), "{text}");
    let page = gateway.admin("GET", "/").text();
    assert!(page.contains("Callers and limits") && page.contains("mobile-app"), "the card is missing");
}

#[test]
fn revoked_tokens_are_listed_and_outlive_a_killed_process() {
    let (origin, folder) = (Origin::hello(), Scratch::new());
    let config = config(&origin, &folder);
    let before = Tidegate::start(&config);
    assert!(done(&before, &["tokens", "list"]).contains("no token"));
    done(&before, &["tokens", "revoke", "--jti", "token-1"]);
    done(&before, &["tokens", "revoke", "--subject", "ann"]);
    drop(before);
    let after = Tidegate::start(&config);
    let list = || done(&after, &["tokens", "list"]);
    assert!(eventually(PATIENCE, || list().contains("token-1") && list().contains("ann")), "{}", list());
    let all = json(&done(&after, &["tokens", "list", "--json"]));
    let ann = all.as_array().and_then(|all| all.iter().find(|one| one["subject"] == "ann").cloned());
    assert!(ann.expect("it is listed")["issued_before"].is_u64(), "{all}");
}

#[test]
fn a_hashed_password_opens_the_door() {
    let (code, hash, err) =
        finished(Command::new(tidegate_binary()).arg("hash-password"), "pass: w\u{f6}rd\n");
    assert!(code == 0 && hash.starts_with("$argon2id$") && err.is_empty(), "{hash}{err}");
    let (origin, folder) = (Origin::hello(), Scratch::new());
    let file = folder.write("hash", &hash);
    let gateway = Tidegate::start(&format!(
        "data_dir: {}/data\nservices: {{ api: {{ endpoints: [\"{}\"] }} }}\n\
         consumers: [{{ name: ann, basic: {{ password_hash: \"file:{}\" }} }}]\n\
         auth: {{ basic: {{ realm: here }} }}\nroutes: [{{ service: api, auth: [basic] }}]\n",
        folder.path().display(),
        origin.url(),
        file.display()
    ));
    // `ann:pass: wörd` and `ann:password` in base64.
    let as_ann = |credentials: &str| {
        let fields = format!("Authorization: Basic {credentials}\r\nConnection: close\r\n");
        gateway.connect().get("/", &fields).status
    };
    assert_eq!(as_ann("YW5uOnBhc3M6IHfDtnJk"), 200);
    assert_eq!(as_ann("YW5uOnBhc3N3b3Jk"), 401);
    for (input, words) in [("\n", "empty"), ("a\nb\n", "more than one line")] {
        let (code, out, err) = finished(Command::new(tidegate_binary()).arg("hash-password"), input);
        assert!(code == 1 && out.is_empty() && err.contains(words), "{out}{err}");
    }
    let (_, json_text, _) =
        finished(Command::new(tidegate_binary()).args(["hash-password", "--json"]), "secret\n");
    assert!(json(&json_text)["password_hash"].is_string());
}
