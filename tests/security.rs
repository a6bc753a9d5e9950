//! One test for each kind of fault that kubectl and its servers have had and that no other test names: see
//! `SECURITY.md`, whose table is checked here, too.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and needs PATH"
)]
#![cfg(unix)]

mod common;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Sandbox, files_below, finish, repository};
use http_body_util::BodyExt;
use kctl::backend::{Handle, Options};
use kctl::object::clock::Clock;
use serde_json::{Value, json};

/// The names of tests and fuzz targets in the table of `SECURITY.md`.
#[test]
fn every_rule_has_its_test() {
    let text = std::fs::read_to_string(repository("SECURITY.md")).expect("SECURITY.md");
    let mut sources = String::new();
    for folder in ["src", "tests"] {
        for file in files_below(&repository(folder), "rs") {
            sources.push_str(&std::fs::read_to_string(file).unwrap());
        }
    }
    let mut named = 0;
    for line in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| What")) {
        let last = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test is named: {line}");
        for name in names {
            let is_there = match name.strip_prefix("fuzz/") {
                Some(target) => repository(&format!("fuzz/fuzz_targets/{target}.rs")).exists(),
                None => sources.contains(&format!("fn {name}(")),
            };
            assert!(is_there, "there is no test {name}");
            named += 1;
        }
    }
    assert!(named > 20, "only {named} tests are named");
}

/// kubectl read numbers of ports modulo 2^32 (Trail of Bits, 2019, finding 13).
#[test]
fn numbers_that_are_too_large_are_no_others() {
    let sandbox = Sandbox::new();
    sandbox.run("kctl", &["create", "deployment", "web", "--image=nginx"], "");
    for (args, says) in [
        (&["expose", "deployment", "web", "--port=4294967377"][..], "4294967377"),
        (&["run", "p", "--image=nginx", "--restart=Never", "--port=4294967376"], "4294967376"),
        (&["scale", "deployment", "web", "--replicas=4294967297"], "4294967297"),
        (&["autoscale", "deployment", "web", "--max=4294967297"], "4294967297"),
        (&["create", "quota", "q", "--hard=pods=99999999999999999999999"], ""),
        (&["logs", "web", "--tail=99999999999999999999999"], "99999999999999999999999"),
        (&["delete", "pod", "p", "--grace-period=99999999999999999999999"], "99999999999999999999999"),
    ] {
        let outcome = sandbox.run("kctl", args, "");
        let quota_stays_as_it_is = args.contains(&"quota") && outcome.code == 0;
        assert!(outcome.code != 0 || quota_stays_as_it_is, "{args:?}: {outcome:?}");
        assert!(outcome.stderr.contains(says), "{args:?}: {}", outcome.stderr);
    }
    let services = sandbox.run("kctl", &["get", "services", "-o", "name"], "");
    assert_eq!(services.stdout, "service/kubernetes\n");
}

/// YAML whose aliases grow without bound, and nests that a parser falls into (CVE-2019-11253, CVE-2019-11254).
#[test]
fn cve_2019_11253_manifests_that_explode_are_refused() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..30 {
        let before = format!("*a{},", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(',')));
    }
    let manifest = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n{bomb}");
    let nested = format!("apiVersion: v1\nkind: ConfigMap\nx: {}", "[".repeat(200_000));
    let braces = format!("{{\"kind\":{}", "{\"a\":".repeat(200_000));
    let sandbox = Sandbox::new();
    for text in [&manifest, &nested, &braces] {
        for args in [&["apply", "-f", "-"][..], &["create", "--raw=/api/v1/namespaces/default/configmaps", "-f", "-"]] {
            let started = Instant::now();
            let outcome = sandbox.run("kctl", args, text);
            assert_eq!(outcome.code, 1, "{args:?}: {outcome:?}");
            assert!(!outcome.stderr.is_empty() && outcome.stderr.len() < 4000, "{args:?}: {}", outcome.stderr.len());
            assert!(started.elapsed() < Duration::from_secs(20), "{args:?}: {:?}", started.elapsed());
        }
    }
}

/// A cluster in memory; its requests are an administrator's.
fn cluster() -> Handle {
    let now = common::START.parse().expect("a time");
    let options =
        Options { dir: None, clock: Clock::manual(now), seed: Some(1), nodes: 0, disabled: Default::default() };
    kctl::backend::open(options).expect("a cluster")
}

async fn ask(cluster: &Handle, method: &str, path: &str, kind: &str, body: impl Into<Bytes>) -> (u16, Value) {
    let request = http::Request::builder().method(method).uri(path).header("Content-Type", kind).body(body.into());
    let response = cluster.call(request.expect("a request")).await;
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// JSON patches of very many steps (CVE-2019-1002100), and ones that double a document with each step.
#[tokio::test]
async fn cve_2019_1002100_patches_have_a_limit() {
    let cluster = cluster();
    let map = json!({"metadata": {"name": "a"}, "data": {"x": "0123456789"}}).to_string();
    let maps = "/api/v1/namespaces/default/configmaps";
    assert_eq!(ask(&cluster, "POST", maps, "application/json", map).await.0, 201);
    let kind = "application/json-patch+json";
    let step = json!({"op": "test", "path": "/data/x", "value": "0123456789"});
    let path = format!("{maps}/a");
    let many = serde_json::to_vec(&vec![step.clone(); 10_001]).expect("JSON");
    let (status, body) = ask(&cluster, "PATCH", &path, kind, many).await;
    assert_eq!(status, 413, "{body}");
    let enough = serde_json::to_vec(&vec![step; 10_000]).expect("JSON");
    assert_eq!(ask(&cluster, "PATCH", &path, kind, enough).await.0, 200);
    let mut doubling = vec![json!({"op": "add", "path": "/data/y", "value": {"z": "0123456789"}})];
    for number in 0..60 {
        doubling.push(json!({"op": "copy", "from": "/data", "path": format!("/data/n{number}")}));
    }
    let started = Instant::now();
    let (status, body) = ask(&cluster, "PATCH", &path, kind, serde_json::to_vec(&doubling).expect("JSON")).await;
    assert!((400..500).contains(&status), "{status} {body}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

/// Names that lead elsewhere in a path (NCC, 2022).
#[tokio::test]
async fn paths_lead_nowhere_else() {
    let cluster = cluster();
    for path in [
        "/api/v1/namespaces/..%2f..%2fapi/secrets",
        "/api/v1/namespaces/%2e%2e/pods/x",
        "/api/v1/namespaces/default/pods/..%2f..%2fnodes",
        "/api/v1/namespaces/a%00b/pods/x",
        "/api/v1/nodes/..%2fsecrets/proxy/",
        "//api/v1/../../etc/passwd",
    ] {
        let (status, body) = ask(&cluster, "GET", path, "application/json", "").await;
        assert!((300..500).contains(&status), "{path}: {status} {body}");
    }
    for name in ["../x", "a/b", "a\u{0}b", "..", "A"] {
        let map = json!({"metadata": {"name": name}}).to_string();
        let (status, body) =
            ask(&cluster, "POST", "/api/v1/namespaces/default/configmaps", "application/json", map).await;
        assert_eq!(status, 422, "{name:?}: {body}");
    }
}

/// Who may only read does not get into a container by a websocket, which is opened with GET.
#[tokio::test]
async fn reading_is_not_entering() {
    let cluster = cluster();
    let kind = "application/json";
    let role = |verbs: &[&str]| {
        json!({"metadata": {"name": "reader"}, "rules": [
            {"apiGroups": [""], "resources": ["pods", "pods/exec", "pods/attach", "pods/portforward"], "verbs": verbs}]})
    };
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
    assert_eq!(ask(&cluster, "POST", roles, kind, role(&["get"]).to_string()).await.0, 201);
    let binding = json!({"metadata": {"name": "reader"}, "subjects": [{"kind": "User", "name": "reader"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}});
    let bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
    assert_eq!(ask(&cluster, "POST", bindings, kind, binding.to_string()).await.0, 201);
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}});
    assert_eq!(ask(&cluster, "POST", "/api/v1/namespaces/default/pods", kind, pod.to_string()).await.0, 201);
    let enter = async |part: &str| {
        let path = format!("/api/v1/namespaces/default/pods/p/{part}?command=ls");
        let request = http::Request::get(path)
            .header("Impersonate-User", "reader")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Protocol", "v5.channel.k8s.io");
        let response = cluster.call(request.body(Bytes::new()).expect("a request")).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    for part in ["exec", "attach", "portforward"] {
        let (status, body) = enter(part).await;
        assert_eq!(status, 403, "{part}: {body}");
        assert!(body.contains("pods \\\"p\\\" is forbidden: "), "{body}");
    }
    let patched = role(&["get", "create"]).to_string();
    let kind = "application/merge-patch+json";
    assert_eq!(ask(&cluster, "PATCH", &format!("{roles}/reader"), kind, patched).await.0, 200);
    for part in ["exec", "attach", "portforward"] {
        let (status, body) = enter(part).await;
        assert_ne!(status, 403, "{part}: {body}");
    }
}

/// What is wrong with a login is told without the login (CVE-2020-8564).
#[test]
fn cve_2020_8564_what_is_wrong_with_a_login_is_not_quoted() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.work().join("login"), "{\"auths\": {\"x\": {\"auth\": \"canary-4711\"").unwrap();
    std::fs::write(
        sandbox.work().join("config"),
        "apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {token: [canary-4711",
    )
    .unwrap();
    std::fs::write(
        sandbox.work().join("secret"),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {x: 'canary-4711 is not base64!'}\n",
    )
    .unwrap();
    for args in [
        &["create", "secret", "docker-registry", "s", "--from-file=.dockerconfigjson=login", "-v=9"][..],
        &["--kubeconfig=config", "get", "pods", "-v=9"],
        &["apply", "-f", "secret", "-v=9"],
    ] {
        let outcome = sandbox.run("kctl", args, "");
        let said = outcome.stdout + &outcome.stderr;
        assert!(!said.contains("canary-4711"), "{args:?}: {said}");
    }
}

/// Everything that holds a login or what a cluster knows is its owner's alone, whatever the mask of modes says
/// (CVE-2019-11244 and its kind).
#[test]
fn cve_2019_11244_files_are_their_owners_alone() {
    let sandbox = Sandbox::new();
    let shell = |line: &str| {
        let mut command = std::process::Command::new("/bin/sh");
        let kctl = sandbox.command("kctl");
        command.env_clear().envs(kctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.args(["-c", &format!("umask 000; {line}")]).current_dir(sandbox.work());
        let outcome = finish(command, "");
        assert_eq!(outcome.code, 0, "{line}: {outcome:?}");
    };
    shell("kctl create secret generic s --from-literal=a=b && kctl run p --image=nginx --restart=Never");
    shell("kctl config set-cluster c --server=https://127.0.0.1:1 && kctl config set-credentials u --token=t");
    shell("kctl cluster-info dump --output-directory=dump");
    // The file that an editor is given, seen from the editor.
    shell("KUBE_EDITOR='stat -c %a' kctl edit secret s | grep -qx 600");
    let mode = |path: &Path| std::fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o777;
    let home = sandbox.home();
    for folder in [home.with_file_name("state"), home.join(".kube"), sandbox.work().join("dump")] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    let files = files_below(&sandbox.work().join("dump"), "json");
    assert!(files.len() > 5, "{files:?}");
    for file in files.into_iter().chain([home.join(".kube/config"), home.with_file_name("state").join("cluster.db")]) {
        assert_eq!(mode(&file) & 0o077, 0, "{}", file.display());
    }
}

/// Names of files are never read by a shell (`cp --retries` was, before kubectl 1.36.1).
#[test]
fn names_are_never_read_by_a_shell() {
    let sandbox = Sandbox::new();
    sandbox.run("kctl", &["run", "p", "--image=busybox", "--restart=Never"], "");
    let evil = "/tmp/a'$(touch pwned)`touch pwned`;touch pwned\n";
    let source = format!("p:{evil}");
    for args in
        [&["cp", "--retries=3", &source, "out"][..], &["cp", &source, "out"], &["cp", "p:-rf", "out", "--retries=2"]]
    {
        let outcome = sandbox.run("kctl", args, "");
        assert!(!outcome.stderr.contains("panicked"), "{args:?}: {outcome:?}");
    }
    let mut left = vec![sandbox.work(), sandbox.home().with_file_name("state")];
    while let Some(path) = left.pop() {
        assert!(!path.ends_with("pwned"), "{}", path.display());
        if path.is_dir() && !path.is_symlink() {
            left.extend(std::fs::read_dir(&path).into_iter().flatten().map(|entry| entry.unwrap().path()));
        }
    }
    // Nor is an editor's, a differ's or a plugin's argument.
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1",
            "interactiveMode": "Never", "command": "echo;touch pwned", "args": ["$(touch pwned)"]}}}]});
    std::fs::write(sandbox.work().join("config"), config.to_string()).unwrap();
    let mut command = sandbox.command("kctl");
    command.args(["--kubeconfig=config", "get", "pods"]).env_remove("KCTL_OFFLINE");
    let outcome = finish(command, "");
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(!sandbox.work().join("pwned").exists());
}

/// A kustomization does not read outside its root, by dots or by links.
#[test]
fn kustomizations_stay_below_their_root() {
    let sandbox = Sandbox::new();
    let work = sandbox.work();
    std::fs::write(work.join("secret.txt"), "canary").unwrap();
    std::fs::create_dir(work.join("root")).unwrap();
    symlink(work.join("secret.txt"), work.join("root/link.txt")).unwrap();
    for file in ["../secret.txt", "link.txt"] {
        let text = format!("configMapGenerator:\n- name: m\n  files: [{file}]\n");
        std::fs::write(work.join("root/kustomization.yaml"), text).unwrap();
        let outcome = sandbox.run("kctl", &["kustomize", "root"], "");
        assert_eq!(outcome.code, 1, "{file}: {outcome:?}");
        assert!(!outcome.stdout.contains("canary"), "{file}");
    }
}

/// A page in a browser cannot use a proxy that runs on the same machine, under whatever name it reaches it.
#[test]
fn a_proxy_answers_to_names_of_this_machine_only() {
    use std::io::{BufRead, BufReader, Read, Write};
    let sandbox = Sandbox::new();
    let mut command = sandbox.command("kctl");
    command.args(["proxy", "--port=0"]).stdout(std::process::Stdio::piped());
    let mut proxy = command.spawn().expect("kctl");
    let mut line = String::new();
    BufReader::new(proxy.stdout.take().expect("piped")).read_line(&mut line).expect("its first line");
    let address = line.trim().rsplit(' ').next().expect("an address").to_owned();
    let status = |host: &str, path: &str| {
        let mut stream = std::net::TcpStream::connect(&address).expect("the proxy");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let got = [
        status("localhost", "/api"),
        status("evil.example.org", "/api"),
        status("localhost.evil.example.org", "/api"),
        status("127.0.0.1", "/api/v1/namespaces/default/pods/p/exec?command=ls"),
        status("127.0.0.1", "/api/v1/namespaces/default/pods/p/attach"),
    ];
    proxy.kill().expect("it runs");
    proxy.wait().expect("it ends");
    assert_eq!(got, ["200", "403", "403", "403", "403"]);
}
