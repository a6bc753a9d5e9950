//! How the server is.

use std::fmt::Write as _;

/// The checks, and by which paths they are asked. All of them pass in a server that answers at all.
const CHECKS: &[(&str, &[&str])] = &[
    ("ping", &["healthz", "readyz", "livez"]),
    ("log", &["healthz", "readyz", "livez"]),
    ("etcd", &["healthz", "readyz", "livez"]),
    ("etcd-readiness", &["readyz"]),
    ("informer-sync", &["readyz"]),
    ("poststarthook/start-apiserver-admission-initializer", &["healthz", "readyz", "livez"]),
    ("poststarthook/generic-apiserver-start-informers", &["healthz", "readyz", "livez"]),
    ("poststarthook/start-apiextensions-informers", &["healthz", "readyz", "livez"]),
    ("poststarthook/start-apiextensions-controllers", &["healthz", "readyz", "livez"]),
    ("poststarthook/crd-informer-synced", &["healthz", "readyz", "livez"]),
    ("poststarthook/rbac/bootstrap-roles", &["healthz", "readyz", "livez"]),
    ("poststarthook/scheduling/bootstrap-system-priority-classes", &["healthz", "readyz", "livez"]),
    ("poststarthook/apiservice-discovery-controller", &["healthz", "readyz", "livez"]),
    ("autoregister-completion", &["healthz", "readyz", "livez"]),
    ("poststarthook/apiservice-openapi-controller", &["healthz", "readyz", "livez"]),
    ("poststarthook/apiservice-openapiv3-controller", &["healthz", "readyz", "livez"]),
    ("shutdown", &["readyz"]),
];

/// The answer to a question after the server's health; none for a check that there is not. What is excluded is
/// not looked at.
pub(super) fn answer(of: &str, check: &str, verbose: bool, excluded: &[&str]) -> Option<String> {
    let mut checks = CHECKS.iter().filter(|(_, paths)| paths.contains(&of)).map(|(name, _)| *name);
    if !check.is_empty() {
        return checks.any(|name| name == check).then(|| "ok".to_owned());
    }
    if !verbose {
        return Some("ok".to_owned());
    }
    let mut text = String::new();
    let mut unknown: Vec<&str> = excluded.to_vec();
    for name in checks {
        let is_excluded = excluded.contains(&name);
        unknown.retain(|other| *other != name);
        let _ = writeln!(text, "[+]{name} {}", if is_excluded { "excluded: ok" } else { "ok" });
    }
    if !unknown.is_empty() {
        unknown.sort_unstable();
        unknown.dedup();
        let quoted: Vec<String> = unknown.iter().map(|name| format!("{name:?}")).collect();
        let names = quoted.join(", ");
        let _ = writeln!(text, "warn: some health checks cannot be excluded: no matches for {names}");
    }
    let _ = writeln!(text, "{of} check passed");
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_it_checks() {
        assert_eq!(answer("livez", "", false, &[]).as_deref(), Some("ok"));
        assert_eq!(answer("healthz", "etcd", false, &[]).as_deref(), Some("ok"));
        assert_eq!(answer("healthz", "shutdown", false, &[]), None);
        let all = answer("readyz", "", true, &[]).expect("lines");
        assert!(
            all.starts_with("[+]ping ok\n[+]log ok\n[+]etcd ok\n")
                && all.ends_with("[+]shutdown ok\nreadyz check passed\n")
        );
        let some = answer("livez", "", true, &["etcd", "x"]).expect("lines");
        assert!(some.contains("[+]etcd excluded: ok\n"));
        assert!(
            some.ends_with("warn: some health checks cannot be excluded: no matches for \"x\"\nlivez check passed\n")
        );
    }
}
