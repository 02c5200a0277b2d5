//! Caddy and Traefik: for the plain proxy only.

use super::Plan;
use crate::server::Launch;
use std::ffi::OsString;
use std::path::Path;

pub(super) fn caddy(program: &Path, plan: &Plan, folder: &Path) -> std::io::Result<Launch> {
    let config = format!(
        "{{\n\tadmin off\n\tauto_https off\n}}\nhttp://127.0.0.1:{} {{\n\
         \treverse_proxy 127.0.0.1:{} {{\n\t\theader_up X-Request-Id {{http.request.uuid}}\n\t}}\n}}\n",
        plan.port, plan.origin
    );
    std::fs::write(folder.join("Caddyfile"), config)?;
    Ok(Launch::new(program, ["run", "--adapter", "caddyfile", "--config", "Caddyfile"]))
}

pub(super) fn traefik(program: &Path, plan: &Plan, folder: &Path) -> std::io::Result<Launch> {
    let config = format!(
        "http:\n\
         \x20 routers: {{all: {{rule: \"PathPrefix(`/`)\", service: origin, entryPoints: [web]}}}}\n\
         \x20 services: {{origin: {{loadBalancer: {{servers: [{{url: \"http://127.0.0.1:{}\"}}]}}}}}}\n",
        plan.origin
    );
    std::fs::create_dir_all(folder.join("traefik"))?;
    std::fs::write(folder.join("traefik/dynamic.yaml"), config)?;
    let args = [
        format!("--entryPoints.web.address=127.0.0.1:{}", plan.port),
        format!("--providers.file.directory={}/traefik", folder.display()),
        "--global.checkNewVersion=false".into(),
        "--global.sendAnonymousUsage=false".into(),
    ];
    Ok(Launch::new(program, args.map(OsString::from)))
}
