//! A `Stage` of kwok (`kwok.x-k8s.io/v1alpha1`): for which objects it is, when it comes, what it does.

use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;

use super::template::Text;
use crate::backend::kubelet::chance;
use crate::go::duration;
use crate::object::cel::{self, Named};
use crate::object::jq::Query;
use crate::object::{GroupVersion, GroupVersionKind, Meta, Object, Timestamp, time};

/// What one evaluation of a CEL expression may cost.
const CEL_UNITS: u64 = 100_000;

/// A stage that was read.
pub(super) struct Stage {
    pub name: String,
    /// What it is about.
    pub of: GroupVersionKind,
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    conditions: Vec<Condition>,
    weight: i64,
    weight_from: Option<Query>,
    delay: Option<u64>,
    delay_from: Option<Query>,
    jitter: Option<u64>,
    jitter_from: Option<Query>,
    pub steps: Vec<Step>,
}

enum Condition {
    Jq { query: Query, operator: Operator, values: Vec<String> },
    Cel(cel::Program),
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// What a stage does.
pub(super) enum Step {
    Event { warns: bool, reason: String, message: String },
    Finalizers { add: Vec<String>, remove: Vec<String>, empty: bool },
    Delete,
    Patch(Patch),
}

/// A change that a stage makes.
pub(super) struct Patch {
    /// Whether the status is changed, or else everything but the status.
    pub status: bool,
    /// The field below which the template's result belongs; empty for the whole object.
    pub root: String,
    pub template: Text,
    pub kind: PatchKind,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PatchKind {
    Json,
    Merge,
    Strategic,
    /// Strategic where the type has a schema, or else a merge.
    #[serde(skip)]
    #[default]
    Usual,
}

/// The form in which stages are written.
mod form {
    use super::{Deserialize, Operator, PatchKind};
    use std::collections::BTreeMap;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Spec {
        pub resource_ref: ResourceRef,
        pub selector: Option<Selector>,
        #[serde(default)]
        pub weight: i64,
        pub weight_from: Option<From>,
        pub delay: Option<Delay>,
        pub next: Option<Next>,
        #[serde(default)]
        pub steps: Vec<Step>,
        #[serde(rename = "immediateNextStage")]
        pub _immediate: Option<bool>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct ResourceRef {
        pub api_group: Option<String>,
        pub kind: String,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Selector {
        #[serde(default)]
        pub match_labels: BTreeMap<String, String>,
        #[serde(default)]
        pub match_annotations: BTreeMap<String, String>,
        #[serde(default)]
        pub match_expressions: Vec<Match>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Match {
        pub key: Option<String>,
        pub operator: Option<Operator>,
        #[serde(default)]
        pub values: Vec<String>,
        pub jq: Option<Jq>,
        pub cel: Option<Expression>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Jq {
        pub key: String,
        pub operator: Operator,
        #[serde(default)]
        pub values: Vec<String>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Expression {
        pub expression: String,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct From {
        pub expression_from: Option<String>,
        pub jq: Option<Expression>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Delay {
        pub duration_milliseconds: Option<u64>,
        pub duration_from: Option<From>,
        pub jitter_duration_milliseconds: Option<u64>,
        pub jitter_duration_from: Option<From>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Next {
        pub event: Option<Event>,
        pub finalizers: Option<Finalizers>,
        #[serde(default)]
        pub delete: bool,
        #[serde(default)]
        pub patches: Vec<Patch>,
        pub status_template: Option<String>,
        pub status_subresource: Option<String>,
        #[serde(rename = "statusPatchAs")]
        pub _patch_as: Option<serde_json::Value>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Step {
        pub patch: Option<Patch>,
        pub event: Option<Event>,
        pub finalizers: Option<Finalizers>,
        #[serde(default)]
        pub delete: bool,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Patch {
        #[serde(default)]
        pub subresource: String,
        #[serde(default)]
        pub root: String,
        #[serde(default)]
        pub template: String,
        #[serde(default, rename = "type")]
        pub kind: PatchKind,
        #[serde(rename = "impersonation")]
        pub _impersonation: Option<serde_json::Value>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Event {
        #[serde(default, rename = "type")]
        pub kind: String,
        #[serde(default)]
        pub reason: String,
        #[serde(default)]
        pub message: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Finalizers {
        #[serde(default)]
        pub add: Vec<Finalizer>,
        #[serde(default)]
        pub remove: Vec<Finalizer>,
        #[serde(default)]
        pub empty: bool,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Finalizer {
        #[serde(default)]
        pub value: String,
    }
}

fn query(text: &str) -> Result<Query, String> {
    Query::parse(text).map_err(|why| format!("the expression {text:?}: {why}"))
}

fn query_of(from: Option<form::From>) -> Result<Option<Query>, String> {
    let Some(from) = from else { return Ok(None) };
    match from.expression_from.or(from.jq.map(|jq| jq.expression)) {
        Some(text) => query(&text).map(Some),
        None => Err("a source of a value needs expressionFrom or jq".to_owned()),
    }
}

fn condition(own: form::Match) -> Result<Condition, String> {
    if let Some(cel) = own.cel {
        let env = cel::Env::new().with("self", cel::Type::Dyn);
        let program = cel::Program::compile(&env, &cel.expression);
        return program.map(Condition::Cel).map_err(|why| format!("the expression {:?}: {why}", cel.expression));
    }
    let (key, operator, values) = match (own.jq, own.key, own.operator) {
        (Some(jq), ..) => (jq.key, jq.operator, jq.values),
        (None, Some(key), Some(operator)) => (key, operator, own.values),
        _ => return Err("a matchExpression needs key and operator, jq or cel".to_owned()),
    };
    let needs_values = matches!(operator, Operator::In | Operator::NotIn);
    if needs_values == values.is_empty() {
        let needs = if needs_values { "In and NotIn need values" } else { "Exists and DoesNotExist take no values" };
        return Err(needs.to_owned());
    }
    Ok(Condition::Jq { query: query(&key)?, operator, values })
}

fn patch(own: form::Patch) -> Result<Step, String> {
    let status = match own.subresource.as_str() {
        "" => false,
        "status" => true,
        other => return Err(format!("patches of the subresource {other:?} are not supported")),
    };
    Ok(Step::Patch(Patch { status, root: own.root, template: Text::parse(&own.template)?, kind: own.kind }))
}

fn event(own: form::Event) -> Step {
    Step::Event { warns: own.kind == "Warning", reason: own.reason, message: own.message }
}

fn finalizers(own: form::Finalizers) -> Step {
    let values = |list: Vec<form::Finalizer>| list.into_iter().map(|item| item.value).collect();
    Step::Finalizers { add: values(own.add), remove: values(own.remove), empty: own.empty }
}

/// The old form of what comes next, in order.
fn steps_of(next: form::Next) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = next.event.map(event).into_iter().chain(next.finalizers.map(finalizers)).collect();
    if next.delete {
        steps.push(Step::Delete);
    }
    for own in next.patches {
        steps.push(patch(own)?);
    }
    if let Some(template) = next.status_template.filter(|template| !template.trim().is_empty()) {
        let subresource = next.status_subresource.unwrap_or_else(|| "status".to_owned());
        let root = "status".to_owned();
        steps.push(patch(form::Patch { subresource, root, template, kind: PatchKind::Usual, _impersonation: None })?);
    }
    Ok(steps)
}

impl Stage {
    /// Reads a stage; nothing for one that is for no object.
    ///
    /// # Errors
    /// What is wrong with it, or not supported.
    pub fn parse(object: &Object) -> Result<Option<Self>, String> {
        let spec = object.at(&["spec"]).cloned().unwrap_or_default();
        let spec: form::Spec = serde_json::from_value(spec).map_err(|why| format!("spec: {why}"))?;
        let group = spec.resource_ref.api_group.filter(|group| !group.is_empty()).unwrap_or_else(|| "v1".to_owned());
        let version = GroupVersion::parse(&group).ok_or_else(|| format!("no group and version: {group:?}"))?;
        let mut steps = Vec::new();
        for own in spec.steps {
            steps.extend(own.event.map(event));
            steps.extend(own.finalizers.map(finalizers));
            if own.delete {
                steps.push(Step::Delete);
            }
            steps.extend(own.patch.map(patch).transpose()?);
        }
        steps.extend(spec.next.map(steps_of).transpose()?.into_iter().flatten());
        let delay = spec.delay;
        let (mut pieces, mut sources) = ((None, None), (None, None));
        if let Some(delay) = delay {
            pieces = (delay.duration_milliseconds, delay.jitter_duration_milliseconds);
            sources = (query_of(delay.duration_from)?, query_of(delay.jitter_duration_from)?);
        }
        let Some(selector) = spec.selector else { return Ok(None) };
        Ok(Some(Self {
            name: object.name().to_owned(),
            of: version.kind(spec.resource_ref.kind),
            labels: selector.match_labels.into_iter().collect(),
            annotations: selector.match_annotations.into_iter().collect(),
            conditions: selector.match_expressions.into_iter().map(condition).collect::<Result<_, _>>()?,
            weight: spec.weight,
            weight_from: query_of(spec.weight_from)?,
            delay: pieces.0,
            delay_from: sources.0,
            jitter: pieces.1,
            jitter_from: sources.1,
            steps,
        }))
    }

    /// Whether it is for the object as it is now.
    pub fn matches(&self, object: &Object) -> bool {
        self.labels.iter().all(|(key, value)| object.label(key) == Some(value))
            && self.annotations.iter().all(|(key, value)| object.annotation(key) == Some(value))
            && self.conditions.iter().all(|condition| condition.holds(object))
    }

    /// How much it counts among those that match; nothing where its expression gives no number.
    pub fn weight(&self, object: &Object) -> Option<i64> {
        let Some(query) = &self.weight_from else { return Some(self.weight) };
        match value(query, object) {
            None => Some(self.weight),
            Some(Object::String(text)) => text.parse().ok(),
            Some(number) => number.as_i64(),
        }
    }

    /// How long after `since` it comes.
    pub fn delay(&self, object: &Object, since: Timestamp) -> Duration {
        let chosen = |own: Option<u64>, from: &Option<Query>| {
            let from = from.as_ref().and_then(|query| value(query, object));
            let text = from.as_ref().and_then(Object::as_str);
            let parsed = text.and_then(|text| {
                let until = time::parse_rfc3339(text).map(|time| time.duration_since(since));
                until.or_else(|| duration::parse(text).ok())
            });
            parsed.or_else(|| own.map(|own| SignedDuration::from_millis(i64::try_from(own).unwrap_or(i64::MAX))))
        };
        let Some(least) = chosen(self.delay, &self.delay_from) else { return Duration::ZERO };
        let duration = match chosen(self.jitter, &self.jitter_from) {
            Some(most) if most > least => {
                let span = u64::try_from((most - least).as_micros()).unwrap_or(u64::MAX);
                let drawn = chance::below(span, &[object.uid(), object.resource_version(), &self.name]);
                least.saturating_add(SignedDuration::from_micros(i64::try_from(drawn).unwrap_or(0)))
            }
            Some(most) => most,
            None => least,
        };
        Duration::try_from(duration).unwrap_or(Duration::ZERO)
    }
}

/// The first value of an expression that is not null.
fn value(query: &Query, object: &Object) -> Option<Object> {
    query.run(object).ok()?.into_iter().find(|value| !value.is_null())
}

impl Condition {
    fn holds(&self, object: &Object) -> bool {
        match self {
            Self::Jq { query, operator, values } => {
                // What cannot be evaluated is not there.
                let found = query.run(object).unwrap_or_default();
                let is_one_of = |value: &Object| match value {
                    Object::String(text) => values.contains(text),
                    Object::Bool(_) | Object::Number(_) => values.contains(&value.to_string()),
                    _ => false,
                };
                match operator {
                    Operator::In => found.iter().any(is_one_of),
                    Operator::NotIn => !found.iter().any(is_one_of),
                    Operator::Exists => found.iter().any(|value| !value.is_null()),
                    Operator::DoesNotExist => found.iter().all(Object::is_null),
                }
            }
            Self::Cel(program) => {
                let variables = Named(vec![("self", cel::Value::of_json(object, &cel::Type::Dyn))]);
                matches!(program.eval(&variables, &mut cel::Budget::new(CEL_UNITS)), Ok(cel::Value::Bool(true)))
            }
        }
    }
}
