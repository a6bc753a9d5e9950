//! `delete --interactive`: what is asked, and what counts as yes.

use super::pty::Terminal;
use crate::common::Sandbox;

const ASKED: &str = "You are about to delete the following 2 resource(s):\nconfigmap/one\nconfigmap/two\nDo you want to continue? (y/N): ";

#[test]
fn deletes_when_the_answer_is_yes() {
    for (keys, deleted) in [
        ("y\r", true),
        ("Y\r", true),
        ("n\r", false),
        ("yes\r", false),
        ("\r", false),
        // The line is edited before it is read.
        ("n\u{7f}y\r", true),
        ("\u{4}", false),
    ] {
        let sandbox = Sandbox::new();
        for name in ["one", "two"] {
            assert_eq!(sandbox.run("kctl", &["create", "configmap", name], "").code, 0);
        }
        let mut command = sandbox.command("kctl");
        command.args(["delete", "configmap", "one", "two", "--interactive"]);
        let Some(terminal) = Terminal::start(&command) else { return };
        terminal.shows(ASKED);
        terminal.kind(keys);
        let (code, shown) = terminal.end();
        let left =
            sandbox.run("kctl", &["get", "configmap", "one", "two", "-o", "name", "--ignore-not-found"], "").stdout;
        assert_eq!(left.is_empty(), deleted, "{keys:?}: {shown}");
        assert_eq!(code, 0, "{keys:?}: {shown}");
        let said = if deleted { "configmap \"one\" deleted" } else { "deletion is cancelled" };
        assert!(shown.contains(said), "{keys:?}: {shown}");
    }
}

#[test]
fn an_interrupted_question_deletes_nothing() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run("kctl", &["create", "configmap", "one"], "").code, 0);
    let mut command = sandbox.command("kctl");
    command.args(["delete", "configmap", "one", "-i"]);
    let Some(terminal) = Terminal::start(&command) else { return };
    terminal.shows("Do you want to continue? (y/N): ");
    terminal.kind("\u{3}");
    let (code, shown) = terminal.end();
    assert_ne!(code, 0, "{shown}");
    assert_eq!(sandbox.run("kctl", &["get", "configmap", "one", "-o", "name"], "").stdout, "configmap/one\n");
}
