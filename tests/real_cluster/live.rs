//! What goes on while something else happens: watches, logs that are followed, sessions, forwarded ports.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::bench::{Bench, Running};
use super::relay::Relay;
use super::script::{Need, PATIENCE};

/// Name, needs, and what is done; a part fails by panicking.
type Part = (&'static str, &'static [Need], fn(&Bench<'_>));

/// All parts.
pub const PARTS: &[Part] = &[
    ("watch", &[], watch),
    ("cut", &[], cut),
    ("proxy", &[], proxy),
    ("follow", &[Need::Nodes], follow),
    ("forward", &[Need::Nodes], forward),
    ("attach", &[Need::Nodes, Need::Exec], attach),
    ("terminal", &[Need::Nodes, Need::Exec], terminal),
];

/// The lines that a process prints, as they come.
pub struct Lines(Receiver<String>);

impl Lines {
    /// Reads standard output.
    pub fn of(running: &mut Running) -> Self {
        Self::from(running.0.stdout.take().expect("its output"))
    }

    fn from(reader: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self(lines)
    }

    /// Waits for a line that holds all of the words, and returns it.
    pub fn until(&self, words: &[&str]) -> String {
        let (start, mut seen) = (Instant::now(), Vec::new());
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            match self.0.recv_timeout(left) {
                Ok(line) if words.iter().all(|word| line.contains(word)) => return line,
                Ok(line) => seen.push(line),
                Err(why) => panic!("no line with {words:?} ({why}) in {seen:#?}"),
            }
        }
    }

    /// The lines to the end.
    fn rest(&self) -> Vec<String> {
        let (start, mut lines) = (Instant::now(), Vec::new());
        loop {
            match self.0.recv_timeout(PATIENCE.saturating_sub(start.elapsed())) {
                Ok(line) => lines.push(line),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return lines,
                Err(why) => panic!("no end ({why}) after {lines:#?}"),
            }
        }
    }
}

/// The exit code of a process that ends by itself.
fn code(mut running: Running) -> i32 {
    let start = Instant::now();
    loop {
        match running.0.try_wait().expect("a child") {
            Some(status) => return status.code().unwrap_or(-1),
            None if start.elapsed() > PATIENCE => panic!("it did not end"),
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Watches see what others do, in each form.
fn watch(bench: &Bench<'_>) {
    bench.ok(&["create", "configmap", "first", "--from-literal=a=1"]);
    let all = ["get", "configmaps", "-l", "!nosuch", "--field-selector=metadata.name!=kube-root-ca.crt", "-w"];
    let forms: [(&[&str], [&[&str]; 4]); 4] = [
        (&[], [&["first", "1"], &["second", "1"], &["second", "2"], &["second", "2"]]),
        (&["-o", "name"], [&["configmap/first"], &["configmap/second"], &["configmap/second"], &["configmap/second"]]),
        (
            &["--output-watch-events"],
            [&["ADDED", "first"], &["ADDED", "second"], &["MODIFIED", "second"], &["DELETED", "second"]],
        ),
        (
            &["-o", "jsonpath={.metadata.name}={.data.b}{\"\\n\"}"],
            [&["first="], &["second="], &["second=2"], &["second=2"]],
        ),
    ];
    let mut watches = Vec::new();
    for (form, wanted) in forms {
        let mut watch = bench.background(&[&all[..], form].concat());
        let lines = Lines::of(&mut watch);
        lines.until(wanted[0]);
        watches.push((watch, lines, wanted));
    }
    let mut only = bench.background(&[&all[..], &["--watch-only", "-o", "name"]].concat());
    let only_lines = Lines::of(&mut only);
    std::thread::sleep(Duration::from_secs(1));
    bench.ok(&["create", "configmap", "second", "--from-literal=a=1"]);
    bench.ok(&["patch", "configmap", "second", "-p", r#"{"data":{"b":"2"}}"#]);
    bench.ok(&["delete", "configmap", "second"]);
    for (_, lines, wanted) in &watches {
        wanted[1..].iter().for_each(|words| drop(lines.until(words)));
    }
    assert_eq!(only_lines.until(&[""]), "configmap/second");
    // What is waited for comes while it is waited for.
    let waiting: Vec<Running> = [
        &["wait", "configmap/third", "--for=create", "--timeout=60s"][..],
        &["wait", "configmap/first", "--for=delete", "--timeout=60s"],
        &["wait", "configmap/first", "--for=jsonpath={.data.done}=yes", "--timeout=60s"],
    ]
    .map(|args| bench.background(args))
    .into();
    std::thread::sleep(Duration::from_secs(1));
    bench.ok(&["create", "configmap", "third"]);
    bench.ok(&["patch", "configmap", "first", "-p", r#"{"data":{"done":"yes"}}"#]);
    std::thread::sleep(Duration::from_secs(1));
    bench.ok(&["delete", "configmap", "first"]);
    waiting.into_iter().for_each(|running| assert_eq!(code(running), 0));
}

/// Connections break while something is watched.
fn cut(bench: &Bench<'_>) {
    bench.ok(&["create", "configmap", "first", "--from-literal=a=1"]);
    let relay = Relay::new(bench);
    let flags: Vec<&str> = relay.flags.iter().map(String::as_str).collect();
    assert_eq!(bench.ok(&[&flags[..], &["get", "configmap", "first", "-o", "name"]].concat()), "configmap/first\n");
    let wait = ["wait", "configmap/first", "--for=jsonpath={.data.b}=2", "--timeout=60s"];
    let gone = ["wait", "configmap/first", "--for=delete", "--timeout=60s"];
    let waiting = [&wait[..], &gone[..]].map(|args| bench.background(&[&flags[..], args].concat()));
    let mut watch = bench.background(&[&flags[..], &["get", "configmap", "first", "-w", "-o", "name"]].concat());
    let lines = Lines::of(&mut watch);
    lines.until(&["configmap/first"]);
    std::thread::sleep(Duration::from_secs(2));
    relay.cut();
    // As kubectl's, this watch ends with its connection, and says nothing.
    assert_eq!((lines.rest().len(), code(watch)), (0, 0));
    std::thread::sleep(Duration::from_secs(1));
    bench.ok(&["patch", "configmap", "first", "-p", r#"{"data":{"b":"2"}}"#]);
    let [wait, gone] = waiting;
    assert_eq!(code(wait), 0);
    relay.cut();
    bench.ok(&["delete", "configmap", "first"]);
    assert_eq!(code(gone), 0);
}

/// The API on a port of this machine.
fn proxy(bench: &Bench<'_>) {
    bench.ok(&["create", "configmap", "one", "--from-literal=a=b"]);
    let mut proxy = bench.background(&["proxy", "--port=0", "--api-prefix=/k8s"]);
    let line = Lines::of(&mut proxy).until(&["Starting to serve on 127.0.0.1:"]);
    let place = line.rsplit(' ').next().expect("a place");
    let path = format!("/k8s/api/v1/namespaces/{}/configmaps/one", bench.namespace);
    let answer = http(place, &path);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\"a\":") && answer.contains("\"b\""), "{answer}");
    let answer = http(place, &path.replace("/one", "/two"));
    assert!(answer.starts_with("HTTP/1.1 404 Not Found") && answer.contains("NotFound"), "{answer}");
    // Requests that start processes are refused.
    let answer = http(place, &format!("/k8s/api/v1/namespaces/{}/pods/x/exec", bench.namespace));
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden"), "{answer}");
}

/// What is at a path.
fn http(place: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(place).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("asked");
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Logs as they are written, of one pod and of several, until their containers end.
fn follow(bench: &Bench<'_>) {
    let count = "for i in 1 2 3 4 5 6; do echo line $i; sleep 1; done";
    for name in ["one", "two"] {
        let args = ["run", name, "--image=busybox", "--restart=Never", "--labels=app=count", "--", "sh", "-c", count];
        bench.ok(&args);
    }
    let start = Instant::now();
    bench.ok(&["wait", "pod", "-l", "app=count", "--for=jsonpath={.status.phase}=Running", "--timeout=300s"]);
    let mut one = bench.background(&["logs", "-f", "one"]);
    let mut both = bench.background(&["logs", "-f", "-l", "app=count", "--prefix", "--tail=-1"]);
    let (one_lines, both_lines) = (Lines::of(&mut one), Lines::of(&mut both));
    one_lines.until(&["line 1"]);
    let rest = one_lines.rest();
    assert_eq!(rest, ["line 2", "line 3", "line 4", "line 5", "line 6"]);
    assert!(start.elapsed() > Duration::from_secs(3), "nothing was waited for");
    assert_eq!(code(one), 0);
    let lines = both_lines.rest();
    assert_eq!((lines.len(), code(both)), (12, 0), "{lines:?}");
    for pod in ["one", "two"] {
        assert_eq!(lines.iter().filter(|line| line.starts_with(&format!("[pod/{pod}/{pod}] line "))).count(), 6);
    }
}

/// Ports of a pod and of what leads to one.
fn forward(bench: &Bench<'_>) {
    bench.ok(&["create", "deployment", "web", "--image=nginx", "--port=80"]);
    bench.ok(&["expose", "deployment", "web", "--port=8080", "--target-port=80"]);
    bench.ok(&["rollout", "status", "deployment/web", "--timeout=300s"]);
    let pod = bench.ok(&["get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}"]);
    for (target, port) in [(format!("pod/{pod}"), ":80"), ("deployment/web".into(), ":80"), ("svc/web".into(), ":8080")]
    {
        let mut forward = bench.background(&["port-forward", &target, port, "--address=127.0.0.1"]);
        let lines = Lines::of(&mut forward);
        let line = lines.until(&["Forwarding from 127.0.0.1:", "-> 80"]);
        let place = line.split(' ').nth(2).expect("a place");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let answer = http(place, "/");
                    assert!(answer.contains("Welcome to nginx!"), "{target}: {answer}");
                });
            }
        });
        lines.until(&["Handling connection for"]);
    }
}

/// The streams of a container's own process.
fn attach(bench: &Bench<'_>) {
    let echo = "while read line; do echo got $line; done; echo end";
    bench.ok(&["run", "box", "--image=busybox", "--restart=Never", "-i", "--attach=false", "--", "sh", "-c", echo]);
    bench.ok(&["wait", "pod/box", "--for=condition=Ready", "--timeout=300s"]);
    let mut command = bench.command(&["attach", "-i", "box", "-q"]);
    command.stdin(Stdio::piped());
    let mut attached = bench.spawn(command);
    let mut input = attached.0.stdin.take().expect("its input");
    let lines = Lines::of(&mut attached);
    std::thread::sleep(Duration::from_secs(1));
    for word in ["one", "two"] {
        writeln!(input, "{word}").expect("written");
        lines.until(&["got", word]);
    }
    drop(input);
    drop(attached);
}

/// A terminal of its own.
#[cfg(not(unix))]
fn terminal(_: &Bench<'_>) {}

/// A session in a terminal: its size is the other side's, and what is typed comes back.
#[cfg(unix)]
fn terminal(bench: &Bench<'_>) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{Winsize, tcsetwinsize};
    bench.ok(&["run", "box", "--image=busybox", "--restart=Never", "--", "sleep", "3600"]);
    bench.ok(&["wait", "pod/box", "--for=condition=Ready", "--timeout=300s"]);
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal");
    tcsetwinsize(&master, Winsize { ws_row: 33, ws_col: 101, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
    let name = ptsname(&master, Vec::new()).expect("its name").into_string().expect("a path");
    let slave = || std::fs::File::options().read(true).write(true).open(&name).expect("the other side");
    let mut command = bench.command(&["exec", "-it", "box", "--", "sh"]);
    command.stdin(slave()).stdout(slave()).stderr(slave()).env("TERM", "xterm");
    let running = Running(command.spawn().expect("kctl runs"));
    let mut master = std::fs::File::from(master);
    let lines = Lines::from(master.try_clone().expect("the terminal"));
    std::thread::sleep(Duration::from_secs(1));
    master.write_all(b"stty size\n").expect("typed");
    lines.until(&["33 101"]);
    master.write_all(b"tty >/dev/null && echo a-$((1+1))-terminal\n").expect("typed");
    lines.until(&["a-2-terminal"]);
    master.write_all(b"exit 5\n").expect("typed");
    assert_eq!(code(running), 5);
}
