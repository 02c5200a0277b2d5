//! Envoy: one worker thread (its main thread shares the core), a static configuration, routes in a list.

use super::{Check, Front, Guard, Plan};
use crate::credentials::{AUDIENCE, ISSUER};
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
         \x20         http_filters:\n{filters}\
         \x20         - name: envoy.filters.http.router\n\
         \x20           typed_config: {{\"@type\": {TYPE}.filters.http.router.v3.Router}}\n\
         \x20         route_config:\n\
         \x20           name: routes\n\
         \x20           virtual_hosts:\n\
         \x20           - name: all\n\
         \x20             domains: [\"*\"]\n{counted}\
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
        filters = plan.guard.as_ref().map_or_else(String::new, filters),
        counted = plan.guard.as_ref().map_or_else(String::new, counted),
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

/// The filters in front of the router: who it is, then how often.
fn filters(guard: &Guard) -> String {
    let known = match guard.check {
        Check::Address => String::new(),
        Check::Key => {
            let keys = guard.credentials.named_keys().fold(String::new(), |mut text, (key, consumer)| {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "              - {{key: \"{key}\", client: {consumer}}}");
                text
            });
            filter(
                "api_key_auth",
                "ApiKeyAuth",
                &format!(
                    "\x20             credentials:\n{keys}\
                     \x20             key_sources: [{{header: x-api-key}}]\n\
                     \x20             forwarding: {{header: x-consumer, hide_credentials: true}}\n"
                ),
            )
        }
        Check::Token => filter("jwt_authn", "JwtAuthentication", &token()),
    };
    known + &filter("local_ratelimit", "LocalRateLimit", &limit(guard))
}

fn filter(name: &str, kind: &str, settings: &str) -> String {
    format!(
        "\x20         - name: envoy.filters.http.{name}\n\
         \x20           typed_config:\n\
         \x20             \"@type\": {TYPE}.filters.http.{name}.v3.{kind}\n{settings}"
    )
}

/// Verified tokens are kept, which Envoy does where it is told to.
fn token() -> String {
    format!(
        "\x20             providers:\n\
         \x20               bench:\n\
         \x20                 issuer: {ISSUER}\n\
         \x20                 audiences: [{AUDIENCE}]\n\
         \x20                 local_jwks: {{filename: jwks.json}}\n\
         \x20                 forward: true\n\
         \x20                 jwt_cache_config: {{jwt_cache_size: {callers}}}\n\
         \x20                 claim_to_headers: [{{header_name: x-consumer, claim_name: sub}}]\n\
         \x20             rules: [{{match: {{prefix: \"/\"}}, requires: {{provider_name: bench}}}}]\n",
        callers = Guard::CALLERS,
    )
}

/// A bucket for each caller: an entry without a value stands for all values.
fn limit(guard: &Guard) -> String {
    let limit = guard.limit;
    let bucket = format!("{{max_tokens: {limit}, tokens_per_fill: {limit}, fill_interval: 1s}}");
    format!(
        "\x20             stat_prefix: limit\n\
         \x20             token_bucket: {bucket}\n\
         \x20             always_consume_default_token_bucket: false\n\
         \x20             filter_enabled: {{default_value: {{numerator: 100}}}}\n\
         \x20             filter_enforced: {{default_value: {{numerator: 100}}}}\n\
         \x20             max_dynamic_descriptors: {callers}\n\
         \x20             descriptors: [{{entries: [{{key: {caller}}}], token_bucket: {bucket}}}]\n",
        callers = Guard::CALLERS,
        caller = descriptor(guard),
    )
}

fn descriptor(guard: &Guard) -> &'static str {
    if guard.check == Check::Address { "remote_address" } else { "consumer" }
}

/// What the limit is counted by: the address, or what the filter before has found out.
fn counted(guard: &Guard) -> String {
    let action = match guard.check {
        Check::Address => "{remote_address: {}}".to_owned(),
        Check::Key | Check::Token => {
            format!("{{request_headers: {{header_name: x-consumer, descriptor_key: {}}}}}", descriptor(guard))
        }
    };
    format!("              rate_limits: [{{actions: [{action}]}}]\n")
}
