use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::backend::registry::strategy::Cluster;
use crate::object::{Meta, Object, Status, Timestamp, schema, time};

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
    if let Some(of) = schema::of_object(&object) {
        schema::normalize(of, &mut object);
    }
    let strategy = for_resource(resource);
    strategy.default(&mut object);
    strategy.prepare_for_create(&mut object, cluster)?;
    let faults = strategy.validate(&object);
    match faults.as_slice() {
        [] => Ok(object),
        faults => Err(Status::invalid(&object.gvk().group_kind(), object.name(), faults)),
    }
}

/// Sorted, with what is made up masked.
fn masked(object: &Object) -> Object {
    let mut object = object.clone();
    object.remove_at(&["status"]);
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
        for other in cases.iter().filter(|other| {
            matches!(
                other.str_at(&["resource"]),
                "nodes" | "ingressclasses.networking.k8s.io" | "priorityclasses.scheduling.k8s.io"
            )
        }) {
            cluster = cluster.with(other.str_at(&["resource"]), other["stored"].clone());
        }
        for account in ["default", case.str_at(&["stored", "spec", "serviceAccountName"])] {
            cluster = cluster.with("serviceaccounts", json!({"metadata": {"namespace": namespace, "name": account}}));
        }
        match created(resource, manifest, &cluster) {
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
