//! Which groups, versions and resources there are: each list of its own, and all in one.

use serde_json::json;

use super::accept::Form;
use crate::object::builtin::Resource;
use crate::object::{Object, Status};

/// The Kubernetes version that the bundled cluster behaves like.
pub const VERSION: &str = "v1.36.2";

/// `/version`.
pub fn version() -> Object {
    json!({
        "major": "1",
        "minor": "36",
        "emulationMajor": "1",
        "emulationMinor": "36",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": VERSION,
        "gitCommit": "98b35193b2ac7a23a673325f5e9b830ecd5ba406",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "go1.26.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}

/// The document at `/api` (`core`), `/apis`, or below.
pub fn document(
    resources: &[&'static Resource],
    core: bool,
    group: &str,
    version: &str,
    form: Form,
) -> Result<Object, Status> {
    let all = Resources(resources);
    if form == Form::Discovery && version.is_empty() && group.is_empty() {
        return Ok(all.aggregated(core));
    }
    match (core, group, version) {
        (true, "", "") => Ok(json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        })),
        (false, "", "") => Ok(json!({
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": all.groups().into_iter().filter(|group| !group.is_empty()).map(|group| all.group_object(group)).collect::<Vec<_>>(),
        })),
        (_, group, "") if all.groups().contains(&group) => {
            let mut object = all.group_object(group);
            object["kind"] = "APIGroup".into();
            object["apiVersion"] = "v1".into();
            Ok(object)
        }
        (_, group, version) if !version.is_empty() && all.versions(group).contains(&version) => {
            Ok(all.resource_list(group, version))
        }
        _ => Err(Status::no_such_path()),
    }
}

/// All resources that are served.
struct Resources<'a>(&'a [&'static Resource]);

impl Resources<'_> {
    fn groups(&self) -> Vec<&'static str> {
        let mut groups: Vec<&str> = Vec::new();
        for resource in self.0 {
            if !groups.contains(&resource.group) {
                groups.push(resource.group);
            }
        }
        groups
    }

    fn versions(&self, group: &str) -> Vec<&'static str> {
        let mut versions: Vec<&str> = Vec::new();
        for resource in self.of(group) {
            if !versions.contains(&resource.version) {
                versions.push(resource.version);
            }
        }
        versions
    }

    fn of(&self, group: &str) -> impl Iterator<Item = &'static Resource> {
        self.0.iter().copied().filter(move |resource| resource.group == group)
    }

    fn group_object(&self, group: &str) -> Object {
        let versions: Vec<Object> = self
            .versions(group)
            .into_iter()
            .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
            .collect();
        json!({"name": group, "preferredVersion": versions.first(), "versions": versions})
    }

    fn resource_list(&self, group: &str, version: &str) -> Object {
        let mut entries = Vec::new();
        for resource in self.of(group).filter(|resource| resource.version == version) {
            let mut entry = json!({
                "name": resource.plural,
                "singularName": resource.singular,
                "namespaced": resource.namespaced,
                "kind": resource.kind,
                "verbs": resource.verbs,
            });
            if !resource.short_names.is_empty() {
                entry["shortNames"] = resource.short_names.clone().into();
            }
            if !resource.categories.is_empty() {
                entry["categories"] = resource.categories.clone().into();
            }
            entries.push(entry);
            for part in &resource.subresources {
                let mut entry = json!({
                    "name": format!("{}/{}", resource.plural, part.name),
                    "singularName": "",
                    "namespaced": resource.namespaced,
                    "kind": part.kind,
                    "verbs": part.verbs,
                });
                if (part.group, part.version) != (group, version) {
                    entry["group"] = part.group.into();
                    entry["version"] = part.version.into();
                }
                entries.push(entry);
            }
        }
        let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries})
    }

    fn aggregated(&self, core: bool) -> Object {
        let groups = self.groups().into_iter().filter(|group| group.is_empty() == core).map(|group| {
            let versions: Vec<Object> = self
                .versions(group)
                .into_iter()
                .map(|version| {
                    let resources: Vec<Object> = self
                        .of(group)
                        .filter(|resource| resource.version == version)
                        .map(aggregated_resource)
                        .collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
            json!({"metadata": metadata, "versions": versions})
        });
        json!({
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": groups.collect::<Vec<_>>(),
        })
    }
}

fn aggregated_resource(resource: &Resource) -> Object {
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = resource.short_names.clone().into();
    }
    if !resource.categories.is_empty() {
        entry["categories"] = resource.categories.clone().into();
    }
    if !resource.subresources.is_empty() {
        let parts = resource.subresources.iter().map(|part| {
            json!({
                "subresource": part.name,
                "responseKind": {"group": part.group, "version": part.version, "kind": part.kind},
                "verbs": part.verbs,
            })
        });
        entry["subresources"] = parts.collect::<Vec<_>>().into();
    }
    entry
}
