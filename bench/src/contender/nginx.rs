//! nginx: one worker process, a pool of kept-alive upstream connections, a `location` for each route.

use super::{Check, Front, Guard, Plan};
use crate::server::Launch;
use std::fmt::Write;
use std::path::Path;

pub(super) fn prepare(program: &Path, plan: &Plan, folder: &Path) -> std::io::Result<Launch> {
    std::fs::write(folder.join("nginx.conf"), config(plan, folder))?;
    let prefix = format!("{}/", folder.display());
    Ok(Launch::new(program, ["-e", "stderr", "-p", &prefix, "-c", "nginx.conf"]))
}

pub(super) fn config(plan: &Plan, folder: &Path) -> String {
    let folder = folder.display();
    let listen = match plan.front {
        Front::Http1 => format!("listen 127.0.0.1:{};", plan.port),
        Front::Http2 => format!("listen 127.0.0.1:{} http2;", plan.port),
        Front::Tls => format!(
            "listen 127.0.0.1:{} ssl; ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.3;",
            plan.port,
            plan.keys.certificate.display(),
            plan.keys.key.display()
        ),
    };
    let mut text = format!(
        "# Without this a worker started by root would lack access to the folder.\n\
         {user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr crit;\n\
         events {{ worker_connections {connections}; }}\n\
         http {{\n  access_log off;\n  keepalive_requests 1000000000;\n  keepalive_timeout 300s;\n\
         \x20 client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n\
         \x20 upstream origin {{ server 127.0.0.1:{origin}; keepalive 1024; keepalive_requests 1000000000; }}\n\
         {counted}\x20 server {{\n    {listen}\n{asked}\
         \x20   proxy_http_version 1.1;\n    proxy_set_header Connection \"\";\n\
         \x20   proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
         \x20   proxy_set_header X-Request-Id $request_id;\n    add_header Via \"1.1 nginx\";\n",
        user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" },
        connections = (2 * plan.connections).max(8192),
        origin = plan.origin,
        counted = plan.guard.as_ref().map_or_else(String::new, counted),
        asked = plan.guard.as_ref().map_or_else(String::new, asked),
    );
    let rest = if plan.routes.is_none() { "proxy_pass http://origin;" } else { "return 404;" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "    location / {{ {rest} }}");
    for prefix in plan.prefixes() {
        let _ = writeln!(text, "    location {prefix} {{ proxy_pass http://origin; }}");
    }
    text.push_str("  }\n}\n");
    text
}

/// Who is who, and what is counted. A zone of 10 MB holds 80,000 callers.
fn counted(guard: &Guard) -> String {
    let (names, caller) = match guard.check {
        Check::Address | Check::Token => (String::new(), "$binary_remote_addr"),
        Check::Key => (names(guard), "$consumer"),
    };
    format!("{names}  limit_req_zone {caller} zone=callers:10m rate={}r/s;\n", guard.limit)
}

/// A map of all keys, in a hash that is wide enough for them.
fn names(guard: &Guard) -> String {
    let mut text = "  map_hash_max_size 8192;\n  map_hash_bucket_size 128;\n  map $http_x_api_key $consumer {\n    default \"\";\n".to_owned();
    for (key, consumer) in guard.credentials.named_keys() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {key} {consumer};");
    }
    text + "  }\n"
}

fn asked(guard: &Guard) -> String {
    let known = match guard.check {
        Check::Address | Check::Token => "",
        Check::Key => {
            "    if ($consumer = \"\") { return 401; }\n    proxy_set_header X-API-Key \"\";\n    proxy_set_header X-Consumer $consumer;\n"
        }
    };
    format!("{known}    limit_req zone=callers burst={} nodelay;\n    limit_req_status 429;\n", guard.limit)
}
