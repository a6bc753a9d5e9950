//! Every transcript below `tests/transcripts` is run with the real program; see `tests/common`.
//! `KCTL_TRANSCRIPT=word` runs those whose path holds the word.

#![allow(clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "tests read their switches from the environment")]

mod common;

#[test]
fn transcripts() {
    let only = std::env::var("KCTL_TRANSCRIPT").unwrap_or_default();
    let files = common::files_below(&common::repository("tests/transcripts"), "txt");
    let files: Vec<_> = files.into_iter().filter(|file| file.to_string_lossy().contains(&only)).collect();
    assert!(!files.is_empty(), "no transcript to run");
    let failures: Vec<String> = files.iter().filter_map(|file| common::transcript(file).err()).collect();
    assert!(failures.is_empty(), "{} of {} transcripts differ:\n{}", failures.len(), files.len(), failures.join("\n"));
}

#[test]
fn words_are_split_as_a_shell_splits_them() {
    assert_eq!(common::split(r#"a 'b c' "d \"e\"" f\ g '' h=i' j'"#), ["a", "b c", "d \"e\"", "f g", "", "h=i j"]);
}
