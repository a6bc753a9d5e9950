//! Every command and every flag of kubectl 1.36 is there, and every flag is named by a test of what it
//! does.
//!
//! `data/parity/` holds the facts: `commands.tsv` (command, other names), `flags.tsv` (command, flag,
//! letter, default as kubectl's help shows it), `deprecated.tsv` (command, flag, what is said) and
//! `untested.txt`, the flags that no recorded case, transcript, script or test names yet. That list may
//! only shrink: `KCTL_BLESS=1` takes off it what is named now, and adds nothing.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::{blessing, files_below, is_assignment, repository, split};
use kctl::cli::find::{find, spoken};
use kctl::cli::flags::{Flags, Kind};
use kctl::cli::{global, scan};
use kctl::commands::{Action, COMMANDS, Entry};

/// How the flags of all commands are listed.
const GLOBAL: &str = "(global)";

fn rows(text: &'static str) -> Vec<Vec<&'static str>> {
    text.lines().map(|line| line.split('\t').collect()).collect()
}

/// Every command by its path.
fn tree() -> BTreeMap<String, &'static Entry> {
    fn walk(path: &[&'static Entry], tree: &mut BTreeMap<String, &'static Entry>) {
        for child in path.last().map_or(COMMANDS, |entry| entry.children) {
            let path = [path, &[child]].concat();
            tree.insert(spoken(&path), child);
            walk(&path, tree);
        }
    }
    let mut tree = BTreeMap::new();
    walk(&[], &mut tree);
    tree
}

/// A command's flags as clap has them; those of all commands under a name of their own.
fn clap_of(name: &str) -> Option<clap::Command> {
    if name == GLOBAL { Some(global::command()) } else { tree().get(name).and_then(|entry| entry.flags()) }
}

#[test]
fn every_command_is_there() {
    let tree = tree();
    let mut faults = Vec::new();
    for row in rows(include_str!("data/parity/commands.tsv")) {
        let [name, aliases] = row[..] else { panic!("two columns are wanted: {row:?}") };
        let Some(entry) = tree.get(name) else {
            faults.push(format!("{name}: missing"));
            continue;
        };
        if matches!(entry.action, Action::Absent) {
            faults.push(format!("{name}: not made"));
        }
        let aliases: Vec<&str> = aliases.split(',').filter(|alias| !alias.is_empty()).collect();
        for alias in aliases.iter().filter(|alias| !entry.is_called(alias)) {
            faults.push(format!("{name}: not called {alias}"));
        }
        for alias in entry.aliases.iter().filter(|alias| !aliases.contains(alias)) {
            faults.push(format!("{name}: called {alias}, which kubectl does not know"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whether a default looks as one of a kind does.
fn fits(kind: Kind, default: &str) -> bool {
    match kind {
        Kind::Bool => matches!(default, "true" | "false"),
        Kind::Int(_) | Kind::Uint(_) | Kind::Float => default.parse::<f64>().is_ok(),
        Kind::Duration => default.ends_with('s'),
        Kind::List | Kind::Array | Kind::Pairs => default.is_empty() || default.starts_with('['),
        Kind::Text => default.starts_with('\''),
        // Kinds of their own are shown as they like.
        Kind::Other => true,
    }
}

#[test]
fn every_flag_is_there() {
    let mut faults = Vec::new();
    for row in rows(include_str!("data/parity/flags.tsv")) {
        let [name, flag, short, default] = row[..] else { panic!("four columns are wanted: {row:?}") };
        let Some(command) = clap_of(name) else {
            faults.push(format!("{name}: takes no flags"));
            continue;
        };
        let flags = Flags::of(&command);
        let Some(found) = flags.long(flag) else {
            faults.push(format!("{name}: --{flag} is missing"));
            continue;
        };
        if found.short().map(String::from).unwrap_or_default() != short {
            faults.push(format!("{name}: --{flag} is -{short} in kubectl"));
        }
        // What depends on the user's home is not in clap.
        if found.default() != default.trim_matches('\'') && !default.contains("$HOME") {
            faults.push(format!("{name}: --{flag} is {default} by default in kubectl, here {}", found.default()));
        }
        if !fits(found.kind, default) {
            faults.push(format!(
                "{name}: --{flag} is {default} by default in kubectl, and here of the kind {:?}",
                found.kind
            ));
        }
        if found.arg.is_hide_set() {
            faults.push(format!("{name}: --{flag} is hidden"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn flags_that_will_go_say_so() {
    let listed = rows(include_str!("data/parity/deprecated.tsv"));
    let mut faults = Vec::new();
    for (name, entry) in tree() {
        let Some(command) = entry.flags() else { continue };
        for flag in Flags::of(&command).iter() {
            let want = listed.iter().find(|row| row[0] == name && row[1] == flag.name).map(|row| row[2]);
            let say = flag.deprecated(&name).map(|why| format!("Flag --{} has been deprecated, {why}", flag.name));
            if say.as_deref() != want {
                faults.push(format!("{name}: --{} says {say:?}, kubectl {want:?}", flag.name));
            }
        }
    }
    for row in &listed {
        if clap_of(row[0]).is_none_or(|command| Flags::of(&command).long(row[1]).is_none()) {
            faults.push(format!("{}: --{} is missing", row[0], row[1]));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The command and flags that lines name.
#[derive(Default)]
struct Named(BTreeSet<(String, String)>);

impl Named {
    /// Notes what one command line names.
    fn line(&mut self, words: &[String]) {
        let command = global::command();
        let global = Flags::of(&command);
        let found = find(words, &global);
        let Some(entry) = found.command() else { return };
        let name = found.spoken();
        let local = entry.flags();
        let local = local.as_ref().map_or_else(Flags::none, Flags::of);
        // A line that is cut off still tells what stands in front.
        let mut rest = found.rest.as_slice();
        let scanned = loop {
            match (scan::scan(rest, &name, &local, &global), rest.split_last()) {
                (Ok(scanned), _) => break scanned,
                (Err(_), Some((_, front))) => rest = front,
                (Err(_), None) => return,
            }
        };
        for (flag, _) in scanned.local {
            self.0.insert((name.clone(), flag));
        }
        for (flag, _) in scanned.global {
            self.0.insert((GLOBAL.to_owned(), flag));
        }
    }

    /// Notes what a line of shell names: assignments, pipes and several commands may stand in it.
    fn shell(&mut self, line: &str) {
        let words = split(line);
        for part in words.split(|word| matches!(word.as_str(), "|" | "&&" | "||" | ";" | ">" | "<")) {
            let mut part = part.iter().skip_while(|word| is_assignment(word)).cloned();
            let Some(first) = part.next() else { continue };
            let rest: Vec<String> = part.map(|word| word.trim_end_matches(';').to_owned()).collect();
            if first == "kctl" || first == "kubectl" {
                self.line(&rest);
            } else {
                let whole: Vec<String> = std::iter::once(first).chain(rest).collect();
                self.line(&whole);
            }
        }
    }

    /// Notes the command lines in Rust: a text, or a list of texts.
    fn rust(&mut self, source: &str) {
        let text = regex_lite::Regex::new(r#""((?:[^"\\\n]|\\.)*)""#).unwrap();
        let list =
            regex_lite::Regex::new(r#"\[\s*("(?:[^"\\]|\\.)*"(?:\.\w+\(\))?\s*,?\s*(?:&?[a-z_.()]+\s*,?\s*)?)+\s*\]"#)
                .unwrap();
        let plain = |text: &str| text.replace("\\\"", "\"").replace("\\n", " ");
        for found in text.captures_iter(source) {
            let line = plain(&found[1]);
            let line = line.trim_start_matches("$ ");
            if line.contains(' ') {
                self.shell(line);
            }
        }
        for found in list.find_iter(source) {
            let words: Vec<String> = text.captures_iter(found.as_str()).map(|word| plain(&word[1])).collect();
            self.line(&words);
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `shared_flags.rs` tries with the lines of its table.
fn shared(named: &mut Named) {
    const FORMATS: &[&str] = &["template", "allow-missing-template-keys", "save-config", "validate", "output"];
    const MANAGED: &[&str] = &["show-managed-fields"];
    const OWNED: &[&str] = &["show-managed-fields", "field-manager"];
    const FILES: &[&str] = &["filename", "recursive", "kustomize"];
    let command = global::command();
    let global = Flags::of(&command);
    for line in read(&repository("tests/data/parity/shared.txt")).lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<String> = line.split(" | ").next().unwrap().split(' ').map(str::to_owned).collect();
        let found = find(&words, &global);
        let Some(command) = found.command().and_then(|entry| entry.flags()) else { continue };
        let flags = Flags::of(&command);
        let files = words.iter().any(|word| word.starts_with('{') && word.ends_with("s}"));
        let has = |names: &[&str]| names.iter().all(|flag| flags.long(flag).is_some());
        let tried: Vec<&str> = match () {
            () if files => FILES.to_vec(),
            () if words.iter().any(|word| word == "-l" || word == "--all") => vec!["dry-run"],
            () if has(OWNED) => [FORMATS, OWNED].concat(),
            () if has(MANAGED) => [FORMATS, MANAGED].concat(),
            () => FORMATS.to_vec(),
        };
        named.0.extend(tried.iter().map(|flag| (found.spoken(), (*flag).to_owned())));
        named.line(&words);
    }
}

/// What all tests name.
fn named() -> Named {
    let mut named = Named::default();
    for case in read(&repository("tests/data/golden/cases.jsonl")).lines() {
        let case: serde_json::Value = serde_json::from_str(case).unwrap();
        let words: Vec<String> = serde_json::from_value(case["args"].clone()).unwrap();
        named.line(&words);
    }
    let scripts = [("tests/transcripts", "txt"), ("tests/data/real_cluster", "txt")];
    for file in scripts.iter().flat_map(|(folder, extension)| files_below(&repository(folder), extension)) {
        for line in read(&file).lines().filter_map(|line| line.strip_prefix("$ ")) {
            named.shell(line);
        }
    }
    shared(&mut named);
    let sources: Vec<PathBuf> = files_below(&repository("tests"), "rs");
    for file in sources.iter().filter(|file| !file.ends_with("parity.rs")) {
        named.rust(&read(file));
    }
    named
}

#[test]
fn every_flag_has_a_test() {
    let path = repository("tests/data/parity/untested.txt");
    let listed: Vec<String> = read(&path).lines().map(str::to_owned).collect();
    let named = named();
    let mut missing = BTreeSet::new();
    for row in rows(include_str!("data/parity/flags.tsv")) {
        if !named.0.contains(&(row[0].to_owned(), row[1].to_owned())) {
            missing.insert(format!("{} --{}", row[0], row[1]));
        }
    }
    let new: Vec<&String> = missing.iter().filter(|flag| !listed.contains(flag)).collect();
    assert!(new.is_empty(), "no test names these flags; write one that shows what each does:\n{new:#?}");
    let done: Vec<&String> = listed.iter().filter(|flag| !missing.contains(*flag)).collect();
    if !done.is_empty() && blessing() {
        let left: String =
            listed.iter().filter(|flag| missing.contains(*flag)).map(|flag| format!("{flag}\n")).collect();
        fs::write(&path, left).unwrap();
    } else {
        assert!(done.is_empty(), "these have tests now, KCTL_BLESS=1 takes them off the list:\n{done:#?}");
    }
    eprintln!("{} flags have no test of their own yet", missing.len());
}
