//! Quotas that were used before a restart.
//!
//! They are saved in batches, about once a second, and are with the kernel then, not on the disk: the loss of power may give
//! a caller back a second of a month, and no batch waits for a disk.

use crate::open::Promise;
use crate::{Store, StoreError};
use limit::{Key, QuotaUse, Window};
use rusqlite::params;

/// Longer than any window of that kind is, in seconds; an hour more for clocks that step back.
const fn longest(window: Window) -> u64 {
    const HOUR: u64 = 3_600;
    match window {
        Window::Hour => 2 * HOUR,
        Window::Day => 25 * HOUR,
        Window::Month => (31 * 24 + 1) * HOUR,
    }
}

const WINDOWS: [Window; 3] = [Window::Hour, Window::Day, Window::Month];

/// The number of a window in the file.
const fn number(window: Window) -> i64 {
    match window {
        Window::Hour => 0,
        Window::Day => 1,
        Window::Month => 2,
    }
}

impl Store {
    /// Saves what was used, all or nothing. A later window takes the place of an earlier one; within a window the greater number
    /// holds, since two processes of an upgrade count on their own.
    pub fn save_quotas(&self, quotas: &[QuotaUse]) -> Result<(), StoreError> {
        if quotas.is_empty() {
            return Ok(());
        }
        let save = "INSERT INTO quota VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET
                used = CASE WHEN excluded.start > start THEN excluded.used ELSE max(used, excluded.used) END,
                start = excluded.start
            WHERE excluded.start >= start";
        self.write(Promise::Kernel, |db| {
            let mut save = db.prepare(save)?;
            for QuotaUse { key, window, start, used } in quotas {
                // SQLite's numbers are signed; nobody counts further.
                let (start, used) = (start.cast_signed().max(0), i64::try_from(*used).unwrap_or(i64::MAX));
                save.execute(params![key.0.to_be_bytes(), number(*window), start, used])?;
            }
            Ok(())
        })
    }

    /// What was used in windows that may not be over yet at `unix`, in seconds, at most `most` of them and the most used first. The
    /// others are removed.
    pub fn quotas(&self, unix: u64, most: usize) -> Result<Vec<QuotaUse>, StoreError> {
        self.write(Promise::Kernel, |db| {
            for window in WINDOWS {
                let oldest = unix.saturating_sub(longest(window)).cast_signed();
                db.execute("DELETE FROM quota WHERE span = ?1 AND start < ?2", [number(window), oldest])?;
            }
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let mut find =
                db.prepare("SELECT key, span, start, used FROM quota ORDER BY used DESC LIMIT ?1")?;
            let mut rows = find.query([most])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let (span, start, used): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
                let window = WINDOWS.into_iter().find(|window| number(*window) == span);
                // What a newer layout may add is not for us.
                let (Some(window), Ok(key)) = (window, row.get::<_, [u8; 16]>(0)) else { continue };
                let key = Key(u128::from_be_bytes(key));
                found.push(QuotaUse {
                    key,
                    window,
                    start: start.cast_unsigned(),
                    used: used.cast_unsigned(),
                });
            }
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open::scratch::Scratch;

    const NOON: u64 = 1_800_000_000;

    fn used(key: u128, start: u64, used: u64) -> QuotaUse {
        QuotaUse { key: Key(key), window: Window::Day, start, used }
    }

    #[test]
    fn what_was_used_is_known_behind_a_restart() {
        let folder = Scratch::new();
        let uses =
            [used(u128::MAX - 1, NOON, 7), QuotaUse { window: Window::Month, ..used(5, NOON - 86_400, 3) }];
        Store::open(folder.path()).unwrap().save_quotas(&uses).unwrap();
        assert_eq!(Store::open(folder.path()).unwrap().quotas(NOON, 10).unwrap(), uses);
    }

    #[test]
    fn within_a_window_the_greater_number_holds_and_a_later_window_takes_its_place() {
        let folder = Scratch::new();
        let store = Store::open(folder.path()).unwrap();
        let saved = |uses: &[QuotaUse]| {
            store.save_quotas(uses).unwrap();
            let found = store.quotas(NOON, 10).unwrap();
            (found[0].start, found[0].used)
        };
        assert_eq!(saved(&[used(1, NOON, 7), used(1, NOON, 5)]), (NOON, 7));
        assert_eq!(saved(&[used(1, NOON - 100, 9)]), (NOON, 7), "an earlier window changes nothing");
        assert_eq!(saved(&[used(1, NOON + 100, 1)]), (NOON + 100, 1));
        assert_eq!(saved(&[used(1, NOON + 100, u64::MAX)]), (NOON + 100, i64::MAX as u64));
    }

    #[test]
    fn windows_that_are_over_are_removed_and_the_most_used_come_first() {
        let folder = Scratch::new();
        let store = Store::open(folder.path()).unwrap();
        store.save_quotas(&[used(1, NOON - 3 * 86_400, 99), used(2, NOON, 5), used(3, NOON, 6)]).unwrap();
        assert_eq!(store.quotas(NOON, 1).unwrap(), [used(3, NOON, 6)]);
        assert_eq!(store.quotas(NOON, 10).unwrap(), [used(3, NOON, 6), used(2, NOON, 5)]);
    }
}
