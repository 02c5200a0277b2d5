//! Tidegate: as many workers as the cores it is pinned to, metrics on as always, the access log off as the others'.

use super::{Front, Plan};
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
         routes:\n",
        plan.admin, plan.origin
    );
    for prefix in plan.prefixes().chain(plan.routes.is_none().then(|| "/".to_owned())) {
        let _ = writeln!(text, "  - {{ match: {{ path: \"{prefix}*\" }}, service: origin }}");
    }
    text
}
