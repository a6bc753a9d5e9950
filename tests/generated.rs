//! What is generated and checked in is what the program makes: completion scripts and manual pages.
//! `KCTL_BLESS=1` writes them anew. The scripts are tried in the shells themselves, where these are
//! installed: bash must be, zsh and fish are named when they are missing.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::collections::BTreeSet;
use std::process::Command;

use common::{Outcome, Sandbox, blessing, check_generated, files_below, repository};
use kctl::cli::help::Style;
use kctl::cli::{completion, man};
use kctl::commands::{COMMANDS, Entry};

/// Shells, and the names that their scripts are looked for under.
const SCRIPTS: &[(&str, &str)] = &[
    ("bash", "completions/bash/kctl"),
    ("zsh", "completions/zsh/_kctl"),
    ("fish", "completions/fish/kctl.fish"),
    ("powershell", "completions/powershell/kctl.ps1"),
];

#[test]
fn completion_scripts_are_those_of_the_program() {
    let wrong: Vec<String> = SCRIPTS
        .iter()
        .filter_map(|(shell, path)| check_generated(path, &completion::script(shell, "kctl").expect("a script")).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn manual_pages_are_those_of_the_program() {
    let pages = man::pages();
    let mut wrong: Vec<String> =
        pages.iter().filter_map(|(name, text)| check_generated(&format!("man/{name}"), text).err()).collect();
    let names: BTreeSet<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    for file in files_below(&repository("man"), "1") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !names.contains(name.as_str()) {
            if blessing() {
                std::fs::remove_file(&file).unwrap();
            } else {
                wrong.push(format!("man/{name}: no such command"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every command, with its path.
fn walk(path: &[&'static Entry], visit: &mut impl FnMut(&[&'static Entry])) {
    if !path.is_empty() {
        visit(path);
    }
    for child in path.last().map_or(COMMANDS, |entry| entry.children) {
        walk(&[path, &[child]].concat(), visit);
    }
}

#[test]
fn every_command_says_what_it_does() {
    let mut faults = Vec::new();
    walk(&[], &mut |path| {
        let entry = path.last().unwrap();
        let name = path.iter().map(|entry| entry.name).collect::<Vec<_>>().join(" ");
        if entry.short.is_empty() || entry.short.ends_with('.') {
            faults.push(format!("{name}: one line without a full stop is wanted: {:?}", entry.short));
        }
        let Some(command) = entry.flags() else { return };
        command.clone().debug_assert();
        for arg in command.get_arguments() {
            let flag = arg.get_long().unwrap_or(arg.get_id().as_str());
            if arg.get_help().is_none() && !arg.is_hide_set() {
                faults.push(format!("{name}: {flag} does not say what it does"));
            }
            if arg.get_short().is_some() && arg.get_long().is_none() {
                faults.push(format!("{name}: -{} has no long name", arg.get_short().unwrap()));
            }
        }
        let page = Style { program: "kubectl", width: None, on_trial: false }.page(path);
        if page.contains("kctl ") && name != "version" && !page.contains("kctl- ") {
            faults.push(format!("{name}: the help says kctl although the program is called kubectl"));
        }
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Runs a script in a shell; `None` where the shell is not installed.
fn in_shell(sandbox: &Sandbox, shell: &str, args: &[&str], script: &str) -> Option<Outcome> {
    let installed = Command::new(shell).arg("--version").output().is_ok_and(|output| output.status.success());
    if !installed {
        eprintln!("NOT RUN: {shell} is not installed, its completion script was not tried");
        return None;
    }
    let like = sandbox.command("kctl");
    let mut command = Command::new(shell);
    command.env_clear().current_dir(sandbox.work());
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(args).arg(script);
    Some(sandbox.finish(command, ""))
}

/// What a shell offers for lines, one question and its answers each.
const QUESTIONS: &[(&str, &str)] = &[
    ("kctl ro", "rollout"),
    ("kctl rollout re", "restart resume"),
    ("kctl version --out", "--output"),
    ("kctl version -o ", "json yaml"),
    ("kctl version --output=y", "yaml"),
    ("kctl help rollout un", "undo"),
    ("kctl --kubeconfig notes.t", "notes.txt"),
    ("kctl kustomize man", "manifests"),
];

fn prepare() -> Sandbox {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.work().join("manifests")).unwrap();
    for file in ["notes.txt", "web.yaml"] {
        std::fs::write(sandbox.work().join(file), "").unwrap();
    }
    sandbox
}

#[test]
fn the_bash_script_completes_in_bash() {
    let sandbox = prepare();
    for program in ["kctl", "kubectl"] {
        let script = completion::script("bash", program).unwrap();
        // Plain file names are readline's own affair.
        for (line, want) in QUESTIONS.iter().filter(|(_, want)| *want != "notes.txt") {
            let line = line.replacen("kctl", program, 1);
            // COMP_WORDS as bash makes them: split at blanks and around = and :.
            let spaced = line.replace('=', " = ");
            let mut words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
            if line.ends_with([' ', '=']) {
                words.push("");
            }
            let quoted = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
            let test = format!(
                "{script}\nCOMP_LINE='{line}'; COMP_POINT={}; COMP_TYPE=37; COMP_WORDS=({quoted}); COMP_CWORD={}\n\
                 compopt() {{ :; }}\n__start_{program}\necho \"${{COMPREPLY[*]}}\"",
                line.len(),
                words.len() - 1
            );
            let outcome = in_shell(&sandbox, "bash", &["--norc", "-c"], &test).expect("bash is needed");
            assert_eq!((outcome.stdout.trim(), outcome.stderr.as_str()), (*want, ""), "{line}");
        }
    }
}

#[test]
fn the_fish_script_completes_in_fish() {
    let sandbox = prepare();
    let script = completion::script("fish", "kctl").unwrap();
    for (line, want) in QUESTIONS {
        let test = format!("{script}\ncomplete -C '{line}'");
        let Some(outcome) = in_shell(&sandbox, "fish", &["--no-config", "-c"], &test) else { return };
        let words: Vec<&str> = outcome.stdout.lines().filter_map(|line| line.split('\t').next()).collect();
        let words: Vec<&str> =
            words.iter().map(|word| word.trim_start_matches("--output=").trim_end_matches('/')).collect();
        assert_eq!(words.join(" "), *want, "{line}\n{}", outcome.stderr);
    }
}

#[test]
fn the_zsh_script_completes_in_zsh() {
    let sandbox = prepare();
    let script = completion::script("zsh", "kctl").unwrap();
    for (line, want) in QUESTIONS {
        // The completion system wants a terminal; its functions are watched instead.
        let words: Vec<String> = line.split(' ').map(|word| format!("'{word}'")).collect();
        let prefix = line.rsplit(' ').next().unwrap();
        let test = format!(
            "compdef() {{ : }}\ncompset() {{ PREFIX=${{PREFIX#*=}} }}\n\
             _describe() {{ local w; for w in \"${{(@P)4}}\"; do print -r -- ${{${{w%%:*}}}}; done }}\n\
             _files() {{ local f; for f in ${{PREFIX}}*(N); do print -r -- $f; done }}\n\
             {script}\nwords=({}); CURRENT={}; PREFIX='{prefix}'\n_kctl",
            words.join(" "),
            words.len()
        );
        let Some(outcome) = in_shell(&sandbox, "zsh", &["-f", "-c"], &test) else { return };
        let found = outcome.stdout.lines().filter(|word| word.starts_with(prefix) || prefix.contains('='));
        assert_eq!(found.collect::<Vec<_>>().join(" "), *want, "{line}\n{}", outcome.stderr);
    }
}
