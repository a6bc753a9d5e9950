//! Which groups, versions and resources there are: each list of its own, and all in one.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::json;

use super::accept::Form;
use crate::backend::registry::{custom, storage_of};
use crate::object::builtin::{Resource, Subresource};
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

/// The document at `/api` (`core`), `/apis`, or below, as JSON in the order of the published types. `host` is
/// the address by which the client came.
///
/// # Errors
/// A group or a version that there is not.
pub fn document(
    resources: &[&'static Resource],
    core: bool,
    group: &str,
    version: &str,
    form: Form,
    host: Option<&str>,
) -> Result<Vec<u8>, Status> {
    let all = Resources(resources);
    if form == Form::Discovery && version.is_empty() && group.is_empty() {
        return bytes(&all.aggregated(core));
    }
    match (core, group, version) {
        (true, "", "") => {
            let address = |host: &str| Address { client_cidr: "0.0.0.0/0", server_address: host.to_owned() };
            let addresses = host.map(address).into_iter().collect();
            bytes(&Versions { kind: "APIVersions", versions: ["v1"], addresses })
        }
        (false, "", "") => {
            let groups = all.groups().into_iter().filter(|group| !group.is_empty());
            let groups = groups.map(|group| all.group(group)).collect();
            bytes(&Groups { kind: "APIGroupList", api_version: "v1", groups })
        }
        (_, group, "") if all.groups().contains(&group) => {
            bytes(&Group { kind: Some("APIGroup"), api_version: Some("v1"), ..all.group(group) })
        }
        (_, group, version) if !version.is_empty() && all.versions(group).contains(&version) => {
            bytes(&all.resource_list(group, version))
        }
        _ => Err(Status::no_such_path()),
    }
}

fn bytes(document: &impl Serialize) -> Result<Vec<u8>, Status> {
    serde_json::to_vec(document).map_err(|error| Status::internal(error.to_string()))
}

/// `APIVersions`.
#[derive(Serialize)]
struct Versions {
    kind: &'static str,
    versions: [&'static str; 1],
    #[serde(rename = "serverAddressByClientCIDRs")]
    addresses: Vec<Address>,
}

/// `ServerAddressByClientCIDR`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    #[serde(rename = "clientCIDR")]
    client_cidr: &'static str,
    server_address: String,
}

/// `APIGroupList`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    kind: &'static str,
    api_version: &'static str,
    groups: Vec<Group>,
}

/// `APIGroup`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<&'static str>,
    name: String,
    versions: Vec<Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_version: Option<Version>,
}

/// `GroupVersionForDiscovery`.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    group_version: String,
    version: &'static str,
}

/// `APIResourceList`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List {
    kind: &'static str,
    /// The core group's list has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<&'static str>,
    group_version: String,
    resources: Vec<Entry>,
}

/// `APIResource`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    singular_name: &'static str,
    namespaced: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    kind: &'static str,
    verbs: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    short_names: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    categories: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_version_hash: Option<String>,
}

/// `APIGroupDiscoveryList`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Aggregated {
    kind: &'static str,
    api_version: &'static str,
    metadata: Metadata,
    items: Vec<AggregatedGroup>,
}

#[derive(Serialize)]
struct Metadata {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'static str,
}

#[derive(Serialize)]
struct AggregatedGroup {
    metadata: Metadata,
    versions: Vec<AggregatedVersion>,
}

#[derive(Serialize)]
struct AggregatedVersion {
    version: &'static str,
    resources: Vec<AggregatedResource>,
    freshness: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AggregatedResource {
    resource: &'static str,
    response_kind: Kind,
    scope: &'static str,
    singular_resource: &'static str,
    verbs: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    short_names: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    categories: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subresources: Vec<AggregatedPart>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AggregatedPart {
    subresource: &'static str,
    response_kind: Kind,
    verbs: Vec<&'static str>,
}

#[derive(Serialize)]
struct Kind {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
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
        // The table of built-in resources has its order; definitions of one group mix theirs.
        if self.of(group).any(|resource| custom::of(resource).is_some()) {
            versions.sort_by(|a, b| custom::precedence(b).cmp(&custom::precedence(a)));
        }
        versions
    }

    fn of(&self, group: &str) -> impl Iterator<Item = &'static Resource> {
        self.0.iter().copied().filter(move |resource| resource.group == group)
    }

    fn group(&self, group: &str) -> Group {
        let version = |version| Version { group_version: format!("{group}/{version}"), version };
        let versions: Vec<Version> = self.versions(group).into_iter().map(version).collect();
        let preferred_version = versions.first().cloned();
        Group { kind: None, api_version: None, name: group.to_owned(), versions, preferred_version }
    }

    fn resource_list(&self, group: &str, version: &str) -> List {
        let mut entries = Vec::new();
        for resource in self.of(group).filter(|resource| resource.version == version) {
            entries.push(Entry {
                name: resource.plural.to_owned(),
                singular_name: resource.singular,
                namespaced: resource.namespaced,
                group: None,
                version: None,
                kind: resource.kind,
                verbs: resource.verbs.clone(),
                short_names: resource.short_names.clone(),
                categories: resource.categories.clone(),
                storage_version_hash: storage_hash(resource),
            });
            for part in &resource.subresources {
                let own = (part.group, part.version) == (group, version);
                entries.push(Entry {
                    name: format!("{}/{}", resource.plural, part.name),
                    singular_name: "",
                    namespaced: resource.namespaced,
                    group: (!own).then_some(part.group),
                    version: (!own).then_some(part.version),
                    kind: part.kind,
                    verbs: part.verbs.clone(),
                    short_names: Vec::new(),
                    categories: Vec::new(),
                    storage_version_hash: None,
                });
            }
        }
        let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let api_version = (!group.is_empty()).then_some("v1");
        List { kind: "APIResourceList", api_version, group_version, resources: entries }
    }

    fn aggregated(&self, core: bool) -> Aggregated {
        let groups = self.groups().into_iter().filter(|group| group.is_empty() == core).map(|group| {
            let versions = self.versions(group).into_iter().map(|version| AggregatedVersion {
                version,
                resources: self.of(group).filter(|resource| resource.version == version).map(aggregated).collect(),
                freshness: "Current",
            });
            AggregatedGroup { metadata: Metadata { name: group }, versions: versions.collect() }
        });
        Aggregated {
            kind: "APIGroupDiscoveryList",
            api_version: "apidiscovery.k8s.io/v2",
            metadata: Metadata { name: "" },
            items: groups.collect(),
        }
    }
}

fn aggregated(resource: &'static Resource) -> AggregatedResource {
    let is_custom = custom::of(resource).is_some();
    let part = |part: &Subresource| AggregatedPart {
        subresource: part.name,
        response_kind: kind(resource, is_custom, part.group, part.version, part.kind),
        verbs: part.verbs.clone(),
    };
    AggregatedResource {
        resource: resource.plural,
        response_kind: kind(resource, is_custom, resource.group, resource.version, resource.kind),
        scope: if resource.namespaced { "Namespaced" } else { "Cluster" },
        singular_resource: resource.singular,
        verbs: resource.verbs.clone(),
        short_names: resource.short_names.clone(),
        categories: resource.categories.clone(),
        subresources: resource.subresources.iter().map(part).collect(),
    }
}

/// The type that a resource answers with. Built-in ones name its group and version only where they are not
/// the resource's own.
fn kind(of: &Resource, full: bool, group: &'static str, version: &'static str, kind: &'static str) -> Kind {
    if !full && (group, version) == (of.group, of.version) {
        Kind { group: "", version: "", kind }
    } else {
        Kind { group, version, kind }
    }
}

/// Built-in resources that this Kubernetes version stores in an older version than any that is served.
const STORED_AS: &[(&str, &str)] = &[
    ("customresourcedefinitions.apiextensions.k8s.io", "v1beta1"),
    ("mutatingadmissionpolicies.admissionregistration.k8s.io", "v1beta1"),
    ("mutatingadmissionpolicybindings.admissionregistration.k8s.io", "v1beta1"),
];

/// Stands for the version in which a resource's objects are stored; none where there are none.
fn storage_hash(resource: &'static Resource) -> Option<String> {
    if !resource.allows("list") || resource.plural == "componentstatuses" {
        return None;
    }
    let storage = storage_of(resource);
    let older = STORED_AS.iter().find(|(of, _)| *of == storage.group_resource()).map(|(_, version)| *version);
    let text = format!("{}/{}/{}", storage.group, older.unwrap_or(storage.version), storage.kind);
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().get(..8).map(|start| BASE64_STANDARD.encode(start))
}
