//! `vars`: `$(NAME)` in known fields stands for a field of an object.

use std::collections::BTreeMap;

use super::fields::{self, Config, Create};
use super::id::{self, Id};
use super::kustomization::Var;
use super::resource::Resources;
use super::transform::paths;
use crate::object::Object;

/// Notes which objects the variables read, while those are still called what the variables call them.
///
/// # Errors
/// A variable that could mean several objects, or is there twice.
pub fn collect(resources: &mut Resources, known: &mut Vec<Var>, incoming: &[Var]) -> anyhow::Result<()> {
    for var in incoming {
        let target = target(var);
        let exact = !target.namespace.is_empty() || target.is_cluster_scoped();
        let fits = |id: &Id| if exact { target.equals(id) } else { target.same_kind_and_name(id) };
        let mut matching: Vec<_> = resources.0.iter_mut().filter(|resource| resource.any_id(fits)).collect();
        if matching.len() > 1 {
            anyhow::bail!("found {} resId matches for var {} (unable to disambiguate)", matching.len(), var.name);
        }
        if let Some(resource) = matching.first_mut() {
            resource.variables.push(var.name.clone());
        }
    }
    merge(known, incoming.to_vec())
}

/// Adds variables of a base.
///
/// # Errors
/// One is there twice.
pub fn merge(known: &mut Vec<Var>, incoming: Vec<Var>) -> anyhow::Result<()> {
    for var in incoming {
        anyhow::ensure!(!known.iter().any(|other| other.name == var.name), "var '{}' already encountered", var.name);
        known.push(var);
    }
    Ok(())
}

fn target(var: &Var) -> Id {
    let gvk = if var.objref.api_version.is_empty() {
        var.objref.gvk.clone()
    } else {
        id::gvk(&var.objref.api_version, &var.objref.gvk.kind)
    };
    Id { gvk, name: var.objref.name.clone(), namespace: var.objref.namespace.clone() }
}

/// Puts the variables' values in. Tells which were never used.
///
/// # Errors
/// A variable that reads nothing.
pub fn resolve(resources: &mut Resources, vars: &[Var], config: &Config) -> anyhow::Result<Vec<String>> {
    let mut values: BTreeMap<&str, Object> = BTreeMap::new();
    for var in vars {
        let path = if var.fieldref.field_path.is_empty() { "metadata.name" } else { &var.fieldref.field_path };
        let Some(resource) = resources.0.iter().find(|resource| resource.variables.contains(&var.name)) else {
            anyhow::bail!("var '{}' cannot be mapped to a field in the set of known resources", var.name);
        };
        let path: Vec<String> = paths::split(&path.replace('[', ".").replace(']', ""));
        let Some(value) = paths::lookup(&resource.object, &path)? else {
            anyhow::bail!("field specified in var '{}' not found in corresponding resource", var.name);
        };
        values.insert(&var.name, value.clone());
    }
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    if values.is_empty() {
        return Ok(Vec::new());
    }
    for resource in &mut resources.0 {
        fields::visit_all(&config.var_reference, &mut resource.object, Create::Nothing, &mut |field| {
            match field {
                Object::Object(map) => map.iter_mut().for_each(|(_, value)| replace(value, &values, &mut used)),
                Object::Array(list) => list.iter_mut().for_each(|value| replace(value, &values, &mut used)),
                other => replace(other, &values, &mut used),
            }
            Ok(())
        })?;
    }
    let unused = values.keys().filter(|name| !used.contains_key(**name));
    Ok(unused.map(|name| (*name).to_owned()).collect())
}

fn replace(place: &mut Object, values: &BTreeMap<&str, Object>, used: &mut BTreeMap<String, usize>) {
    let Some(text) = place.as_str().filter(|text| text.contains('$')) else { return };
    let mut value = |name: &str| -> Option<Object> {
        let value = values.get(name).filter(|value| !value.is_object() && !value.is_array() && !value.is_null())?;
        *used.entry(name.to_owned()).or_default() += 1;
        Some(value.clone())
    };
    // A text that is one variable takes its type.
    if let Some(name) =
        text.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')')).filter(|name| !name.contains(')'))
    {
        if let Some(value) = value(name) {
            *place = value;
        }
        return;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(escaped) = rest.strip_prefix('$') {
            out.push('$');
            rest = escaped;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match value(name) {
                Some(value) => out.push_str(&paths::scalar_text(&value)),
                None => out.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    *place = out.into();
}
