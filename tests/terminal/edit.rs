//! `edit` with editors that use the terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::pty::Terminal;
use crate::common::Sandbox;

/// A cluster with two config maps, and an editor: a script that is told how often it was called in `$n`.
fn prepare(script: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    for name in ["one", "two"] {
        let made = sandbox.run("kctl", &["create", "configmap", name, "--from-literal=k=red"], "");
        assert_eq!(made.code, 0, "{}", made.stderr);
    }
    let editor = sandbox.bin().join("editor");
    let count = sandbox.home().join("count");
    let count = count.display();
    fs::write(&editor, format!("#!/bin/sh\necho >>{count}\nn=$(wc -l <{count})\nfile=$1\n{script}\n"))
        .expect("written");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("executable");
    sandbox.set("KUBE_EDITOR", &editor.display().to_string());
    sandbox
}

fn edit(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command("kubectl");
    command.arg("edit").args(args);
    command
}

fn value(sandbox: &Sandbox, name: &str) -> String {
    sandbox.run("kctl", &["get", "configmap", name, "-o", "jsonpath={.data.k}"], "").stdout
}

/// Runs an edit to its end: exit code, and what the terminal showed.
fn run(sandbox: &Sandbox, args: &[&str]) -> Option<(i32, String)> {
    Terminal::start(&edit(sandbox, args)).map(Terminal::end)
}

#[test]
fn the_editor_has_the_terminal() {
    let sandbox = prepare("test -t 0 && test -t 1 && test -t 2 && stty size && sed -i s/red/blue/ $file");
    let Some((code, shown)) = run(&sandbox, &["configmap", "one"]) else { return };
    assert_eq!((code, shown.as_str()), (0, "33 101\nconfigmap/one edited\n"));
    assert_eq!(value(&sandbox, "one"), "blue");
}

#[test]
fn a_person_types_into_an_editor() {
    let Some(vi) = ["/usr/bin/vim", "/usr/bin/vi"].into_iter().find(|vi| Path::new(vi).exists()) else {
        return eprintln!("SKIPPED: there is no vi");
    };
    let mut sandbox = prepare("");
    sandbox.set("KUBE_EDITOR", &format!("{vi} -u NONE"));
    let Some(terminal) = Terminal::start(&edit(&sandbox, &["configmap/one"])) else { return };
    terminal.shows("k: red");
    terminal.taken_over();
    terminal.kind(":%s/red/blue/\r:wq\r");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.ends_with("configmap/one edited\n"), "{shown}");
    assert_eq!(value(&sandbox, "one"), "blue");
    // Left without a change.
    let terminal = Terminal::start(&edit(&sandbox, &["configmap/one"])).expect("as before");
    terminal.shows("k: blue");
    terminal.taken_over();
    terminal.kind(":q!\r");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.ends_with("Edit cancelled, no changes made.\n"), "{shown}");
}

#[test]
fn what_the_server_refuses_is_opened_again() {
    // First a key that no config map may have; then the reason is on top, and it is put right.
    let sandbox = prepare(
        "case $n in\n1) sed -i 's/k: red/a key: red/' $file;;\n*) sed -n '/^#/p' $file; sed -i 's/a key: red/k: blue/' $file;;\nesac",
    );
    let Some((code, shown)) = run(&sandbox, &["configmap", "one"]) else { return };
    assert_eq!(code, 0, "{shown}");
    assert!(shown.starts_with("error: configmaps \"one\" is invalid\n"), "{shown}");
    assert!(shown.contains("\n# configmaps \"one\" was not valid:\n# * data[a key]: Invalid value: \"a key\": a valid config key must consist of"), "{shown}");
    assert!(shown.ends_with("\nconfigmap/one edited\n"), "{shown}");
    assert_eq!(value(&sandbox, "one"), "blue");
}

#[test]
fn what_is_no_yaml_is_opened_again_and_kept_when_given_up() {
    let sandbox = prepare("case $n in\n1) echo '}{' >>$file;;\n*) sed -n '/^#.*yaml/p;/^#.*json/p' $file;;\nesac");
    let Some((code, shown)) = run(&sandbox, &["configmap", "one"]) else { return };
    assert_eq!(code, 1, "{shown}");
    assert!(shown.ends_with("error: Edit cancelled, no valid changes were saved.\n"), "{shown}");
    let kept =
        shown.split("A copy of your changes has been stored to \"").nth(1).and_then(|rest| rest.split('"').next());
    let kept = kept.unwrap_or_else(|| panic!("{shown}"));
    assert!(fs::read_to_string(kept).expect("it is kept").ends_with("}{\n"));
    fs::remove_file(kept).expect("removed");
    assert_eq!(value(&sandbox, "one"), "red");
}

#[test]
fn what_changed_in_between_is_said() {
    // The object that is edited is not the one that is there any more.
    let sandbox = prepare(
        "case $n in\n1) kubectl patch configmap one -p '{\"data\":{\"other\":\"x\"}}' >/dev/null; sed -i 's/resourceVersion: .*/resourceVersion: \"1\"/; s/red/blue/' $file;;\n*) sed -i '/resourceVersion/d' $file;;\nesac",
    );
    let Some((code, shown)) = run(&sandbox, &["configmap", "one"]) else { return };
    assert_eq!(code, 1, "{shown}");
    assert!(
        shown.contains("error: configmaps \"one\" could not be patched: Operation cannot be fulfilled on configmaps \"one\": the object has been modified; please apply your changes to the latest version and try again\nYou can run `kubectl replace -f "),
        "{shown}"
    );
    assert_eq!(value(&sandbox, "one"), "red");
    // A change of another field is no conflict: only what was edited is sent.
    let sandbox =
        prepare("kubectl patch configmap one -p '{\"data\":{\"other\":\"x\"}}' >/dev/null; sed -i s/red/blue/ $file");
    assert_eq!(run(&sandbox, &["configmap", "one"]), Some((0, "configmap/one edited\n".to_owned())));
    let data = sandbox.run("kctl", &["get", "configmap", "one", "-o", "jsonpath={.data}"], "").stdout;
    assert_eq!(data, r#"{"k":"blue","other":"x"}"#);
}

#[test]
fn several_at_once_and_in_other_forms() {
    let sandbox = prepare("sed -i 's/red/blue/' $file");
    let Some(done) = run(&sandbox, &["configmap/one", "configmap/two", "--output-patch"]) else { return };
    let patch = "Patch: {\"data\":{\"k\":\"blue\"}}\n";
    assert_eq!(done, (0, format!("{patch}configmap/one edited\n{patch}configmap/two edited\n")));
    let sandbox = prepare("case $file in *.json) sed -i 's/\"red\"/\"blue\"/' $file;; esac");
    let (code, shown) = run(&sandbox, &["configmap", "one", "-o", "json", "--save-config"]).expect("as before");
    assert_eq!(code, 0, "{shown}");
    let kept = sandbox.run("kctl", &["apply", "view-last-applied", "configmap", "one", "-o", "json"], "").stdout;
    assert!(kept.contains("\"k\": \"blue\""), "{kept}");
    // Every line of the file ends as Windows has it, and that is no change.
    let sandbox = prepare("test $(grep -c $(printf '\\r') $file) -eq $(wc -l <$file) && echo all");
    let done = run(&sandbox, &["configmap", "one", "--windows-line-endings"]).expect("as before");
    assert_eq!(done, (0, "all\nEdit cancelled, no changes made.\n".to_owned()));
}

#[test]
fn an_interrupted_editor_changes_nothing() {
    let sandbox = prepare("sed -i s/red/blue/ $file; echo ready; sleep 60");
    let Some(terminal) = Terminal::start(&edit(&sandbox, &["configmap", "one"])) else { return };
    terminal.shows("ready");
    terminal.kind("\u{3}");
    let (code, shown) = terminal.end();
    assert_eq!(code, 1, "{shown}");
    assert_eq!(value(&sandbox, "one"), "red");
}
