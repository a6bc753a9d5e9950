//! The little shell in which the containers of busybox-like images run: no process, only what the
//! script would have written and when it would have ended, computed from the script and the moment
//! at which it started. So a script costs nothing while nobody looks.
//!
//! It knows lists, `&&`, `||`, pipes (whose output is dropped, but for `tee` and `cat`), `while`, `until`, `for`, `if`, variables, `$(…)`,
//! `$((…))`, redirections to files, and the commands in [`commands`]. A command that it does not know
//! runs quietly until it is stopped.

mod commands;
mod parse;
mod run;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::object::Timestamp;

/// How many commands are followed at most.
const MAX_STEPS: u32 = 400_000;

/// What a script is run with.
#[derive(Clone, Debug)]
pub struct Setting {
    /// When it starts.
    pub started_at: Timestamp,
    /// The host's name.
    pub hostname: String,
    /// The environment.
    pub env: BTreeMap<String, String>,
}

/// How a script stood when it was looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// It had not ended.
    Running,
    /// It runs until it is stopped, whenever one looks.
    Never,
    /// It ended so long after its start, with this code.
    Exited(Duration, i32),
}

/// A script, ready to be followed.
#[derive(Clone, Debug)]
pub struct Script {
    root: parse::Node,
}

impl Script {
    /// Reads a container's command. `["sh", "-c", "…"]` is a script; another command is a script of one
    /// command. `None` where it uses what this shell does not know.
    pub fn of_command(argv: &[String]) -> Option<Self> {
        let shell = argv.first()?.rsplit('/').next()?;
        if matches!(shell, "sh" | "bash" | "ash" | "dash") {
            let rest = argv.get(1..)?;
            let (options, script) = match rest.iter().position(|arg| arg.starts_with('-') && arg.ends_with('c')) {
                Some(at) => (rest.get(..=at)?, rest.get(at + 1)?),
                None => return None,
            };
            let strict = options.iter().any(|option| option.starts_with('-') && option.contains('e'));
            let text = if strict { format!("set -e\n{script}") } else { script.clone() };
            return parse::parse(&text).map(|root| Self { root });
        }
        let words = argv.iter().map(|arg| vec![parse::Part::Text(arg.clone())]).collect();
        Some(Self { root: parse::Node::Simple(parse::Simple { words, ..parse::Simple::default() }) })
    }

    /// Follows the script up to `until` after its start. `line` is given each line it writes.
    pub fn follow(&self, setting: &Setting, until: Duration, line: &mut dyn FnMut(Duration, String)) -> End {
        run::Machine::new(setting, Some(until), line).follow(&self.root)
    }

    /// When and how the script ends.
    pub fn end(&self, setting: &Setting) -> End {
        run::Machine::new(setting, None, &mut |_, _| {}).follow(&self.root)
    }

    /// Whether the script handles SIGTERM.
    pub fn traps_term(&self) -> bool {
        commands::traps_term(&self.root)
    }

    /// Whether `command` (an exec probe) would succeed, so long after the script's start.
    pub fn probe(&self, setting: &Setting, after: Duration, command: &[String]) -> bool {
        let mut ignore = |_: Duration, _: String| {};
        let mut machine = run::Machine::new(setting, Some(after), &mut ignore);
        machine.follow(&self.root);
        let Some(probe) = Self::of_command(command) else { return true };
        machine.again(&probe.root) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn setting() -> Setting {
        Setting {
            started_at: "2026-01-02T03:04:05Z".parse().expect("a time"),
            hostname: "pod-1".into(),
            env: BTreeMap::from([("GREETING".into(), "hi there".into())]),
        }
    }

    fn sh(script: &str) -> Script {
        Script::of_command(&["sh".into(), "-c".into(), script.into()]).unwrap_or_else(|| panic!("cannot read {script}"))
    }

    fn run(script: &str, seconds: u64) -> (Vec<(u64, String)>, End) {
        let mut lines = Vec::new();
        let end = sh(script)
            .follow(&setting(), Duration::from_secs(seconds), &mut |at, line| lines.push((at.as_secs(), line)));
        (lines, end)
    }

    #[test]
    fn writes_and_ends() {
        for (script, output, code) in [
            ("echo hello; exit 3", "hello", Some(3)),
            ("echo hello && false", "hello", Some(1)),
            ("false || echo \"$GREETING, $(hostname)\"", "hi there, pod-1", Some(0)),
            ("for i in 1 2 3; do echo -n $i; done; echo", "123", Some(0)),
            ("for i in $(seq 1 3); do echo $i; done", "1\n2\n3", Some(0)),
            ("i=0; while [ $i -lt 3 ]; do i=$((i+1)); echo n$i; done", "n1\nn2\nn3", Some(0)),
            ("if test -f /tmp/x; then echo yes; else echo no; fi", "no", Some(0)),
            ("echo a > /tmp/x; cat /tmp/x /tmp/y", "a\ncat: can't open '/tmp/y': No such file or directory", Some(1)),
            ("date; date +%s; sleep 3600", "Fri Jan  2 03:04:05 UTC 2026\n1767323045", None),
            ("echo 'a  b' c\\ d \"e\\\"f\"", "a  b c d e\"f", Some(0)),
            ("set -e; false; echo no", "", Some(1)),
            ("printf '%s-%d\\n' a 7", "a-7", Some(0)),
            ("echo one | tee /tmp/log; exec sleep infinity", "one", None),
            ("X=1 env | grep X; echo ${X:-none}", "X=1\nnone", Some(0)),
            ("( echo sub; ) & wait; echo done", "sub\ndone", Some(0)),
            ("echo \"${GREETING}\" >&2", "hi there", Some(0)),
            ("sleep 1 2>/dev/null; echo x", "x", Some(0)),
            ("#!/bin/sh\n# comment\necho a; # more\n\necho b\n", "a\nb", Some(0)),
            ("until false; do echo again; sleep 50; done", "again", None),
        ] {
            let (lines, end) = run(script, 30);
            let text: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
            assert_eq!(text.join("\n"), output, "{script}");
            let ended = match end {
                End::Exited(_, code) => Some(code),
                End::Running | End::Never => None,
            };
            assert_eq!(ended, code, "{script}");
        }
    }

    #[test]
    fn knows_when() {
        let (lines, end) = run("while true; do echo tick; sleep 10; done", 25);
        assert_eq!(lines.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 10, 20]);
        assert_eq!(end, End::Running);
        assert_eq!(sh("while true; do echo tick; sleep 10; done").end(&setting()), End::Never);
        assert_eq!(sh("while :; do :; done").end(&setting()), End::Never);
        assert_eq!(sh("some-server --port 80").end(&setting()), End::Never);
        assert!(matches!(sh("sleep 5; exit 2").end(&setting()), End::Exited(at, 2) if at.as_secs() == 5));
        assert!(matches!(sh("sleep 1m").end(&setting()), End::Exited(at, 0) if at.as_secs() == 60));
    }

    #[test]
    fn probes_see_the_files_of_the_moment() {
        let script = sh("touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600");
        let probe: Vec<String> = ["cat", "/tmp/healthy"].map(String::from).into();
        assert!(script.probe(&setting(), Duration::from_secs(5), &probe));
        assert!(!script.probe(&setting(), Duration::from_secs(35), &probe));
        assert!(!script.traps_term() && sh("trap 'exit 0' TERM; sleep 9").traps_term());
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = format!("{}echo{}", "(".repeat(5000), ")".repeat(5000));
        assert!(Script::of_command(&["sh".into(), "-c".into(), deep]).is_none());
        let deep = "$(".repeat(5000);
        assert!(Script::of_command(&["sh".into(), "-c".into(), deep]).is_none());
    }

    proptest! {
        #[test]
        fn never_panics(script in "[a-z $(){};&|<>\"'`\\\\\n=0-9!#-]{0,60}") {
            if let Some(script) = Script::of_command(&["sh".into(), "-c".into(), script]) {
                script.follow(&setting(), Duration::from_secs(5), &mut |_, _| {});
                script.end(&setting());
            }
        }
    }
}
