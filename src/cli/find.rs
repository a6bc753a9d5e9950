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
    /// The words of the path as they were given: other names stay.
    pub given: Vec<String>,
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
    let mut given = Vec::new();
    loop {
        let children = path.last().map_or(COMMANDS, |entry| entry.children);
        let next = first_argument(&rest, global).and_then(|at| {
            rest.get(at).and_then(|word| children.iter().find(|child| child.is_called(word))).map(|child| (at, child))
        });
        match next {
            Some((at, child)) => {
                given.push(rest.remove(at));
                path.push(child);
            }
            None => return Found { path, rest, given },
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::global;
    use super::*;

    fn found(line: &str) -> (String, Vec<String>) {
        let command = global::command();
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let found = find(&words, &Flags::of(&command));
        (found.spoken(), found.rest)
    }

    #[test]
    fn finds_commands_among_flags() {
        for (line, command, rest) in [
            ("", "", ""),
            ("get pods", "get", "pods"),
            ("-n harbor get pods", "get", "-n harbor pods"),
            ("-nharbor get pods", "get", "-nharbor pods"),
            ("--namespace harbor get pods", "get", "--namespace harbor pods"),
            ("--namespace=harbor get pods", "get", "--namespace=harbor pods"),
            ("--disable-compression get pods", "get", "--disable-compression pods"),
            ("rollout -n x status web", "rollout status", "-n x web"),
            ("-n rollout status", "", "-n rollout status"),
            ("config use dev", "config use-context", "dev"),
            ("create cm x", "create configmap", "x"),
            ("get -- rollout", "get", "-- rollout"),
            ("-- get", "", "-- get"),
            ("nosuch get", "", "nosuch get"),
        ] {
            let rest: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
            assert_eq!(found(line), (command.to_owned(), rest), "{line}");
        }
    }

    #[test]
    fn names_and_aliases_are_not_taken_twice() {
        fn check(entries: &[Entry]) {
            let names: Vec<&str> = entries
                .iter()
                .flat_map(|entry| std::iter::once(entry.name).chain(entry.aliases.iter().copied()))
                .collect();
            for (at, name) in names.iter().enumerate() {
                assert!(!names.iter().take(at).any(|earlier| earlier == name), "{name}");
            }
            entries.iter().for_each(|entry| check(entry.children));
        }
        check(COMMANDS);
    }

    proptest! {
        #[test]
        fn no_word_is_lost(words in prop::collection::vec("(get|rollout|status|-n|--context|--|-|x|)", 0..8)) {
            let command = global::command();
            let found = find(&words, &Flags::of(&command));
            prop_assert_eq!(found.path.len() + found.rest.len(), words.len());
        }
    }
}
