//! What a kustomization does to objects, in kustomize's order.

pub mod images;
pub mod labels;
pub mod names;
pub mod patches;
pub mod paths;
pub mod replacements;
pub mod select;

use super::fields::{self, Create, FieldSpec};
use super::id;
use super::kustomization::Replica;
use super::resource::Resources;
use crate::object::Object;

/// Sets the number of replicas of the objects of a name.
///
/// # Errors
/// There is none.
pub fn replicas(resources: &mut Resources, wanted: &Replica, specs: &[FieldSpec]) -> anyhow::Result<()> {
    let mut found = false;
    for spec in specs {
        for resource in &mut resources.0 {
            if resource.is_empty()
                || !resource.any_id(|id| id.name == wanted.name && id::is_selected(&id.gvk, &spec.owner))
            {
                continue;
            }
            found = true;
            fields::visit(spec, &mut resource.object, Create::Scalar, &mut |field| {
                *field = Object::from(wanted.count);
                Ok(())
            })?;
        }
    }
    if found {
        return Ok(());
    }
    let kinds: Vec<String> = specs.iter().map(|spec| id::gvk_text(&spec.owner)).collect();
    anyhow::bail!(
        "resource with name {} does not match a config with the following GVK [{}]",
        wanted.name,
        kinds.join(" ")
    )
}
