//! net

pub mod bind;
pub mod stream;
