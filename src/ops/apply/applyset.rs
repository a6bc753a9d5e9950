//! `apply --applyset`: a parent object keeps the list of what belongs together, so that what is no
//! longer among the files is found again and pruned (KEP-3659).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::stream::{self, StreamExt};
use serde_json::json;

use crate::client::Client;
use crate::client::discovery::Mapping;
use crate::client::paging;
use crate::client::request::{Call, DeleteParams, Endpoint, ListParams, PatchType, WriteParams};
use crate::error::Many;
use crate::object::gvk::GroupKind;
use crate::object::{GroupVersionKind, Meta, Object, Status};
use crate::ops::change::warn_as_klog;
use crate::ops::context::{COMPATIBLE, Context};
use crate::ops::resources::Info;

/// Says which tool looks after the set, as `NAME/VERSION`.
const TOOLING: &str = "applyset.kubernetes.io/tooling";
/// Namespaces of members beside the parent's own.
const NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";
/// The kinds of members, as `Deployment.apps`.
const KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
/// The resources of members, as `deployments.apps`: how the kinds were kept before.
const RESOURCES: &str = "applyset.kubernetes.io/contains-group-resources";
/// The label of a parent.
const ID: &str = "applyset.kubernetes.io/id";
/// The label of a member: its parent's ID.
const PART_OF: &str = "applyset.kubernetes.io/part-of";
/// The label of a definition whose objects may be parents.
const PARENT_TYPE: &str = "applyset.kubernetes.io/is-parent-type";

/// The tool's name. The same for both names of the program: they look after the same sets.
const TOOL: &str = "kubectl";
/// The manager of the parent's fields.
const FIELD_MANAGER: &str = "kubectl-applyset";
/// Lists asked for at one time.
const PARALLEL: usize = 8;

/// Kinds and their resources.
type Kinds = BTreeMap<GroupKind, Mapping>;

/// What a set is made of.
#[derive(Clone, Debug, Default)]
struct Members {
    kinds: Kinds,
    namespaces: BTreeSet<String>,
}

impl Members {
    fn union(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.kinds.extend(other.kinds.clone());
        both.namespaces.extend(other.namespaces.iter().cloned());
        both
    }
}

/// A set of objects that are applied together.
#[derive(Debug)]
pub struct ApplySet {
    parent: Endpoint,
    mapping: Mapping,
    /// The members before this run.
    current: Members,
    /// The members after it.
    updated: Members,
}

impl ApplySet {
    /// Reads `[RESOURCE][.GROUP]/NAME`, where a Secret is meant unless something else is said. `namespace`
    /// is that of the flag; empty where there is none.
    ///
    /// # Errors
    /// An empty name, or a resource that the server does not have.
    pub async fn parse(client: &Client, text: &str, namespace: &str) -> anyhow::Result<Self> {
        let (word, name) = text.split_once('/').unwrap_or(("secrets", text));
        let resolve = async {
            if name.is_empty() {
                bail!("name cannot be blank");
            }
            client.resolve(word).await.map_err(|error| match error.downcast_ref::<Status>() {
                Some(_) => error,
                None => {
                    let (resource, group) = word.split_once('.').unwrap_or((word, ""));
                    anyhow!("no matches for {group}/, Resource={resource}")
                }
            })
        };
        let mapping = resolve.await.with_context(|| format!("invalid parent reference {text:?}"))?;
        let namespace = if mapping.namespaced { namespace } else { "" };
        let parent = Endpoint::object(&mapping.resource, namespace, name);
        Ok(Self { parent, mapping, current: Members::default(), updated: Members::default() })
    }

    /// Refuses parents that cannot be one.
    ///
    /// # Errors
    /// A parent in no namespace that lives in one, and a type that is not marked as one of parents.
    pub async fn validate(&self, client: &Client) -> anyhow::Result<()> {
        let mut errors = Vec::new();
        if self.mapping.namespaced && self.parent.namespace.is_empty() {
            errors.push(anyhow!("namespace is required to use namespace-scoped ApplySet"));
        }
        if !self.is_builtin() {
            let permitted = permitted(client).await.unwrap_or_else(|error| {
                errors.push(anyhow!("identifying allowed custom resource parent types: {error:#}"));
                Vec::new()
            });
            let resource = &self.parent.resource;
            if !permitted.contains(&format!("{}.{}", resource.resource, resource.group)) {
                let shown = format!("{}/{}, Resource={}", resource.group, resource.version, resource.resource);
                errors.push(anyhow!("resource {shown:?} is not permitted as an ApplySet parent"));
            }
        }
        Many::collect(errors)
    }

    fn is_builtin(&self) -> bool {
        let resource = &self.parent.resource;
        resource.group.is_empty()
            && resource.version == "v1"
            && matches!(resource.resource.as_str(), "secrets" | "configmaps")
    }

    /// The set's ID: a hash of what its parent is called. It begins and ends as a label's value may.
    fn id(&self) -> String {
        let kind = &self.mapping.kind;
        let text = [&*self.parent.name, &self.parent.namespace, &kind.kind, &kind.group].join(".");
        let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        format!("applyset-{}-v1", BASE64_URL_SAFE_NO_PAD.encode(hash.as_ref()))
    }

    /// How messages name the parent.
    fn shown(&self) -> String {
        format!("{}.{}/{}", self.parent.resource.resource, self.parent.resource.group, self.parent.name)
    }

    /// Labels the objects of the files as members.
    ///
    /// # Errors
    /// Objects that are labelled as members already.
    pub fn label(&self, infos: &mut [Info]) -> anyhow::Result<()> {
        let id = self.id();
        for object in infos.iter_mut().filter_map(|info| info.object.as_mut()) {
            if object.label(PART_OF).is_some() {
                bail!("ApplySet label {PART_OF:?} already set in input data");
            }
            object.set_at(&["metadata", "labels", PART_OF], id.as_str());
        }
        Ok(())
    }

    /// Reads the parent and writes into it what will belong to it beside what does: whatever happens then,
    /// nothing is forgotten.
    ///
    /// # Errors
    /// A parent of another tool, or one that is none, and what the server refuses.
    pub async fn begin(
        &mut self,
        ctx: &Context,
        infos: &[Info],
        write: &WriteParams,
        send: bool,
    ) -> anyhow::Result<()> {
        self.fetch(ctx.client().await?).await?;
        for info in infos {
            let Some(mapping) = &info.mapping else { continue };
            self.updated.kinds.entry(mapping.kind.group_kind()).or_insert_with(|| mapping.clone());
            if mapping.namespaced && !info.namespace.is_empty() {
                self.updated.namespaces.insert(info.namespace.clone());
            }
        }
        if send { self.update(ctx, &self.current.union(&self.updated), write).await } else { Ok(()) }
    }

    async fn fetch(&mut self, client: &Client) -> anyhow::Result<()> {
        let shown = self.shown();
        let parent = match client.json(Call::get(&self.parent)).await {
            Ok(parent) => parent,
            Err(error) if error.downcast_ref::<Status>().is_some_and(Status::is_not_found) => {
                if !self.is_builtin() {
                    bail!("custom resource ApplySet parents cannot be created automatically");
                }
                return Ok(());
            }
            Err(error) => bail!("failed to fetch ApplySet parent object {shown:?}: {error:#}"),
        };
        let Some(tooling) = parent.annotation(TOOLING) else {
            bail!("ApplySet parent object {shown:?} already exists and is missing required annotation {TOOLING:?}");
        };
        let tool = tooling.rsplit_once('/').map_or(tooling, |(name, _)| name);
        if tool != TOOL {
            bail!(
                "ApplySet parent object {shown:?} already exists and is managed by tooling {tool:?} instead of {TOOL:?}"
            );
        }
        let Some(id) = parent.label(ID) else {
            bail!("ApplySet parent object {shown:?} exists and does not have required label {ID}");
        };
        let own = self.id();
        if id != own {
            bail!(
                "ApplySet parent object {shown:?} exists and has incorrect value for label {ID:?} (got: {id}, want: {own})"
            );
        }
        let kinds = kinds(client, &parent).await;
        self.current.kinds = kinds.with_context(|| format!("parsing ApplySet annotation on {shown:?}"))?;
        self.current.namespaces = words(parent.annotation(NAMESPACES).unwrap_or_default()).map(str::to_owned).collect();
        if self.mapping.namespaced {
            self.current.namespaces.insert(self.parent.namespace.clone());
        }
        Ok(())
    }

    /// Writes members into the parent.
    async fn update(&self, ctx: &Context, members: &Members, write: &WriteParams) -> anyhow::Result<()> {
        let client = ctx.client().await?;
        let mut kinds: Vec<String> = members.kinds.keys().map(ToString::to_string).collect();
        kinds.sort_unstable();
        let namespaces: Vec<&str> =
            members.namespaces.iter().filter(|name| **name != self.parent.namespace).map(String::as_str).collect();
        let mut patch = json!({
            "apiVersion": self.mapping.kind.api_version(),
            "kind": self.mapping.kind.kind,
            "metadata": {
                "name": self.parent.name,
                "labels": {ID: self.id()},
                "annotations": {
                    TOOLING: format!("{TOOL}/{COMPATIBLE}"),
                    KINDS: kinds.join(","),
                    NAMESPACES: namespaces.join(","),
                },
            },
        });
        if !self.parent.namespace.is_empty() {
            patch.set_at(&["metadata", "namespace"], self.parent.namespace.as_str());
        }
        let patch = patch.to_string();
        let params =
            |force| WriteParams { field_manager: FIELD_MANAGER.to_owned(), force: Some(force), ..write.clone() };
        let send = |force| client.json(Call::patch(&self.parent, PatchType::Apply, patch.clone(), &params(force)));
        let mut sent = send(false).await;
        if let Err(error) = &sent
            && error.downcast_ref::<Status>().is_some_and(Status::is_conflict)
        {
            let text = format!(
                "WARNING: failed to update ApplySet: {error:#}\nApplySet field manager {FIELD_MANAGER} should own these fields. Retrying with conflicts forced."
            );
            warn_as_klog(ctx, "applyset.go", 447, &text);
            sent = send(true).await;
        }
        sent.map(|_| ()).map_err(|error| anyhow!("failed to update ApplySet: {error:#}"))
    }

    /// Deletes the members that were not applied now, hands each to `pruned`, and makes the parent's list
    /// that of what is left.
    ///
    /// # Errors
    /// What the server refuses; then the parent's list stays.
    pub async fn prune(
        &self,
        ctx: &Context,
        applied: &HashSet<String>,
        delete: Option<&DeleteParams>,
        write: &WriteParams,
        mut pruned: impl FnMut(Object) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let client = ctx.client().await?;
        for (endpoint, object) in self.left_over(client, applied).await? {
            if let Some(delete) = delete {
                client.bytes(Call::delete(&endpoint, delete)).await.map_err(|error| {
                    let kind = object.gvk().group_kind();
                    let namespace = if endpoint.namespace.is_empty() { "" } else { "/" };
                    anyhow!("pruning {kind} {}{namespace}{}: {error:#}", endpoint.namespace, endpoint.name)
                })?;
            }
            pruned(object)?;
        }
        if delete.is_none() {
            return Ok(());
        }
        let updated = self.update(ctx, &self.updated, write).await;
        updated.context("apply and prune succeeded, but ApplySet update failed")
    }

    /// The members that were not applied now.
    async fn left_over(&self, client: &Client, applied: &HashSet<String>) -> anyhow::Result<Vec<(Endpoint, Object)>> {
        let mut places = Vec::new();
        for mapping in self.current.kinds.values() {
            if mapping.namespaced {
                places.extend(self.current.namespaces.iter().map(|namespace| (mapping, namespace.as_str())));
            } else {
                places.push((mapping, ""));
            }
        }
        let labels = format!("{PART_OF}={}", self.id());
        let list = |(mapping, namespace): (&'_ Mapping, &str)| {
            let collection = Endpoint::collection(&mapping.resource, namespace);
            let params = ListParams { labels: labels.clone(), ..ListParams::default() };
            let kind = mapping.kind.clone();
            async move {
                let listed = client.json(Call::list(&collection, &params)).await;
                let listed = listed.map_err(|error| anyhow!("listing {kind} objects for pruning: {error:#}"))?;
                anyhow::Ok((collection, kind, listed))
            }
        };
        let mut lists = std::pin::pin!(stream::iter(places).map(list).buffered(PARALLEL));
        let mut found = Vec::new();
        while let Some(listed) = lists.next().await {
            let (collection, kind, listed) = listed?;
            for mut object in paging::take_items(listed) {
                if applied.contains(object.uid()) {
                    continue;
                }
                // Items of lists need not say what they are.
                object.set_at(&["apiVersion"], kind.api_version());
                object.set_at(&["kind"], kind.kind.as_str());
                found.push((Endpoint { name: object.name().to_owned(), ..collection.clone() }, object));
            }
        }
        Ok(found)
    }
}

/// The resources, as `beacons.sea.example.org`, whose objects may be parents.
async fn permitted(client: &Client) -> anyhow::Result<Vec<String>> {
    let kind = GroupVersionKind::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let resource = client.mapping(&kind).await?.resource;
    let params = ListParams { labels: PARENT_TYPE.to_owned(), ..ListParams::default() };
    let list = client.json(Call::list(&Endpoint::collection(&resource, ""), &params)).await?;
    Ok(paging::take_items(list).iter().map(|definition| definition.name().to_owned()).collect())
}

/// The elements of a list in an annotation.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|_| !text.is_empty())
}

/// The kinds that a parent lists.
async fn kinds(client: &Client, parent: &Object) -> anyhow::Result<Kinds> {
    let mut kinds = Kinds::new();
    if let Some(text) = parent.annotation(KINDS) {
        for word in words(text) {
            let (kind, group) = word.split_once('.').unwrap_or((word, ""));
            let mapping = client.mapping(&GroupVersionKind::new(group, "", kind)).await;
            let mapping = mapping
                .map_err(|error| anyhow!("could not find mapping for kind in {KINDS:?} annotation: {error:#}"))?;
            kinds.insert(mapping.kind.group_kind(), mapping);
        }
        return Ok(kinds);
    }
    let Some(text) = parent.annotation(RESOURCES).filter(|text| !text.is_empty()) else {
        bail!("{TOOL} requires the {KINDS:?} annotation to be set on all ApplySet parent objects");
    };
    for word in words(text) {
        let (resource, group) = word.split_once('.').unwrap_or((word, ""));
        let mapping = client.resolve(word).await.map_err(|_| {
            anyhow!("invalid group resource in {RESOURCES:?} annotation: no matches for {group}/, Resource={resource}")
        })?;
        kinds.insert(mapping.kind.group_kind(), mapping);
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::GroupVersionResource;

    fn set(namespaced: bool) -> ApplySet {
        let resource = GroupVersionResource::new("", "v1", "secrets");
        let mapping =
            Mapping { resource: resource.clone(), kind: GroupVersionKind::new("", "v1", "Secret"), namespaced };
        let parent = Endpoint::object(&resource, "hf-app", "set1");
        ApplySet { parent, mapping, current: Members::default(), updated: Members::default() }
    }

    #[test]
    fn the_id_is_that_of_the_specification() {
        // As kubectl 1.36 writes it.
        assert_eq!(set(true).id(), "applyset-GaDkvSH7vQKdzC-NsuE6y3BpBt_J3FMLxmNgcxpPNRg-v1");
    }

    #[test]
    fn members_are_labelled_once() {
        let info = |object| Info { object: Some(object), ..Info::default() };
        let mut infos = [info(json!({"metadata": {"name": "a", "labels": {"x": "y"}}}))];
        set(true).label(&mut infos).expect("labelled");
        assert_eq!(infos[0].object().label(PART_OF), Some(&*set(true).id()));
        assert_eq!(infos[0].object().label("x"), Some("y"));
        let error = set(true).label(&mut infos).expect_err("refused");
        assert_eq!(error.to_string(), format!("ApplySet label {PART_OF:?} already set in input data"));
    }

    #[test]
    fn an_empty_list_has_no_elements() {
        assert_eq!(words("").count(), 0);
        assert_eq!(words("a,b").collect::<Vec<_>>(), ["a", "b"]);
    }
}
