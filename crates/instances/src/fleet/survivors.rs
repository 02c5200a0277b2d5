//! Instances that have outlived the process that launched them: containers, where Tidegate was killed.
//!
//! *Promise*: none is launched before it is known which there are, or that the engine cannot say; while it cannot it is
//! asked again, and what is found late is taken over late.

use super::mind::{Mind, Out};
use super::{Fleet, Now};
use crate::driver::Search;
use crate::host::Happening;
use crate::passing::{Handed, Known};
use std::rc::{Rc, Weak};
use std::time::Duration;
use upstream::Task;

/// How long until it is looked again for survivors, at first and at most.
const SEARCH_AGAIN: Duration = Duration::from_secs(1);
const SEARCH_SELDOM: Duration = Duration::from_secs(30);

impl Fleet {
    /// Looks for instances that have outlived an earlier process, where instances can.
    pub(super) fn look_for_survivors(self: &Rc<Self>) {
        let mut mind = self.mind.borrow_mut();
        if let Some(search) = mind.search() {
            mind.searching = true;
            *self.search.borrow_mut() = Some(Task::start(find(Rc::downgrade(self), search)));
        }
    }

    /// Hears what has come of that. False: it is to be looked again.
    fn hear_of_survivors(&self, found: Result<Vec<Known>, String>) -> bool {
        let now = self.now();
        self.change(|mind, out| match found {
            Ok(found) => {
                mind.adopt_found(found, &now, out);
                true
            }
            Err(why) => {
                mind.searching = false;
                let what = format!("containers of earlier days cannot be looked for yet: {why}");
                out.happenings.push(Happening::Trouble { name: self.service.clone(), what });
                false
            }
        })
    }
}

/// Looks until it is known. The first answer, whichever it is, lets launches begin.
async fn find(fleet: Weak<Fleet>, mut search: Search) {
    let mut pause = SEARCH_AGAIN;
    loop {
        let found = search.await;
        let Some(is_known) = fleet.upgrade().map(|fleet| fleet.hear_of_survivors(found)) else { return };
        if is_known {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(SEARCH_SELDOM);
        let again = fleet.upgrade().and_then(|fleet| fleet.mind.borrow().search());
        let Some(again) = again else { return };
        search = again;
    }
}

impl Mind {
    /// A look for instances that have outlived an earlier process.
    pub(super) fn search(&self) -> Option<Search> {
        self.driver.search(&self.settings)
    }

    /// Takes over what has outlived an earlier process. So many are wanted at first as there were, until it is decided
    /// anew: whoever comes back in the middle of a rush needs them all.
    pub(super) fn adopt_found(&mut self, found: Vec<Known>, now: &Now, out: &mut Out) {
        self.searching = false;
        // Another process looks after them.
        if self.closed && self.frozen {
            return;
        }
        let is_held = |known: &Known| self.instances.iter().any(|i| *i.name == *known.name);
        let found: Vec<_> = found.into_iter().filter(|known| !is_held(known)).collect();
        let current = found.iter().filter(|known| known.revision == self.target.revision).count();
        let names: Vec<_> = found.iter().map(|known| known.name.clone()).collect();
        self.adopt_all(found.into_iter().map(|known| Handed { known, control: None }).collect(), now, out);
        for instance in self.instances.iter_mut().filter(|i| names.iter().any(|name| **name == *i.name)) {
            // No other process has requests with it, and how long its start took is not known.
            (instance.adopted, instance.found) = (None, true);
        }
        if self.closed {
            return self.close(now);
        }
        if let Some(count) = u32::try_from(current).ok().filter(|count| *count > self.wanted.unwrap_or(0)) {
            self.wanted = Some(count);
            self.found = Some(count);
        }
    }
}
