//! KEDA, played by raw HTTP/2 and by a real gRPC client.

mod calls;
mod client;
mod grpcio;
