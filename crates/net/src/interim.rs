//! Interim (1xx) answers on their way to a client that waits for its final one (RFC 9110 section 15.2).

use crate::h1;
use bytes::Bytes;
use h2::server::SendResponse;
use message::ResponseHead;
use std::cell::RefCell;
use std::rc::Rc;

/// Where interim answers go.
#[derive(Clone)]
pub struct Interim(Way);

#[derive(Clone)]
enum Way {
    Http1(Rc<RefCell<h1::Shared>>),
    Http2(Rc<RefCell<SendResponse<Bytes>>>),
}

impl std::fmt::Debug for Interim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interim")
    }
}

impl Interim {
    pub(crate) fn http1(shared: Rc<RefCell<h1::Shared>>) -> Self {
        Self(Way::Http1(shared))
    }

    pub(crate) fn http2(respond: Rc<RefCell<SendResponse<Bytes>>>) -> Self {
        Self(Way::Http2(respond))
    }

    /// Puts the answer on its way. It leaves with the connection's next turn.
    pub fn send(&self, head: &ResponseHead) {
        match &self.0 {
            Way::Http1(shared) => shared.borrow_mut().send_interim(head),
            Way::Http2(respond) => {
                let mut response = http::Response::new(());
                *response.status_mut() = head.status;
                *response.headers_mut() = head.fields.to_map();
                // A stream that is gone needs no interim answer.
                let _ = respond.borrow_mut().send_informational(response);
            }
        }
    }
}
