//! Fields of the request by which the origin has chosen its answer (RFC 9111 section 4.1).

use message::Fields;

/// Names from `Vary`, in lower case, sorted, none twice; never `*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Vary(pub Box<[Box<str>]>);

impl Vary {
    /// What a response says. `Ok(None)`: nothing. `Err`: `*`, or more names than are kept (32).
    pub fn of(fields: &Fields) -> Result<Option<Self>, crate::Reason> {
        todo!()
    }
}
