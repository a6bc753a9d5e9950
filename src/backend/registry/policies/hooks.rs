//! What is wrong with webhook configurations
//! (`pkg/apis/admissionregistration/validation/validation.go`, `apiserver/pkg/util/webhook/validation.go`).

use super::Policy;
use super::check::{match_conditions, named_rule};
use crate::backend::registry::validation::{Faults, child, indexed, is_set, workload};
use crate::object::cel::library::Url;
use crate::object::{Meta, Object, names};

/// The versions of reviews that are sent.
const REVIEW_VERSIONS: [&str; 2] = ["v1", "v1beta1"];
/// Webhooks must not do anything when nothing is to be done.
const SIDE_EFFECTS: [&str; 2] = ["None", "NoneOnDryRun"];
const URL_FORM: &str = "; desired format: https://host[/path]";

/// Faults of a `MutatingWebhookConfiguration`.
pub fn mutating(configuration: &Object, faults: &mut Faults) {
    check(configuration, true, faults);
}

/// Faults of a `ValidatingWebhookConfiguration`.
pub fn validating(configuration: &Object, faults: &mut Faults) {
    check(configuration, false, faults);
}

fn check(configuration: &Object, mutating: bool, faults: &mut Faults) {
    let mut seen = Vec::new();
    for (path, hook) in indexed(configuration, "", &["webhooks"]) {
        webhook(hook, mutating, &path, faults);
        review_versions(hook, &child(&path, "admissionReviewVersions"), faults);
        let name = hook.str_at(&["name"]);
        if !name.is_empty() && seen.contains(&name) {
            faults.duplicate(child(&path, "name"), name);
        }
        seen.push(name);
    }
}

fn webhook(hook: &Object, mutating: bool, path: &str, faults: &mut Faults) {
    name(hook.str_at(&["name"]), &child(path, "name"), faults);
    for (path, rule) in indexed(hook, path, &["rules"]) {
        named_rule(rule, &path, faults);
    }
    let mut one_of = |field: &str, allowed: &[&str]| {
        if let Some(value) = hook.at(&[field]).and_then(Object::as_str).filter(|value| !allowed.contains(value)) {
            faults.not_supported(child(path, field), value, allowed);
        }
    };
    one_of("failurePolicy", &["Fail", "Ignore"]);
    one_of("matchPolicy", &["Equivalent", "Exact"]);
    one_of("sideEffects", &SIDE_EFFECTS);
    if !is_set(hook.at(&["sideEffects"])) {
        let why = format!("must specify one of {}", SIDE_EFFECTS.join(", "));
        faults.required(child(path, "sideEffects"), &why);
    }
    if let Some(seconds) = hook.int_at(&["timeoutSeconds"]).filter(|seconds| !(1..=30).contains(seconds)) {
        faults.invalid(child(path, "timeoutSeconds"), seconds, "the timeout value must be between 1 and 30 seconds");
    }
    for field in ["namespaceSelector", "objectSelector"] {
        workload::selector(hook.at(&[field]), &child(path, field), faults);
    }
    if mutating
        && let Some(policy) = hook.at(&["reinvocationPolicy"]).and_then(Object::as_str)
        && !matches!(policy, "Never" | "IfNeeded")
    {
        faults.not_supported(child(path, "reinvocationPolicy"), policy, &["IfNeeded", "Never"]);
    }
    client(hook, &child(path, "clientConfig"), faults);
    if !hook.list_at(&["matchConditions"]).is_empty() {
        match_conditions(hook, &Policy::read(&serde_json::json!({"spec": hook})), path, faults);
    }
}

fn name(name: &str, field: &str, faults: &mut Faults) {
    let complaints = names::dns1123_subdomain(name);
    if name.is_empty() {
        faults.required(field, "");
    } else if !complaints.is_empty() {
        faults.invalid(field, name, complaints.join(","));
    } else if name.split('.').count() < 3 {
        faults.invalid(field, name, "should be a domain with at least three segments separated by dots");
    }
}

fn review_versions(hook: &Object, field: &str, faults: &mut Faults) {
    let given = hook.list_at(&["admissionReviewVersions"]);
    if given.is_empty() {
        return faults.required(field, &format!("must specify one of {}", REVIEW_VERSIONS.join(", ")));
    }
    let mut seen = Vec::new();
    for (at, version) in given.iter().map(|version| version.as_str().unwrap_or_default()).enumerate() {
        let here = format!("{field}[{at}]");
        if seen.contains(&version) {
            faults.invalid(here, version, "duplicate version");
        } else {
            faults.complaints(&here, version, names::dns1035_label(version));
            seen.push(version);
        }
    }
    if !seen.iter().any(|version| REVIEW_VERSIONS.contains(version)) {
        let why = format!("must include at least one of {}", REVIEW_VERSIONS.join(", "));
        faults.invalid(field, given.to_vec(), why);
    }
}

/// Where a webhook is.
fn client(hook: &Object, field: &str, faults: &mut Faults) {
    let given = hook.at(&["clientConfig"]);
    let part = |name: &str| given.and_then(|given| given.get(name)).filter(|value| !value.is_null());
    match (part("url"), part("service")) {
        (Some(address), None) => url(address.as_str().unwrap_or_default(), &child(field, "url"), faults),
        (None, Some(of)) => service(of, &child(field, "service"), faults),
        _ => faults.required(field, "exactly one of url or service is required"),
    }
}

fn url(text: &str, field: &str, faults: &mut Faults) {
    let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (scheme, host) = match Url::parse(address) {
        Ok(url) => (url.scheme, url.host),
        // What requests cannot have is a relative address.
        Err(why) if why.ends_with("empty url") || why.ends_with("invalid URI for request") => Default::default(),
        Err(why) => return faults.required(field, &format!("url must be a valid URL: {why}{URL_FORM}")),
    };
    if scheme != "https" {
        faults.invalid(field, scheme, format!("'https' is the only allowed URL scheme{URL_FORM}"));
    }
    if host.is_empty() {
        faults.invalid(field, "", format!("host must be specified{URL_FORM}"));
    }
    let (before, query) = address.split_once('?').unwrap_or((address, ""));
    let authority = before.split_once("//").and_then(|(_, rest)| rest.split('/').next());
    if let Some((user, _)) = authority.and_then(|authority| authority.rsplit_once('@')) {
        faults.invalid(field, user, "user information is not permitted in the URL");
    }
    if !fragment.is_empty() {
        faults.invalid(field, fragment, "fragments are not permitted in the URL");
    }
    if !query.is_empty() {
        faults.invalid(field, query, "query parameters are not permitted in the URL");
    }
}

fn service(service: &Object, field: &str, faults: &mut Faults) {
    // The server takes one for the other.
    for (missing, told) in [("namespace", "name"), ("name", "namespace")] {
        if service.str_at(&[missing]).is_empty() {
            faults.required(child(field, told), "");
        }
    }
    let port = service.int_at(&["port"]).unwrap_or(0);
    let complaints = names::port_number(port);
    if !complaints.is_empty() {
        faults.invalid(child(field, "port"), port, format!("port is not valid: {}", complaints.join(", ")));
    }
    let (path, field) = (service.str_at(&["path"]), child(field, "path"));
    match path {
        "" | "/" => return,
        "//" => return faults.invalid(field, path, "segment[0] may not be empty"),
        _ => {}
    }
    if !path.starts_with('/') {
        faults.invalid(field.as_str(), path, "must start with a '/'");
    }
    // Whatever the first byte is, it is not looked at again.
    let rest = String::from_utf8_lossy(path.as_bytes().get(1..).unwrap_or_default());
    for (at, step) in rest.strip_suffix('/').unwrap_or(&rest).split('/').enumerate() {
        if step.is_empty() {
            faults.invalid(field.as_str(), path, format!("segment[{at}] may not be empty"));
        } else {
            for complaint in names::dns1123_subdomain(step) {
                faults.invalid(field.as_str(), path, format!("segment[{at}]: {complaint}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(change: impl FnOnce(&mut Object)) -> Vec<String> {
        let mut hook = json!({
            "name": "a.sea.example", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://localhost/x"},
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
        });
        change(&mut hook);
        let mut faults = Faults::default();
        mutating(&json!({"webhooks": [hook]}), &mut faults);
        faults.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn says_what_is_wrong_with_a_webhook() {
        assert!(told(|_| {}).is_empty());
        let at = |field: &'static str, value: Object| told(move |hook| hook[field] = value);
        let url = |url: &str| at("clientConfig", json!({"url": url}));
        for (found, want) in [
            (
                at("name", json!("a.b")),
                &[
                    "webhooks[0].name: Invalid value: \"a.b\": should be a domain with at least three segments separated by dots",
                ][..],
            ),
            (
                at("sideEffects", json!(null)),
                &["webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"],
            ),
            (
                at("sideEffects", json!("Some")),
                &["webhooks[0].sideEffects: Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\""],
            ),
            (
                at("timeoutSeconds", json!(31)),
                &["webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"],
            ),
            (
                at("reinvocationPolicy", json!("x")),
                &[
                    "webhooks[0].reinvocationPolicy: Unsupported value: \"x\": supported values: \"IfNeeded\", \"Never\"",
                ],
            ),
            (
                at("admissionReviewVersions", json!([])),
                &["webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1"],
            ),
            (
                at("admissionReviewVersions", json!(["v2", "v2"])),
                &[
                    "webhooks[0].admissionReviewVersions[1]: Invalid value: \"v2\": duplicate version",
                    "webhooks[0].admissionReviewVersions: Invalid value: [\"v2\",\"v2\"]: must include at least one of v1, v1beta1",
                ],
            ),
            (
                at("clientConfig", json!({})),
                &["webhooks[0].clientConfig: Required value: exactly one of url or service is required"],
            ),
            (
                url("http://u:p@h/?q#f"),
                &[
                    "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]",
                    "webhooks[0].clientConfig.url: Invalid value: \"u:p\": user information is not permitted in the URL",
                    "webhooks[0].clientConfig.url: Invalid value: \"f\": fragments are not permitted in the URL",
                    "webhooks[0].clientConfig.url: Invalid value: \"q\": query parameters are not permitted in the URL",
                ],
            ),
            (
                url("x"),
                &[
                    "webhooks[0].clientConfig.url: Invalid value: \"\": 'https' is the only allowed URL scheme; desired format: https://host[/path]",
                    "webhooks[0].clientConfig.url: Invalid value: \"\": host must be specified; desired format: https://host[/path]",
                ],
            ),
            (
                at("clientConfig", json!({"service": {"name": "a", "port": 0, "path": "x/y/"}})),
                &[
                    "webhooks[0].clientConfig.service.name: Required value",
                    "webhooks[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive",
                    "webhooks[0].clientConfig.service.path: Invalid value: \"x/y/\": must start with a '/'",
                    "webhooks[0].clientConfig.service.path: Invalid value: \"x/y/\": segment[0] may not be empty",
                ],
            ),
            (
                at("matchConditions", json!([{"name": "a", "expression": "1"}])),
                &["webhooks[0].matchConditions[0].expression: Invalid value: \"1\": must evaluate to bool but got int"],
            ),
            (
                at(
                    "rules",
                    json!([{"operations": ["X"], "apiGroups": ["a", "*"], "apiVersions": ["v1"], "resources": ["*", "pods", "pods/*", "pods/x"]}]),
                ),
                &[
                    "webhooks[0].rules[0].operations[0]: Unsupported value: \"X\": supported values: \"*\", \"CONNECT\", \"CREATE\", \"DELETE\", \"UPDATE\"",
                    "webhooks[0].rules[0].apiGroups: Invalid value: [\"a\",\"*\"]: if '*' is present, must not specify other API groups",
                    "webhooks[0].rules[0].resources[3]: Invalid value: \"pods/x\": if 'pods/*' is present, must not specify pods/x",
                    "webhooks[0].rules[0].resources: Invalid value: [\"*\",\"pods\",\"pods/*\",\"pods/x\"]: if '*' is present, must not specify other resources without subresources",
                ],
            ),
        ] {
            assert_eq!(found, want);
        }
    }

    #[test]
    fn names_are_given_once() {
        let hook = json!({"name": "a.sea.example", "sideEffects": "None", "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://h"}});
        let mut faults = Faults::default();
        validating(&json!({"webhooks": [hook, hook]}), &mut faults);
        let told: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["webhooks[1].name: Duplicate value: \"a.sea.example\""]);
    }
}
