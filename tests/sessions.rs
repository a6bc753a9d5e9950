//! `exec` and `attach` with the real program: in its own process, and through `offline serve`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod common;

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::process::{Child, Stdio};

use common::{Outcome, Sandbox};

/// Said where the system does not let this user run anything in a sandbox.
const NO_SANDBOX: &str = "does not allow this user to make namespaces";

/// A cluster with a pod `web` of one container that runs.
fn cluster() -> Sandbox {
    let mut sandbox = Sandbox::new();
    let run = ["run", "web", "--image=busybox", "--restart=Never", "--", "sh", "-c", "echo up; sleep 3600"];
    assert_eq!(sandbox.run("kctl", &run, "").code, 0);
    sandbox.advance("+60s");
    sandbox
}

/// A server that does not outlive its test.
struct Server(Child);

/// What a server says, kept so that it can go on saying it.
type Said = BufReader<std::process::ChildStdout>;

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves the cluster until it is thrown away.
fn serve(sandbox: &Sandbox) -> Server {
    let mut command = sandbox.command("kctl");
    command.args(["offline", "serve"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut server = command.spawn().expect("a server");
    let mut line = String::new();
    BufReader::new(server.stderr.take().expect("its errors")).read_line(&mut line).expect("a line");
    assert!(line.starts_with("Serving at https://127.0.0.1:"), "{line}");
    Server(server)
}

/// Sessions and how they end. Says so and stops where nothing can be run.
fn sessions(sandbox: &Sandbox) {
    let exec = |args: &[&str], input: &str| {
        let args: Vec<&str> = ["exec"].iter().chain(args).copied().collect();
        sandbox.run("kctl", &args, input)
    };
    let outcome = |stdout: &str, stderr: &str, code| Outcome { stdout: stdout.into(), stderr: stderr.into(), code };
    let first = exec(&["web", "--", "sh", "-c", "echo out; echo err >&2; exit 3"], "");
    if first.stderr.contains(NO_SANDBOX) {
        eprintln!("SKIPPED: {}", first.stderr.trim());
        return;
    }
    assert_eq!(first, outcome("out\n", "err\ncommand terminated with exit code 3\n", 3));
    // Without -i the command has no input; with it, all of it, and its end.
    assert_eq!(exec(&["web", "--", "cat"], "lost"), outcome("", "", 0));
    let long = "0123456789abcdef\n".repeat(40_000);
    assert_eq!(exec(&["-i", "web", "--", "cat"], &long), outcome(&long, "", 0));
    assert_eq!(
        exec(&["-i", "-t", "web", "--", "echo", "hi"], ""),
        outcome("hi\n", "Unable to use a TTY - input is not a terminal or the right kind of file\n", 0)
    );
    let missing = exec(&["web", "--", "nosuch"], "");
    assert_eq!(missing.code, 127);
    assert!(missing.stderr.contains("exec: \"nosuch\": executable file not found in $PATH"), "{}", missing.stderr);
    let attached = sandbox.run("kctl", &["attach", "web", "-q", "-c", "nosuch"], "");
    assert_eq!(
        attached,
        outcome(
            "",
            "error: cannot attach to the container: container nosuch is not valid for pod web out of: web\n",
            1
        )
    );
    copies(sandbox);
}

/// Files to a container and back.
fn copies(sandbox: &Sandbox) {
    let cp = |args: &[&str]| sandbox.run("kctl", args, "");
    let quiet = Outcome { stdout: String::new(), stderr: String::new(), code: 0 };
    let source = sandbox.work().join("source");
    std::fs::create_dir_all(source.join("deep/er")).expect("folders");
    std::fs::create_dir_all(source.join("empty")).expect("a folder");
    std::fs::write(source.join("deep/er/it's $(a) file"), "content").expect("a file");
    std::fs::write(source.join("large"), "0123456789abcdef\n".repeat(40_000)).expect("a file");
    assert_eq!(cp(&["cp", "source", "web:/tmp"]), quiet);
    assert_eq!(cp(&["cp", "--no-preserve", "source/large", "default/web:/tmp/other", "-c", "web"]), quiet);
    for retries in ["--retries=0", "--retries=2"] {
        let _ = std::fs::remove_dir_all(sandbox.work().join("back"));
        let back = cp(&["cp", retries, "web:/tmp/source", "back"]);
        assert_eq!((back.stderr.as_str(), back.code), ("", 0));
        let read = |path: &str| std::fs::read(sandbox.work().join(path)).expect("a file");
        for name in ["large", "deep/er/it's $(a) file"] {
            assert!(read(&format!("source/{name}")) == read(&format!("back/{name}")), "{name}");
        }
        assert!(sandbox.work().join("back/empty").is_dir());
        assert_eq!(cp(&["cp", retries, "web:/tmp/source/deep/er/it's $(a) file", "file"]).code, 0);
        assert_eq!(read("file"), b"content");
    }
    // A file that is not there is not tried again.
    let missing = cp(&["cp", "--retries=3", "web:/tmp/nosuch", "nosuch"]);
    assert_eq!((missing.code, missing.stderr.as_str()), (2, "command terminated with exit code 2\n"));
    assert!(!sandbox.work().join("nosuch").exists());
}

/// What a port answers.
fn ask(place: &str) -> String {
    let mut stream = std::net::TcpStream::connect(place).expect("a connection");
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).expect("set");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("asked");
    let mut text = String::new();
    // A connection that is cut off answers nothing.
    let _ = stream.read_to_string(&mut text);
    text
}

/// Starts a command and reads the places that its first lines of output name.
fn places(sandbox: &Sandbox, args: &[&str], lines: usize) -> (Server, Said, Vec<String>) {
    let mut command = sandbox.command("kctl");
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Server(command.spawn().expect("a server"));
    let mut output = BufReader::new(server.0.stdout.take().expect("its output"));
    let mut places = Vec::new();
    for _ in 0..lines {
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        places.push(line.split(' ').find(|word| word.starts_with("127.")).expect("a place").trim().to_owned());
    }
    (server, output, places)
}

/// Ports of pods, and the API, on ports of this machine.
fn ports(sandbox: &Sandbox) {
    let args = ["port-forward", "site", ":80", ":81", "--address=127.0.0.1"];
    let (_forward, _said, found) = places(sandbox, &args, 2);
    assert!(ask(&found[0]).contains("<title>Welcome to nginx!</title>"));
    // A connection that fails does not end the others.
    assert_eq!(ask(&found[1]), "");
    assert!(ask(&found[0]).contains("<title>Welcome to nginx!</title>"));
    let (_proxy, _said, found) = places(sandbox, &["proxy", "--port=0", "--api-prefix=/custom"], 1);
    assert!(ask(&found[0]).starts_with("HTTP/1.1 404 "));
    let mut command = sandbox.command("kctl");
    command.env_remove("KCTL_OFFLINE").args(["get", "--raw", "/custom/version", "-s", &format!("http://{}", found[0])]);
    let version = sandbox.finish(command, "");
    assert!(version.stdout.contains("\"major\":\"1\""), "{version:?}");
}

/// A cluster with a pod that serves pages.
fn site() -> Sandbox {
    let mut sandbox = cluster();
    assert_eq!(sandbox.run("kctl", &["run", "site", "--image=nginx", "--restart=Never"], "").code, 0);
    sandbox.advance("+60s");
    sandbox
}

#[test]
fn ports_in_the_same_process() {
    ports(&site());
}

#[test]
fn ports_through_a_server() {
    let sandbox = site();
    let _server = serve(&sandbox);
    ports(&sandbox);
}

#[test]
fn sessions_in_the_same_process() {
    sessions(&cluster());
}

#[test]
fn sessions_through_a_server() {
    let sandbox = cluster();
    let mut server = serve(&sandbox);
    sessions(&sandbox);
    let log = sandbox.run("kctl", &["logs", "web"], "");
    assert_eq!((log.stdout.as_str(), log.code), ("up\n", 0));
    let status = sandbox.run("kctl", &["offline", "status"], "");
    assert!(status.stdout.contains("Served:   at https://"), "{}", status.stdout);
    assert_eq!(sandbox.run("kctl", &["offline", "reset", "-y"], "").stdout, "The cluster is gone.\n");
    assert!(server.0.wait().expect("an end").success());
}
