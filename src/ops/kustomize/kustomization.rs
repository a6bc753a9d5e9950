//! Reading `kustomization.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fields::{FieldSpec, lenient};
use super::id::Id;
use super::loader::Loader;
use super::shape::KUSTOMIZATION;
use crate::object::{GroupVersionKind, Object, yaml};

/// The names that a kustomization file may have.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

const EDIT_FIX: &str = "Run 'kustomize edit fix' to update your Kustomization automatically.";

/// Fields of old: name, what is used instead, what precedes the advice. In the order of their warnings.
const DEPRECATED: [(&str, &str, &str); 6] = [
    ("bases", "resources", ""),
    ("commonLabels", "labels", ""),
    ("imageTags", "images", ""),
    ("patchesJson6902", "patches", ""),
    ("patchesStrategicMerge", "patches", ""),
    ("vars", "replacements", "[EXPERIMENTAL] "),
];

/// A map of texts.
pub type Texts = BTreeMap<String, String>;

/// A kustomization, as its file has it; the fields are kustomize's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Kustomization {
    pub kind: String,
    pub api_version: String,
    pub openapi: Texts,
    pub name_prefix: String,
    pub name_suffix: String,
    pub namespace: String,
    pub common_labels: Texts,
    pub labels: Vec<Label>,
    pub common_annotations: Texts,
    pub patches_strategic_merge: Vec<String>,
    pub patches_json6902: Vec<Patch>,
    pub patches: Vec<Patch>,
    pub images: Vec<Image>,
    pub image_tags: Vec<Image>,
    pub replacements: Vec<Replacement>,
    pub replicas: Vec<Replica>,
    pub vars: Vec<Var>,
    pub sort_options: Option<SortOptions>,
    pub resources: Vec<String>,
    pub components: Vec<String>,
    pub crds: Vec<String>,
    pub bases: Vec<String>,
    pub config_map_generator: Vec<Generator>,
    pub secret_generator: Vec<Generator>,
    pub helm_globals: Option<Object>,
    pub helm_charts: Vec<Object>,
    pub helm_chart_inflation_generator: Vec<Object>,
    pub generator_options: Option<GeneratorOptions>,
    pub configurations: Vec<String>,
    pub generators: Vec<String>,
    pub transformers: Vec<String>,
    pub validators: Vec<String>,
    pub build_metadata: Vec<String>,
}

/// An entry of `labels`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Label {
    pub pairs: Texts,
    pub include_selectors: bool,
    pub include_templates: bool,
    pub fields: Vec<FieldSpec>,
}

/// An entry of `patches`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Patch {
    pub path: String,
    pub patch: String,
    pub target: Option<Selector>,
    pub options: PatchOptions,
}

/// What a patch may change beside fields.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct PatchOptions {
    pub allow_name_change: bool,
    pub allow_kind_change: bool,
}

/// Which objects are meant: regular expressions, and selectors.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Selector {
    #[serde(flatten, deserialize_with = "lenient")]
    pub gvk: GroupVersionKind,
    pub name: String,
    pub namespace: String,
    pub annotation_selector: String,
    pub label_selector: String,
}

/// An entry of `images`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Image {
    pub name: String,
    pub new_name: String,
    pub tag_suffix: String,
    pub new_tag: String,
    pub digest: String,
}

/// An entry of `replicas`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Replica {
    pub name: String,
    pub count: i64,
}

/// An entry of `replacements`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Replacement {
    pub path: String,
    pub source: Option<Source>,
    pub targets: Option<Vec<Target>>,
    pub source_value: Option<String>,
}

/// Where a replacement reads.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Source {
    #[serde(flatten, deserialize_with = "lenient")]
    pub gvk: GroupVersionKind,
    pub name: String,
    pub namespace: String,
    pub field_path: String,
    pub options: Option<FieldOptions>,
}

/// Where a replacement writes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Target {
    pub select: Option<Selector>,
    pub reject: Vec<Selector>,
    pub field_paths: Vec<String>,
    pub options: Option<FieldOptions>,
}

/// Which part of a field is meant, and whether a missing one is made.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct FieldOptions {
    pub delimiter: String,
    pub index: i64,
    pub create: bool,
}

/// An entry of `vars`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Var {
    pub name: String,
    pub objref: VarTarget,
    pub fieldref: VarField,
}

/// The object that a variable reads.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct VarTarget {
    pub api_version: String,
    #[serde(flatten, deserialize_with = "lenient")]
    pub gvk: GroupVersionKind,
    pub name: String,
    pub namespace: String,
}

/// The field that a variable reads.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct VarField {
    pub field_path: String,
}

/// `sortOptions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct SortOptions {
    pub order: String,
    pub legacy_sort_options: Option<LegacySortOptions>,
}

/// The kinds that come first and last.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct LegacySortOptions {
    pub order_first: Vec<String>,
    pub order_last: Vec<String>,
}

/// An entry of `configMapGenerator` or `secretGenerator`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Generator {
    pub namespace: String,
    pub name: String,
    pub behavior: String,
    pub literals: Vec<String>,
    pub files: Vec<String>,
    pub envs: Vec<String>,
    pub env: String,
    pub options: Option<GeneratorOptions>,
    #[serde(rename = "type")]
    pub type_: String,
}

/// What generated objects get beside data.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct GeneratorOptions {
    pub labels: Texts,
    pub annotations: Texts,
    pub disable_name_suffix_hash: bool,
    pub immutable: bool,
}

impl Selector {
    /// The parts that name an object.
    pub fn id(&self) -> Id {
        Id { gvk: self.gvk.clone(), name: self.name.clone(), namespace: self.namespace.clone() }
    }
}

impl Kustomization {
    /// Whether it is a component.
    pub fn is_component(&self) -> bool {
        self.kind == "Component"
    }

    /// Reads a kustomization; warnings are what is said of deprecated fields.
    ///
    /// # Errors
    /// No YAML, unknown fields, values of other types; `folder` is for messages.
    pub fn parse(text: &[u8], folder: &str, warnings: &mut Vec<String>) -> anyhow::Result<Self> {
        let invalid = |why: &str| anyhow::anyhow!("invalid Kustomization: {why}");
        let value = yaml::parse(text).map_err(|error| invalid(error.bare()))?;
        let value = if value.is_null() { Object::Object(serde_json::Map::new()) } else { value };
        let value = KUSTOMIZATION.fit(value).map_err(|error| invalid(&error))?;
        for (field, instead, stage) in DEPRECATED {
            if value.get(field).is_some() {
                warnings.push(format!(
                    "# Warning: '{field}' is deprecated. Please use '{instead}' instead. {stage}{EDIT_FIX}"
                ));
            }
        }
        let says = |(key, value): (&String, &Object)| {
            !["kind", "apiVersion"].contains(&key.as_str()) && value.as_str() != Some("")
        };
        let is_empty = !value.as_object().is_some_and(|fields| fields.iter().any(says));
        let mut read: Self = serde_json::from_value(value).map_err(|error| invalid(&error.to_string()))?;
        anyhow::ensure!(!is_empty, "kustomization.yaml is empty");
        read.settle();
        read.check(folder)?;
        Ok(read)
    }

    /// Moves the contents of old fields into those that stand for them now.
    fn settle(&mut self) {
        if self.kind.is_empty() {
            self.kind = "Kustomization".to_owned();
        }
        self.resources.append(&mut self.bases);
        self.images.append(&mut self.image_tags);
        self.helm_charts.append(&mut self.helm_chart_inflation_generator);
        for generator in self.config_map_generator.iter_mut().chain(&mut self.secret_generator) {
            if !generator.env.is_empty() {
                generator.envs.push(std::mem::take(&mut generator.env));
            }
        }
    }

    fn check(&self, folder: &str) -> anyhow::Result<()> {
        let mut errors = Vec::new();
        if !["Kustomization", "Component"].contains(&self.kind.as_str()) {
            errors.push("kind should be Kustomization or Component".to_owned());
        }
        let version =
            if self.is_component() { "kustomize.config.k8s.io/v1alpha1" } else { "kustomize.config.k8s.io/v1beta1" };
        if !self.api_version.is_empty() && self.api_version != version {
            errors.push(format!("apiVersion for {} should be {version}", self.kind));
        }
        if errors.is_empty() {
            return Ok(());
        }
        anyhow::bail!("Failed to read kustomization file under {folder}:\n{}", errors.join("\n"))
    }

    /// Finds and reads the kustomization of a folder, and tells the file's name.
    ///
    /// # Errors
    /// There is none, or more than one, or it cannot be read.
    pub fn load(loader: &Loader, warnings: &mut Vec<String>) -> anyhow::Result<(Self, &'static str)> {
        let folder = loader.root.display().to_string();
        let mut found = FILE_NAMES.iter().filter_map(|name| Some((*name, loader.load(name).ok()?)));
        let Some((name, text)) = found.next() else {
            anyhow::bail!(
                "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '{folder}'"
            );
        };
        anyhow::ensure!(found.next().is_none(), "Found multiple kustomization files under: {folder}\n");
        Ok((Self::parse(&text, &folder, warnings)?, name))
    }
}
