//! What can go wrong with a server. The texts finish the sentence "the server ..." (or "the engine ..."), and quote nothing
//! that could be secret.

use std::time::Duration;

/// How much of a server's own words is kept, in characters.
const WORDS_MOST: usize = 300;

/// Why something did not come about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No connection could be made.
    #[error("cannot be reached: {0}")]
    Unreachable(Box<str>),
    /// No complete answer came in time.
    #[error("gave no answer in time")]
    Timeout,
    /// The connection ended in the middle, or the answer was no HTTP.
    #[error("broke off: {0}")]
    Cut(Box<str>),
    /// It said no.
    #[error("answered {status}: {message}")]
    Refused {
        /// The status.
        status: u16,
        /// Its reason, shortened.
        message: Box<str>,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The answer is not what the server's documentation promises.
    #[error("gave an answer that makes no sense: {0}")]
    Garbled(Box<str>),
    /// The answer, or one line of it, is larger than anything that makes sense.
    #[error("answered with more than {0} bytes")]
    TooLarge(usize),
    /// Others changed the same thing each time that it was tried.
    #[error("was told something else by others each time")]
    Contended,
    /// It cannot even be asked: a file is missing, a name is none.
    #[error("cannot be asked: {0}")]
    Setup(Box<str>),
}

impl Trouble {
    /// It said no, in these words.
    pub fn refused(status: u16, message: &str, retry_after: Option<Duration>) -> Self {
        Self::Refused { status, message: shortened(message), retry_after }
    }

    /// JSON that is none, or other JSON than expected. Only where, not what: the text may hold secrets.
    pub fn json(what: &str, error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        Self::Garbled(format!("no {what} that could be understood (line {line}, column {column})").into())
    }

    /// The status, where it said no.
    pub fn status(&self) -> Option<u16> {
        if let Self::Refused { status, .. } = self { Some(*status) } else { None }
    }

    /// How long it asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Refused { retry_after, .. } = self { *retry_after } else { None }
    }
}

fn shortened(message: &str) -> Box<str> {
    match message.char_indices().nth(WORDS_MOST) {
        None => message.into(),
        Some((cut, _)) => format!("{}...", &message[..cut]).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_of_a_server_are_shortened_between_characters() {
        let trouble = Trouble::refused(500, &"ä".repeat(1000), None);
        let Trouble::Refused { message, .. } = trouble else { panic!("refused") };
        assert_eq!(message.chars().count(), WORDS_MOST + 3);
    }

    #[test]
    fn an_answer_that_is_not_understood_is_not_quoted() {
        let error = serde_json::from_str::<u8>("\"hunter2\"").unwrap_err();
        let text = Trouble::json("scale", &error).to_string();
        assert_eq!(
            text,
            "gave an answer that makes no sense: no scale that could be understood (line 1, column 9)"
        );
    }
}
