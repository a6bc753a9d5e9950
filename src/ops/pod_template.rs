//! Where kinds keep the specification of their pods.

use super::pods::go_type;
use crate::object::{Meta, Object};

/// Group, kind, and the path of the pod specification.
const TEMPLATES: &[(&str, &str, &[&str])] = &[
    ("", "Pod", &["spec"]),
    ("", "ReplicationController", &["spec", "template", "spec"]),
    ("apps", "DaemonSet", &["spec", "template", "spec"]),
    ("apps", "Deployment", &["spec", "template", "spec"]),
    ("apps", "ReplicaSet", &["spec", "template", "spec"]),
    ("apps", "StatefulSet", &["spec", "template", "spec"]),
    ("batch", "CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
    ("batch", "Job", &["spec", "template", "spec"]),
];

/// The path of the pod specification in objects of this kind.
pub fn path_of(object: &Object) -> Option<&'static [&'static str]> {
    let gvk = object.gvk();
    TEMPLATES.iter().find(|(group, kind, _)| *group == gvk.group && *kind == gvk.kind).map(|(_, _, path)| *path)
}

/// The pod specification of an object.
///
/// # Errors
/// A kind that has none, in kubectl's words.
pub fn spec_mut(object: &mut Object) -> anyhow::Result<&mut Object> {
    match path_of(object) {
        Some(path) => Ok(object.at_mut(path)),
        None => anyhow::bail!("the object is not a pod or does not have a pod template: {}", go_type(object)),
    }
}

/// The containers of one kind (`containers`, `initContainers`) in a pod specification.
pub fn containers_mut<'a>(spec: &'a mut Object, field: &str) -> &'a mut [Object] {
    spec.get_mut(field).and_then(Object::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

/// Whether a container's name fits what `--containers` says: the name, or a pattern with `*` as
/// kubectl reads it.
pub fn is_selected(name: &str, pattern: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    if !pattern.contains('*') {
        return name == pattern;
    }
    let parts: Vec<&str> = pattern.split('*').collect();
    let mut at = 0;
    for (index, part) in parts.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
        // Positions are measured from the last match on, but compared as if from the beginning.
        let Some(next) = name.get(at..).and_then(|rest| rest.find(part)) else { return false };
        let too_early = next < at || (index == 0 && at != 0);
        if too_early || (index + 1 == parts.len() && name.len() != part.len() + next) {
            return false;
        }
        at = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn finds_pod_specifications() {
        let mut cronjob = json!({"apiVersion": "batch/v1", "kind": "CronJob"});
        spec_mut(&mut cronjob).expect("a specification")["x"] = json!(1);
        assert_eq!(cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["x"], json!(1));
        let mut service = json!({"apiVersion": "v1", "kind": "Service"});
        let error = spec_mut(&mut service).expect_err("none").to_string();
        assert_eq!(error, "the object is not a pod or does not have a pod template: *v1.Service");
    }

    #[test]
    fn selects_by_pattern() {
        for (name, pattern, want) in [
            ("web", "*", true),
            ("web", "web", true),
            ("web", "we", false),
            ("web", "we*", true),
            ("web", "*eb", true),
            ("web", "*e", false),
            ("web", "x*", false),
        ] {
            assert_eq!(is_selected(name, pattern), want, "{name} {pattern}");
        }
    }

    proptest! {
        #[test]
        fn patterns_never_panic(name in "\\PC{0,8}", pattern in "[a*é]{0,6}") {
            let _ = is_selected(&name, &pattern);
        }
    }
}
