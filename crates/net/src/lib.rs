//! net

pub mod bind;
pub mod proxy_protocol;
pub mod stream;
pub mod tls;
