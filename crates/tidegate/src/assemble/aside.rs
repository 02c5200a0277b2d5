//! Services that nobody has typed as such: authorities that are asked who is calling. As services they have connections that
//! are kept, timeouts, names that are looked up again, and a place among the metrics.

use config::{File, HttpUrl, Service, ServiceName};
use serde_json::json;
use std::path::Path;

/// What they are called. No service of the file can have such a name.
pub(crate) const INTROSPECTION: &str = "auth.introspection";
pub(crate) const FORWARD: &str = "auth.forward";

/// Adds them to the services of a file that was read.
pub(crate) fn add(file: &mut File) {
    let asked = [
        file.auth.introspection.as_ref().map(|to| (INTROSPECTION, service(&to.url, to.ca.as_deref()))),
        file.auth.forward.as_ref().map(|to| (FORWARD, service(&to.url, to.ca.as_deref()))),
    ];
    for (name, service) in asked.into_iter().flatten() {
        if let (Ok(name), Some(service)) = (serde_json::from_value::<ServiceName>(json!(name)), service) {
            file.services.entry(name).or_insert(service);
        }
    }
}

fn service(url: &HttpUrl, ca: Option<&Path>) -> Option<Service> {
    let scheme = if url.is_secure() { "https" } else { "http" };
    let host = if url.host().contains(':') { format!("[{}]", url.host()) } else { url.host().to_owned() };
    let endpoint = serde_json::from_value(json!(format!("{scheme}://{host}:{}", url.port()))).ok()?;
    let mut service = Service { host: config::HostPolicy::Endpoint, ..Service::at(endpoint) };
    service.tls.ca = ca.map(Path::to_path_buf);
    Some(service)
}
