//! The differences that `diff` shows are those of GNU `diff -u`, byte for byte: random texts, as many as
//! `KCTL_DIFFERENTIAL` says, go through both. Without a GNU diff it is said that nothing was compared.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stderr)]
#![allow(clippy::disallowed_methods, reason = "tests read their switches from the environment")]

use std::fs;
use std::process::Command;

use fastrand::Rng;
use kctl::output::unified;

/// Pairs that are compared unless a variable says otherwise.
const PAIRS: u64 = 150;

/// A number below one of these.
fn below(rng: &mut Rng, limits: &[usize]) -> usize {
    let limit = limits[rng.usize(0..limits.len())];
    rng.usize(0..limit)
}

/// A text of some kind: few different lines, many, or what looks like YAML.
fn text(rng: &mut Rng) -> Vec<String> {
    let length = below(rng, &[5, 30, 80, 400, 1500]);
    let kind = rng.u8(0..4);
    let alphabet = rng.usize(1..12);
    let line = |rng: &mut Rng| match kind {
        0 => rng.usize(0..alphabet).to_string(),
        1 => rng.usize(0..length.max(1)).to_string(),
        // Some lines are common, most are not.
        2 if rng.u8(0..3) == 0 => ["}", "", "- name: x"][rng.usize(0..3)].to_owned(),
        2 => rng.usize(0..500).to_string(),
        _ => format!("{}key{}: {}", " ".repeat(rng.usize(0..3) * 2), rng.usize(0..6), rng.usize(0..3)),
    };
    (0..length).map(|_| line(rng)).collect()
}

/// The text with some lines taken out, put in, changed, and moved.
fn edited(rng: &mut Rng, text: &[String]) -> Vec<String> {
    let mut text = text.to_vec();
    let edits = below(rng, &[3, 10, 60]);
    for _ in 0..edits {
        let at = rng.usize(0..=text.len());
        let end = (at + below(rng, &[2, 6, 40])).min(text.len());
        match rng.u8(0..4) {
            0 => drop(text.drain(at..end)),
            1 => {
                let other: Vec<String> = text.get(at..end).unwrap().to_vec();
                let to = rng.usize(0..=text.len());
                drop(text.splice(to..to, other));
            }
            2 => text.insert(at, format!("new {}", rng.usize(0..20))),
            _ => {
                for line in text.get_mut(at..end).unwrap() {
                    *line = format!("new {}", rng.usize(0..1000));
                }
            }
        }
    }
    text
}

fn joined(rng: &mut Rng, lines: &[String]) -> String {
    let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    if rng.u8(0..10) == 0 {
        text.pop();
    }
    text
}

#[test]
fn differences_are_those_of_gnu_diff() {
    let version = Command::new("diff").arg("--version").output();
    if !version.is_ok_and(|version| String::from_utf8_lossy(&version.stdout).contains("GNU diffutils")) {
        eprintln!("NOT RUN: there is no GNU diff, nothing was compared");
        return;
    }
    let pairs = std::env::var("KCTL_DIFFERENTIAL").ok().and_then(|count| count.parse().ok()).unwrap_or(PAIRS);
    let folder = std::env::temp_dir().join(format!("kctl-gnu-diff-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (old_file, new_file) = (folder.join("old"), folder.join("new"));
    let mut wrong = Vec::new();
    for seed in 0..pairs {
        let mut rng = Rng::with_seed(seed);
        let first = text(&mut rng);
        let second = if rng.u8(0..5) == 0 { text(&mut rng) } else { edited(&mut rng, &first) };
        let (old, new) = (joined(&mut rng, &first), joined(&mut rng, &second));
        fs::write(&old_file, &old).unwrap();
        fs::write(&new_file, &new).unwrap();
        let theirs = Command::new("diff").arg("-u").arg(&old_file).arg(&new_file).output().unwrap();
        let theirs = String::from_utf8(theirs.stdout).unwrap();
        let theirs: String = theirs.split_inclusive('\n').skip(2).collect();
        if unified::hunks(&old, &new) != theirs {
            wrong.push(seed);
        }
    }
    fs::remove_dir_all(&folder).unwrap();
    assert!(wrong.is_empty(), "{} of {pairs} pairs differ: seeds {wrong:?}", wrong.len());
}
