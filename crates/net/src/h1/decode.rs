//! The body that is arriving: one decoder for both directions.

use super::chunk::{Chunked, Step};
use super::framing::Framing;
use super::reject::Reject;
use bytes::BytesMut;

/// What of a body is still to come.
#[derive(Debug, Default)]
pub(crate) enum Decoder {
    #[default]
    Done,
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

impl From<Framing> for Decoder {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Empty => Self::Done,
            Framing::Length(n) => Self::Length(n),
            Framing::Chunked => Self::Chunked(Chunked::default()),
            Framing::UntilClose => Self::UntilClose,
        }
    }
}

impl Decoder {
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// How many bytes are known to follow; 0 where that is not known.
    pub(crate) fn wanted(&self) -> u64 {
        match self {
            Self::Length(left) | Self::Chunked(Chunked::Data(left)) => *left,
            // Nothing is known, but a body without a length is seldom a small one.
            Self::UntilClose => 64 * 1024,
            Self::Done | Self::Chunked(_) => 0,
        }
    }

    /// Takes what it can from `inbox`.
    pub(crate) fn step(&mut self, inbox: &mut BytesMut) -> Result<Step, Reject> {
        let step = match self {
            Self::Done => Step::Done(None),
            Self::Chunked(chunked) => chunked.step(inbox)?,
            _ if inbox.is_empty() => Step::Need,
            Self::UntilClose => Step::Data(inbox.split().freeze()),
            Self::Length(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(inbox.len());
                *left -= n as u64;
                if *left == 0 {
                    *self = Self::Done;
                }
                return Ok(Step::Data(inbox.split_to(n).freeze()));
            }
        };
        if matches!(step, Step::Done(_)) {
            *self = Self::Done;
        }
        Ok(step)
    }
}
