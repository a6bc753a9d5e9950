//! Processes in containers. This test is a program of its own (`harness = false`): the sandbox is
//! entered by starting the program once more, and the test's program does that part, too.
//!
//! Where the system does not allow namespaces the tests cannot run: that is said, and it is a failure
//! where `KCTL_TEST_NAMESPACES=1` claims that it does.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test's program")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use kctl::backend::controllers::{Event, View};
use kctl::backend::kubelet::access::Access;
use kctl::backend::kubelet::env::Lookup;
use kctl::backend::kubelet::exec::{self, ExecRequest, Folders};
use kctl::backend::kubelet::remote;
use kctl::backend::kubelet::sandbox::{self, ARGUMENT, Launcher, Mount, Spec};
use kctl::object::{Object, Timestamp};
use serde_json::json;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == ARGUMENT) {
        return ExitCode::from(sandbox::main(args));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(tests())
}

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
    error: Option<String>,
}

fn spec(root: &Path, argv: &[&str]) -> Spec {
    Spec {
        root: root.join("root"),
        hostname: "web-1".into(),
        ip: "10.244.0.5".into(),
        argv: argv.iter().map(ToString::to_string).collect(),
        env: BTreeMap::from(
            [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("GREETING", "hi")]
                .map(|(a, b)| (a.into(), b.into())),
        ),
        ..Spec::default()
    }
}

async fn run(folder: &Path, spec: &Spec) -> Ran {
    let launcher = Launcher::this_program().expect("a program");
    let (mut command, report) = launcher.command(spec, folder).expect("a command");
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().await.expect("an end");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        error: report.error(),
    }
}

async fn tests() -> ExitCode {
    let folder = std::env::temp_dir().join(format!("kctl-sandbox-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let first = run(&folder, &spec(&folder, &["true"])).await;
    if let Some(error) = first.error {
        println!("sandbox: NOT TESTED, {error}");
        #[allow(clippy::disallowed_methods, reason = "the claim of whoever runs the tests")]
        let claimed = std::env::var("KCTL_TEST_NAMESPACES").is_ok_and(|claim| claim == "1");
        return if claimed { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    assert_eq!(first.code, 0, "{}", first.stderr);
    commands(&folder).await;
    confinement(&folder).await;
    volumes(&folder).await;
    streams(&folder).await;
    let left = std::fs::read_dir(&folder).expect("a folder").flatten();
    let left: Vec<_> = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("exec-")).collect();
    assert!(left.is_empty(), "no spec is left behind: {left:?}");
    std::fs::remove_dir_all(&folder).expect("removed");
    println!("sandbox: ok");
    ExitCode::SUCCESS
}

async fn commands(folder: &Path) {
    for (argv, code, stdout, stderr) in [
        (vec!["sh", "-c", "echo out; echo err >&2; exit 7"], 7, "out\n", "err\n"),
        (vec!["hostname"], 0, "web-1\n", ""),
        (vec!["cat", "/etc/hostname"], 0, "web-1\n", ""),
        (vec!["sh", "-c", "echo $GREETING; id -u; pwd"], 0, "hi\n0\n/\n", ""),
        (vec!["sh", "-c", "kill -9 $$"], 137, "", ""),
        (
            vec!["no-such-thing"],
            127,
            "",
            "OCI runtime exec failed: exec failed: unable to start container process: exec: \"no-such-thing\": executable file not found in $PATH: unknown\r\n",
        ),
        (
            vec!["/etc/hostname"],
            126,
            "",
            "OCI runtime exec failed: exec failed: unable to start container process: exec: \"/etc/hostname\": permission denied: unknown\r\n",
        ),
    ] {
        let ran = run(folder, &spec(folder, &argv)).await;
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (code, stdout, stderr),
            "{argv:?}: {:?}",
            ran.error
        );
    }
    let mut elsewhere = spec(folder, &["pwd"]);
    elsewhere.cwd = "/usr".into();
    assert_eq!(run(folder, &elsewhere).await.stdout, "/usr\n");
    let mut user = spec(folder, &["sh", "-c", "id -u; id -g"]);
    user.user = (1234, 99);
    assert_eq!(run(folder, &user).await.stdout, "1234\n99\n");
}

async fn confinement(folder: &Path) {
    let secret = folder.join("secret");
    std::fs::write(&secret, "of the host").expect("written");
    let probe = format!("/usr/kctl-test-{}", std::process::id());
    for (script, why) in [
        (format!("echo x > {probe}"), "the host's programs are read-only"),
        ("mount -o remount,rw,bind /usr".to_owned(), "no capability is left to undo that"),
        (
            format!("unshare -Ur sh -c 'mount -o remount,rw,bind /usr && echo x > {probe}'"),
            "nor with namespaces of one's own",
        ),
        (format!("cat {}", secret.display()), "the host's other files are not there"),
        ("ls /proc/1/root/etc/shadow".to_owned(), "nor through the first process"),
        ("cat /etc/shadow".to_owned(), "nor the host's secrets"),
        ("mknod /tmp/sda b 8 0".to_owned(), "no device can be made"),
        (format!("kill -0 {}", std::process::id()), "the host's processes are out of sight"),
        ("hostname other".to_owned(), "the host's name stays"),
    ] {
        let ran = run(folder, &spec(folder, &["sh", "-c", &script])).await;
        assert_ne!(ran.code, 0, "{why}: {script}: {}", ran.stdout);
    }
    assert!(!Path::new(&probe).exists());
    // What a process writes stays in the container's folder, for the next one.
    assert_eq!(run(folder, &spec(folder, &["sh", "-c", "echo kept > /tmp/file; echo own > /root/own"])).await.code, 0);
    assert_eq!(run(folder, &spec(folder, &["cat", "/tmp/file"])).await.stdout, "kept\n");
    assert_eq!(std::fs::read_to_string(folder.join("root/root/own")).expect("a file"), "own\n");
    // A link that a container makes does not lead a later mount out of it.
    assert_eq!(run(folder, &spec(folder, &["ln", "-s", "../../../..", "/data"])).await.code, 0);
    let mut linked = spec(folder, &["ls", "/data"]);
    linked.mounts = vec![Mount { source: folder.to_owned(), target: "/data".into(), read_only: true }];
    let ran = run(folder, &linked).await;
    assert_eq!(ran.stdout.lines().next(), Some("root"), "{:?}", ran.error);
    linked.mounts = vec![Mount { source: folder.to_owned(), target: "/a/../../x".into(), read_only: true }];
    assert!(run(folder, &linked).await.error.is_some_and(|error| error.contains("leads out of the container")));
}

async fn volumes(folder: &Path) {
    let (config, data) = (folder.join("config"), folder.join("data"));
    std::fs::create_dir_all(&config).expect("made");
    std::fs::create_dir_all(&data).expect("made");
    std::fs::write(config.join("key"), "value").expect("written");
    let mut spec =
        spec(folder, &["sh", "-c", "cat /etc/config/key; echo x > /etc/config/key; echo y > /srv/data/file"]);
    spec.mounts = vec![
        Mount { source: config.clone(), target: "/etc/config".into(), read_only: true },
        Mount { source: data.clone(), target: "/srv/data".into(), read_only: false },
    ];
    let ran = run(folder, &spec).await;
    assert_eq!(ran.stdout, "value", "{:?}", ran.error);
    assert_eq!(std::fs::read_to_string(config.join("key")).expect("a file"), "value");
    assert_eq!(std::fs::read_to_string(data.join("file")).expect("a file"), "y\n");
}

/// A cluster that stands still.
struct Still(View);

impl Lookup for Still {
    fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.0.object(resource, namespace, name)
    }
    fn services(&self, namespace: &str) -> Vec<Arc<Object>> {
        self.0.services(namespace)
    }
}

impl Access for Still {
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Object>> {
        self.0.list(resource, namespace).cloned().collect()
    }
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn update_status(&self, _: &'static str, _: Object) {}
    fn report(&self, _: Event) {}
}

/// Runs a command in the pod over a websocket; what comes on each channel.
async fn exec(
    folder: &Path,
    pod: &Object,
    access: &Arc<dyn Access>,
    request: ExecRequest,
    input: &[&[u8]],
) -> [String; 4] {
    let (spec, folder) = exec::spec(access, &Folders::new(folder), pod, &request).expect("a spec");
    let process = exec::start(&Launcher::this_program().expect("a program"), &spec, &folder, &request);
    let (server, client) = tokio::io::duplex(1 << 16);
    let server = WebSocketStream::from_raw_socket(server, Role::Server, None).await;
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    tokio::spawn(remote::serve(server, true, process));
    for message in input {
        client.send(Message::Binary(message.to_vec().into())).await.expect("sent");
    }
    let mut channels: [String; 4] = Default::default();
    while let Some(Ok(message)) = client.next().await {
        if let Message::Binary(data) = message
            && let Some((channel, text)) = data.split_first()
        {
            channels[usize::from(*channel)].push_str(&String::from_utf8_lossy(text));
        }
    }
    channels
}

async fn streams(folder: &Path) {
    let pod = json!({
        "metadata": {"namespace": "n", "name": "web", "uid": "u1"},
        "spec": {
            "nodeName": "w",
            "containers": [{
                "name": "c", "image": "nginx", "workingDir": "/srv/app",
                "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "p"}}}],
                "volumeMounts": [{"name": "v", "mountPath": "/etc/conf"}, {"name": "e", "mountPath": "/data"}],
            }],
            "volumes": [{"name": "v", "configMap": {"name": "c"}}, {"name": "e", "emptyDir": {}}],
        },
        "status": {"podIP": "10.244.0.9", "containerStatuses": [{"name": "c", "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}}}]},
    });
    let view = View::of(
        [
            ("pods", pod.clone()),
            ("configmaps", json!({"metadata": {"namespace": "n", "name": "c"}, "data": {"a.conf": "on\n"}})),
            (
                "secrets",
                json!({"metadata": {"namespace": "n", "name": "s"}, "type": "Opaque", "data": {"p": "aGVsbG8="}}),
            ),
        ],
        Timestamp::UNIX_EPOCH,
    );
    let access: Arc<dyn Access> = Arc::new(Still(view));
    let script = |script: &str, tty: bool| ExecRequest {
        command: ["sh", "-c", script].map(String::from).into(),
        stdin: true,
        stdout: true,
        stderr: !tty,
        tty,
        ..ExecRequest::default()
    };
    let success = r#"{"metadata":{},"status":"Success"}"#;
    let plain = script(
        "cat; cat /etc/conf/a.conf; echo $KEY; pwd; hostname; echo x > /data/y; ls /data; echo e >&2; exit 4",
        false,
    );
    let [_, stdout, stderr, status] = exec(folder, &pod, &access, plain, &[b"\0typed\n", &[255, 0]]).await;
    assert_eq!(stdout, "typed\non\nhello\n/srv/app\nweb\ny\n");
    assert_eq!(stderr, "e\n");
    assert!(status.contains(r#""message":"4","reason":"ExitCode""#), "{status}");

    let terminal = script("test -t 0 && sleep 0.3 && stty size && tty && read line && echo got $line", true);
    let size = b"\x04{\"Width\":132,\"Height\":43}";
    let [_, stdout, _, status] = exec(folder, &pod, &access, terminal, &[size, b"\0abc\n"]).await;
    assert_eq!(stdout, "abc\r\n43 132\r\n/dev/console\r\ngot abc\r\n");
    assert_eq!(status, success);
    // A shell at its prompt: it manages its processes, and its exit code is its own.
    let shell =
        ExecRequest { command: vec!["sh".into()], stdin: true, stdout: true, tty: true, ..ExecRequest::default() };
    let [_, stdout, _, status] = exec(folder, &pod, &access, shell, &[b"\0echo a$((1+1))\n", b"\0exit 6\n"]).await;
    assert!(stdout.contains("a2\r\n") && !stdout.contains("annot"), "{stdout}");
    assert!(status.contains(r#""message":"6""#), "{status}");
    // What is typed interrupts the command, not the sandbox around it.
    let interrupted = script("trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.05; done", true);
    let (spec, place) = exec::spec(&access, &Folders::new(folder), &pod, &interrupted).expect("a spec");
    let process = exec::start(&Launcher::this_program().expect("a program"), &spec, &place, &interrupted);
    let (server, client) = tokio::io::duplex(1 << 16);
    let server = WebSocketStream::from_raw_socket(server, Role::Server, None).await;
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    tokio::spawn(remote::serve(server, true, process));
    let mut told = String::new();
    while let Some(Ok(Message::Binary(data))) = client.next().await {
        told.push_str(&String::from_utf8_lossy(data.get(1..).unwrap_or_default()));
        if told.ends_with("ready\r\n") {
            client.send(Message::Binary(b"\0\x03".to_vec().into())).await.expect("sent");
        }
    }
    assert!(told.contains("caught") && told.contains(r#""message":"5""#), "{told}");
}
