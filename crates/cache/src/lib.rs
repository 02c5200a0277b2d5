//! The rules of a shared HTTP cache, and its memory.
//!
//! ```text
//!  Asked::read      what does the request ask of a cache?             RFC 9111 section 5.2.1
//!  Keys::key        which response would serve it?                    section 2
//!  Store::find      is there one, in the variant that fits?           section 4.1
//!  judge            may it be used, as it is or after a question?     section 4
//!  reply, shape     whole, in part, or "you have it"?                 RFC 9110 sections 13, 14
//!  Store::join      else: one fetch a key, many wait                  section 4 (collapsed requests)
//!  admit            may the answer be kept, and for how long?         section 3
//!  refresh          what a 304 changes                                sections 3.2, 4.3.4
//!  invalidated      what an unsafe method makes worthless             section 4.4
//!  Purges           what the operator has made worthless
//! ```
//!
//! *Invariant*: pure, no sockets, no files; time is a parameter, in milliseconds since 1970. Memory is bounded whatever comes.
//! A response that may not be kept is not kept, and each decision has a [`Reason`].
//! *Not here*: how requests are forwarded (`gateway`), what lies on disk (`disk`).

mod admit;
mod asked;
#[cfg(test)]
mod blocking;
mod dates;
mod directives;
mod entry;
mod etag;
mod flight;
mod flow;
mod invalidated;
mod judge;
mod kept;
mod key;
mod lifetime;
mod lists;
mod multipart;
mod policy;
mod purges;
mod query;
mod ranges;
mod reason;
mod refresh;
mod reply;
#[cfg(test)]
mod samples;
mod saved;
mod settings;
mod shape;
mod status;
mod store;
mod structured;
mod tags;
mod value;
mod vary;
mod waiters;

pub use admit::{Admitted, Offer, admit};
pub use asked::Asked;
pub use entry::{Content, Entry, Freshness};
pub use flight::{Flight, Join, Lead, Outcome};
pub use flow::{Cut, Flow, FlowReader};
pub use invalidated::{invalidated, is_safe};
pub use judge::{Verdict, judge, stale_on_error};
pub use key::{Asking, Key, Keys};
pub use multipart::Multipart;
pub use purges::{Purge, Purges, Standing, What};
pub use reason::Reason;
pub use refresh::{head_agrees, refresh, revalidate};
pub use reply::{ByteRange, Reply, reply};
pub use saved::{Damaged, load, save};
pub use settings::{KeySettings, QueryRule, Settings};
pub use shape::{Shape, Shaped, not_modified_fields, partial_fields, shape};
pub use status::{Told, tell};
pub use store::{Counts, Store, StoreSettings};
pub use tags::Template;
pub use vary::Vary;
