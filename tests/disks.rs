//! A home on a disk that is full, or that cannot be written to: a clear error, and nothing lost.
//!
//! The disks are small ones in memory, which a process can have for itself where the system lets it make namespaces;
//! where it does not, that is said.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, says what it leaves out, and needs PATH"
)]
#![cfg(target_os = "linux")]

mod common;

use common::home::Home;

/// What a script ends with where it may not make a disk.
const NO_DISK: i32 = 77;

/// Runs a script with a disk of that size (as mount reads it) at `$disk`, which is the home, and `$kept` beside it.
/// Returns what it printed, or nothing where there can be no disk.
fn on_a_disk(home: &Home, size: &str, script: &str) -> Option<String> {
    let (disk, kept) = (home.0.join("disk"), home.0.join("kept"));
    std::fs::create_dir_all(&disk).expect("a folder");
    std::fs::create_dir_all(&kept).expect("a folder");
    let text = format!("mount -t tmpfs -o size={size} none \"$disk\" 2>/dev/null || exit {NO_DISK}\nset -u\n{script}");
    let mut command = std::process::Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "/bin/sh", "-c", &text])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .env("kctl", env!("CARGO_BIN_EXE_kctl"))
        .env("disk", &disk)
        .env("kept", &kept)
        .env("HOME", &disk)
        .env("TZ", "UTC")
        .current_dir(&home.0);
    let outcome = match command.output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("NOT RUN: unshare: {error}");
            return None;
        }
    };
    let said = String::from_utf8_lossy(&outcome.stderr);
    if outcome.status.code() == Some(NO_DISK) || said.contains("unshare failed") {
        eprintln!("NOT RUN: this user may not make a disk of their own: {said}");
        return None;
    }
    let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
    assert!(outcome.status.success(), "{}: {text}{said}", outcome.status);
    Some(text)
}

/// The part of a script's output behind a heading, up to the next one.
fn part<'a>(text: &'a str, heading: &str) -> &'a str {
    let from = text.split_once(&format!("== {heading}\n")).unwrap_or_else(|| panic!("no {heading}: {text}")).1;
    from.split_once("== ").map_or(from, |(part, _)| part)
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let home = Home::new("full-disk");
    let script = r#"
        "$kctl" get nodes -o name >"$kept/nodes" || exit 1
        long=$(head -c 60000 /dev/zero | tr '\0' x)
        number=0
        while "$kctl" create configmap "c$number" "--from-literal=a=$long" >>"$kept/acknowledged" 2>"$kept/error"; do
            number=$((number + 1))
            [ $number -lt 300 ] || exit 2
        done
        echo "== error"; cat "$kept/error"
        echo "== again"; "$kctl" create configmap again "--from-literal=a=$long" 2>&1
        echo "== read"; "$kctl" get configmaps -o name 2>&1
        echo "== acknowledged"; cat "$kept/acknowledged"
        mount -o remount,size=64m "$disk" || exit 3
        echo "== after"; "$kctl" create configmap after "--from-literal=a=$long" 2>&1
        echo "== list"; "$kctl" get configmaps -o name
    "#;
    let Some(text) = on_a_disk(&home, "6m", script) else { return };
    let error = part(&text, "error");
    assert!(error.contains("no room is left on the disk of the store"), "{error}");
    assert!(error.contains("cluster.db"), "the file is named: {error}");
    assert!(part(&text, "again").contains("no room is left"), "{text}");
    let acknowledged: Vec<&str> =
        part(&text, "acknowledged").lines().filter_map(|line| line.strip_suffix(" created")).collect();
    assert!(acknowledged.len() > 5, "{text}");
    for reading in ["read", "list"] {
        let there: Vec<&str> = part(&text, reading).lines().collect();
        for name in &acknowledged {
            assert!(there.contains(name), "{reading}: {name} was acknowledged: {there:?}");
        }
    }
    assert_eq!(part(&text, "after"), "configmap/after created\n");
    assert!(part(&text, "list").contains("configmap/after\n"));
}

#[test]
fn a_home_that_cannot_be_written_to_is_told() {
    let home = Home::new("read-only");
    let script = r#"
        echo "== new"; mount -o remount,ro "$disk" || exit 3
        "$kctl" get nodes 2>&1; echo "code $?"
        mount -o remount,rw "$disk" || exit 3
        "$kctl" create configmap kept >"$kept/made" || exit 4
        find "$disk" -type f | sort | xargs cksum >"$kept/before"
        mount -o remount,ro "$disk" || exit 3
        echo "== read"; "$kctl" get configmap kept -o name 2>&1; echo "code $?"
        echo "== write"; "$kctl" create configmap more 2>&1; echo "code $?"
        echo "== other"; KCTL_OFFLINE_DIR="$kept/state" "$kctl" create configmap elsewhere 2>&1; echo "code $?"
        echo "== config"; "$kctl" config set-context x --user=y 2>&1; echo "code $?"
        find "$disk" -type f | sort | xargs cksum | cmp - "$kept/before" || exit 5
        mount -o remount,rw "$disk" || exit 3
        echo "== after"; "$kctl" get configmaps -o name 2>&1
    "#;
    let Some(text) = on_a_disk(&home, "16m", script) else { return };
    // What is there can be read.
    assert_eq!(part(&text, "read"), "configmap/kept\ncode 0\n");
    for (what, folder) in [("new", "disk"), ("write", "cluster.db")] {
        let said = part(&text, what);
        assert!(said.contains("cannot be used: ") && said.ends_with("code 1\n"), "{what}: {said}");
        assert!(said.contains(folder) && said.contains("KCTL_OFFLINE_DIR"), "{what}: {said}");
        assert!(said.lines().count() <= 3, "{what}: {said}");
    }
    assert_eq!(part(&text, "other"), "configmap/elsewhere created\ncode 0\n");
    assert!(part(&text, "config").contains("Read-only file system"), "{text}");
    assert_eq!(part(&text, "after"), "configmap/kept\nconfigmap/kube-root-ca.crt\n");
}

/// Damage, as a user meets it; `backend::store` has every kind.
#[test]
fn a_damaged_file_is_told_and_kept_aside_on_demand() {
    let home = Home::new("damaged");
    home.kctl(&["create", "configmap", "kept"]);
    let store = home.store();
    let mut bytes = std::fs::read(&store).expect("the store");
    let log = store.with_file_name("cluster.db-wal");
    let mut log_bytes = std::fs::read(&log).expect("its log");
    let middle = log_bytes.len() / 2;
    log_bytes[middle..middle + 64].fill(0xa5);
    if let Some(byte) = bytes.get_mut(40) {
        *byte ^= 0xff;
    }
    std::fs::write(&log, &log_bytes).expect("written");
    std::fs::write(&store, &bytes).expect("written");
    for args in [&["get", "configmaps"][..], &["create", "configmap", "more"], &["offline", "status"]] {
        let output = home.command(args).output().expect("kctl runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(&format!("the store {} is damaged: ", store.display())), "{args:?}: {said}");
        assert!(said.contains("`kctl offline reset` keeps it aside and starts a new one"), "{args:?}: {said}");
    }
    assert!(std::fs::read(&store).expect("the store") == bytes, "the file is left as it is");
    assert!(std::fs::read(&log).expect("its log") == log_bytes, "its log is left as it is");
    let said = home.kctl(&["offline", "reset", "-y"]);
    assert!(said.contains("it is kept as "), "{said}");
    let aside = store.with_file_name("cluster.db.aside-1");
    assert!(std::fs::read(&aside).expect("kept aside") == bytes);
    assert!(std::fs::read(store.with_file_name("cluster.db.aside-1-wal")).expect("kept aside") == log_bytes);
    assert_eq!(home.kctl(&["get", "nodes", "-o", "name"]).lines().count(), 3);
}
