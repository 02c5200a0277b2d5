//! `auth`: issuers of tokens and providers of logins. Where their keys come from, and that nobody in between can make some.

use std::collections::HashMap;

use super::{Problems, absent, is_on, is_typed, period};
use crate::file::Session;
use crate::node::Node;
use crate::path::Path;
use crate::report::Problem;
use crate::source::Span;
use crate::suggest::list;
use crate::value::{HttpUrl, Typed};

/// What keys of an issuer may come from, beside its discovery document.
const SOURCES: [&str; 4] = ["jwks_url", "jwks_file", "public_key", "secret"];

/// Checks the whole section.
pub(super) fn check(tree: &Node, problems: &mut Problems) {
    let Some(auth) = tree.get("auth") else { return };
    let top = Path::new().key("auth");
    if let Some(jwt) = auth.get("jwt") {
        issuers(jwt, &top.key("jwt"), problems);
    }
    if let Some(asked) = auth.get("introspection") {
        clear(asked, "url", "reads the tokens", &top.key("introspection"), problems);
    }
    if let Some(oidc) = auth.get("oidc") {
        login(oidc, is_typed(tree, "cluster"), &top.key("oidc"), problems);
    }
}

/// Checks each issuer, and that one can be told from another.
fn issuers(jwt: &Node, path: &Path, problems: &mut Problems) {
    let all = jwt.one_or_list();
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for (at, one) in all.iter().enumerate() {
        let path = if jwt.items().is_empty() { path.clone() } else { path.index(at) };
        keys(one, &path, problems);
        algorithms(one, &path, problems);
        if !is_typed(one, "audience") && !one.is_null() {
            let message = format!("{} takes tokens that were made for other services too", path.in_words());
            let hint = "add `audience`: what tokens for this API carry in `aud`";
            problems.push((path.clone(), Problem::warning(message).hint(hint)));
        }
        let issuer = issuer(one).and_then(|node| Some((node, node.text()?)));
        match issuer {
            None if all.len() > 1 && one.get("issuer").is_none() => {
                let message = format!("{} needs an `issuer`: there are several", path.in_words());
                problems.push((path, Problem::error(message).hint("tokens are told apart by their `iss`")));
            }
            Some((node, text)) => {
                if let Some(first) = seen.insert(text, node.span) {
                    let problem = Problem::error("two entries of `auth.jwt` have the same issuer");
                    problems
                        .push((path.key("issuer"), problem.at(node.span).also(first, "first typed here")));
                }
            }
            None => {}
        }
    }
}

/// Where an issuer's name was typed; a bare text is one.
fn issuer(one: &Node) -> Option<&Node> {
    super::names::bare_or(one, "issuer")
}

/// The keys have one source, and it can be believed.
fn keys(one: &Node, path: &Path, problems: &mut Problems) {
    let typed: Vec<_> = SOURCES.iter().filter_map(|key| one.entry(key)).collect();
    match typed.as_slice() {
        [first, second, ..] => {
            let problem = Problem::error(format!("{} has two sources of keys", path.in_words()));
            let problem = problem.expected(format!("one of {}", list(SOURCES))).at(second.key_span);
            problems.push((path.key(&second.key), problem.also(first.key_span, "the other one")));
        }
        [_] => clear(one, "jwks_url", "can make tokens", path, problems),
        [] => discovered(one, path, problems),
    }
}

/// The issuer is a URL below which its discovery document is found.
fn discovered(one: &Node, path: &Path, problems: &mut Problems) {
    let Some(node) = issuer(one) else {
        if one.get("issuer").is_none() {
            let message = format!("{} does not say where the keys are", path.in_words());
            let problem = Problem::error(message).expected(format!("`issuer`, or one of {}", list(SOURCES)));
            problems.push((path.clone(), problem));
        }
        return;
    };
    if node.text().is_some_and(|text| HttpUrl::read(text).is_err()) {
        let message = format!("the keys of {} cannot be looked up: its issuer is no URL", path.in_words());
        let problem = Problem::error(message).at(node.span).hint(format!("add one of {}", list(SOURCES)));
        problems.push((path.key("issuer"), problem));
    }
    clear_url(node, one, "can make tokens", &path.key("issuer"), problems);
}

/// `key` is no URL in clear text on another machine.
fn clear(owner: &Node, key: &str, harm: &str, path: &Path, problems: &mut Problems) {
    if let Some(node) = owner.get(key) {
        clear_url(node, owner, harm, &path.key(key), problems);
    }
}

fn clear_url(node: &Node, owner: &Node, harm: &str, path: &Path, problems: &mut Problems) {
    let url = node.text().and_then(|text| HttpUrl::read(text).ok());
    if url.is_some_and(|url| !url.is_safe()) && !is_on(owner.get("allow_http")) {
        let message = format!(
            "{} is asked in clear text on another machine: who is in between {harm}",
            path.in_words()
        );
        let hint = "write `https://`; where the network is to be trusted, add `allow_http: true`";
        problems.push((path.clone(), Problem::error(message).at(node.span).hint(hint)));
    }
}

/// `HS*` goes with `secret`, the others with public keys.
fn algorithms(one: &Node, path: &Path, problems: &mut Problems) {
    let shared = one.get("secret").is_some();
    let path = path.key("algorithms");
    for (at, node) in one.get("algorithms").map(Node::one_or_list).unwrap_or_default().iter().enumerate() {
        let Some(word) = node.text() else { continue };
        let known =
            word.len() == 5 && (word.ends_with("256") || word.ends_with("384") || word.ends_with("512"));
        let problem = match (word.starts_with("HS") && known, shared) {
            (true, false) => Problem::error(format!("`{word}` needs a `secret`, which both sides know"))
                .hint("with public keys, leave it out: whoever has the public key could make tokens"),
            (false, true) if known || word == "EdDSA" => {
                Problem::error(format!("`{word}` needs public keys, and there is a `secret`"))
                    .hint("with a `secret` the algorithms are `HS256`, `HS384` and `HS512`")
            }
            _ => continue,
        };
        problems.push((path.index(at), problem.at(node.span)));
    }
}

/// Checks logins at a provider.
fn login(oidc: &Node, several: bool, path: &Path, problems: &mut Problems) {
    if let Some(node) = oidc.get("issuer") {
        let at = path.key("issuer");
        if node.text().is_some_and(|text| HttpUrl::read(text).is_err()) {
            let message = format!("{} is no URL", at.in_words());
            problems.push((
                at.clone(),
                Problem::error(message).expected("a URL such as `https://id.example.com`"),
            ));
        }
        clear_url(node, oidc, "can log in as anybody", &at, problems);
    }
    if let Some(scopes) = oidc.get("scopes").filter(|scopes| !scopes.items().is_empty())
        && !scopes.items().iter().any(|scope| scope.text() == Some("openid"))
    {
        let at = path.key("scopes");
        let problem = Problem::error(format!("{} lacks `openid`", at.in_words()));
        problems.push((at, problem.hint("without it providers do not say who has logged in")));
    }
    let [callback, logout] = [("callback", "/oauth2/callback"), ("logout", "/oauth2/logout")]
        .map(|(key, otherwise)| oidc.get(key).map_or(Some(otherwise), Node::text));
    if callback.is_some() && callback == logout {
        let message = format!("`callback` and `logout` of {} are the same path", path.in_words());
        problems.push((path.key("logout"), Problem::error(message)));
    }
    session(oidc.get("session"), several, &path.key("session"), problems);
}

/// Checks the times of sessions, and that all nodes know them.
fn session(session: Option<&Node>, several: bool, path: &Path, problems: &mut Problems) {
    let get = |key| session.and_then(|session| session.get(key));
    let (lifetime, idle) = (period(get("lifetime"), Session::LIFETIME), period(get("idle"), Session::IDLE));
    if let Some(session) = session
        && lifetime.zip(idle).is_some_and(|(lifetime, idle)| idle > lifetime)
    {
        let problem = Problem::error(format!("`idle` is longer than `lifetime` in {}", path.in_words()));
        let hint =
            absent(session, "idle", Session::IDLE).or_else(|| absent(session, "lifetime", Session::LIFETIME));
        problems.push((path.clone(), problem.maybe_hint(hint)));
    }
    if several && get("secret").is_none() {
        let problem =
            Problem::warning("each node of the cluster knows only the sessions that it began itself");
        problems.push((path.clone(), problem.hint("add `secret: ${SESSION_SECRET}` to `auth.oidc.session`")));
    }
}
