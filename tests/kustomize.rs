//! `kustomize` with what is not in its folder: git repositories, and charts that helm renders. git is the
//! real one (it is said where there is none), helm a script that tells how it was called.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use common::Sandbox;

fn write(sandbox: &Sandbox, file: &str, text: &str) {
    let path = sandbox.work().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn bases_may_be_in_repositories() {
    let sandbox = Sandbox::new();
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=x", "-c", "user.email=x@example.org"]).args(args);
        command.current_dir(sandbox.work().join("repo")).env("HOME", sandbox.home()).output()
    };
    write(&sandbox, "repo/base/kustomization.yaml", "resources: [a.yaml]\nnamePrefix: r-\n");
    write(&sandbox, "repo/base/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    if git(&["init", "-q"]).is_err() {
        eprintln!("NOT RUN: git is not installed, no repository was fetched");
        return;
    }
    for args in [&["add", "."][..], &["commit", "-q", "-m", "x"], &["tag", "v1"]] {
        assert!(git(args).unwrap().status.success(), "{args:?}");
    }
    let repository = format!("file://{}", sandbox.work().join("repo").display());
    write(&sandbox, "use/kustomization.yaml", &format!("resources: [\"{repository}//base?ref=v1\"]\nnameSuffix: -s\n"));
    let want = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n");
    let built = sandbox.run("kctl", &["kustomize", "use"], "");
    assert_eq!((built.stdout, built.stderr.as_str()), (want("r-a-s"), ""));
    let built = sandbox.run("kctl", &["kustomize", &format!("{repository}//base")], "");
    assert_eq!((built.stdout, built.stderr.as_str()), (want("r-a"), ""));
    write(&sandbox, "use/kustomization.yaml", &format!("resources: [\"{repository}//base?ref=nosuch\"]\n"));
    let built = sandbox.run("kctl", &["kustomize", "use"], "");
    assert!(built.stderr.contains("failed to run 'git fetch --depth=1"), "{}", built.stderr);
}

const HELM: &str = r##"#!/bin/sh
echo "$@" >> helm.log
case $1 in
version) echo v3.15.0+gabc ;;
pull) mkdir -p "$4/chart"; echo "a: {b: 1, c: 2}" > "$4/chart/values.yaml" ;;
template)
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made}\ndata:\n  values: |\n'
    for word in "$@"; do case $word in *-values.yaml) sed 's/^/    /' "$word" ;; esac; done ;;
esac
"##;

const CHART: &str = "helmCharts:\n- name: chart\n  repo: https://example.org\n  version: \"1\"\n  releaseName: r\n  includeCRDs: true\n  valuesInline: {a: {b: 9}}\n";

#[test]
fn charts_are_rendered_by_helm() {
    let sandbox = Sandbox::new();
    let helm = sandbox.bin().join("charter");
    fs::write(&helm, HELM).unwrap();
    fs::set_permissions(&helm, fs::Permissions::from_mode(0o755)).unwrap();
    write(&sandbox, "kustomization.yaml", CHART);
    let built = sandbox.run("kctl", &["kustomize"], "");
    assert!(built.stderr.ends_with("`: must specify --enable-helm\n"), "{}", built.stderr);
    let built = sandbox.run("kctl", &["kustomize", "--enable-helm", "--helm-command=nosuchhelm"], "");
    let missing = "(is 'nosuchhelm' installed?): exec: \"nosuchhelm\": executable file not found in $PATH";
    assert!(built.stderr.contains(missing), "{}", built.stderr);
    let line = "kustomize --enable-helm --helm-command charter --helm-api-versions q/v1 --helm-kube-version 1.31.0 --helm-debug";
    for (merge, want) in [("", "b: 9\n      c: 2"), ("merge", "b: 1\n      c: 2"), ("replace", "b: 9\n")] {
        write(&sandbox, "kustomization.yaml", &format!("{CHART}  valuesMerge: \"{merge}\"\n"));
        let _ = fs::remove_file(sandbox.work().join("helm.log"));
        let built = sandbox.run("kctl", &line.split(' ').collect::<Vec<_>>(), "");
        assert_eq!((built.code, built.stderr.as_str()), (0, ""));
        assert!(built.stdout.contains(want), "{merge}: {}", built.stdout);
        let log = fs::read_to_string(sandbox.work().join("helm.log")).unwrap();
        let last = log.lines().last().unwrap_or_default();
        assert!(last.starts_with("template r "), "{log}");
        assert!(last.ends_with("--api-versions q/v1 --kube-version 1.31.0 --include-crds --debug"), "{log}");
    }
    assert!(sandbox.work().join("charts/chart-1/chart/values.yaml").exists());
}

#[test]
fn only_kustomizes_own_plugins_are_run() {
    let sandbox = Sandbox::new();
    write(&sandbox, "kustomization.yaml", "generators: [g.yaml]\n");
    let container = "apiVersion: x/v1\nkind: G\nmetadata:\n  name: g\n  annotations:\n    config.kubernetes.io/function: |\n      container: {image: example.org/x}\n";
    let program = "apiVersion: x/v1\nkind: G\nmetadata: {name: g}\n";
    for (config, flags, want) in [
        (container, &["kustomize"][..], "external plugins disabled; unable to load external plugin 'G'\n"),
        (container, &["kustomize", "--enable-alpha-plugins"], "such functions are not run\n"),
        (program, &["kustomize", "--enable-alpha-plugins"], "only plugins of the version 'builtin' are run\n"),
    ] {
        write(&sandbox, "g.yaml", config);
        let built = sandbox.run("kctl", flags, "");
        assert!(built.code == 1 && built.stderr.ends_with(want), "{flags:?}: {}", built.stderr);
    }
    // Files outside of the folder need to be asked for.
    write(&sandbox, "sub/kustomization.yaml", "resources: [../x.yaml]\n");
    write(&sandbox, "x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n");
    let built = sandbox.run("kctl", &["kustomize", "sub"], "");
    assert!(built.stderr.contains("is not in or below"), "{}", built.stderr);
    let built = sandbox.run("kctl", &["kustomize", "sub", "--load-restrictor=LoadRestrictionsNone"], "");
    assert_eq!(built.code, 0, "{}", built.stderr);
}
