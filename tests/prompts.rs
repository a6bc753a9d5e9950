//! What a terminal is asked and shown: names and passwords, warnings, and programs that want standard input for
//! themselves. As kubectl has it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod servers;

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use servers::terminal::Terminal;
use servers::{Authority, Place, Server, answer, base64};

const RAW: &[&str] = &["get", "--raw", "/x"];

/// A server that is content with whoever comes and says `in`, or an object, and warns.
fn server() -> (Server, Authority) {
    let authority = Authority::new("harbour-ca");
    let server = Server::secure(&authority.issue(&["127.0.0.1"]), None, |request, stream| {
        let object = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","namespace":"default"}}"#;
        let (warning, body) = if request.contains(" /x") { ("", "in") } else { ("Warning: 299 - \"old\"\r\n", object) };
        let status = if request.starts_with("POST ") { "201 Created" } else { "200 OK" };
        answer(stream, status, &format!("Content-Type: application/json\r\n{warning}"), body);
    });
    (server, authority)
}

fn configure(place: &Place, server: &Server, authority: &Authority, user: &Value) {
    let cluster = json!({"server": server.url(), "certificate-authority-data": base64(&authority.pem())});
    place.config(&cluster, user);
}

/// A command with all its streams in a terminal.
fn command(place: &Place, terminal: &Terminal, args: &[&str]) -> Command {
    let mut command = place.command(args);
    command.env("TERM", "xterm").stdin(terminal.stream()).stdout(terminal.stream()).stderr(terminal.stream());
    command
}

#[test]
fn asks_for_a_name_and_a_password() {
    let (server, authority) = server();
    let place = Place::new();
    let name = "Please enter Username: ";
    let password = "Please enter Password: ";
    let none = json!({});
    let asked = format!("{name}vera\n{password}in");
    for (what, user, more, typed, shown, wanted) in [
        ("nothing", &none, &[][..], &[(name, "vera\n"), (password, "se cret\n")][..], asked.as_str(), "vera:se cret"),
        ("an empty password", &none, &[], &[(name, "vera\n"), (password, "\n")], &asked, "vera:"),
        ("a password alone", &json!({"password": "p"}), &[], &[(name, "vera\n"), (password, "q\n")], &asked, "vera:p"),
        (
            "a name after empty lines",
            &none,
            &[],
            &[(name, "\n  \nvera\n"), (password, "secret\n")],
            &format!("{name}\n  \nvera\n{password}in"),
            "vera:secret",
        ),
        ("two words", &none, &[], &[(name, "a b\n")], &format!("{name}a b\n{password}in"), "a:b"),
        ("an end", &none, &[], &[(name, "\u{4}")], &format!("{name}error: EOF\n"), ""),
        ("a name", &json!({"username": "u"}), &[], &[], "in", "u:"),
        ("a name in a flag", &none, &["--username=u"], &[], "in", "u:"),
        ("both in flags", &none, &["--username=u", "--password=p"], &[], "in", "u:p"),
        ("flags before the file", &json!({"username": "x", "password": "y"}), &["--password=p"], &[], "in", "x:p"),
        (
            "two ways at once",
            &json!({"token": "t"}),
            &["--username=u"],
            &[],
            "error: more than one authentication method found for me; found [token basicAuth], only one is allowed\n",
            "",
        ),
    ] {
        configure(&place, &server, &authority, user);
        let terminal = Terminal::new();
        let before = server.seen().len();
        let args: Vec<&str> = RAW.iter().chain(more).copied().collect();
        let code = terminal.run(command(&place, &terminal, &args), typed);
        assert_eq!((terminal.shown().as_str(), code), (shown, i32::from(wanted.is_empty())), "{what}");
        let login = format!("authorization: Basic {}\r\n", base64(wanted));
        let seen = server.seen().split_off(before).concat();
        assert_eq!(seen.contains(&login), !wanted.is_empty(), "{what}: {seen}");
    }
    // Over plain HTTP nobody is asked.
    let open = Server::plain(|_, stream| answer(stream, "200 OK", "", "in"));
    place.config(&json!({"server": open.url()}), &none);
    let terminal = Terminal::new();
    assert_eq!((terminal.run(command(&place, &terminal, RAW), &[]), terminal.shown().as_str()), (0, "in"));
    // A password is typed in secret, or not at all.
    configure(&place, &server, &authority, &none);
    let mut piped = place.command(RAW);
    piped.stdin(Stdio::piped());
    let mut child = piped.spawn().expect("it starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), b"vera\nsecret\n").expect("written");
    let ended = child.wait_with_output().expect("an end");
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!((&*out, &*err), (&*format!("{name}{password}"), "error: error reading input for Password\n"));
}

#[test]
fn warnings_are_yellow_where_that_shows() {
    let (server, authority) = server();
    let place = Place::new();
    configure(&place, &server, &authority, &json!({"token": "t"}));
    let yellow = "\u{1b}[33;1mWarning:\u{1b}[0m ";
    let get: &[&str] = &["get", "configmap", "x", "-o", "name"];
    let told = |before: &str| format!("{before}old\nconfigmap/x\n");
    let own = "Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n";
    let delete: &[&str] = &["delete", "configmap", "x", "--grace-period=0", "--force", "--wait=false", "-o", "name"];
    for (what, args, variables, want) in [
        ("a terminal", get, &[][..], told(yellow)),
        ("one that is dumb", get, &[("TERM", "dumb")], told("Warning: ")),
        ("no colour, please", get, &[("NO_COLOR", "1")], told("Warning: ")),
        ("no colour, said with nothing", get, &[("NO_COLOR", "")], told("Warning: ")),
        ("our own", delete, &[], format!("{yellow}{own}{}", told(yellow))),
    ] {
        let terminal = Terminal::new();
        let mut command = command(&place, &terminal, args);
        command.envs(variables.iter().copied());
        assert_eq!((terminal.run(command, &[]), terminal.shown()), (0, want), "{what}");
    }
    // In a pipe it is text, wherever the rest goes.
    let terminal = Terminal::new();
    let mut command = command(&place, &terminal, get);
    let file = place.0.join("errors");
    command.stderr(std::fs::File::create(&file).expect("a file"));
    assert_eq!((terminal.run(command, &[]), terminal.shown().as_str()), (0, "configmap/x\n"));
    assert_eq!(std::fs::read_to_string(file).expect("errors"), "Warning: old\n");
}

#[test]
fn manifests_and_programs_do_not_share_what_is_typed() {
    let (server, authority) = server();
    let place = Place::new();
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n\u{4}";
    let script = "echo \"$KUBERNETES_EXEC_INFO\" | grep -o '\"interactive\":[a-z]*' >> told; echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"t\"}}'";
    let why = "getting credentials: exec plugin cannot support interactive mode: standard input is unavailable: used by stdin resource manifest reader\n";
    let run = |mode: &str, args: &[&str], typed: &str| {
        let user = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
            "args": ["-c", script], "interactiveMode": mode}});
        configure(&place, &server, &authority, &user);
        let _ = std::fs::remove_file(place.0.join("told"));
        let terminal = Terminal::new();
        let code = terminal.run(command(&place, &terminal, args), &[("", typed)]);
        (code, terminal.shown(), std::fs::read_to_string(place.0.join("told")).unwrap_or_default())
    };
    for (args, typed) in [
        (&["create", "-f", "-", "--validate=false", "-o", "name"][..], manifest),
        (&["apply", "-f", "-", "--validate=false"], manifest),
        (&["replace", "-f", "-", "--validate=false"], manifest),
        (&["delete", "-f", "-", "--wait=false"], manifest),
        (&["get", "-f", "-", "-o", "name"], manifest),
        (&["label", "-f", "-", "a=b", "-o", "name"], manifest),
        (&["set", "env", "pods/x", "-"], "A=b\n\u{4}"),
    ] {
        let (code, shown, told) = run("Always", args, typed);
        assert_eq!((code, told.as_str()), (1, ""), "{args:?}: {shown}");
        assert!(shown.ends_with(why), "{args:?}: {shown}");
    }
    let create: &[&str] = &["create", "-f", "-", "--validate=false", "-o", "name"];
    let named: &[&str] = &["get", "configmap", "x", "-o", "name"];
    for (mode, args, typed, want) in [
        ("IfAvailable", create, manifest, "\"interactive\":false\n"),
        ("Never", create, manifest, "\"interactive\":false\n"),
        ("IfAvailable", named, "", "\"interactive\":true\n"),
        ("Always", named, "", "\"interactive\":true\n"),
        ("Never", named, "", "\"interactive\":false\n"),
    ] {
        let (code, shown, told) = run(mode, args, typed);
        assert_eq!((code, told.as_str()), (0, want), "{mode} {args:?}: {shown}");
        assert!(shown.ends_with("configmap/x\n"), "{mode} {args:?}: {shown}");
    }
}
