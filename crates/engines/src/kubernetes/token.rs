//! The token that says who asks. One from a file is read for each question, since the kubelet replaces it all the time.

use fetch::Secret;
use fetch::Trouble;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of a token's file that are read. Tokens of accounts have about one thousand.
const TOKEN_MOST: u64 = 64 << 10;

/// As whom the API is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Token {
    /// As nobody, or as whom the client certificate says.
    #[default]
    None,
    /// With this token.
    Fixed(Secret),
    /// With what the file holds at that moment.
    File(PathBuf),
}

impl Token {
    /// The token now.
    pub(super) fn now(&self) -> Result<Option<Secret>, Trouble> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(secret) => Ok(Some(secret.clone())),
            Self::File(path) => read(path).map(Some),
        }
    }
}

fn read(path: &Path) -> Result<Secret, Trouble> {
    let trouble =
        |why: &dyn std::fmt::Display| Trouble::Setup(format!("token {}: {why}", path.display()).into());
    let mut text = String::new();
    let file = File::open(path).map_err(|error| trouble(&error))?;
    file.take(TOKEN_MOST + 1).read_to_string(&mut text).map_err(|error| trouble(&error))?;
    if text.len() as u64 > TOKEN_MOST {
        return Err(trouble(&"the file is too large to be a token's"));
    }
    match text.trim() {
        "" => Err(trouble(&"the file is empty")),
        token => Ok(Secret::new(token)),
    }
}
