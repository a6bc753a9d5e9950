//! Kustomizations: any set of files builds, or says why not, without a panic, and the same twice.
//!
//! Input: files, each after a line `#### NAME`; what comes before the first is `kustomization.yaml`.

#![no_main]

use std::fs;

use kctl::ops::kustomize::{Options, build};
use kctl_fuzz::Folder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    // Nothing is fetched.
    if input.contains("://") || input.contains("git") || input.contains("?ref") {
        return;
    }
    let folder = Folder::new();
    let mut parts = input.split("#### ");
    let write = |name: &str, text: &str| {
        let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "/._-".contains(*c)).take(40).collect();
        if name.is_empty() || name.split('/').any(|part| part == ".." || part.is_empty()) {
            return;
        }
        let path = folder.path().join(name);
        if path.parent().is_some_and(|parent| fs::create_dir_all(parent).is_ok()) {
            let _ = fs::write(path, text);
        }
    };
    write("kustomization.yaml", parts.next().unwrap_or_default());
    for part in parts.take(8) {
        let (name, text) = part.split_once('\n').unwrap_or((part, ""));
        write(name, text);
    }
    let path = folder.path().display().to_string();
    let run = || {
        let mut warnings = Vec::new();
        let result = build(&path, &Options::default(), &mut warnings).map_err(|error| format!("{error:#}"));
        (result, warnings)
    };
    assert_eq!(run(), run());
});
