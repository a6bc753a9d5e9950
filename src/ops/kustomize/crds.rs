//! `crds`: which fields of custom resources hold names, labels and annotations, as their OpenAPI
//! definitions mark them.

use super::fields::{Config, FieldSpec, NameReference, Owner};
use super::loader::Loader;
use crate::object::{GroupVersionKind, Object, yaml};

/// The fields that the definitions in a file mark.
///
/// # Errors
/// A file that cannot be read.
pub fn fields(loader: &Loader, path: &str) -> anyhow::Result<Config> {
    let definitions = yaml::parse(&loader.load(path)?)
        .map_err(|error| anyhow::anyhow!("unable to parse open API definition from '{path}': {error}"))?;
    let mut config = Config::default();
    for (name, definition) in definitions.as_object().into_iter().flatten() {
        let properties = properties(definition);
        // Only what looks like an object of Kubernetes.
        if !["kind", "apiVersion", "metadata"]
            .iter()
            .all(|field| properties.is_some_and(|all| all.contains_key(*field)))
        {
            continue;
        }
        let kind = name.rsplit('.').next().unwrap_or(name);
        let mut marked =
            Marked { definitions: &definitions, owner: GroupVersionKind::new("", "", kind), config: &mut config };
        marked.walk(&mut vec![name], &mut Vec::new());
    }
    Ok(config)
}

fn properties(definition: &Object) -> Option<&serde_json::Map<String, Object>> {
    let schema = definition.get("Schema").or_else(|| definition.get("schema"))?;
    schema.get("properties")?.as_object()
}

struct Marked<'a> {
    definitions: &'a Object,
    owner: Owner,
    config: &'a mut Config,
}

impl<'a> Marked<'a> {
    /// Goes through the last of these definitions, each of which refers to the next.
    fn walk(&mut self, within: &mut Vec<&'a str>, path: &mut Vec<String>) {
        let definitions = self.definitions;
        let Some(properties) = within.last().and_then(|name| definitions.get(*name)).and_then(properties) else {
            return;
        };
        for (field, property) in properties {
            path.push(field.clone());
            let spec = |rest: &str| FieldSpec {
                owner: self.owner.clone(),
                path: format!("{}{rest}", path.join("/")),
                create: false,
            };
            let says = |mark: &str| property.get(mark).and_then(Object::as_str);
            for (mark, specs) in [
                ("x-kubernetes-annotation", &mut self.config.common_annotations),
                ("x-kubernetes-label-selector", &mut self.config.common_labels),
                ("x-kubernetes-identity", &mut self.config.name_prefix),
            ] {
                if says(mark).is_some() {
                    specs.push(spec(""));
                }
            }
            let referent = (says("x-kubernetes-object-ref-api-version"), says("x-kubernetes-object-ref-kind"));
            if let (Some(version), Some(kind)) = referent {
                let key = says("x-kubernetes-object-ref-name-key").unwrap_or("name");
                let referent = GroupVersionKind::new("", version, kind);
                self.config.name_reference.push(NameReference { referent, fields: vec![spec(&format!("/{key}"))] });
            }
            if let Some(reference) = says("$ref") {
                // A definition in itself says nothing new.
                if !within.contains(&reference) {
                    within.push(reference);
                    self.walk(within, path);
                    within.pop();
                }
            }
            path.pop();
        }
    }
}
