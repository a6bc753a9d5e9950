//! `namePrefix`, `nameSuffix` and `namespace`.

use crate::object::{Meta, Object};
use crate::ops::kustomize::Subjects;
use crate::ops::kustomize::fields::{self, Create, FieldSpec};
use crate::ops::kustomize::id;
use crate::ops::kustomize::resource::{Resource, Resources};

/// The kinds whose names have a meaning of their own: group (empty for any), kind.
const KEPT: [(&str, &str); 3] =
    [("", "CustomResourceDefinition"), ("apiregistration.k8s.io", "APIService"), ("", "Namespace")];

/// Which end of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Before it.
    Prefix,
    /// After it.
    Suffix,
}

/// Adds to names.
///
/// # Errors
/// A name that is no text.
pub fn affix(resources: &mut Resources, end: End, text: &str, specs: &[FieldSpec]) -> anyhow::Result<()> {
    for resource in &mut resources.0 {
        let original = resource.original_id();
        let kept = |(group, kind): &(&str, &str)| {
            original.gvk.kind == *kind && (group.is_empty() || original.gvk.group == *group)
        };
        if KEPT.iter().any(kept) {
            continue;
        }
        for spec in specs.iter().filter(|spec| id::is_selected(&original.gvk, &spec.owner)) {
            if spec.path == "metadata/name" {
                let affixes = match end {
                    End::Prefix => &mut resource.prefixes,
                    End::Suffix => &mut resource.suffixes,
                };
                affixes.push(text.to_owned());
                resource.remember();
            }
            fields::visit(spec, &mut resource.object, Create::Nothing, &mut |field| {
                let name = match &*field {
                    Object::String(name) => name.clone(),
                    Object::Object(_) | Object::Array(_) => anyhow::bail!("wrong node kind: expected ScalarNode"),
                    Object::Null => String::new(),
                    other => other.to_string(),
                };
                *field = match end {
                    End::Prefix => format!("{text}{name}").into(),
                    End::Suffix => format!("{name}{text}").into(),
                };
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// Sets the namespace of what has one, and of what refers to it.
///
/// # Errors
/// Two objects that are called the same then.
pub fn namespace(resources: &mut Resources, namespace: &str, specs: &[FieldSpec]) -> anyhow::Result<()> {
    namespace_with(resources, namespace, specs, false, Subjects::default())
}

/// The same, only of what has none yet where `unset_only` says so, and of chosen subjects of role bindings.
///
/// # Errors
/// Two objects that are called the same then.
pub fn namespace_with(
    resources: &mut Resources,
    namespace: &str,
    specs: &[FieldSpec],
    unset_only: bool,
    subjects: Subjects,
) -> anyhow::Result<()> {
    for at in 0..resources.0.len() {
        let Some(resource) = resources.0.get_mut(at).filter(|resource| !resource.is_empty()) else { continue };
        if unset_only && !resource.object.namespace().is_empty() {
            continue;
        }
        resource.remember();
        set_namespace(resource, namespace, specs, subjects)
            .map_err(|error| anyhow::anyhow!("namespace transformation failed: {error}"))?;
        let id = resource.id();
        let same = |other: &&Resource| other.object.name() == id.name && other.id().equals(&id);
        if resources.0.iter().filter(same).count() != 1 {
            anyhow::bail!("namespace transformation produces ID conflict: {id}");
        }
    }
    Ok(())
}

fn set_namespace(
    resource: &mut Resource,
    namespace: &str,
    specs: &[FieldSpec],
    subjects: Subjects,
) -> anyhow::Result<()> {
    let gvk = resource.gvk();
    let object = &mut resource.object;
    if !id::is_cluster_scoped(&gvk) {
        object.set_at(&["metadata", "namespace"], namespace);
    }
    let is_binding = ["RoleBinding", "ClusterRoleBinding"].contains(&gvk.kind.as_str());
    if is_binding && let Some(list) = object.get_mut("subjects").and_then(Object::as_array_mut) {
        let is_meant = |subject: &Object| match subjects {
            Subjects::Default => subject.name_field() == "default",
            Subjects::All => subject.kind() == "ServiceAccount",
            Subjects::None => false,
        };
        for subject in list.iter_mut().filter(|subject| is_meant(subject)) {
            subject.set_at(&["namespace"], namespace);
        }
    }
    for spec in specs {
        let handled = spec.path == "metadata/namespace"
            || (spec.path == "metadata/name" && object.api_version() != "v1")
            || (is_binding && spec.path == "subjects/namespace");
        if !handled {
            fields::visit(spec, object, Create::Scalar, &mut |field| {
                anyhow::ensure!(
                    !field.is_object() && !field.is_array(),
                    "namespace field specs must target scalar nodes"
                );
                *field = namespace.into();
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// The `name` of a subject.
trait Named {
    fn name_field(&self) -> &str;
}

impl Named for Object {
    fn name_field(&self) -> &str {
        self.str_at(&["name"])
    }
}
