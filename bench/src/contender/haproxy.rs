//! `HAProxy`: one thread, upstream connections shared by all clients, routes in a map of prefixes (its own way to
//! hold thousands).

use super::{Front, Plan};
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
         frontend front\n  bind 127.0.0.1:{port}{bind}\n  http-request set-header X-Request-Id %[rand,hex]\n\
         \x20 option forwardfor\n  http-response set-header Via \"1.1 haproxy\"\n  {backend}\n\
         backend origin\n  server origin 127.0.0.1:{origin}\n",
        maxconn = plan.connections.max(8000),
        port = plan.port,
        origin = plan.origin,
    )
}

fn map(plan: &Plan) -> String {
    plan.prefixes().fold(String::new(), |mut text, prefix| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{prefix} origin");
        text
    })
}
