//! Finds which command a line names, as cobra does: flags may stand before and between the words.

use super::flags::Flags;
use crate::commands::{COMMANDS, Entry};

/// The command that a line names.
#[derive(Clone)]
pub struct Found {
    /// From the top of the tree to the command; empty for the program itself.
    pub path: Vec<&'static Entry>,
    /// The line without the words of the path.
    pub rest: Vec<String>,
}

impl Found {
    /// The command; `None` for the program itself.
    pub fn command(&self) -> Option<&'static Entry> {
        self.path.last().copied()
    }

    /// The command's path without the program's name: `rollout status`.
    pub fn spoken(&self) -> String {
        spoken(&self.path)
    }
}

/// A command's path without the program's name.
pub fn spoken(path: &[&'static Entry]) -> String {
    path.iter().map(|entry| entry.name).collect::<Vec<_>>().join(" ")
}

/// Follows the line down the tree as far as its words name commands.
pub fn find(words: &[String], global: &Flags<'_>) -> Found {
    let mut path: Vec<&'static Entry> = Vec::new();
    let mut rest = words.to_vec();
    loop {
        let children = path.last().map_or(COMMANDS, |entry| entry.children);
        let next = first_argument(&rest, global).and_then(|at| {
            rest.get(at).and_then(|word| children.iter().find(|child| child.is_called(word))).map(|child| (at, child))
        });
        match next {
            Some((at, child)) => {
                rest.remove(at);
                path.push(child);
            }
            None => return Found { path, rest },
        }
    }
}

/// Where the first word stands that is neither a flag nor, as far as the global flags tell, a flag's
/// value.
pub fn first_argument(words: &[String], global: &Flags<'_>) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if word == "--" {
            return None;
        }
        let takes_next = if let Some(long) = word.strip_prefix("--") {
            !long.contains('=') && global.long(&long.replace('_', "-")).is_none_or(|flag| !flag.stands_alone())
        } else if let Some(short) = word.strip_prefix('-') {
            let mut letters = short.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => global.short(letter).is_none_or(|flag| !flag.stands_alone()),
                _ => false,
            }
        } else if word.is_empty() {
            false
        } else {
            return Some(at);
        };
        at += if takes_next { 2 } else { 1 };
    }
    None
}
