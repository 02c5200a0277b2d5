//! Self-signed certificates, made by the `openssl` program.

use crate::clients::run;
use crate::scratch::Scratch;
use std::path::PathBuf;
use std::process::Command;

/// A certificate for `localhost` and 127.0.0.1 that clients can trust by itself, and its key, as PEM files.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes `<name>.pem` and `<name>.key` in the folder.
    #[track_caller]
    pub fn make(scratch: &Scratch, name: &str) -> Self {
        let (certificate, key) = (scratch.file(&format!("{name}.pem")), scratch.file(&format!("{name}.key")));
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "2",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ]);
        openssl.args([
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ]);
        // Strict clients take no authority for a server, not even the one that they trust.
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
        let made = run(&mut openssl);
        assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
        Self { certificate, key }
    }
}
