//! `limits`: bounds on what clients may ask for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{ByteSize, CountLimit, Period, SizeLimit};

/// Bounds that hold for every listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of all header lines of a request together; above it the answer is 431.
    #[schemars(extend("x-min" = 1024, "x-max" = 16_777_216))]
    pub max_header_bytes: ByteSize,
    /// Header lines of a request; above it the answer is 431.
    #[schemars(range(min = 1, max = 256))]
    pub max_header_count: u32,
    /// Bytes of path and query; above it the answer is 414.
    #[schemars(extend("x-min" = 64, "x-max" = 1_048_576))]
    pub max_uri_bytes: ByteSize,
    /// Bytes of a request body, or `unlimited`; above it the answer is 413. A route's `max_body` goes first.
    pub max_body: SizeLimit,
    /// The longest time from the first byte of a request to the end of its header.
    pub header_timeout: Period,
    /// The longest silence while a request body is awaited.
    pub body_timeout: Period,
    /// Bytes a second that a request body must bring on average, once `body_timeout` has passed.
    pub min_body_rate: ByteSize,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Period,
    /// The longest time that a client may take no byte of the response.
    pub write_timeout: Period,
    /// Requests that one connection may carry before it is closed, or `unlimited`.
    pub max_requests_per_connection: CountLimit,
    /// Requests at a time on one HTTP/2 connection.
    #[schemars(range(min = 1, max = 100_000))]
    pub h2_max_streams: u32,
    /// How long requests in flight may take to end when Tidegate stops.
    pub drain_timeout: Period,
    /// How long the old process lives after `tidegate upgrade` for streams and WebSockets that do not end.
    pub upgrade_timeout: Period,
    /// Client connections at a time, of all listeners together.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_connections: u32,
    /// The most memory that counting may take, for all rate limits together. When it is full, whoever has not come for the
    /// longest is forgotten.
    #[schemars(extend("x-min" = 1_048_576, "x-max" = 68_719_476_736_u64))]
    pub rate_limit_memory: ByteSize,
    /// Read `//` in a path as `/`.
    pub merge_slashes: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_header_bytes: ByteSize::bytes(32 << 10),
            max_header_count: 100,
            max_uri_bytes: ByteSize::bytes(8 << 10),
            max_body: SizeLimit::AtMost(ByteSize::bytes(1 << 20)),
            header_timeout: Period::seconds(10),
            body_timeout: Period::seconds(10),
            min_body_rate: ByteSize::bytes(240),
            idle_timeout: Period::seconds(60),
            write_timeout: Period::seconds(30),
            max_requests_per_connection: CountLimit::Unlimited,
            h2_max_streams: 100,
            drain_timeout: Period::seconds(30),
            upgrade_timeout: Period::seconds(3_600),
            max_connections: 100_000,
            rate_limit_memory: ByteSize::bytes(256 << 20),
            merge_slashes: true,
        }
    }
}
