//! Envoy: one worker thread (its main thread shares the core), a static configuration, routes in a list.

use super::{Front, Plan};
use crate::server::Launch;
use std::fmt::Write;
use std::path::Path;

/// The prefix of Envoy's names for its own types.
const TYPE: &str = "type.googleapis.com/envoy.extensions";

pub(super) fn prepare(program: &Path, plan: &Plan, folder: &Path) -> std::io::Result<Launch> {
    std::fs::write(folder.join("envoy.yaml"), config(plan))?;
    let args = ["--concurrency", "1", "--disable-hot-restart", "-l", "error", "-c", "envoy.yaml"];
    Ok(Launch::new(program, args))
}

pub(super) fn config(plan: &Plan) -> String {
    let codec = if plan.front == Front::Http2 { "HTTP2" } else { "HTTP1" };
    format!(
        "static_resources:\n\
         \x20 listeners:\n\
         \x20 - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}\n\
         \x20   filter_chains:\n\
         \x20   - filters:\n\
         \x20     - name: envoy.filters.network.http_connection_manager\n\
         \x20       typed_config:\n\
         \x20         \"@type\": {TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager\n\
         \x20         stat_prefix: bench\n\
         \x20         codec_type: {codec}\n\
         \x20         use_remote_address: true\n\
         \x20         via: 1.1 envoy\n\
         \x20         http_filters:\n\
         \x20         - name: envoy.filters.http.router\n\
         \x20           typed_config: {{\"@type\": {TYPE}.filters.http.router.v3.Router}}\n\
         \x20         route_config:\n\
         \x20           name: routes\n\
         \x20           virtual_hosts:\n\
         \x20           - name: all\n\
         \x20             domains: [\"*\"]\n\
         \x20             routes:\n\
         {routes}{tls}\
         \x20 clusters:\n\
         \x20 - name: origin\n\
         \x20   connect_timeout: 1s\n\
         \x20   circuit_breakers:\n\
         \x20     thresholds: [{{max_connections: 10000, max_pending_requests: 10000, max_requests: 10000}}]\n\
         \x20   load_assignment:\n\
         \x20     cluster_name: origin\n\
         \x20     endpoints:\n\
         \x20     - lb_endpoints:\n\
         \x20       - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {origin}}}}}}}\n",
        port = plan.port,
        origin = plan.origin,
        routes = routes(plan),
        tls = if plan.front == Front::Tls { tls(plan) } else { String::new() },
    )
}

fn routes(plan: &Plan) -> String {
    let prefixes = plan.prefixes().chain(plan.routes.is_none().then(|| "/".to_owned()));
    prefixes.fold(String::new(), |mut text, prefix| {
        // Writing to a String cannot fail.
        let _ =
            writeln!(text, "              - {{match: {{prefix: \"{prefix}\"}}, route: {{cluster: origin}}}}");
        text
    })
}

fn tls(plan: &Plan) -> String {
    format!(
        "\x20     transport_socket:\n\
         \x20       name: envoy.transport_sockets.tls\n\
         \x20       typed_config:\n\
         \x20         \"@type\": {TYPE}.transport_sockets.tls.v3.DownstreamTlsContext\n\
         \x20         common_tls_context:\n\
         \x20           tls_params: {{tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}}\n\
         \x20           tls_certificates:\n\
         \x20           - certificate_chain: {{filename: {}}}\n\
         \x20             private_key: {{filename: {}}}\n",
        plan.keys.certificate.display(),
        plan.keys.key.display()
    )
}
