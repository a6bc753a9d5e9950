//! Which fields transformers work on: kustomize's defaults (`data/fields.tsv`) and what a kustomization's
//! `configurations` add.

use std::sync::LazyLock;

use serde::Deserialize;

use super::id::{self, Id};
use crate::object::{GroupVersionKind, Object};

/// One line a field: section, referent (`group/version/kind`, of name references), path, owner
/// (`group/version/kind`), `create`.
static FACTS: &str = include_str!("data/fields.tsv");

static DEFAULTS: LazyLock<Config> = LazyLock::new(|| {
    let mut config = Config::default();
    for line in FACTS.lines() {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        let (section, referent, path, owner, create) = (next(), next(), next(), next(), next());
        let spec = FieldSpec { owner: parts(owner), path: path.to_owned(), create: create == "create" };
        config.add(section, parts(referent), spec);
    }
    config
});

fn parts(text: &str) -> GroupVersionKind {
    let mut parts = text.split('/');
    let mut next = || parts.next().unwrap_or_default();
    GroupVersionKind::new(next(), next(), next())
}

/// A field of the objects of some kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FieldSpec {
    /// The kinds; empty parts stand for any.
    #[serde(flatten, deserialize_with = "lenient")]
    pub owner: Owner,
    /// Field names with `/` between them; `\/` is a slash in a name, `[]` after a name marks a list.
    pub path: String,
    /// Whether the field is made where it is missing.
    pub create: bool,
}

/// The kinds whose objects a [`FieldSpec`] is about.
pub type Owner = GroupVersionKind;

/// Reads a kind of which any part may be missing.
pub fn lenient<'de, D: serde::Deserializer<'de>>(from: D) -> Result<GroupVersionKind, D::Error> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Parts {
        group: String,
        version: String,
        kind: String,
    }
    Parts::deserialize(from).map(|parts| GroupVersionKind::new(parts.group, parts.version, parts.kind))
}

/// Fields that hold the name of an object of a kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NameReference {
    /// What is referred to; empty parts stand for any.
    #[serde(flatten, deserialize_with = "lenient")]
    pub referent: Owner,
    /// The fields that hold its name.
    #[serde(rename = "fieldSpecs")]
    pub fields: Vec<FieldSpec>,
}

/// All fields that transformers work on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Config {
    pub name_prefix: Vec<FieldSpec>,
    pub name_suffix: Vec<FieldSpec>,
    pub namespace: Vec<FieldSpec>,
    pub common_labels: Vec<FieldSpec>,
    pub labels: Vec<FieldSpec>,
    pub template_labels: Vec<FieldSpec>,
    pub common_annotations: Vec<FieldSpec>,
    pub name_reference: Vec<NameReference>,
    pub var_reference: Vec<FieldSpec>,
    pub images: Vec<FieldSpec>,
    pub replicas: Vec<FieldSpec>,
}

impl Config {
    /// kustomize's own.
    pub fn defaults() -> &'static Self {
        &DEFAULTS
    }

    fn add(&mut self, section: &str, referent: Owner, spec: FieldSpec) {
        let list = match section {
            "nameReference" => {
                match self.name_reference.iter_mut().find(|known| known.referent == referent) {
                    Some(known) => known.fields.push(spec),
                    None => self.name_reference.push(NameReference { referent, fields: vec![spec] }),
                }
                return;
            }
            "namePrefix" => &mut self.name_prefix,
            "nameSuffix" => &mut self.name_suffix,
            "namespace" => &mut self.namespace,
            "commonLabels" => &mut self.common_labels,
            "templateLabels" => &mut self.template_labels,
            "commonAnnotations" => &mut self.common_annotations,
            "varReference" => &mut self.var_reference,
            "images" => &mut self.images,
            "replicas" => &mut self.replicas,
            _ => return,
        };
        list.push(spec);
    }

    /// Adds another configuration to this one.
    ///
    /// # Errors
    /// The same field, to be made in one and not in the other.
    pub fn merge(&mut self, other: &Self) -> anyhow::Result<()> {
        for (mine, theirs) in [
            (&mut self.name_prefix, &other.name_prefix),
            (&mut self.name_suffix, &other.name_suffix),
            (&mut self.namespace, &other.namespace),
            (&mut self.common_labels, &other.common_labels),
            (&mut self.labels, &other.labels),
            (&mut self.template_labels, &other.template_labels),
            (&mut self.common_annotations, &other.common_annotations),
            (&mut self.var_reference, &other.var_reference),
            (&mut self.images, &other.images),
            (&mut self.replicas, &other.replicas),
        ] {
            merge_fields(mine, theirs)?;
        }
        for theirs in &other.name_reference {
            match self.name_reference.iter_mut().find(|mine| mine.referent == theirs.referent) {
                Some(mine) => merge_fields(&mut mine.fields, &theirs.fields)?,
                None => self.name_reference.push(theirs.clone()),
            }
        }
        Ok(())
    }
}

/// Adds fields that are not there yet.
///
/// # Errors
/// The same field, to be made in one and not in the other.
pub fn merge_fields(mine: &mut Vec<FieldSpec>, theirs: &[FieldSpec]) -> anyhow::Result<()> {
    for spec in theirs {
        match mine.iter().find(|known| known.path == spec.path && id::is_selected(&known.owner, &spec.owner)) {
            None => mine.push(spec.clone()),
            Some(known) if known.create == spec.create => {}
            Some(_) => anyhow::bail!("conflicting fieldspecs"),
        }
    }
    Ok(())
}

/// What to make where a field is missing that its [`FieldSpec`] wants made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    /// Nothing.
    Nothing,
    /// A null, for the setter to fill.
    Scalar,
    /// An empty map.
    Map,
}

/// What a visit does with a field's value.
pub type Setter<'a> = dyn FnMut(&mut Object) -> anyhow::Result<()> + 'a;

/// Splits a path at `/`, not at `\/`.
pub fn split_path(path: &str, separator: char) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let path = path.strip_prefix(separator).filter(|rest| !rest.is_empty()).unwrap_or(path);
    let mut continued = false;
    for piece in path.split(separator) {
        let (text, more) = match piece.strip_suffix('\\') {
            Some(text) => (text, true),
            None => (piece, false),
        };
        match parts.last_mut().filter(|_| continued) {
            Some(last) => {
                last.push(separator);
                last.push_str(text);
            }
            None => parts.push(text.to_owned()),
        }
        continued = more;
    }
    parts
}

/// Visits the field in an object, in each element of lists on the way.
///
/// # Errors
/// A scalar on the way; what the setter finds wrong.
pub fn visit(spec: &FieldSpec, object: &mut Object, create: Create, set: &mut Setter<'_>) -> anyhow::Result<()> {
    let id = Id::of(object);
    if !id::is_selected(&id.gvk, &spec.owner) {
        return Ok(());
    }
    let path = split_path(&spec.path, '/');
    let create = if spec.create { create } else { Create::Nothing };
    walk(object, &path, create, set)
        .map_err(|error| anyhow::anyhow!("considering field '{}' of object {id}: {error}", spec.path))
}

/// [`visit`], for each of several fields.
pub fn visit_all(specs: &[FieldSpec], object: &mut Object, create: Create, set: &mut Setter<'_>) -> anyhow::Result<()> {
    specs.iter().try_for_each(|spec| visit(spec, object, create, set))
}

fn walk(node: &mut Object, path: &[String], create: Create, set: &mut Setter<'_>) -> anyhow::Result<()> {
    let Some((first, rest)) = path.split_first() else { return set(node) };
    match node {
        Object::Null => Ok(()),
        Object::Array(elements) => elements.iter_mut().try_for_each(|element| {
            walk(element, path, create, set)
                .map_err(|error| anyhow::anyhow!("visit traversal on path: [{}]: {error}", path.join(" ")))
        }),
        Object::Object(map) => {
            let (name, is_list) = match first.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (first.as_str(), false),
            };
            anyhow::ensure!(!name.is_empty(), "cannot set or create an empty field name");
            let empty = match create {
                _ if is_list => Object::Array(Vec::new()),
                Create::Nothing => Object::Null,
                Create::Scalar if rest.is_empty() => Object::Null,
                _ => Object::Object(serde_json::Map::new()),
            };
            let field = if is_list || create == Create::Nothing {
                let Some(field) = map.get_mut(name) else { return Ok(()) };
                field
            } else {
                map.entry(name).or_insert(Object::Null)
            };
            if field.is_null() {
                *field = empty;
            }
            walk(field, rest, create, set)
        }
        _ => anyhow::bail!("expected sequence or mapping node"),
    }
}
