//! `observe`: what Tidegate tells about its work.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{ByteSize, HeaderName, LogPath};

/// What Tidegate tells about its work. Metrics are always on, at `/metrics` of the admin API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-later" = ["otlp", "alerts", "traces", "metrics", "analysis"]))]
pub struct Observe {
    /// One line for each request. `off` turns it off; a bare word stands for `format`.
    pub access_log: AccessLog,
}

/// The access log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "format", "x-later" = ["sample", "template", "fields", "syslog", "otlp"]))]
pub struct AccessLog {
    /// The form of a line, or `off`.
    pub format: LogFormat,
    /// `stdout`, `stderr` or a file.
    pub path: LogPath,
    /// When a log file is put aside. It has no effect on `stdout` and `stderr`.
    pub rotate: Rotate,
    /// Query parameters whose values are masked, beside those that usually hold secrets (`token`, `api_key`,
    /// `password` and their like). No header but `User-Agent` and `Referer` is logged.
    pub mask: Vec<HeaderName>,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { format: LogFormat::Json, path: LogPath::Stdout, rotate: Rotate::default(), mask: Vec::new() }
    }
}

/// The form of a line of the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object.
    #[default]
    Json,
    /// The Combined Log Format of Apache and nginx.
    Clf,
    /// No access log.
    Off,
}

/// When a log file is put aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rotate {
    /// A file that grew to this size is put aside.
    #[schemars(extend("x-min" = 4096))]
    pub max_size: ByteSize,
    /// Files put aside that are kept.
    #[schemars(range(min = 0, max = 10_000))]
    pub keep: u32,
}

impl Default for Rotate {
    fn default() -> Self {
        Self { max_size: ByteSize::bytes(100 << 20), keep: 5 }
    }
}
