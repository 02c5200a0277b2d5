//! What `tidegate demo` needs beside the gateway: ports, the words for a newcomer, a line that lives, some traffic.
//!
//! Nothing here prints: texts are returned, and the binary writes them where they belong.

mod banner;
mod line;
mod port;
mod surge;
mod traffic;

pub use banner::{Address, banner};
pub use line::{Screen, Snapshot, TrafficLine};
pub use port::free_port;
pub use surge::surge;
pub use traffic::traffic;
