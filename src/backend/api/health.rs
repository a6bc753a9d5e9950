//! How the server is.

use std::fmt::Write as _;

const ALL: &[&str] = &["healthz", "readyz", "livez"];
const ALIVE: &[&str] = &["healthz", "livez"];
const READY: &[&str] = &["readyz"];

/// The checks, and by which paths they are asked. All of them pass in a server that answers at all.
const CHECKS: &[(&str, &[&str])] = &[
    ("ping", ALL),
    ("log", ALL),
    ("loopback-serving-certificate", ALIVE),
    ("etcd", ALIVE),
    ("informer-sync", READY),
    ("poststarthook/start-apiserver-admission-initializer", ALL),
    ("poststarthook/generic-apiserver-start-informers", ALL),
    ("poststarthook/priority-and-fairness-config-consumer", ALL),
    ("poststarthook/priority-and-fairness-filter", ALL),
    ("poststarthook/storage-object-count-tracker-hook", ALL),
    ("poststarthook/start-apiextensions-informers", ALL),
    ("poststarthook/start-apiextensions-controllers", ALL),
    ("poststarthook/crd-informer-synced", ALL),
    ("poststarthook/start-system-namespaces-controller", ALL),
    ("poststarthook/peer-endpoint-reconciler-controller", ALL),
    ("poststarthook/start-cluster-authentication-info-controller", ALL),
    ("poststarthook/start-kube-apiserver-identity-lease-controller", ALL),
    ("poststarthook/start-kube-apiserver-identity-lease-garbage-collector", ALL),
    ("poststarthook/storage-readiness", ALL),
    ("poststarthook/start-legacy-token-tracking-controller", ALL),
    ("poststarthook/start-service-ip-repair-controllers", ALL),
    ("poststarthook/rbac/bootstrap-roles", ALL),
    ("poststarthook/scheduling/bootstrap-system-priority-classes", ALL),
    ("poststarthook/priority-and-fairness-config-producer", ALL),
    ("poststarthook/bootstrap-controller", ALL),
    ("poststarthook/start-kubernetes-service-cidr-controller", ALL),
    ("poststarthook/aggregator-reload-proxy-client-cert", ALL),
    ("poststarthook/start-kube-aggregator-informers", ALL),
    ("poststarthook/apiservice-status-local-available-controller", ALL),
    ("poststarthook/apiservice-status-remote-available-controller", ALL),
    ("poststarthook/apiservice-registration-controller", ALL),
    ("poststarthook/apiservice-wait-for-first-sync", ALL),
    ("poststarthook/apiservice-discovery-controller", ALL),
    ("poststarthook/kube-apiserver-autoregistration", ALL),
    ("autoregister-completion", ALL),
    ("poststarthook/apiservice-openapi-controller", ALL),
    ("poststarthook/apiservice-openapiv3-controller", ALL),
    ("shutdown", READY),
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
        let names = quoted.join(",");
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
            all.starts_with("[+]ping ok\n[+]log ok\n[+]informer-sync ok\n")
                && all.ends_with("[+]shutdown ok\nreadyz check passed\n")
        );
        let some = answer("livez", "", true, &["etcd", "x"]).expect("lines");
        assert!(some.contains("[+]etcd excluded: ok\n"));
        assert!(
            some.ends_with("warn: some health checks cannot be excluded: no matches for \"x\"\nlivez check passed\n")
        );
    }
}
