//! What the README shows is what happens: every line that begins with `$ ` is typed in one shell, and
//! what the README prints below it must be what the program prints. Ages, suffixes of names and the
//! width of columns may differ.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and needs PATH"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A line typed, and what is printed below it; nothing where the README does not care.
struct Example {
    command: String,
    output: Vec<String>,
}

fn examples(readme: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut shown = false;
    for line in readme.lines() {
        if line.starts_with("```") {
            shown = line == "```console";
        } else if let (true, Some(command)) = (shown, line.strip_prefix("$ ")) {
            examples.push(Example { command: command.to_owned(), output: Vec::new() });
        } else if let (true, Some(example)) = (shown, examples.last_mut()) {
            example.output.push(line.to_owned());
        }
    }
    examples
}

/// What may differ is made equal.
fn plain(line: &str) -> String {
    let word = |word: &str| {
        let age = word.strip_suffix(['s', 'm', 'h', 'd']).is_some_and(|it| it.chars().all(|c| c.is_ascii_digit()));
        let parts: Vec<&str> = word.rsplitn(3, '-').collect();
        let is_pod = parts.len() == 3 && parts[0].len() == 5 && (8..=10).contains(&parts[1].len());
        if age {
            "AGE".to_owned()
        } else if is_pod {
            format!("{}-HASH-SUFFIX", parts[2])
        } else {
            word.to_owned()
        }
    };
    line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn shell(home: &Path, script: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_kctl"));
    let folder = program.parent().expect("a folder").display();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.args(["-c", script]).env_clear().env("HOME", home).env("PATH", path).env("TZ", "UTC").stdin(Stdio::null());
    command
}

#[test]
fn every_line_does_what_is_shown_below_it() {
    let home = std::env::temp_dir().join(format!("kctl-readme-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&home);
    std::fs::create_dir_all(&home).expect("a home");
    let all = examples(include_str!("../README.md"));
    assert!(all.len() > 15, "only {} examples were found", all.len());
    // The other terminal, in which the reader is told to serve.
    let server = shell(&home, "exec kctl offline serve").stderr(Stdio::null()).spawn().expect("bash");
    let server = Server(server);
    let start = Instant::now();
    while !home.join(".local/state/kctl/serve.json").exists() {
        assert!(start.elapsed() < Duration::from_secs(20), "the server does not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mark = "=====";
    let script: String = all.iter().map(|it| format!("{}\necho \"{mark}$?\"\n", it.command)).collect();
    let output = shell(&home, &script).output().expect("bash");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    drop(server);
    let _ = std::fs::remove_dir_all(&home);
    let mut lines = printed.lines();
    for example in &all {
        let mut got = Vec::new();
        let code = loop {
            let line = lines.next().unwrap_or_else(|| panic!("{}: nothing came\n{said}", example.command));
            // What prints no end of line has the mark behind it.
            match line.split_once(mark) {
                Some((rest, code)) => {
                    got.extend((!rest.is_empty()).then(|| rest.to_owned()));
                    break code;
                }
                None => got.push(line.to_owned()),
            }
        };
        assert_eq!(code, "0", "{}\n{}\n{said}", example.command, got.join("\n"));
        if !example.output.is_empty() {
            let want: Vec<String> = example.output.iter().map(|line| plain(line)).collect();
            let got: Vec<String> =
                got.iter().map(|line| plain(line)).filter(|it| !it.starts_with("Waiting for ")).collect();
            assert_eq!(got, want, "{}", example.command);
        }
    }
}
