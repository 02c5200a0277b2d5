//! Files that are kept open, with their heads: who asks for one of them needs neither a thread nor the disk.
//!
//! A short list in each part of the index, most wanted first. A newcomer takes the last place and moves up by one with each use, so a
//! walk over many files that are used once replaces one place of the list and no more.
//! *Cost*: a walk over 16 keys.

use crate::Found;

/// Files in one list. With 16 parts of the index: 256 open files.
const MOST: usize = 16;
/// Largest head that is kept, in bytes. With 256 files: 4 MiB.
const MAX_HEAD: usize = 16 << 10;

/// The files of one part of the index.
#[derive(Default)]
pub(crate) struct Hot(Vec<Found>);

impl Hot {
    /// The file of that key, where it is open. A use.
    pub(crate) fn get(&mut self, key: u128) -> Option<Found> {
        let at = self.0.iter().position(|found| found.key == key)?;
        let up = at.saturating_sub(1);
        self.0.swap(at, up);
        self.0.get(up).cloned()
    }

    /// Keeps it open from now on, in the place of the one that is wanted least.
    pub(crate) fn put(&mut self, found: &Found) {
        if found.head.len() > MAX_HEAD {
            return;
        }
        self.drop(found.key);
        self.0.truncate(MOST - 1);
        self.0.push(found.clone());
    }

    /// It is not that key's file any more.
    pub(crate) fn drop(&mut self, key: u128) {
        self.0.retain(|found| found.key != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::fs::File;
    use std::sync::Arc;

    fn found(key: u128, head: usize) -> Found {
        let file = Arc::new(File::open("/dev/null").unwrap());
        Found { head: Bytes::from(vec![0; head]), file, offset: 0, length: 0, key, body: 0 }
    }

    #[test]
    fn a_walk_over_many_files_does_not_push_out_those_that_are_wanted() {
        let mut hot = Hot::default();
        for key in 0..8 {
            hot.put(&found(key, 10));
            assert!(hot.get(key).is_some());
        }
        for key in 100..200 {
            hot.put(&found(key, 10));
        }
        assert!((0..8).all(|key| hot.get(key).is_some()));
        assert_eq!(hot.0.len(), MOST);
    }

    #[test]
    fn a_file_is_kept_once_and_not_with_a_large_head() {
        let mut hot = Hot::default();
        hot.put(&found(1, 10));
        hot.put(&found(1, 20));
        assert_eq!(hot.get(1).unwrap().head.len(), 20);
        hot.put(&found(2, MAX_HEAD + 1));
        assert!(hot.get(2).is_none());
        hot.drop(1);
        assert!(hot.0.is_empty());
    }
}
