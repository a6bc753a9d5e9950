//! Volumes of pods and sources of persistent volumes.

mod common;
mod persistent;
mod pod;

use super::description::Description;
use super::text::{as_quantity, go_list, int, strings, text_at};
use crate::object::{Meta, Object};
use crate::output::number::go_print;

pub(super) use persistent::persistent_source;
pub(super) use pod::volumes;

/// How the value of a line is read from the volume's source.
#[derive(Clone, Copy)]
enum Value {
    /// A string, nothing where it is absent.
    Text(&'static str),
    /// A string or number, with what stands for an absent one.
    TextOr(&'static str, &'static str),
    /// A number, 0 where it is absent.
    Int(&'static str),
    /// A boolean, false where it is absent.
    Bool(&'static str),
    /// A list as `[a b]`.
    List(&'static str),
    /// A list as `a, b`.
    Joined(&'static str),
    /// A map as `map[a:b]`.
    Map(&'static str),
    /// A reference to a Secret in the pod's namespace, in Go's form.
    Local(&'static str),
    /// A reference to a Secret of a namespace, in Go's form.
    Secret(&'static str),
    /// A string in a map in the source.
    Inner(&'static str, &'static str),
    /// The limit of an emptyDir.
    SizeLimit,
}
use Value::{Bool, Inner, Int, Joined, List, Local, Map, Secret, SizeLimit, Text, TextOr};

/// A type of volume.
struct Type {
    /// The field that holds its source.
    field: &'static str,
    /// Its name, and what it is.
    title: &'static str,
    /// What stands before the tab of each line, and what behind it.
    lines: &'static [(&'static str, Value)],
    /// What is not a line a field.
    more: Option<fn(&mut Description, &Object)>,
}

impl Type {
    const fn new(field: &'static str, title: &'static str, lines: &'static [(&'static str, Value)]) -> Self {
        Self { field, title, lines, more: None }
    }

    const fn with(self, more: fn(&mut Description, &Object)) -> Self {
        Self { more: Some(more), ..self }
    }
}

/// Writes the source that a volume, or the spec of a persistent volume, holds.
fn source(d: &mut Description, types: &[Type], holder: &Object) {
    let found =
        types.iter().find_map(|kind| Some((kind, holder.at(&[kind.field]).filter(|source| !source.is_null())?)));
    let Some((kind, source)) = found else {
        d.line(1, "<unknown>");
        return;
    };
    d.field(2, "Type", kind.title);
    for (label, value) in kind.lines {
        d.line(2, format_args!("{label}\t{}", value.read(source)));
    }
    if let Some(more) = kind.more {
        more(d, source);
    }
}

impl Value {
    fn read(self, source: &Object) -> String {
        match self {
            Text(field) => text_at(source, &[field], "").into_owned(),
            TextOr(field, absent) => text_at(source, &[field], absent).into_owned(),
            Int(field) => int(source, &[field]).to_string(),
            Bool(field) => source.bool_at(&[field]).to_string(),
            List(field) => go_list(&strings(source, &[field])),
            Joined(field) => strings(source, &[field]).join(", "),
            Map(field) => match source.at(&[field]) {
                Some(map @ Object::Object(_)) => go_print(map),
                _ => "map[]".to_owned(),
            },
            Local(field) => reference(source, field, |secret| {
                format!("&LocalObjectReference{{Name:{},}}", secret.str_at(&["name"]))
            }),
            Secret(field) => reference(source, field, |secret| {
                let (name, namespace) = (secret.str_at(&["name"]), secret.str_at(&["namespace"]));
                format!("&SecretReference{{Name:{name},Namespace:{namespace},}}")
            }),
            Inner(outer, inner) => source.str_at(&[outer, inner]).to_owned(),
            SizeLimit => match source.at(&["sizeLimit"]).map(as_quantity) {
                Some(limit) if limit.sign() > 0 => limit.to_string(),
                _ => "<unset>".to_owned(),
            },
        }
    }
}

fn reference(source: &Object, field: &str, write: impl FnOnce(&Object) -> String) -> String {
    source.at(&[field]).filter(|secret| !secret.is_null()).map_or_else(|| "nil".to_owned(), write)
}
