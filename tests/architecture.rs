//! Reads the sources and holds the arrows between the rooms; see `src/lib.rs`.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod common;

use std::path::Path;

/// A room, and the rooms that it may use besides itself.
const MAY_USE: &[(&str, &[&str])] = &[
    ("cli", &["commands", "ops", "client", "output", "terminal", "backend", "object", "go", "error"]),
    ("commands", &["ops", "client", "output", "terminal", "object", "go", "error"]),
    ("ops", &["client", "output", "terminal", "object", "go", "error"]),
    ("client", &["object", "go", "error"]),
    ("output", &["terminal", "object", "go", "error"]),
    ("terminal", &["go", "error"]),
    ("backend", &["object", "go", "output::columns", "output::template", "output::yaml"]),
    ("object", &["go"]),
    ("go", &[]),
    ("error", &["object", "go"]),
];

/// Parts of rooms that are held to more: they know no Kubernetes.
const NO_OBJECTS: &[&str] = &["output/template", "output/jsonpath"];
/// The same within `object`, where what knows Kubernetes is named.
const NO_KUBERNETES: (&str, &str, &[&str]) =
    ("object/cel/", "object/cel/library/", &["object::cel", "object::number", "object::time", "go"]);

struct Source {
    /// The path below `src`, with `/`.
    path: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = common::repository("src");
    let files = common::files_below(&root, "rs");
    assert!(files.len() > 20, "where are the sources?");
    let relative = |file: &Path| file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
    // Modules of tests may use and print what they like.
    let of_tests = |path: &str| path.ends_with("/tests.rs") || path.contains("/tests/");
    let paths = files.iter().map(|file| (relative(file), file)).filter(|(path, _)| !of_tests(path));
    paths.map(|(path, file)| Source { path, text: std::fs::read_to_string(file).unwrap() }).collect()
}

/// The source without comments, test modules and the text of strings, so that words in them count
/// for nothing.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    text.lines().map(|line| line.split("//").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// Paths that begin with `crate::`, those in nested `use` lists written out.
fn used(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        expand("", rest, &mut found);
    }
    found
}

fn expand(before: &str, rest: &str, found: &mut Vec<String>) {
    if let Some(list) = rest.strip_prefix('{') {
        let mut depth = 0;
        let mut start = 0;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    let item = list[start..at].trim();
                    if !item.is_empty() {
                        expand(before, item, found);
                    }
                    start = at + 1;
                    if c == '}' {
                        return;
                    }
                }
                _ => {}
            }
        }
        return;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let path = format!("{before}{}", &rest[..end]);
    match rest[end..].strip_prefix("::") {
        Some(more) if more.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '{') => {
            expand(&format!("{path}::"), more, found);
        }
        _ => found.push(path),
    }
}

#[test]
fn rooms_use_only_what_is_below_them() {
    let mut wrong = Vec::new();
    for source in sources() {
        let room = source.path.split(['/', '.']).next().unwrap_or_default();
        if matches!(room, "lib" | "main") {
            continue;
        }
        let (_, allowed) = MAY_USE
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{}: a room without rules", source.path));
        for path in used(&code(&source.text)) {
            let own = path == room || path.starts_with(&format!("{room}::"));
            let macros = matches!(path.as_str(), "run" | "call") && room == "commands";
            let below = allowed.iter().any(|room| path == *room || path.starts_with(&format!("{room}::")));
            if !own && !below && !macros {
                wrong.push(format!("src/{} uses crate::{path}", source.path));
            }
            if NO_OBJECTS.iter().any(|part| source.path.starts_with(part)) && path.starts_with("object") {
                wrong.push(format!("src/{} knows Kubernetes: crate::{path}", source.path));
            }
            let (part, library, allowed) = NO_KUBERNETES;
            let plain = source.path.starts_with(part) && !source.path.starts_with(library);
            if plain && !allowed.iter().any(|allowed| path.starts_with(allowed)) {
                wrong.push(format!("src/{} knows Kubernetes: crate::{path}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that point up:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> =
        sources().into_iter().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path).collect();
    assert!(silent.is_empty(), "files without a `//!` header: {}", silent.join(", "));
}

#[test]
fn nothing_prints_behind_the_streams() {
    let mut wrong = Vec::new();
    // Tests may: a child process of theirs talks to them that way.
    for source in sources().into_iter().filter(|source| !source.path.ends_with("tests.rs")) {
        let code = code(&source.text);
        for word in ["println!", "eprintln!", "print!(", "eprint!(", "dbg!(", "todo!(", "unimplemented!("] {
            for (at, _) in code.match_indices(word) {
                if !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                    wrong.push(format!("src/{}: {word}", source.path));
                }
            }
        }
        for word in ["std::env::var", "env::var_os(", "env::vars"] {
            let home = ["ops/environment.rs", "cli/"].iter().any(|home| source.path.starts_with(home));
            if !home && code.contains(word) {
                wrong.push(format!("src/{}: {word}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_sources_sees_what_it_must() {
    let code = code("use crate::{a::{b, c::D}, e};\n// crate::no\nlet x = crate::f::g();\nuse $crate::h;");
    assert_eq!(used(&code), ["a::b", "a::c::D", "e", "f::g"]);
}
