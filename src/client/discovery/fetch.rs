//! Asking a server what it serves: two requests where it has aggregated discovery, one more for every
//! group version where it has not.

use futures_util::stream::{self, StreamExt};
use http::{Method, StatusCode};

use super::catalog::{Catalog, Entry, GroupFailure};
use crate::client::request::{Accept, Call};
use crate::client::retry::Broken;
use crate::client::{Client, collect, refusal_in_general};
use crate::object::{GroupVersion, GroupVersionKind, GroupVersionResource, Meta, Object, Status, yaml};

/// Requests under way at one time.
const PARALLEL: usize = 16;

/// Asks for everything. Fails only where the server cannot be asked at all; what single groups fail
/// with is in [`Catalog::failures`].
pub(super) async fn catalog(client: &Client) -> anyhow::Result<Catalog> {
    let (core, groups) = futures_util::future::join(document(client, "/api"), document(client, "/apis")).await;
    // A server that only adds to others has no core group.
    let core = match core {
        Err(error) if is_not_found(&error) => None,
        core => Some(core?),
    };
    let groups = groups?;
    let mut catalog = Catalog::default();
    let mut missing = Vec::new();
    for document in core.iter().chain([&groups]) {
        match document.kind() {
            "APIGroupDiscoveryList" => aggregated(document, &mut catalog),
            "APIVersions" => {
                for version in document.list_at(&["versions"]).iter().filter_map(Object::as_str) {
                    missing.push(GroupVersion::new("", version));
                }
            }
            _ => missing.extend(legacy_versions(document)),
        }
    }
    let answers = stream::iter(missing)
        .map(|version| async move { (client.json(Call::new(Method::GET, version.path())).await, version) })
        .buffered(PARALLEL);
    let mut answers = std::pin::pin!(answers);
    while let Some((answer, version)) = answers.next().await {
        catalog.group_versions.push(version.to_string());
        let error = match answer {
            Ok(list) if !list.list_at(&["resources"]).is_empty() => {
                legacy_resources(&list, &version, &mut catalog);
                continue;
            }
            Err(error) if !(version.group.is_empty() && is_not_found(&error)) => error.to_string(),
            _ => format!("received empty response for: {version}"),
        };
        catalog.failures.push(GroupFailure { group_version: version.to_string(), error });
    }
    Ok(catalog)
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Status>().is_some_and(Status::is_not_found)
}

/// A document of what there is. client-go does not read what a refusal of it says; its words are general.
async fn document(client: &Client, path: &'static str) -> anyhow::Result<Object> {
    let request = Call::new(Method::GET, path).accept(Accept::Discovery).build()?;
    let (head, body) = client.persist(client.named(request)?, Broken::Again).await?.into_parts();
    let body = collect(body).await?;
    if head.status != StatusCode::OK {
        return Err(refusal_in_general(&Method::GET, None, &head, &body));
    }
    serde_json::from_slice(&body)
        .map_err(|error| anyhow::anyhow!(yaml::json_mistake(&body).unwrap_or_else(|| error.to_string())))
}

fn aggregated(document: &Object, catalog: &mut Catalog) {
    for group in document.list_at(&["items"]) {
        for version in group.list_at(&["versions"]) {
            let version_name = version.str_at(&["version"]);
            let at = GroupVersion::new(group.name(), version_name);
            // Its server does not answer; kubectl passes over what was known of it.
            if version.str_at(&["freshness"]) == "Stale" {
                catalog.partial = true;
                continue;
            }
            catalog.group_versions.push(at.to_string());
            for resource in version.list_at(&["resources"]) {
                let kind = resource.str_at(&["responseKind", "kind"]);
                if kind.is_empty() {
                    // Only subresources are served here.
                    continue;
                }
                catalog.entries.push(Entry {
                    resource: GroupVersionResource::new(at.group.clone(), version_name, resource.str_at(&["resource"])),
                    kind: kind_at(resource.at(&["responseKind"]), &at, kind),
                    singular: resource.str_at(&["singularResource"]).to_owned(),
                    short_names: texts(resource, "shortNames"),
                    namespaced: resource.str_at(&["scope"]) == "Namespaced",
                    categories: texts(resource, "categories"),
                    verbs: texts(resource, "verbs"),
                    subresources: resource
                        .list_at(&["subresources"])
                        .iter()
                        .map(|part| part.str_at(&["subresource"]).to_owned())
                        .collect(),
                });
            }
        }
    }
}

/// The group versions of an `APIGroupList`, in each group the preferred one first.
fn legacy_versions(document: &Object) -> Vec<GroupVersion> {
    let mut all = Vec::new();
    for group in document.list_at(&["groups"]) {
        let name = group.str_at(&["name"]);
        let preferred = group.str_at(&["preferredVersion", "version"]);
        let mut versions: Vec<&str> =
            group.list_at(&["versions"]).iter().map(|version| version.str_at(&["version"])).collect();
        versions.sort_by_key(|version| *version != preferred);
        all.extend(versions.into_iter().map(|version| GroupVersion::new(name, version)));
    }
    all
}

fn legacy_resources(list: &Object, at: &GroupVersion, catalog: &mut Catalog) {
    let resources = list.list_at(&["resources"]);
    for resource in resources {
        let name = resource.str_at(&["name"]);
        if name.contains('/') {
            continue;
        }
        let parts = resources.iter().filter_map(|part| part.str_at(&["name"]).strip_prefix(name)?.strip_prefix('/'));
        catalog.entries.push(Entry {
            resource: GroupVersionResource::new(at.group.clone(), at.version.clone(), name),
            kind: kind_at(Some(resource), at, resource.str_at(&["kind"])),
            singular: resource.str_at(&["singularName"]).to_owned(),
            short_names: texts(resource, "shortNames"),
            namespaced: resource.bool_at(&["namespaced"]),
            categories: texts(resource, "categories"),
            verbs: texts(resource, "verbs"),
            subresources: parts.map(str::to_owned).collect(),
        });
    }
}

/// A kind that names no group and version is of those that serve it.
fn kind_at(named: Option<&Object>, at: &GroupVersion, kind: &str) -> GroupVersionKind {
    let part = |field: &str| named.map_or("", |object| object.str_at(&[field]));
    match part("version") {
        "" => at.kind(kind),
        version => GroupVersionKind::new(part("group"), version, kind),
    }
}

fn texts(object: &Object, field: &str) -> Vec<String> {
    object.list_at(&[field]).iter().filter_map(Object::as_str).map(str::to_owned).collect()
}
