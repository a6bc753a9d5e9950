//! `openapi`: by which schemas a build merges lists. The ones that are built in, or those of a file, and then no
//! others. The first kustomization of a build that names some decides for all that come after it.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::kustomization::Kustomization;
use super::loader::Loader;
use crate::object::{GroupVersion, GroupVersionKind, Object, json_kind, yaml};

/// The one version of Kubernetes' schemas that kustomize has in it.
const BUILT_IN: &str = "v1.21.2";

const REFERENCE: &str = "#/definitions/";
/// References lead to references so often at most.
const MOST_REFERENCES: usize = 64;

/// The schemas of a build, once they are chosen.
pub type Chosen = Rc<OnceCell<Option<Definitions>>>;

/// Chooses the schemas that a kustomization names, unless that is done. The outermost one is asked first.
///
/// # Errors
/// A version that is not built in; a file that cannot be read or holds no definitions; both a version and a file.
pub fn choose(kustomization: &Kustomization, loader: &Loader) -> anyhow::Result<()> {
    let openapi = &kustomization.openapi;
    let text = openapi.get("path").map(|path| loader.load(path)).transpose()?;
    if loader.schemas.get().is_some() {
        return Ok(());
    }
    let version = openapi.get("version");
    let own = match text {
        Some(_) if version.is_some() => anyhow::bail!("builtin version and custom schema provided, cannot use both"),
        Some(text) => Some(Definitions::read(&text)?),
        None => {
            let Some(version) = version.filter(|version| !version.is_empty()) else { return Ok(()) };
            anyhow::ensure!(version == BUILT_IN, "the specified OpenAPI version is not built in");
            None
        }
    };
    loader.schemas.get_or_init(|| own);
    Ok(())
}

/// Definitions of a file in OpenAPI, version 2.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    definitions: serde_json::Map<String, Object>,
    /// The names of the definitions of types.
    types: HashMap<GroupVersionKind, String>,
}

/// How a list merges: the words of its strategy, and the keys of its elements.
pub type Strategy<'s> = (&'s str, Vec<&'s str>);

impl Definitions {
    fn read(text: &[u8]) -> anyhow::Result<Self> {
        let invalid = |why: String| anyhow::anyhow!("invalid schema file: {why}");
        let document = if text.first() == Some(&b'{') {
            serde_json::from_slice(text).map_err(|error| invalid(error.to_string()))?
        } else {
            yaml::parse(text).map_err(|error| invalid(error.to_string()))?
        };
        let Object::Object(mut document) = document else {
            anyhow::bail!(invalid(format!("it is {}, not an object", json_kind(&document))));
        };
        let definitions = match document.remove("definitions").unwrap_or_default() {
            Object::Null => serde_json::Map::new(),
            Object::Object(definitions) => definitions,
            other => anyhow::bail!(invalid(format!("its definitions are {}, not an object", json_kind(&other)))),
        };
        let mut types = HashMap::new();
        for (name, definition) in &definitions {
            let kinds = definition.get("x-kubernetes-group-version-kind").and_then(Object::as_array);
            for kind in kinds.into_iter().flatten() {
                let text = |field: &str| kind.get(field).and_then(Object::as_str);
                if let (Some(version), Some(kind)) = (text("version"), text("kind")) {
                    let group = text("group").unwrap_or_default();
                    types.insert(GroupVersion::new(group, version).kind(kind), name.clone());
                }
            }
        }
        Ok(Self { definitions, types })
    }

    /// The definition of a type.
    pub fn of(&self, gvk: &GroupVersionKind) -> Option<&Object> {
        self.definitions.get(self.types.get(gvk)?)
    }

    /// The definition of a field, or of the values of a map.
    pub fn field<'s>(&'s self, definition: &'s Object, name: &str) -> Option<&'s Object> {
        let named = definition.get("properties").and_then(|properties| properties.get(name));
        self.resolve(named.or_else(|| definition.get("additionalProperties").filter(|other| other.is_object()))?)
    }

    /// The definition of a list's elements.
    pub fn elements<'s>(&'s self, definition: &'s Object) -> Option<&'s Object> {
        let is_list = definition.get("type").and_then(Object::as_str) == Some("array");
        self.resolve(definition.get("items").filter(|_| is_list)?)
    }

    fn resolve<'s>(&'s self, mut definition: &'s Object) -> Option<&'s Object> {
        for _ in 0..MOST_REFERENCES {
            let Some(reference) = definition.get("$ref").and_then(Object::as_str) else { return Some(definition) };
            definition = self.definitions.get(reference.strip_prefix(REFERENCE)?)?;
        }
        None
    }

    /// How a list of this definition merges; nothing where it does not.
    pub fn strategy(definition: &Object) -> Option<Strategy<'_>> {
        let text = |field: &str| definition.get(field).and_then(Object::as_str);
        let strategy = text("x-kubernetes-patch-strategy")?;
        let several = definition.get("x-kubernetes-list-map-keys").and_then(Object::as_array);
        let keys = match several {
            Some(keys) => keys.iter().filter_map(Object::as_str).collect(),
            None => text("x-kubernetes-patch-merge-key").into_iter().collect(),
        };
        Some((strategy, keys))
    }
}
