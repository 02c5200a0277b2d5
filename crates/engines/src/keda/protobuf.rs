//! Protocol Buffers' wire format, as far as a handful of small messages needs it.
//!
//! *Promise*: any bytes give fields or an error, in linear time, without allocation.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

/// A field's value as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// Type 0.
    Varint(u64),
    /// Type 1.
    Fixed64(u64),
    /// Type 2: text, bytes, a message.
    Bytes(&'a [u8]),
    /// Type 5.
    Fixed32(u32),
}

/// The bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The fields of a message, in the order in which they were written.
#[derive(Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u64, Value<'a>), Malformed> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            // Groups (3 and 4) were given up before proto3.
            _ => return Err(Malformed),
        };
        if key >> 3 == 0 { Err(Malformed) } else { Ok((key >> 3, value)) }
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            // Of the tenth byte only one bit fits.
            if shift == 63 && byte > 1 {
                return Err(Malformed);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// Writes a whole number; 0 is what an absent one means.
pub(super) fn put_int(out: &mut Vec<u8>, field: u8, value: i64) {
    if value != 0 {
        out.push(field << 3);
        // A negative one is its two's complement in 64 bits.
        put_varint(out, value.cast_unsigned());
    }
}

/// Writes a double; 0 is what an absent one means.
pub(super) fn put_double(out: &mut Vec<u8>, field: u8, value: f64) {
    if value != 0.0 {
        out.push(field << 3 | 1);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Writes text, bytes or a message.
pub(super) fn put_bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field << 3 | 2);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(bytes: &[u8]) -> Result<Vec<(u64, Value<'_>)>, Malformed> {
        Fields(bytes).collect()
    }

    #[test]
    fn the_examples_of_the_specification_are_read_and_written() {
        assert_eq!(fields(&[0x08, 0x96, 0x01]), Ok(vec![(1, Value::Varint(150))]));
        assert_eq!(
            fields(&[0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]),
            Ok(vec![(2, Value::Bytes(b"testing"))])
        );
        let mut out = Vec::new();
        put_int(&mut out, 1, 150);
        put_bytes(&mut out, 2, b"testing");
        assert_eq!(out, [0x08, 0x96, 0x01, 0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
    }

    #[test]
    fn broken_messages_are_errors() {
        for bytes in [
            &[0x08][..],
            &[0x0a, 0x05, b'x'],
            &[0x09, 1, 2, 3],
            &[0x0d, 1],
            &[0x0b],
            &[0x0c],
            &[0x00, 0x00],
            &[0xff; 11],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] {
            assert_eq!(fields(bytes), Err(Malformed), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_fields_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let most = Fields(&bytes).count();
            prop_assert!(most <= bytes.len());
        }

        #[test]
        fn what_is_written_is_read(int in any::<i64>(), double in any::<f64>(), text in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assume!(int != 0 && double != 0.0);
            let mut out = Vec::new();
            put_int(&mut out, 1, int);
            put_double(&mut out, 2, double);
            put_bytes(&mut out, 3, &text);
            let read = fields(&out).unwrap();
            prop_assert_eq!(read, vec![
                (1, Value::Varint(int.cast_unsigned())),
                (2, Value::Fixed64(double.to_bits())),
                (3, Value::Bytes(&text)),
            ]);
        }
    }
}
