//! Tidegate: as many workers as the cores it is pinned to, metrics on as always, the access log off as the others'.

use super::{Check, Front, Guard, Plan};
use crate::credentials::{AUDIENCE, ISSUER};
use crate::server::Launch;
use std::fmt::Write;
use std::path::Path;

pub(super) fn prepare(program: &Path, plan: &Plan, folder: &Path) -> std::io::Result<Launch> {
    std::fs::write(folder.join("tidegate.yaml"), config(plan))?;
    Ok(Launch::new(program, ["run", "tidegate.yaml"]))
}

pub(super) fn config(plan: &Plan) -> String {
    let mut text = format!("listeners:\n  - address: 127.0.0.1:{}\n", plan.port);
    match plan.front {
        Front::Http1 => {}
        Front::Http2 => text.push_str("    protocols: [http1, http2]\n"),
        Front::Tls => {
            let (certificate, key) = (plan.keys.certificate.display(), plan.keys.key.display());
            // Writing to a String cannot fail.
            let _ = writeln!(text, "    tls: {{ certificate: \"{certificate}\", key: \"{key}\" }}");
        }
    }
    let _ = write!(
        text,
        "admin: {{ address: 127.0.0.1:{} }}\n\
         services:\n  origin: {{ endpoints: [\"http://127.0.0.1:{}\"] }}\n\
         observe: {{ access_log: off }}\n\
         {}routes:\n",
        plan.admin,
        plan.origin,
        plan.guard.as_ref().map_or_else(String::new, callers)
    );
    let asked = plan.guard.as_ref().map_or_else(String::new, asked);
    for prefix in plan.prefixes().chain(plan.routes.is_none().then(|| "/".to_owned())) {
        let _ = writeln!(text, "  - {{ match: {{ path: \"{prefix}*\" }}, service: origin{asked} }}");
    }
    text
}

/// Who callers are known by.
fn callers(guard: &Guard) -> String {
    match guard.check {
        Check::Address => String::new(),
        Check::Key => {
            guard.credentials.named_keys().fold("consumers:\n".to_owned(), |mut text, (key, consumer)| {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "  - {{ name: {consumer}, api_keys: [\"{key}\"] }}");
                text
            })
        }
        Check::Token => format!(
            "auth:\n  jwt: {{ issuer: \"{ISSUER}\", audience: {AUDIENCE}, jwks_file: jwks.json, algorithms: [RS256] }}\n"
        ),
    }
}

/// What a route asks of them. A limit is by consumer where it asks who is calling, else by address.
fn asked(guard: &Guard) -> String {
    let way = match guard.check {
        Check::Address => "",
        Check::Key => ", auth: [api_key]",
        Check::Token => ", auth: [jwt]",
    };
    format!("{way}, rate_limit: {{ rate: {}/s }}", guard.limit)
}
