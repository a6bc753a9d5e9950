//! What can go wrong, in Go's words.

use std::fmt;
use std::io;

/// A template that does not parse, or does not execute. Displayed exactly as Go words it.
#[derive(Debug)]
pub enum Error {
    /// The text is no template: `template: NAME:LINE: …`.
    Parse(String),
    /// The execution failed: `template: NAME:LINE:COLUMN: executing "NAME" at <CONTEXT>: …`. What came
    /// before it has been written.
    Exec(String),
    /// The output could not be written.
    Write(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parse(text) | Self::Exec(text) => f.write_str(text),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Write(error) => Some(error),
            Self::Parse(_) | Self::Exec(_) => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}
