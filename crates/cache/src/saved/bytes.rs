//! Numbers, texts and lists as bytes, and back without trust.

use super::Damaged;

/// A text with its length in front.
pub(super) fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend_from_slice(text);
}

/// Texts with their number in front.
pub(super) fn put_list(out: &mut Vec<u8>, texts: &[Box<str>]) {
    out.extend((texts.len() as u32).to_le_bytes());
    for text in texts {
        put_text(out, text.as_bytes());
    }
}

/// What is not read yet.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or(Damaged("too short"))?;
        self.0 = rest;
        Ok(*array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Damaged> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Damaged> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Damaged> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Damaged> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let length = self.u32()? as usize;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Damaged("a length beyond its end"))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damaged("a text that is not UTF-8"))
    }

    /// How many come. No more than there can be: each takes four bytes at least.
    pub(super) fn count(&mut self) -> Result<usize, Damaged> {
        let count = self.u32()? as usize;
        if count > self.0.len() / 4 {
            return Err(Damaged("a number of things beyond its end"));
        }
        Ok(count)
    }

    /// Texts in ascending order, none twice.
    pub(super) fn sorted(&mut self) -> Result<Box<[Box<str>]>, Damaged> {
        let count = self.count()?;
        let texts = (0..count).map(|_| self.text().map(Box::from));
        let texts = texts.collect::<Result<Box<[Box<str>]>, _>>()?;
        if !texts.is_sorted_by(|a, b| a < b) {
            return Err(Damaged("a list that is not sorted"));
        }
        Ok(texts)
    }
}
