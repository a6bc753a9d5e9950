//! Webhooks and admission policies.

use super::{AGE, Cell, Column, NAME, cells};
use crate::object::{Meta, Object};

pub(super) const WEBHOOK_CONFIGURATIONS: &[Column] =
    &[NAME, Column::integer("Webhooks", |object, _| cells::len(object, &["webhooks"]).into()), AGE];

pub(super) const VALIDATING_POLICIES: &[Column] = &[
    NAME,
    Column::integer("Validations", |object, _| cells::len(object, &["spec", "validations"]).into()),
    PARAM_KIND,
    AGE,
];

pub(super) const MUTATING_POLICIES: &[Column] = &[
    NAME,
    Column::integer("Mutations", |object, _| cells::len(object, &["spec", "mutations"]).into()),
    PARAM_KIND,
    AGE,
];

pub(super) const POLICY_BINDINGS: &[Column] = &[
    NAME,
    Column::string("PolicyName", |object, _| object.str_at(&["spec", "policyName"]).into()),
    Column::string("ParamRef", |object, _| param_ref(object)),
    AGE,
];

const PARAM_KIND: Column = Column::string("ParamKind", |object, _| match object.at(&["spec", "paramKind"]) {
    Some(kind) => format!("{}/{}", kind.api_version(), kind.kind()).into(),
    None => "<unset>".into(),
});

fn param_ref(object: &Object) -> Cell {
    let Some(reference) = object.at(&["spec", "paramRef"]) else { return "<unset>".into() };
    let name = reference.str_at(&["name"]);
    let namespace = match reference.str_at(&["namespace"]) {
        // Whether the parameter belongs to a namespace cannot be told from here.
        "" => "*",
        namespace => namespace,
    };
    if !name.is_empty() {
        format!("{namespace}/{name}").into()
    } else if reference.at(&["selector"]).is_some() {
        cells::selector(reference, &["selector"]).into()
    } else {
        "<unset>".into()
    }
}
