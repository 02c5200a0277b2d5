//! `HAProxy`: one thread, upstream connections shared by all clients, routes in a map of prefixes (its own way to
//! hold thousands).

use super::{Check, Front, Guard, Plan};
use crate::credentials::{AUDIENCE, ISSUER};
use crate::server::Launch;
use std::fmt::Write;
use std::path::Path;

pub(super) fn prepare(program: &Path, plan: &Plan, folder: &Path) -> std::io::Result<Launch> {
    std::fs::write(folder.join("haproxy.cfg"), config(plan, folder))?;
    if plan.routes.is_some() {
        std::fs::write(folder.join("routes.map"), map(plan))?;
        // Master and worker, so that a signal reloads.
        return Ok(Launch::new(program, ["-W", "-db", "-f", "haproxy.cfg"]));
    }
    Ok(Launch::new(program, ["-db", "-f", "haproxy.cfg"]))
}

pub(super) fn config(plan: &Plan, folder: &Path) -> String {
    let bind = match plan.front {
        Front::Http1 => String::new(),
        Front::Http2 => " proto h2".to_owned(),
        Front::Tls => format!(" ssl crt {} ssl-min-ver TLSv1.3", plan.keys.both.display()),
    };
    let backend = match plan.routes {
        None => "default_backend origin".to_owned(),
        Some(_) => format!("use_backend %[path,map_beg({}/routes.map)]", folder.display()),
    };
    format!(
        "global\n  nbthread 1\n  no strict-limits\n  maxconn {maxconn}\n\
         defaults\n  mode http\n  timeout client 300s\n  timeout server 30s\n  timeout connect 5s\n  http-reuse always\n\
         frontend front\n  bind 127.0.0.1:{port}{bind}\n{asked}  http-request set-header X-Request-Id %[rand,hex]\n\
         \x20 option forwardfor\n  http-response set-header Via \"1.1 haproxy\"\n  {backend}\n\
         backend origin\n  server origin 127.0.0.1:{origin}\n",
        maxconn = plan.connections.max(8000),
        port = plan.port,
        origin = plan.origin,
        asked = plan.guard.as_ref().map_or_else(String::new, |guard| asked(guard, folder)),
    )
}

fn map(plan: &Plan) -> String {
    plan.prefixes().fold(String::new(), |mut text, prefix| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{prefix} origin");
        text
    })
}

/// The origin is told who it is.
const TOLD: &str = "  http-request set-header X-Consumer %[var(txn.consumer)]\n";

fn asked(guard: &Guard, folder: &Path) -> String {
    let folder = folder.display();
    let (kind, caller, known) = match guard.check {
        Check::Address => ("ip", "src", String::new()),
        Check::Key => (
            "string len 64",
            "var(txn.consumer)",
            format!(
                "  http-request set-var(txn.consumer) req.hdr(x-api-key),map_str({folder}/keys.map)\n\
                 \x20 http-request deny deny_status 401 unless {{ var(txn.consumer) -m found }}\n\
                 \x20 http-request del-header x-api-key\n{TOLD}"
            ),
        ),
        Check::Token => ("string len 64", "var(txn.consumer)", token(&format!("{folder}/issuer.pem"))),
    };
    format!(
        "{known}\x20 stick-table type {kind} size 100k expire 1m store http_req_rate(1s)\n\
         \x20 http-request track-sc0 {caller}\n\
         \x20 http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {} }}\n",
        guard.limit
    )
}

/// `jwt_verify` looks at the signature alone, and each time: `HAProxy` keeps nothing of what it has verified.
fn token(public_key: &str) -> String {
    let claim = |name: &str| format!("var(txn.token),jwt_payload_query('$.{name}'");
    format!(
        "  http-request set-var(txn.token) http_auth_bearer\n\
         \x20 http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')\n\
         \x20 http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}\n\
         \x20 http-request deny deny_status 401 unless {{ {iss}) -m str {ISSUER} }}\n\
         \x20 http-request deny deny_status 401 unless {{ {aud}) -m str {AUDIENCE} }}\n\
         \x20 http-request set-var(txn.exp) {exp},'int')\n\
         \x20 http-request set-var(txn.now) date()\n\
         \x20 http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}\n\
         \x20 http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify(txn.alg,\"{public_key}\") 1 }}\n\
         \x20 http-request set-var(txn.consumer) {sub})\n{TOLD}",
        iss = claim("iss"),
        aud = claim("aud"),
        exp = claim("exp"),
        sub = claim("sub"),
    )
}
