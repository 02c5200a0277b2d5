//! Somebody else launches instances, and is told how many there should be: by a command, by a POST, or in the metrics.

use crate::assemble::instances::Driver;
use instances::{Elsewhere, Exec, Teller, Wanted, Webhook};
use net::tls::ClientSettings;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

/// How long a command or a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Who is told.
pub(super) struct Told {
    service: Box<str>,
    last: Cell<Option<u32>>,
    teller: Option<Teller>,
    /// Why the last count was not heard.
    trouble: Rc<RefCell<Option<String>>>,
}

impl Told {
    pub(super) fn new(service: &str, driver: &Driver) -> Rc<Self> {
        let trouble = Rc::<RefCell<Option<String>>>::default();
        let teller = match elsewhere(driver) {
            Ok(to) => to.map(|to| {
                let (name, trouble) = (service.to_owned(), Rc::clone(&trouble));
                Teller::new(to, move |(count, heard)| {
                    if let Err(why) = &heard {
                        observe::log::warning(format_args!(
                            "service {name}: cannot tell that {count} instances are wanted: {why}"
                        ));
                    }
                    trouble.replace(
                        heard.err().map(|why| format!("that {count} are wanted was not heard: {why}")),
                    );
                })
            }),
            Err(why) => {
                trouble.replace(Some(why));
                None
            }
        };
        Rc::new(Self { service: service.into(), last: Cell::new(None), teller, trouble })
    }

    /// So many are wanted.
    pub(super) fn want(&self, count: u32, reason: &str) {
        let previous = self.last.replace(Some(count));
        if let Some(teller) = self.teller.as_ref().filter(|_| previous != Some(count)) {
            teller.want(Wanted {
                service: self.service.to_string(),
                wanted: count,
                previous,
                reason: reason.to_owned(),
                at: SystemTime::now(),
            });
        }
    }

    /// Why the last count was not heard.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }
}

fn elsewhere(driver: &Driver) -> Result<Option<Elsewhere>, String> {
    Ok(match driver {
        Driver::Exec(command) => Some(Elsewhere::Exec(Exec { command: command.clone(), timeout: TIMEOUT })),
        Driver::Webhook(hook) => {
            let token = hook.token.as_ref().map(config::Secret::reveal);
            let url = hook.url.to_string();
            Some(Elsewhere::Webhook(Webhook::new(&url, token, &ClientSettings::default(), TIMEOUT)?))
        }
        Driver::Advise | Driver::Fleet(_) | Driver::Kubernetes(_) => None,
    })
}
