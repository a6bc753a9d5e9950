//! What the rules of the kinds make of manifests.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::backend::registry::strategy::Cluster;
use crate::object::{Meta, Object, Status, Timestamp, time};

/// A cluster of a few objects.
#[derive(Default)]
pub(super) struct Few(BTreeMap<(String, String, String), Object>);

impl Few {
    pub(super) fn with(mut self, resource: &str, object: Object) -> Self {
        self.0.insert((resource.into(), object.namespace().into(), object.name().into()), object);
        self
    }

    /// A namespace's default account is always there.
    pub(super) fn usual() -> Self {
        Self::default().with("serviceaccounts", json!({"metadata": {"namespace": "default", "name": "default"}}))
    }
}

impl Cluster for Few {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Object> {
        self.0.get(&(resource.to_owned(), namespace.to_owned(), name.to_owned())).cloned()
    }

    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Object> {
        let of = |key: &(String, String, String)| key.0 == resource && namespace.is_none_or(|wanted| wanted == key.1);
        self.0.iter().filter(|(key, _)| of(key)).map(|(_, object)| object.clone()).collect()
    }

    fn now(&self) -> Timestamp {
        time::parse_rfc3339("2026-01-02T03:04:05Z").unwrap_or_default()
    }

    fn random(&self) -> u64 {
        42
    }
}

/// What a server does with a new object before it stores it.
pub(super) fn created(resource: &str, object: &Object, cluster: &dyn Cluster) -> Result<Object, Status> {
    let mut object = object.clone();
    let strategy = for_resource(resource);
    strategy.default(&mut object);
    strategy.prepare_for_create(&mut object, cluster)?;
    let mut faults = strategy.validate(&object);
    faults.extend(strategy.validate_create(&object));
    match faults.as_slice() {
        [] => super::quota::check(resource, &object, None, cluster).map(|()| object),
        faults => Err(Status::invalid(&object.gvk().group_kind(), object.name(), faults)),
    }
}

/// Sorted, with what is made up masked.
fn masked(object: &Object) -> Object {
    let mut object = object.clone();
    object.remove_at(&["status"]);
    object.remove_at(&["metadata", "uid"]);
    // Notes of controllers.
    object.remove_at(&["metadata", "annotations"]);
    // Tests cannot know which controller noted what.
    let text = object.to_string();
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("kube-api-access-") {
        let (head, tail) = rest.split_at(at + "kube-api-access-".len());
        out.push_str(head);
        out.push_str("xxxxx");
        rest = tail.get(5..).unwrap_or("");
    }
    out.push_str(rest);
    serde_json::from_str(&out).unwrap_or_default()
}

#[test]
fn the_table_is_sorted() {
    assert!(TABLE.is_sorted_by_key(|(resource, _)| *resource));
}

/// Objects that a server refuses (or accepts), with its words: one line a cause.
#[test]
fn refuses_in_the_servers_words() {
    let cases: Vec<Object> =
        serde_json::from_str(include_str!("../../../../tests/data/strategies/refused.json")).expect("a table");
    assert!(cases.len() > 30);
    let mut wrong = Vec::new();
    for case in &cases {
        let mut cluster = Few::usual();
        for other in case.list_at(&["cluster"]) {
            let resource = other.str_at(&["resource"]);
            cluster = cluster.with(resource, other["object"].clone());
        }
        let resource = case.str_at(&["resource"]);
        let (new, old) = (&case["object"], case.at(&["old"]));
        let outcome = match old {
            None => created(resource, new, &cluster),
            Some(old) => updated(resource, new, old, &cluster),
        };
        let got = match outcome {
            Ok(_) => "accepted".to_owned(),
            Err(status) if status.reason == "Invalid" => {
                let causes = status.details.map(|details| details.causes).unwrap_or_default();
                causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect::<Vec<_>>().join("\n")
            }
            Err(status) => status.message,
        };
        let want: Vec<&str> = case.list_at(&["want"]).iter().filter_map(Object::as_str).collect();
        if got != want.join("\n") {
            wrong.push(format!("{resource} {new}\n  got  {got}\n  want {}", want.join("\n       ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// What a server does with a change before it stores it.
fn updated(resource: &str, new: &Object, old: &Object, cluster: &dyn Cluster) -> Result<Object, Status> {
    let mut old = created(resource, old, cluster)?;
    old.set_at(&["metadata", "uid"], "u");
    let mut new = new.clone();
    let strategy = for_resource(resource);
    strategy.default(&mut new);
    strategy.prepare_for_update(&mut new, &old, cluster)?;
    let mut faults = strategy.validate(&new);
    faults.extend(strategy.validate_update(&new, &old));
    if faults.is_empty() { Ok(new) } else { Err(Status::invalid(&new.gvk().group_kind(), new.name(), &faults)) }
}

#[test]
fn manifests_become_what_a_server_stores() {
    let cases: Vec<Object> =
        serde_json::from_str(include_str!("../../../../tests/data/strategies/defaults.json")).expect("a table");
    assert!(cases.len() > 80);
    let mut wrong = Vec::new();
    for case in &cases {
        let resource = case.str_at(&["resource"]);
        let manifest = &case["manifest"];
        let namespace = manifest.namespace();
        let mut cluster = Few::default();
        let shared = [
            "nodes",
            "ingressclasses.networking.k8s.io",
            "priorityclasses.scheduling.k8s.io",
            "runtimeclasses.node.k8s.io",
        ];
        for other in cases.iter().filter(|other| shared.contains(&other.str_at(&["resource"]))) {
            cluster = cluster.with(other.str_at(&["resource"]), other["stored"].clone());
        }
        for account in ["default", case.str_at(&["stored", "spec", "serviceAccountName"])] {
            cluster = cluster.with("serviceaccounts", json!({"metadata": {"namespace": namespace, "name": account}}));
        }
        let mut manifest = manifest.clone();
        if manifest.api_version() == "autoscaling/v1" {
            manifest = autoscaler::to_v2(&manifest);
        }
        if let Some(uid) = case.at(&["uid"]) {
            manifest.set_at(&["metadata", "uid"], uid.clone());
        }
        match created(resource, &manifest, &cluster) {
            Err(status) => wrong.push(format!("{resource} {}: {}", manifest.name(), status.message)),
            Ok(stored) => {
                let (mut got, mut want) = (masked(&stored), masked(&case["stored"]));
                if manifest.str_at(&["spec", "clusterIP"]).is_empty() && resource == "services" {
                    for field in ["clusterIP", "clusterIPs"] {
                        assert_eq!(
                            got.remove_at(&["spec", field]).is_some(),
                            want.remove_at(&["spec", field]).is_some()
                        );
                    }
                }
                if got != want {
                    let patch = crate::object::patch::merge::diff(&want, &got);
                    wrong.push(format!("{resource} {}: {patch}", manifest.name()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Any value under the names that rules look at.
fn any_spec() -> impl proptest::strategy::Strategy<Value = Object> {
    use proptest::prelude::*;
    const NAMES: &[&str] = &[
        "containers",
        "initContainers",
        "volumes",
        "template",
        "metadata",
        "labels",
        "spec",
        "selector",
        "matchLabels",
        "ports",
        "env",
        "resources",
        "limits",
        "requests",
        "cpu",
        "name",
        "image",
        "type",
        "clusterIP",
        "clusterIPs",
        "strategy",
        "rollingUpdate",
        "jobTemplate",
        "schedule",
        "metrics",
        "rules",
        "data",
        "subsets",
        "endpoints",
        "livenessProbe",
        "httpGet",
        "status",
        "annotations",
        "port",
        "nodePort",
        "taints",
        "hard",
    ];
    let leaf = prop_oneof![
        Just(Object::Null),
        any::<bool>().prop_map(Object::from),
        (-2_i64..70_000).prop_map(Object::from),
        prop_oneof![Just(""), Just("a"), Just("None"), Just("1Gi"), Just("50%"), Just("NodePort"), Just("* * * * *")]
            .prop_map(Object::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Object::from),
            prop::collection::vec((prop::sample::select(NAMES), inner), 0..5).prop_map(|map| Object::Object(
                map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest::proptest! {
    #[test]
    fn any_object_is_taken_or_refused(spec in any_spec(), old in any_spec(), at in 0..TABLE.len()) {
        let (resource, _) = TABLE[at];
        let of = crate::object::builtin::by_group_resource(resource).expect("a built-in resource");
        let object = |spec: Object| {
            let mut object = if spec.is_object() { spec.clone() } else { json!({}) };
            object["spec"] = spec;
            object["apiVersion"] = of.group_version().to_string().into();
            object["kind"] = of.kind.into();
            object.set_at(&["metadata", "name"], "a");
            object.set_at(&["metadata", "namespace"], "default");
            object
        };
        let (new, old) = (object(spec), object(old));
        if let Ok(stored) = created(resource, &new, &Few::usual()) {
            // A second look changes nothing.
            let mut again = stored.clone();
            for_resource(resource).default(&mut again);
            proptest::prop_assert_eq!(&again, &stored);
        }
        let _ = updated(resource, &new, &old, &Few::usual());
        let strategy = for_resource(resource);
        strategy.validate_update(&new, &old);
        strategy.warnings(&new, Some(&old));
        strategy.default_grace_period(&new);
    }
}

#[test]
fn what_is_stored_stays_as_it_is() {
    let cluster: Object =
        serde_json::from_str(include_str!("../../../../tests/data/golden/cluster.json")).expect("a list");
    let mut looked_at = 0;
    for stored in cluster.list_at(&["items"]) {
        let Some(resource) = crate::object::builtin::by_gvk(&stored.gvk()) else { continue };
        let strategy = for_resource(resource.group_resource());
        let mut again = stored.clone();
        strategy.default(&mut again);
        let about = format!("{} {}", stored.kind(), stored.name());
        assert_eq!(&again, stored, "{about}");
        assert_eq!(strategy.validate(stored), [], "{about}");
        assert_eq!(strategy.validate_update(stored, stored), [], "{about}");
        looked_at += 1;
    }
    assert!(looked_at > 500, "{looked_at}");
}
