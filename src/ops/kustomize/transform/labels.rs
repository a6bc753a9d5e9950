//! `labels`, `commonLabels` and `commonAnnotations`.

use crate::object::Object;
use crate::ops::kustomize::fields::{self, Config, Create, FieldSpec};
use crate::ops::kustomize::kustomization::{Label, Texts};
use crate::ops::kustomize::resource::Resources;

/// Adds entries to maps.
///
/// # Errors
/// Something else than a map there.
pub fn add(resources: &mut Resources, entries: &Texts, specs: &[FieldSpec]) -> anyhow::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    for resource in &mut resources.0 {
        fields::visit_all(specs, &mut resource.object, Create::Map, &mut |field| {
            if field.is_null() {
                *field = Object::Object(serde_json::Map::new());
            }
            let Some(map) = field.as_object_mut() else {
                anyhow::bail!("wrong node kind: expected MappingNode but got {}", kind(field));
            };
            for (key, value) in entries {
                map.insert(key.clone(), value.as_str().into());
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn kind(value: &Object) -> &'static str {
    if value.is_array() { "SequenceNode" } else { "ScalarNode" }
}

/// The fields that an entry of `labels` is about.
///
/// # Errors
/// A field to be made in one place and not in another.
pub fn label_fields(label: &Label, config: &Config) -> anyhow::Result<Vec<FieldSpec>> {
    let merged = || {
        let mut specs = label.fields.clone();
        fields::merge_fields(&mut specs, &config.labels)?;
        if label.include_selectors {
            fields::merge_fields(&mut specs, &config.common_labels)?;
            return Ok(specs);
        }
        if label.include_templates {
            fields::merge_fields(&mut specs, &config.template_labels)
                .map_err(|error| anyhow::anyhow!("failed to merge template fieldSpec: {error}"))?;
        }
        let own = FieldSpec { path: "metadata/labels".to_owned(), create: true, ..FieldSpec::default() };
        fields::merge_fields(&mut specs, &[own])?;
        Ok(specs)
    };
    merged().map_err(|error: anyhow::Error| anyhow::anyhow!("failed to merge labels: {error}"))
}
