//! Flags that many commands share do the same with all of them: output formats and templates, field
//! managers, what is kept for `apply`, dry runs, validation, and manifests in folders and kustomizations.
//!
//! `data/parity/shared.txt` holds a line for each command; which flags are tried with it is what the
//! command takes.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::{Outcome, Sandbox};
use kctl::cli::find::find;
use kctl::cli::flags::Flags;
use kctl::cli::global;

const LINES: &str = include_str!("data/parity/shared.txt");

/// One line of the table.
struct Case {
    words: Vec<String>,
    /// What is typed before, each a line of its own.
    before: Vec<String>,
    /// Where the words name manifests, the folder with them.
    folder: Option<String>,
}

fn cases() -> Vec<Case> {
    let lines = LINES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let read = |line: &str| {
        let mut parts = line.split(" | ").map(str::to_owned);
        let words: Vec<String> = parts.next().unwrap().split(' ').map(|word| word.replace('_', " ")).collect();
        let folder = words.iter().find_map(|word| word.strip_prefix('{')?.strip_suffix('}'));
        let folder = folder.filter(|name| !name.contains([':', '.', '"'])).map(str::to_owned);
        Case { words, before: parts.collect(), folder }
    };
    lines.map(read).collect()
}

const EDITOR: &str = r#"#!/bin/sh
sed -i -e "s/^\( *\)annotations:\$/&\n\1  k$$: v/" -e "s/\"annotations\": {/&\"k$$\": \"v\",/" "$1"
"#;

fn deployment(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  labels: {{set: x, app: {name}}}\n  annotations: {{a: b}}\nspec:\n  replicas: 1\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec: {{containers: [{{name: c, image: nginx, ports: [{{containerPort: 80}}]}}]}}\n"
    )
}

fn binding(name: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {name}, labels: {{set: x}}}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}}\nsubjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: u}}]\n"
    )
}

fn role(name: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {name}}}\nrules: [{{apiGroups: [\"\"], resources: [pods], verbs: [get]}}]\n"
    )
}

fn config(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n")
}

/// A request for a certificate; what is asked for is of no interest here.
fn request(name: &str) -> String {
    use base64::Engine as _;
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = rcgen::CertificateParams::new(Vec::new()).unwrap().serialize_request(&key).unwrap().pem().unwrap();
    let pem = base64::prelude::BASE64_STANDARD.encode(pem);
    format!(
        "apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {{name: {name}}}\nspec: {{request: {pem}, signerName: example.org/x, usages: [client auth]}}\n"
    )
}

/// A sandbox with manifests, and a cluster with objects that the lines work with.
fn prepare() -> Sandbox {
    let mut sandbox = Sandbox::new();
    let work = sandbox.work();
    let kinds: [(&str, &dyn Fn(&str) -> String); 7] = [
        ("deploys", &deployment),
        ("applied", &|name: &str| deployment(&format!("applied{}", name.trim_start_matches("outer")))),
        ("bindings", &binding),
        ("roles", &role),
        ("requests", &request),
        ("news", &|name: &str| config(&format!("new-{name}"))),
        ("changed", &config),
    ];
    for (kind, manifest) in kinds {
        let folder = work.join(kind);
        fs::create_dir_all(folder.join("deep")).unwrap();
        let first = if kind == "applied" { "applied.yaml" } else { "outer.yaml" };
        fs::write(folder.join(first), manifest("outer")).unwrap();
        fs::write(folder.join("deep/inner.yaml"), manifest("inner")).unwrap();
        let kustomization = work.join(format!("k-{kind}"));
        fs::create_dir_all(&kustomization).unwrap();
        for (file, name) in [("a.yaml", "outer"), ("b.yaml", "inner")] {
            let from = if name == "outer" { folder.join(first) } else { folder.join("deep/inner.yaml") };
            fs::copy(from, kustomization.join(file)).unwrap();
        }
        fs::write(kustomization.join("kustomization.yaml"), "resources: [a.yaml, b.yaml]\n").unwrap();
    }
    fs::write(work.join("new.yaml"), config("new")).unwrap();
    fs::write(work.join("replaced.yaml"), deployment("outer").replace("set: x", "set: x, y: z")).unwrap();
    let key = rcgen::generate_simple_self_signed(vec!["x.org".to_owned()]).unwrap();
    fs::write(work.join("tls.crt"), key.cert.pem()).unwrap();
    fs::write(work.join("tls.key"), key.signing_key.serialize_pem()).unwrap();
    let editor = sandbox.bin().join("editor");
    fs::write(&editor, EDITOR).unwrap();
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.set("KUBE_EDITOR", editor.to_str().unwrap());
    for line in [
        "apply -f applied -R",
        "create -f deploys -R --save-config",
        "create deploy web --image=nginx --port=80",
        "annotate deploy web a=b",
        "create svc clusterip front --tcp=80",
        "create -f bindings -R",
        "create -f requests -R",
    ] {
        let outcome = run(&sandbox, &words(line));
        assert_eq!(outcome.code, 0, "{line}: {}", outcome.stderr);
    }
    fs::write(work.join("other.yaml"), request("other")).unwrap();
    assert_eq!(run(&sandbox, &words("create -f other.yaml")).code, 0);
    sandbox.advance("+30s");
    sandbox
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn run(sandbox: &Sandbox, words: &[String]) -> Outcome {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    sandbox.run("kubectl", &words, "")
}

/// A run of the table.
struct Trial {
    sandbox: Sandbox,
    /// Counts what is typed, so that every change is one.
    number: usize,
    faults: Vec<String>,
}

impl Trial {
    /// Types what goes before, then the words with these flags.
    fn run(&mut self, case: &Case, files: &[&str], flags: &[&str]) -> Outcome {
        self.number += 1;
        self.sandbox.advance("+1s");
        let number = self.number.to_string();
        for line in &case.before {
            run(&self.sandbox, &words(&line.replace("{n}", &number)));
        }
        let mut line = Vec::new();
        for word in &case.words {
            match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
                Some(name) if Some(name) == case.folder.as_deref() => {
                    line.extend(files.iter().map(|file| file.replace("{}", name)));
                }
                _ => line.push(word.replace("{n}", &number)),
            }
        }
        line.extend(flags.iter().map(|flag| (*flag).to_owned()));
        run(&self.sandbox, &line)
    }

    fn expect(&mut self, case: &Case, what: &str, outcome: &Outcome, right: bool) {
        if !right {
            let line = case.words.join(" ");
            let (out, err) = (outcome.stdout.trim_end(), outcome.stderr.trim_end());
            let code = outcome.code;
            self.faults.push(format!("{line}: {what}\n  code {code}\n  out: {out}\n  err: {err}"));
        }
    }

    /// Tries what the command's flags promise.
    fn formats(&mut self, case: &Case, flags: &Flags<'_>) {
        let has = |name: &str| flags.long(name).is_some();
        let dry = |how: &'static str| if has("dry-run") { Some(how) } else { None };
        let files = &["-f", "{}", "-R"];
        if has("template") {
            let template = ["-o", "go-template", "--template=<{{.kind}}>"];
            let flags: Vec<&str> = template.into_iter().chain(dry("--dry-run=client")).collect();
            let outcome = self.run(case, files, &flags);
            let shown =
                outcome.stdout.starts_with('<') && outcome.stdout.contains('>') && !outcome.stdout.contains("<>");
            self.expect(case, "--template prints what the template says", &outcome, outcome.code == 0 && shown);
        }
        if has("allow-missing-template-keys") {
            for (value, right) in [("true", "<no value>"), ("false", "map has no entry for key \"no\"")] {
                let allow = format!("--allow-missing-template-keys={value}");
                let flags = ["-o", "go-template={{.no}}", &allow];
                let flags: Vec<&str> = flags.into_iter().chain(dry("--dry-run=client")).collect();
                let outcome = self.run(case, files, &flags);
                let said = outcome.stdout.contains(right) || outcome.stderr.contains(right);
                self.expect(case, &format!("with {allow} it says {right}"), &outcome, said);
            }
        }
        // Some commands print what they have made themselves, and of some objects nobody owns anything.
        let owned = !matches!(
            case.words.join(" ").as_str(),
            "label deploy/web k=v --overwrite" | "create serviceaccount n" | "apply edit-last-applied deploy/applied"
        );
        if has("show-managed-fields") && has("field-manager") && owned {
            let flags = ["-o", "json", "--show-managed-fields", "--field-manager=mate"];
            let flags: Vec<&str> = flags.into_iter().chain(dry("--dry-run=server")).collect();
            let outcome = self.run(case, files, &flags);
            let named = outcome.stdout.contains("\"manager\": \"mate\"");
            self.expect(case, "--field-manager owns the fields, --show-managed-fields shows it", &outcome, named);
        }
        if has("show-managed-fields") && !has("field-manager") {
            // What is nobody's, or no object of the cluster, has none to show.
            let none = ["api-resources", "auth whoami", "config view", "create token", "events"];
            let owned = !none.iter().any(|command| case.words.join(" ").starts_with(command));
            for (flag, shown) in [("--show-managed-fields", owned), ("--show-managed-fields=false", false)] {
                let flags: Vec<&str> = ["-o", "json", flag].into_iter().chain(dry("--dry-run=server")).collect();
                let outcome = self.run(case, files, &flags);
                let right = outcome.code == 0 && outcome.stdout.contains("\"managedFields\"") == shown;
                self.expect(case, &format!("{flag} shows who owns what, or not"), &outcome, right);
            }
        }
        if has("save-config") {
            let flags = ["-o", "json", "--save-config"];
            let flags: Vec<&str> = flags.into_iter().chain(dry("--dry-run=server")).collect();
            let outcome = self.run(case, files, &flags);
            let kept = outcome.stdout.contains("kubectl.kubernetes.io/last-applied-configuration");
            self.expect(case, "--save-config keeps the configuration", &outcome, kept);
        }
        if has("validate") {
            let outcome = self.run(case, files, &["--validate=perhaps"]);
            let refused = outcome.code == 1 && outcome.stderr.contains("invalid - validate option \"perhaps\"");
            self.expect(case, "--validate refuses what it does not know", &outcome, refused);
        }
        if has("output") {
            let flags: Vec<&str> = ["-o", "nonsense"].into_iter().chain(dry("--dry-run=client")).collect();
            let outcome = self.run(case, files, &flags);
            self.expect(case, "-o refuses what it does not know", &outcome, outcome.code == 1);
        }
    }

    /// Tries manifests in folders and kustomizations.
    fn files(&mut self, case: &Case, flags: &Flags<'_>) {
        let both = |outcome: &Outcome| outcome.stdout.contains("inner");
        let dry: &[&str] = if flags.long("dry-run").is_some() { &["--dry-run=client"] } else { &[] };
        // Only what is in the folder itself, all below it, and a kustomization of both.
        let outcome = self.run(case, &["-f", "{}", "--recursive=false"], dry);
        let outer = !both(&outcome) && outcome.code <= 1;
        self.expect(case, "-f takes only what is in the folder", &outcome, outer);
        let outcome = self.run(case, &["-f", "{}", "-R"], dry);
        self.expect(case, "-R takes folders in the folder, too", &outcome, both(&outcome));
        // One command does not count a kustomization among the objects it is given; kubectl has it so.
        if flags.long("kustomize").is_some() && !case.words.starts_with(&["set".to_owned(), "env".to_owned()]) {
            let outcome = self.run(case, &["-k", "k-{}"], dry);
            self.expect(case, "-k takes a kustomization", &outcome, both(&outcome));
        }
    }

    /// Tries that labels and `--all` choose objects.
    fn selected(&mut self, case: &Case, flags: &Flags<'_>) {
        let dry: &[&str] = if flags.long("dry-run").is_some() { &["--dry-run=client"] } else { &[] };
        let outcome = self.run(case, &[], dry);
        let by_label = case.words.iter().any(|word| word == "-l");
        let right = match by_label {
            true => outcome.stdout.contains("inner") && !outcome.stdout.contains("web"),
            false => outcome.stdout.lines().count() > 0 && outcome.code == 0,
        };
        self.expect(case, "objects are chosen", &outcome, right);
    }
}

#[test]
fn flags_that_commands_share_do_the_same_everywhere() {
    let command = global::command();
    let global = Flags::of(&command);
    let mut trial = Trial { sandbox: prepare(), number: 0, faults: Vec::new() };
    for case in cases() {
        let command = find(&case.words, &global).command().and_then(|entry| entry.flags()).expect("a command");
        let flags = Flags::of(&command);
        if case.folder.is_some() {
            trial.files(&case, &flags);
        } else if case.words.iter().any(|word| word == "-l" || word == "--all") {
            trial.selected(&case, &flags);
        } else {
            trial.formats(&case, &flags);
        }
    }
    assert!(trial.faults.is_empty(), "{} faults:\n{}", trial.faults.len(), trial.faults.join("\n"));
}
