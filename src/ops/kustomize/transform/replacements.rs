//! `replacements`: values copied from one object to others.

use super::paths::{self, Missing, scalar_text};
use crate::object::{Object, yaml};
use crate::ops::kustomize::id::Id;
use crate::ops::kustomize::kustomization::{FieldOptions, Replacement, Selector, Source, Target};
use crate::ops::kustomize::loader::Loader;
use crate::ops::kustomize::resource::{Resource, Resources};
use crate::ops::kustomize::shape;

const NAME: &str = "metadata.name";

/// Makes all replacements, also those in files.
///
/// # Errors
/// A source that is none or not one; a target's field that is not there.
pub fn apply(resources: &mut Resources, wanted: &[Replacement], loader: &Loader) -> anyhow::Result<()> {
    for replacement in wanted {
        if replacement.path.is_empty() {
            apply_one(resources, replacement)?;
            continue;
        }
        anyhow::ensure!(
            replacement.source.is_none() && replacement.targets.is_none(),
            "cannot specify both path and inline replacement"
        );
        for replacement in load(&replacement.path, loader)? {
            apply_one(resources, &replacement)?;
        }
    }
    Ok(())
}

fn load(path: &str, loader: &Loader) -> anyhow::Result<Vec<Replacement>> {
    let values = match yaml::parse(&loader.load(path)?)? {
        Object::Array(values) => values,
        value @ Object::Object(_) => vec![value],
        _ => anyhow::bail!("unsupported replacement type encountered within replacement path: invalid"),
    };
    let read = |value| {
        let value = shape::REPLACEMENT.fit(value).map_err(anyhow::Error::msg)?;
        Ok(serde_json::from_value(value)?)
    };
    values.into_iter().map(read).collect()
}

fn apply_one(resources: &mut Resources, replacement: &Replacement) -> anyhow::Result<()> {
    let value = match (&replacement.source, &replacement.source_value, &replacement.targets) {
        (_, _, None) | (None, None, _) => {
            anyhow::bail!("replacements must specify a source and at least one target")
        }
        (Some(_), Some(_), _) => anyhow::bail!("value and resource selectors are mutually exclusive"),
        (None, Some(text), _) => Object::from(text.as_str()),
        (Some(source), None, _) => source_value(resources, source)?,
    };
    for target in replacement.targets.iter().flatten() {
        write(resources, &value, target)?;
    }
    Ok(())
}

fn describe(source: &Source, id: &Id) -> String {
    let mut text = id.to_string();
    if !source.field_path.is_empty() {
        text.push(':');
        text.push_str(&source.field_path);
    }
    if let Some(options) = source.options.as_ref().filter(|options| options.create || !options.delimiter.is_empty()) {
        text.push_str(&format!(":{}({}), create={}", options.delimiter, options.index, options.create));
    }
    text
}

fn source_value(resources: &Resources, source: &Source) -> anyhow::Result<Object> {
    let id = Id { gvk: source.gvk.clone(), name: source.name.clone(), namespace: source.namespace.clone() };
    let mut matching = resources.0.iter().filter(|resource| resource.any_id(|known| known.is_selected_by(&id)));
    let Some(found) = matching.next() else { anyhow::bail!("nothing selected by {}", describe(source, &id)) };
    anyhow::ensure!(matching.next().is_none(), "multiple matches for selector {}", describe(source, &id));
    let path = if source.field_path.is_empty() { NAME } else { &source.field_path };
    let value = paths::lookup(&found.object, &paths::split(path))?;
    let is_empty = |value: &Object| match value {
        Object::Null => true,
        Object::Object(map) => map.is_empty(),
        Object::Array(list) => list.is_empty(),
        _ => false,
    };
    let Some(value) = value.filter(|value| !is_empty(value)) else {
        anyhow::bail!("fieldPath `{path}` is missing for replacement source {id}");
    };
    match source.options.as_ref().filter(|options| !options.delimiter.is_empty()) {
        None => Ok(value.clone()),
        Some(options) => part(value, options),
    }
}

fn part(value: &Object, options: &FieldOptions) -> anyhow::Result<Object> {
    anyhow::ensure!(!value.is_object() && !value.is_array(), "delimiter option can only be used with scalar nodes");
    let text = scalar_text(value);
    let part = usize::try_from(options.index).ok().and_then(|index| text.split(options.delimiter.as_str()).nth(index));
    match part {
        Some(part) => Ok(part.into()),
        None => anyhow::bail!("options.index {} is out of bounds for value {text}", options.index),
    }
}

fn write(resources: &mut Resources, value: &Object, target: &Target) -> anyhow::Result<()> {
    let Some(select) = &target.select else { anyhow::bail!("target must specify resources to select") };
    let name = [NAME.to_owned()];
    let fields = if target.field_paths.is_empty() { name.as_slice() } else { &target.field_paths };
    for resource in &mut resources.0 {
        if is_meant(resource, select, &target.reject)? {
            for field in fields {
                write_field(&mut resource.object, value, field, target.options.as_ref())?;
            }
        }
    }
    Ok(())
}

/// Whether an object is selected and not rejected. Other than in patches, names and kinds are no expressions.
fn is_meant(resource: &Resource, select: &Selector, rejects: &[Selector]) -> anyhow::Result<bool> {
    if !resource.fits_selectors(&select.label_selector, &select.annotation_selector)? {
        return Ok(false);
    }
    for reject in rejects {
        let by_labels = !reject.label_selector.is_empty() || !reject.annotation_selector.is_empty();
        if by_labels && resource.fits_selectors(&reject.label_selector, &reject.annotation_selector)? {
            return Ok(false);
        }
        let rejected = reject.id();
        if rejected != Id::default() && resource.any_id(|id| id.is_selected_by(&rejected)) {
            return Ok(false);
        }
    }
    let selected = select.id();
    Ok(resource.any_id(|id| id.is_selected_by(&selected)))
}

fn write_field(object: &mut Object, value: &Object, field: &str, options: Option<&FieldOptions>) -> anyhow::Result<()> {
    let missing = match value {
        _ if !options.is_some_and(|options| options.create) => Missing::Absent,
        Object::Object(_) => Missing::Map,
        Object::Array(_) => Missing::List,
        _ => Missing::Scalar,
    };
    let path = paths::split(field);
    if write_inside(object, value, &path, missing).is_ok_and(|written| written) {
        return Ok(());
    }
    let said = || {
        let or_create = if missing == Missing::Absent { "" } else { " or create" };
        format!("unable to find{or_create} field {field:?} in replacement target")
    };
    let mut refused = None;
    let visited = paths::visit(object, &path, missing, &mut |place| {
        if let Err(error) = put(place, value, options) {
            refused = Some(error);
        }
        Ok(())
    });
    if let Some(error) = refused {
        return Err(error);
    }
    match visited {
        Ok(0) => anyhow::bail!(said()),
        Ok(_) => Ok(()),
        Err(error) => anyhow::bail!("{}: {error}", said()),
    }
}

fn put(place: &mut Object, value: &Object, options: Option<&FieldOptions>) -> anyhow::Result<()> {
    let is_scalar = !place.is_object() && !place.is_array();
    let delimited = options.filter(|options| !options.delimiter.is_empty());
    let value = match delimited {
        None => value.clone(),
        Some(options) => {
            anyhow::ensure!(is_scalar, "delimiter option can only be used with scalar nodes");
            let text = scalar_text(place);
            let mut parts: Vec<&str> = text.split(options.delimiter.as_str()).collect();
            let new = scalar_text(value);
            match usize::try_from(options.index) {
                Err(_) => parts.insert(0, &new),
                Ok(index) => match parts.get_mut(index) {
                    Some(part) => *part = &new,
                    None => parts.push(&new),
                },
            }
            parts.join(&options.delimiter).into()
        }
    };
    *place = match (&*place, value) {
        // Only the text of a scalar is taken, and a list or a map has none.
        (Object::String(_), Object::Object(_) | Object::Array(_)) => "".into(),
        (place, value) if is_scalar && !value.is_object() && !value.is_array() => typed_like(place, &value)?,
        (_, value) => value,
    };
    Ok(())
}

/// A scalar with the type of the one whose place it takes: text stays text, anything else is what it looks like.
fn typed_like(place: &Object, value: &Object) -> anyhow::Result<Object> {
    let text = scalar_text(value);
    if place.is_string() {
        return Ok(text.into());
    }
    let read = yaml::parse(text.as_bytes())
        .ok()
        .filter(|value| !value.is_object() && !value.is_array() && !value.is_null())
        .unwrap_or_else(|| text.as_str().into());
    let (is, was) = (tag(&read), tag(place));
    if !place.is_null() && is != was && !(was == "float" && is == "int") {
        anyhow::bail!("map[string]interface {{}}(nil): yaml: cannot decode !!{is} `{text}` as a !!{was}");
    }
    Ok(read)
}

/// What YAML calls the type of a scalar.
fn tag(value: &Object) -> &'static str {
    match value {
        Object::Bool(_) => "bool",
        Object::Number(number) if number.is_f64() => "float",
        Object::Number(_) => "int",
        _ => "str",
    }
}

/// Writes into YAML or JSON that a field holds as text; false where the path leads into none.
fn write_inside(object: &mut Object, value: &Object, path: &[String], missing: Missing) -> anyhow::Result<bool> {
    for at in 1..path.len() {
        let (head, tail) = path.split_at(at);
        let Some(Object::String(text)) = paths::lookup(object, head)? else { continue };
        let text = text.clone();
        let mut inner = yaml::parse(text.as_bytes())?;
        let count = paths::visit(&mut inner, tail, missing, &mut |place| put(place, value, None))?;
        anyhow::ensure!(count > 0, "unable to find field in structured data");
        let trimmed = text.trim_start();
        let written = if trimmed.starts_with('{') || trimmed.starts_with('[') {
            if text.contains('\n') && text.contains("  ") {
                serde_json::to_string_pretty(&inner)?
            } else {
                serde_json::to_string(&inner)?
            }
        } else {
            crate::output::yaml::to_string(&inner)?.trim().to_owned()
        };
        let mut written = Some(written);
        paths::visit(object, head, Missing::Absent, &mut |place| {
            if let Some(text) = written.take() {
                *place = text.into();
            }
            Ok(())
        })?;
        return Ok(true);
    }
    Ok(false)
}
