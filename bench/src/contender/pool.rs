//! Several instances of one service behind each server, configured as a competent operator would for production.
//!
//! What the servers have in common: 1 s to connect, 15 s to answer, kept-alive upstream connections, one worker, no
//! access log. Everything else is each one's own: the balancing that its manual recommends for requests of uneven
//! length, its health checks where it has them (each 2 s), and what it does about failures by default or by the usual
//! setting. Tidegate is told the endpoints and nothing else, and once a path to check beside them.

use super::Contender;
use crate::server::Launch;
use std::fmt::Write;
use std::io;
use std::path::Path;

/// One service of several instances.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) port: u16,
    /// The instances, on 127.0.0.1.
    pub(crate) instances: Vec<u16>,
    /// A port for the server's own administration.
    pub(crate) admin: u16,
    /// Tidegate shall check the instances. The others do if they can.
    pub(crate) checked: bool,
}

pub(super) fn prepare(
    contender: Contender,
    program: &Path,
    pool: &Pool,
    folder: &Path,
) -> io::Result<Option<Launch>> {
    let write = |file: &str, text: String| std::fs::write(folder.join(file), text);
    let launch = match contender {
        Contender::Tidegate => {
            write("tidegate.yaml", tidegate(pool))?;
            Launch::new(program, ["run", "tidegate.yaml"])
        }
        Contender::Nginx | Contender::NginxMainline => {
            write("nginx.conf", nginx(pool, folder))?;
            let prefix = format!("{}/", folder.display());
            Launch::new(program, ["-e", "stderr", "-p", &prefix, "-c", "nginx.conf"])
        }
        Contender::Haproxy => {
            write("haproxy.cfg", haproxy(pool))?;
            Launch::new(program, ["-db", "-f", "haproxy.cfg"])
        }
        Contender::Envoy => {
            write("envoy.yaml", envoy(pool))?;
            let args = ["--concurrency", "1", "--disable-hot-restart", "-l", "error", "-c", "envoy.yaml"];
            Launch::new(program, args)
        }
        Contender::Caddy
        | Contender::Traefik
        | Contender::Floor
        | Contender::Direct
        | Contender::Varnish
        | Contender::Bare => return Ok(None),
    };
    Ok(Some(launch))
}

/// `line` for each instance.
fn each(pool: &Pool, line: impl Fn(&mut String, u16) -> std::fmt::Result) -> String {
    pool.instances.iter().fold(String::new(), |mut text, port| {
        // Writing to a String cannot fail.
        let _ = line(&mut text, *port);
        text
    })
}

fn tidegate(pool: &Pool) -> String {
    format!(
        "listeners:\n  - address: 127.0.0.1:{port}\nadmin: {{ address: 127.0.0.1:{admin} }}\n\
         services:\n  shop:\n    endpoints:\n{endpoints}{check}\
         observe: {{ access_log: off }}\nroutes:\n  - {{ service: shop }}\n",
        port = pool.port,
        admin = pool.admin,
        endpoints = each(pool, |text, port| writeln!(text, "      - http://127.0.0.1:{port}")),
        check = if pool.checked { "    health_check: /healthz\n" } else { "" },
    )
}

/// `max_fails` (1), `fail_timeout` (10 s) and `proxy_next_upstream` (`error timeout`) are nginx's defaults; active checks
/// are not part of it.
fn nginx(pool: &Pool, folder: &Path) -> String {
    format!(
        "{user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr crit;\n\
         events {{ worker_connections 8192; }}\n\
         http {{\n  access_log off;\n\
         \x20 client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n\
         \x20 upstream shop {{\n{servers}    keepalive 64;\n  }}\n\
         \x20 server {{\n    listen 127.0.0.1:{port};\n\
         \x20   proxy_http_version 1.1;\n    proxy_set_header Connection \"\";\n\
         \x20   proxy_connect_timeout 1s;\n    proxy_read_timeout 15s;\n\
         \x20   location / {{ proxy_pass http://shop; }}\n  }}\n}}\n",
        user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" },
        folder = folder.display(),
        servers = each(pool, |text, port| writeln!(text, "    server 127.0.0.1:{port};")),
        port = pool.port,
    )
}

fn haproxy(pool: &Pool) -> String {
    format!(
        "global\n  nbthread 1\n  no strict-limits\n  maxconn 8000\n\
         defaults\n  mode http\n  timeout connect 1s\n  timeout server 15s\n  timeout client 60s\n\
         \x20 retries 3\n  option redispatch\n\
         frontend front\n  bind 127.0.0.1:{port}\n  default_backend shop\n\
         backend shop\n  balance leastconn\n  option httpchk GET /healthz\n\
         \x20 default-server check inter 2s fall 3 rise 2\n{servers}",
        port = pool.port,
        servers = each(pool, |text, port| writeln!(text, "  server s{port} 127.0.0.1:{port}")),
    )
}

/// Outlier detection with all its defaults, which an empty object turns on.
fn envoy(pool: &Pool) -> String {
    const TYPE: &str = "type.googleapis.com/envoy.extensions.filters";
    format!(
        "static_resources:\n\
         \x20 listeners:\n\
         \x20 - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}\n\
         \x20   filter_chains:\n\
         \x20   - filters:\n\
         \x20     - name: envoy.filters.network.http_connection_manager\n\
         \x20       typed_config:\n\
         \x20         \"@type\": {TYPE}.network.http_connection_manager.v3.HttpConnectionManager\n\
         \x20         stat_prefix: bench\n\
         \x20         http_filters:\n\
         \x20         - name: envoy.filters.http.router\n\
         \x20           typed_config: {{\"@type\": {TYPE}.http.router.v3.Router}}\n\
         \x20         route_config:\n\
         \x20           name: routes\n\
         \x20           virtual_hosts:\n\
         \x20           - name: all\n\
         \x20             domains: [\"*\"]\n\
         \x20             routes:\n\
         \x20             - match: {{prefix: \"/\"}}\n\
         \x20               route:\n\
         \x20                 cluster: shop\n\
         \x20                 timeout: 15s\n\
         \x20                 retry_policy: {{retry_on: \"5xx,reset,connect-failure\", num_retries: 1}}\n\
         \x20 clusters:\n\
         \x20 - name: shop\n\
         \x20   connect_timeout: 1s\n\
         \x20   lb_policy: LEAST_REQUEST\n\
         \x20   outlier_detection: {{}}\n\
         \x20   health_checks:\n\
         \x20   - timeout: 1s\n\
         \x20     interval: 2s\n\
         \x20     unhealthy_threshold: 3\n\
         \x20     healthy_threshold: 2\n\
         \x20     http_health_check: {{path: /healthz}}\n\
         \x20   load_assignment:\n\
         \x20     cluster_name: shop\n\
         \x20     endpoints:\n\
         \x20     - lb_endpoints:\n{endpoints}",
        port = pool.port,
        endpoints = each(pool, |text, port| {
            let address = format!("{{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}");
            writeln!(text, "        - endpoint: {{address: {address}}}")
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(checked: bool) -> Pool {
        Pool { port: 8001, instances: vec![9001, 9002], admin: 8002, checked }
    }

    #[test]
    fn every_server_knows_all_instances() {
        let pool = pool(true);
        for config in [tidegate(&pool), nginx(&pool, Path::new("/f")), haproxy(&pool), envoy(&pool)] {
            assert!(["8001", "9001", "9002"].iter().all(|port| config.contains(port)), "{config}");
        }
    }

    #[test]
    fn tidegate_is_told_the_endpoints_and_nothing_else() {
        let expect = "listeners:\n  - address: 127.0.0.1:8001\nadmin: { address: 127.0.0.1:8002 }\n\
                      services:\n  shop:\n    endpoints:\n      - http://127.0.0.1:9001\n      - http://127.0.0.1:9002\n\
                      observe: { access_log: off }\nroutes:\n  - { service: shop }\n";
        assert_eq!(tidegate(&pool(false)), expect);
        assert!(tidegate(&pool(true)).contains("\n    health_check: /healthz\n"));
    }

    #[test]
    fn rivals_do_what_they_can_about_failures() {
        let pool = pool(false);
        assert!(haproxy(&pool).contains("option httpchk") && haproxy(&pool).contains("option redispatch"));
        assert!(envoy(&pool).contains("outlier_detection: {}") && envoy(&pool).contains("num_retries: 1"));
        assert!(!nginx(&pool, Path::new("/f")).contains("max_fails=0"), "its default is left alone");
    }
}
