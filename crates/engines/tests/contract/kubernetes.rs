//! Kubernetes' API server.

mod asking;
mod cluster;
mod following;
mod scaling;
mod unwell;
