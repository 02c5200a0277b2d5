//! What each server shall keep of what the origin answers, in `cache`, and where: in memory, or in files.
//!
//! Each is configured as a competent operator would who wants it fast on one core: nginx with its files on a file system in
//! memory, `sendfile` and open files kept open; Varnish with storage in memory and one pool of threads; `HAProxy` with a
//! cache as big as the others'. All are told the same amount of memory, and count in their own ways what lies in it.
//! Requests for what is being fetched wait where the server has that. Without `tcp_nopush`: with it, a hit of 64 KiB stalls
//! nginx for 40 ms, the time of a delayed acknowledgement.

use super::Contender;
use crate::server::Launch;
use std::io;
use std::path::{Path, PathBuf};

/// A server that keeps answers, or that has files of its own.
#[derive(Clone, Debug)]
pub(crate) struct Cached {
    pub(crate) port: u16,
    pub(crate) origin: u16,
    /// A port for the server's own administration.
    pub(crate) admin: u16,
    pub(crate) tier: Tier,
    /// How many objects may be there at a time.
    pub(crate) objects: u64,
    /// More is asked for than may be there.
    pub(crate) overflows: bool,
}

/// Where answers come from.
#[derive(Clone, Debug)]
pub(crate) enum Tier {
    /// As many bytes of memory. Whoever keeps files does it in `files`, which takes memory too.
    Memory { bytes: u64, files: PathBuf },
    /// As many bytes in files in this folder, and next to nothing in memory.
    Disk { bytes: u64, folder: PathBuf },
    /// No cache: the files below this folder, at `/s/`.
    Static { root: PathBuf },
}

/// The largest object that is kept in memory, in bytes.
const LARGEST: u64 = 16 << 20;

impl Cached {
    /// Where a server keeps its files, if it keeps any.
    pub(crate) fn files(&self) -> &Path {
        match &self.tier {
            Tier::Memory { files: folder, .. }
            | Tier::Disk { folder, .. }
            | Tier::Static { root: folder } => folder,
        }
    }
}

impl Contender {
    /// Whether it keeps answers there, with the configuration that we have for it.
    pub(crate) fn keeps(self, tier: &Tier) -> bool {
        match self {
            Self::Tidegate | Self::Nginx | Self::NginxMainline => true,
            Self::Haproxy | Self::Varnish => matches!(tier, Tier::Memory { .. }),
            Self::Bare | Self::Envoy | Self::Caddy | Self::Traefik | Self::Floor | Self::Direct => false,
        }
    }
}

/// Writes the configuration into `folder`; `None` for a server that has neither cache nor files.
pub(super) fn prepare(
    contender: Contender,
    program: &Path,
    cached: &Cached,
    folder: &Path,
) -> io::Result<Option<Launch>> {
    let write = |file: &str, text: String| std::fs::write(folder.join(file), text);
    let launch = match (contender, &cached.tier) {
        (Contender::Tidegate, _) => {
            write("tidegate.yaml", tidegate(cached))?;
            Launch::new(program, ["run", "tidegate.yaml"])
        }
        (Contender::Nginx | Contender::NginxMainline, _) => {
            write("nginx.conf", nginx(cached, folder))?;
            let prefix = format!("{}/", folder.display());
            Launch::new(program, ["-e", "stderr", "-p", &prefix, "-c", "nginx.conf"])
        }
        (Contender::Haproxy, Tier::Memory { bytes, .. }) => {
            write("haproxy.cfg", haproxy(cached, *bytes))?;
            Launch::new(program, ["-db", "-f", "haproxy.cfg"])
        }
        (Contender::Varnish, Tier::Memory { bytes, .. }) => {
            write("default.vcl", vcl(cached))?;
            Launch::new(program, varnish(cached, *bytes, folder))
        }
        (Contender::Bare, Tier::Memory { .. }) => Launch::new(program, [cached.port.to_string()]),
        _ => return Ok(None),
    };
    Ok(Some(launch))
}

fn tidegate(cached: &Cached) -> String {
    let Cached { port, admin, origin, .. } = cached;
    let route = |kept: &str| {
        format!(
            "routes:\n  - {{ match: {{ path: \"/*\" }}, service: origin, cache: {{ ttl: 10m{kept} }} }}\n"
        )
    };
    let (store, routes) = match &cached.tier {
        Tier::Memory { bytes, .. } => {
            // It keeps nothing above an eighth of the memory there.
            let largest = LARGEST.min(bytes / 8);
            (format!("cache: {{ memory: {bytes}B }}\n"), route(&format!(", max_object: {largest}B")))
        }
        Tier::Disk { bytes, folder } => (
            // The least that it takes for memory.
            format!(
                "cache: {{ memory: 1MiB, disk: {{ path: \"{}\", size: {bytes}B }} }}\n",
                folder.display()
            ),
            route(""),
        ),
        Tier::Static { root } => (
            String::new(),
            format!("routes:\n  - {{ match: {{ path: \"/s/*\" }}, static: \"{}\" }}\n", root.display()),
        ),
    };
    format!(
        "listeners:\n  - address: 127.0.0.1:{port}\nadmin: {{ address: 127.0.0.1:{admin} }}\n{store}\
         services:\n  origin: {{ endpoints: [\"http://127.0.0.1:{origin}\"] }}\n\
         observe: {{ access_log: off }}\n{routes}"
    )
}

/// Files that are in use stay open. What is above `max_size` is taken away by a manager that looks every ten seconds; what is
/// above the number of keys that there is room for, at once. So both are bounded, and the manager takes away more in one go
/// than by default (100 each 50 ms), or it could not keep up. Where that matters files are not kept open: nginx answers with
/// one that is open although it was taken away, so it would have far more than it was told.
fn nginx(cached: &Cached, folder: &Path) -> String {
    let kept = |bytes: u64, files: &Path| {
        format!(
            "\x20 proxy_cache_path {files} levels=1:2 keys_zone=kept:{zone} max_size={bytes} inactive=1h\n\
             \x20   use_temp_path=off manager_files=1000;\n\
             \x20 proxy_cache kept;\n  proxy_cache_lock on;\n  proxy_cache_valid 200 10m;\n\
             \x20 add_header X-Cache-Status $upstream_cache_status;\n",
            files = files.display(),
            zone = zone(cached.objects),
        )
    };
    let (kept, location) = match &cached.tier {
        Tier::Memory { bytes, files: folder } | Tier::Disk { bytes, folder } => {
            (kept(*bytes, folder), "location / { proxy_pass http://origin; }".to_owned())
        }
        Tier::Static { root } => (String::new(), format!("location /s/ {{ alias {}/; }}", root.display())),
    };
    let kept_open = if cached.overflows {
        ""
    } else {
        "  open_file_cache max=4096 inactive=60s;\n  open_file_cache_valid 60s;\n"
    };
    format!(
        "# Without this a worker started by root would lack access to the folder.\n\
         {user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr crit;\n\
         events {{ worker_connections 8192; }}\n\
         http {{\n  access_log off;\n  keepalive_requests 1000000000;\n  keepalive_timeout 300s;\n\
         \x20 sendfile on;\n{kept_open}\
         \x20 client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n{kept}\
         \x20 upstream origin {{ server 127.0.0.1:{origin}; keepalive 1024; keepalive_requests 1000000000; }}\n\
         \x20 server {{\n    listen 127.0.0.1:{port} backlog=4096;\n\
         \x20   proxy_http_version 1.1;\n    proxy_set_header Connection \"\";\n    {location}\n  }}\n}}\n",
        user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" },
        folder = folder.display(),
        origin = cached.origin,
        port = cached.port,
    )
}

/// Bytes that so many keys take: 32 lie in a page of 4 KiB, which takes another 24 bytes, and the rest is bookkeeping.
fn zone(keys: u64) -> u64 {
    (keys.div_ceil(32) * (4096 + 24) + (16 << 10)).max(64 << 10)
}

/// Sizes are in whole MB, 4095 at most; no object may be larger than half of it.
fn haproxy(cached: &Cached, bytes: u64) -> String {
    let megabytes = (bytes >> 20).clamp(1, 4095);
    format!(
        "global\n  nbthread 1\n  no strict-limits\n  maxconn 8000\n\
         cache kept\n  total-max-size {megabytes}\n  max-object-size {largest}\n  max-age 600\n\
         defaults\n  mode http\n  timeout client 300s\n  timeout server 30s\n  timeout connect 5s\n  http-reuse always\n\
         frontend front\n  bind 127.0.0.1:{port} backlog 4096\n  http-request cache-use kept\n\
         \x20 http-response cache-store kept\n  default_backend origin\n\
         backend origin\n  server origin 127.0.0.1:{origin}\n",
        largest = LARGEST.min((megabytes << 20) / 2),
        port = cached.port,
        origin = cached.origin,
    )
}

fn vcl(cached: &Cached) -> String {
    format!(
        "vcl 4.1;\nbackend default {{ .host = \"127.0.0.1\"; .port = \"{}\"; }}\n\
         sub vcl_backend_response {{ set beresp.ttl = 600s; }}\n",
        cached.origin
    )
}

fn varnish(cached: &Cached, bytes: u64, folder: &Path) -> Vec<String> {
    let (address, storage) = (format!("127.0.0.1:{}", cached.port), format!("malloc,{bytes}b"));
    // A path that is not absolute is looked for in /etc/varnish first.
    let vcl = folder.join("default.vcl").display().to_string();
    let folder = folder.join("work").display().to_string();
    // It runs as who starts it: users for its jail may be missing where it was only unpacked.
    ["-j", "none", "-F", "-a", &address, "-f", &vcl, "-s", &storage, "-n", &folder]
        .into_iter()
        .chain(["-p", "thread_pools=1", "-p", "listen_depth=4096"])
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cached(tier: Tier) -> Cached {
        Cached { port: 8001, origin: 8002, admin: 8003, tier, objects: 100_000, overflows: false }
    }

    fn memory(mebibytes: u64) -> Cached {
        cached(Tier::Memory { bytes: mebibytes << 20, files: "/shm/f".into() })
    }

    #[test]
    fn every_server_is_told_the_same_memory() {
        let cached = memory(64);
        assert!(tidegate(&cached).contains("cache: { memory: 67108864B }\n"), "{}", tidegate(&cached));
        let nginx = nginx(&cached, Path::new("/f"));
        assert!(
            nginx.contains("proxy_cache_path /shm/f ") && nginx.contains(" max_size=67108864 "),
            "{nginx}"
        );
        assert!(nginx.contains("keys_zone=kept:12891384 "), "129 bytes for each key: {nginx}");
        let haproxy = haproxy(&cached, 64 << 20);
        assert!(haproxy.contains("total-max-size 64\n  max-object-size 16777216\n"), "{haproxy}");
        let varnish = varnish(&cached, 64 << 20, Path::new("/f"));
        assert!(
            ["malloc,67108864b", "/f/default.vcl"].iter().all(|arg| varnish.iter().any(|one| one == arg))
        );
    }

    #[test]
    fn no_object_may_be_larger_than_the_cache_allows() {
        assert!(tidegate(&memory(20)).contains("max_object: 2621440B"), "an eighth");
        assert!(haproxy(&memory(20), 20 << 20).contains("max-object-size 10485760\n"), "a half");
        assert!(tidegate(&memory(1024)).contains("max_object: 16777216B"));
    }

    #[test]
    fn waiting_for_what_is_being_fetched_is_on_where_it_has_to_be_asked_for() {
        assert!(nginx(&memory(64), Path::new("/f")).contains("proxy_cache_lock on;"));
    }

    #[test]
    fn tidegate_is_configured_in_its_own_words() {
        let disk = cached(Tier::Disk { bytes: 2 << 30, folder: "/d".into() });
        let expect = "listeners:\n  - address: 127.0.0.1:8001\nadmin: { address: 127.0.0.1:8003 }\n\
                      cache: { memory: 1MiB, disk: { path: \"/d\", size: 2147483648B } }\n\
                      services:\n  origin: { endpoints: [\"http://127.0.0.1:8002\"] }\n\
                      observe: { access_log: off }\n\
                      routes:\n  - { match: { path: \"/*\" }, service: origin, cache: { ttl: 10m } }\n";
        assert_eq!(tidegate(&disk), expect);
        let files = tidegate(&cached(Tier::Static { root: "/r".into() }));
        assert!(files.ends_with("routes:\n  - { match: { path: \"/s/*\" }, static: \"/r\" }\n"), "{files}");
        assert!(!files.contains("cache:"), "{files}");
    }

    #[test]
    fn files_are_sent_by_the_kernel_and_stay_open() {
        for tier in [Tier::Disk { bytes: 2 << 30, folder: "/d".into() }, Tier::Static { root: "/d".into() }] {
            let nginx = nginx(&cached(tier), Path::new("/f"));
            assert!(nginx.contains("sendfile on;") && nginx.contains("open_file_cache max="), "{nginx}");
            assert!(nginx.contains(" /d"), "{nginx}");
        }
        let full = Cached { overflows: true, ..memory(64) };
        assert!(!nginx(&full, Path::new("/f")).contains("open_file_cache"), "what is taken away is gone");
    }

    #[test]
    fn only_servers_with_files_have_a_disk() {
        let (disk, memory) = (Tier::Static { root: "/d".into() }, memory(64).tier);
        for contender in [Contender::Haproxy, Contender::Varnish] {
            assert!(contender.keeps(&memory) && !contender.keeps(&disk));
        }
        assert!(Contender::Nginx.keeps(&disk) && Contender::Tidegate.keeps(&disk));
        assert!(!Contender::Bare.keeps(&memory), "it has an answer, and keeps none");
    }
}
