//! Which containers of a service are held, and what the engine tells of them: a reason to look at one, and no more.

use super::contained::Link;
use super::in_words;
use crate::driver::What;
use engines::docker::News;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

/// Those that are held, by name. One that is not held any more stands here until another one has its name.
#[derive(Default)]
pub(super) struct Register(RefCell<HashMap<Box<str>, Weak<Link>>>);

impl Register {
    /// From now on it hears of itself. To be called before it is launched, so that no end is missed.
    pub(super) fn enter(&self, name: &str, link: &Rc<Link>) {
        self.0.borrow_mut().insert(name.into(), Rc::downgrade(link));
    }

    pub(super) fn hear(&self, news: &News<'_>) {
        match news {
            News::Running(all) => {
                for link in self.held() {
                    if !all.iter().any(|container| link.is(&container.id)) {
                        link.doubt();
                    }
                }
            }
            News::Ended(ended) => {
                if let Some(link) = self.0.borrow().get(&ended.name).and_then(Weak::upgrade) {
                    link.doubt();
                }
            }
            News::Trouble(trouble) => {
                let what = format!("{}; its containers serve on meanwhile", in_words(trouble));
                // The fleet tells the same trouble once, whoever of its instances has it.
                self.held().iter().for_each(|link| link.tell(What::Trouble(what.clone())));
            }
            News::Well => {}
        }
    }

    fn held(&self) -> Vec<Rc<Link>> {
        self.0.borrow().values().filter_map(Weak::upgrade).collect()
    }
}
