//! The room in processes of their own: killed, limited, on disks that refuse.
#![allow(
    clippy::unwrap_used,
    reason = "in tests an unwrap is an assertion, also in what several tests share"
)]

mod crash;
mod refuse;
mod support;
