//! The kinds of error that decide what is said and with which exit code. Everything else travels as
//! plain [`anyhow::Error`]; `cli::report` alone turns either into words.

use std::fmt;

/// Wrong use of a command: flags or arguments that do not fit together. Said as `error: MESSAGE`,
/// followed by a pointer to the command's help (kubectl's `UsageErrorf`).
#[derive(Debug)]
pub struct UsageError {
    /// The command's path without the program's name: `get`, `rollout status`.
    pub command: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UsageError {}

/// Everything that had to be said is said: end with this code (a process run by `exec`, `diff`, a
/// partial failure that was reported as it happened).
#[derive(Debug)]
pub struct Exit(pub u8);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit status {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// The command's help belongs before the message: `error: MESSAGE` after the help on standard
/// output. Without a message the help is all there is to say, and no error.
#[derive(Debug)]
pub struct WithHelp(pub Option<String>);

impl fmt::Display for WithHelp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or_default())
    }
}

impl std::error::Error for WithHelp {}

/// Several errors, each said on a line of its own (kubectl's aggregate).
#[derive(Debug)]
pub struct Many(pub Vec<anyhow::Error>);

impl Many {
    /// Nothing for no error, the error itself for one, all of them together for more.
    pub fn collect(errors: Vec<anyhow::Error>) -> anyhow::Result<()> {
        let mut errors = errors;
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self(errors).into()),
        }
    }
}

impl fmt::Display for Many {
    /// Go's `utilerrors.Aggregate`: `[first, second]`, each text once; a single one stands alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut texts: Vec<String> = Vec::new();
        for text in self.0.iter().map(|error| format!("{error:#}")) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        match texts.as_slice() {
            [only] => f.write_str(only),
            texts => write!(f, "[{}]", texts.join(", ")),
        }
    }
}

impl std::error::Error for Many {}
