//! Scripts: shell sessions whose expectations hold on any cluster.
//!
//! ```text
//! @ needs nodes                   skipped where the cluster has no node that is ready
//! @ cleanup delete crd x          run at the end, whatever happens
//! $ kctl get pods                 one run; `cat > FILE`, `cat FILE` and `<<WORD` as in transcripts
//! $~ kctl get pods                again until it says what is expected, for a minute
//! NAME   READY   STATUS    AGE    a line of standard output: `<...>` is any text in it; runs of
//! web    1/1     Running   <...>  spaces count as one
//! ...                             any lines, or none
//! \                               an empty line
//! ! Warning: <...>                a line of standard error
//! ? 1                             the exit code, unless it is 0
//! ```
//!
//! `{ns}` is the script's own namespace, which is the current one and unique on the cluster, `{node}` a
//! node that is ready.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::bench::{Bench, Outcome};

/// How long `$~` tries, and what `kctl wait` is given.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a script needs beyond an API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nodes that run pods.
    Nodes,
    /// Containers in which processes can be started.
    Exec,
}

#[derive(Clone, Debug, Default)]
struct Step {
    line: String,
    input: String,
    again: bool,
    stdout: Vec<String>,
    stderr: Vec<String>,
    code: i32,
}

/// A script, read.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub needs: Vec<Need>,
    cleanup: Vec<String>,
    steps: Vec<Step>,
}

impl Script {
    /// Reads a script; a line that means nothing is a fault of the script.
    pub fn parse(text: &str) -> Self {
        let mut script = Self::default();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(word) = line.strip_prefix("@ ") {
                match word.split_once(' ') {
                    Some(("needs", "nodes")) => script.needs.push(Need::Nodes),
                    Some(("needs", "exec")) => script.needs.extend([Need::Nodes, Need::Exec]),
                    Some(("cleanup", command)) => script.cleanup.push(command.to_owned()),
                    _ => panic!("no such word: {line}"),
                }
                continue;
            }
            let again = line.starts_with("$~ ");
            if let Some(line) = line.strip_prefix(if again { "$~ " } else { "$ " }) {
                let mut step = Step { line: line.to_owned(), again, ..Step::default() };
                if let Some((command, word)) = line.split_once("<<") {
                    step.line = command.trim_end().to_owned();
                    let end = word.trim();
                    step.input.extend(lines.by_ref().take_while(|line| *line != end).flat_map(|line| [line, "\n"]));
                }
                script.steps.push(step);
                continue;
            }
            let step = script.steps.last_mut().unwrap_or_else(|| panic!("output without a command: {line}"));
            if let Some(code) = line.strip_prefix("? ") {
                step.code = code.parse().unwrap_or_else(|_| panic!("no exit code: {line}"));
            } else if let Some(line) = line.strip_prefix('!') {
                step.stderr.push(line.strip_prefix(' ').unwrap_or(line).to_owned());
            } else {
                step.stdout.push(line.strip_prefix('\\').unwrap_or(line).to_owned());
            }
        }
        assert!(!script.steps.is_empty(), "a script without a command");
        script
    }

    /// Runs the script; what differs, one entry a step.
    pub fn run(&self, bench: &Bench) -> Vec<String> {
        let mut faults = Vec::new();
        for step in &self.steps {
            let start = Instant::now();
            loop {
                let got = bench.shell(&step.line, &step.input);
                let Some(fault) = step.fault(bench, &got) else { break };
                if !step.again || start.elapsed() > PATIENCE {
                    faults.push(fault);
                    break;
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        for command in &self.cleanup {
            bench.shell(&format!("kctl {command} --ignore-not-found --wait=false"), "");
        }
        faults
    }
}

impl Step {
    fn fault(&self, bench: &Bench, got: &Outcome) -> Option<String> {
        let fill = |lines: &[String]| lines.iter().map(|line| bench.fill(line)).collect::<Vec<_>>();
        let (stdout, stderr) = (fill(&self.stdout), fill(&self.stderr));
        if matches(&stdout, &got.stdout) && matches(&stderr, &got.stderr) && got.code == self.code {
            return None;
        }
        let mut text = format!("$ {}\n", bench.fill(&self.line));
        for (name, want, got) in [("stdout", stdout, &got.stdout), ("stderr", stderr, &got.stderr)] {
            if !matches(&want, got) {
                let _ = writeln!(text, "  {name}, wanted:");
                want.iter().for_each(|line| text.extend(["    | ", line, "\n"]));
                let _ = writeln!(text, "  {name}, got:");
                got.lines().for_each(|line| text.extend(["    | ", line, "\n"]));
            }
        }
        if got.code != self.code {
            let _ = writeln!(text, "  exit code: wanted {}, got {}", self.code, got.code);
        }
        Some(text)
    }
}

/// Whether the text is what the lines describe.
fn matches(want: &[String], text: &str) -> bool {
    let got: Vec<String> = text.lines().map(squeeze).collect();
    let want: Vec<String> = want.iter().map(|line| squeeze(line)).collect();
    wild(&want, &got, &|line| line == "...", &|want, got| like(want, got))
}

/// Whether a line is what another, with `<...>` in it, describes.
fn like(want: &str, got: &str) -> bool {
    const ANY: char = '\u{1}';
    let want: Vec<char> = want.replace("<...>", "\u{1}").chars().collect();
    let got: Vec<char> = got.chars().collect();
    wild(&want, &got, &|c| *c == ANY, &|want, got| want == got)
}

/// Matches a pattern in which `any` stands for any number of items.
fn wild<T>(want: &[T], got: &[T], any: &dyn Fn(&T) -> bool, same: &dyn Fn(&T, &T) -> bool) -> bool {
    let (mut w, mut g) = (0, 0);
    let mut retry = None;
    while g < got.len() || w < want.len() {
        if want.get(w).is_some_and(any) {
            retry = Some((w, g));
            w += 1;
        } else if g < got.len() && w < want.len() && same(&want[w], &got[g]) {
            (w, g) = (w + 1, g + 1);
        } else if let Some((at, from)) = retry.filter(|(_, from)| *from < got.len()) {
            (w, g, retry) = (at + 1, from + 1, Some((at, from + 1)));
        } else {
            return false;
        }
    }
    true
}

/// The line with runs of spaces within it as one, and none at its end.
fn squeeze(line: &str) -> String {
    let line = line.trim_end();
    let indent = line.len() - line.trim_start().len();
    let mut text = line[..indent].to_owned();
    for (at, word) in line.split_whitespace().enumerate() {
        if at > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

#[test]
fn patterns() {
    for (want, got, answer) in [
        ("", "", true),
        ("a", "a\n", true),
        ("a", "", false),
        ("a", "a\nb\n", false),
        ("a  b", "a     b   \n", true),
        ("  a", " a", false),
        ("a <...> c", "a b b c\n", true),
        ("a <...> c", "a b b\n", false),
        ("<...>", "anything", true),
        ("<...>", "two\nlines", false),
        ("a\n...\nz", "a\nz\n", true),
        ("a\n...\nz", "a\nb\nz\nc\nz\n", true),
        ("a\n...\nz", "a\nb\n", false),
        ("...", "", true),
    ] {
        let want: Vec<String> = want.lines().map(str::to_owned).collect();
        assert_eq!(matches(&want, got), answer, "{want:?} {got:?}");
    }
}
