//! What goes wrong because a user wants it to: `Fault` objects (`faults.kctl.dev`).
//!
//! A fault is about images, containers, nodes, or requests to the API server. It is in force while the object is
//! there, and shows as it would on a real cluster: `ErrImagePull`, `CrashLoopBackOff`, taints, answers with status 429.
//! What chance decides follows from UIDs, so a seeded cluster repeats.
//!
//! | file | what it holds |
//! | --- | --- |
//! | this | faults as they are written, and for whom they are |
//! | `definitions.yaml` | their kind, and that of kwok's stages |
//! | `node` | nodes that are down |
//! | [`api`] | requests that are answered late, with an error, or not to their end |

pub mod api;
mod node;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

pub use node::FaultController;

use super::controllers::View;
use super::kubelet::images::Why;
use super::kubelet::{chance, lifecycle};
use crate::go::duration;
use crate::object::{Meta, Object};

/// The resource of faults.
pub const FAULTS: &str = "faults.kctl.dev";

/// The definitions of the kinds of faults and stages.
pub fn definitions() -> Vec<Object> {
    serde_yaml::from_str(include_str!("definitions.yaml")).unwrap_or_default()
}

/// Checks an object that says what goes wrong, or how things behave: a fault or a stage.
///
/// # Errors
/// An object of another kind, or what is wrong with it.
pub fn check(object: &Object) -> Result<(), String> {
    match (object.api_version(), object.kind()) {
        ("kctl.dev/v1alpha1", "Fault") => Fault::parse(object).map(drop),
        ("kwok.x-k8s.io/v1alpha1", "Stage") => lifecycle::check(object),
        (version, kind) => Err(format!(
            "{version} {kind} is neither a Fault of kctl.dev/v1alpha1 nor a Stage of kwok.x-k8s.io/v1alpha1"
        )),
    }
}

/// A fault that was read.
#[derive(Clone, Debug)]
pub struct Fault {
    name: String,
    uid: String,
    /// The part of those it is for, from 0 to 1.
    rate: f64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Image(ImageFault),
    Container(ContainerFault),
    Node(NodeFault),
    Api(api::ApiFault),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    rate: Option<f64>,
    image: Option<ImageFault>,
    container: Option<ContainerFault>,
    node: Option<NodeFault>,
    api: Option<api::ApiFault>,
}

/// Images that cannot be pulled, or slowly.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFault {
    r#match: String,
    /// Why it cannot be pulled; nothing where it can.
    #[serde(default, deserialize_with = "why")]
    pub error: Option<Why>,
    /// How much longer a pull takes.
    #[serde(default, deserialize_with = "go_duration")]
    pub delay: Duration,
}

/// Containers that end, or start slowly.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ContainerFault {
    namespace: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    name: Option<String>,
    /// The code with which it ends; nothing where it does not.
    pub exit_code: Option<i32>,
    /// What its status gives as the reason.
    pub reason: Option<String>,
    /// How long it runs.
    #[serde(default, deserialize_with = "go_duration")]
    pub after: Duration,
    times: Option<i64>,
    /// How much longer a first start takes.
    #[serde(default, deserialize_with = "go_duration")]
    pub start_delay: Duration,
}

/// Nodes that are down or under pressure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeFault {
    r#match: String,
    #[serde(default)]
    down: bool,
    #[serde(default)]
    conditions: Vec<String>,
}

/// Reads why an image cannot be pulled.
fn why<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Why>, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "NotFound" => Ok(Some(Why::NotFound)),
        "Refused" => Ok(Some(Why::Refused)),
        "Unreachable" => Ok(Some(Why::Unreachable)),
        other => Err(serde::de::Error::custom(format!("error is NotFound, Refused or Unreachable, not {other:?}"))),
    }
}

/// Reads a duration in Go's form.
fn go_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = duration::parse(&text).ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or_else(|| serde::de::Error::custom(format!("not a duration like 1m30s: {text:?}")))
}

/// Whether a text is as a pattern wants it, where `*` is for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = text.split_once(part) else { return false };
        text = after;
    }
    text.ends_with(end)
}

impl Fault {
    /// Reads a fault.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(object: &Object) -> Result<Self, String> {
        let spec = object.at(&["spec"]).cloned().unwrap_or_default();
        let spec: Spec = serde_json::from_value(spec).map_err(|why| format!("spec: {why}"))?;
        let rate = spec.rate.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&rate) {
            return Err(format!("spec.rate is not between 0 and 1: {rate}"));
        }
        let what = match (spec.image, spec.container, spec.node, spec.api) {
            (Some(image), None, None, None) => What::Image(image),
            (None, Some(container), None, None) => What::Container(container),
            (None, None, Some(node), None) => What::Node(node),
            (None, None, None, Some(api)) => What::Api(api),
            _ => return Err("spec: exactly one of image, container, node and api is needed".to_owned()),
        };
        Ok(Self { name: object.name().to_owned(), uid: object.uid().to_owned(), rate, what })
    }

    /// Whether chance has it be for this one.
    fn draws(&self, one: &str) -> bool {
        // The highest 53 bits are all that a float keeps.
        let drawn = chance::hash(&[&self.uid, &self.name, one]) >> 11;
        self.rate >= 1.0 || (drawn as f64) < self.rate * 9_007_199_254_740_992.0
    }
}

/// The faults that are in force.
#[derive(Debug, Default)]
pub struct Faults {
    versions: Vec<(String, String)>,
    faults: Vec<Fault>,
}

impl Faults {
    fn of<'a>(objects: impl Iterator<Item = &'a Object>) -> Self {
        let mut faults = Self::default();
        for object in objects {
            faults.versions.push((object.uid().to_owned(), object.resource_version().to_owned()));
            faults.faults.extend(Fault::parse(object));
        }
        faults
    }

    /// What is wrong with an image for a pod.
    pub fn image(&self, image: &str, pod: &Object) -> Option<&ImageFault> {
        self.faults.iter().find_map(|fault| match &fault.what {
            What::Image(own) if fits(&own.r#match, image) && fault.draws(pod.uid()) => Some(own),
            _ => None,
        })
    }

    /// What is wrong with a container that was restarted so often.
    pub fn container(&self, pod: &Object, name: &str, restarts: i64) -> Option<&ContainerFault> {
        self.faults.iter().find_map(|fault| match &fault.what {
            What::Container(own)
                if own.namespace.as_deref().is_none_or(|namespace| namespace == pod.namespace())
                    && own.name.as_deref().is_none_or(|own| own == name)
                    && own.labels.iter().all(|(key, value)| pod.label(key) == Some(value))
                    && own.times.is_none_or(|times| restarts < times)
                    && fault.draws(pod.uid()) =>
            {
                Some(own)
            }
            _ => None,
        })
    }

    fn nodes<'f>(&'f self, node: &'f Object) -> impl Iterator<Item = &'f NodeFault> {
        self.faults.iter().filter_map(move |fault| match &fault.what {
            What::Node(own) if fits(&own.r#match, node.name()) && fault.draws(node.name()) => Some(own),
            _ => None,
        })
    }

    /// Whether a node reports a condition (`MemoryPressure`) to be true.
    pub fn has_condition(&self, node: &Object, condition: &str) -> bool {
        self.nodes(node).any(|own| own.conditions.iter().any(|own| own == condition))
    }

    /// Whether a node is down.
    fn is_down(&self, node: &Object) -> bool {
        self.nodes(node).any(|own| own.down)
    }
}

/// The faults of a view, read once for each change of them. Clones share what was read.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<Mutex<Arc<Faults>>>);

impl Known {
    /// The faults that are in force.
    pub fn of(&self, view: &View) -> Arc<Faults> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = || view.list(FAULTS, None);
        let same = objects().count() == faults.versions.len()
            && objects()
                .zip(&faults.versions)
                .all(|(object, (uid, version))| object.uid() == uid && object.resource_version() == version);
        if !same {
            *faults = Arc::new(Faults::of(objects().map(|object| &**object)));
        }
        Arc::clone(&faults)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(spec: &Object) -> Result<Fault, String> {
        Fault::parse(&json!({"metadata": {"name": "f", "uid": "u"}, "spec": spec}))
    }

    #[test]
    fn patterns() {
        for (pattern, text, want) in [
            ("nginx", "nginx", true),
            ("nginx", "nginx:1", false),
            ("nginx*", "nginx:1", true),
            ("*/shop/*:bad", "reg.io/shop/cart:bad", true),
            ("*/shop/*:bad", "reg.io/shop/cart:good", false),
            ("*", "", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_fault_is_said() {
        for (spec, part) in [
            (json!({}), "exactly one of"),
            (json!({"image": {"match": "a"}, "node": {"match": "b"}}), "exactly one of"),
            (json!({"image": {"match": "a", "error": "Lost"}}), "not \"Lost\""),
            (json!({"image": {"match": "a", "delay": "soon"}}), "not a duration like 1m30s: \"soon\""),
            (json!({"rate": 2, "image": {"match": "a"}}), "not between 0 and 1"),
            (json!({"api": {"verb": "get"}}), "unknown field `verb`"),
        ] {
            let error = fault(&spec).expect_err("wrong");
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_rate_is_for_a_part() {
        let half = fault(&json!({"rate": 0.25, "container": {"exitCode": 1}})).expect("a fault");
        let drawn = (0..1000).filter(|one| half.draws(&one.to_string())).count();
        assert!((200..300).contains(&drawn), "{drawn}");
        let none = fault(&json!({"rate": 0, "container": {"exitCode": 1}})).expect("a fault");
        assert!((0..1000).all(|one| !none.draws(&one.to_string())));
    }

    #[test]
    fn the_definitions_are_there() {
        let names: Vec<String> = definitions().iter().map(|object| object.name().to_owned()).collect();
        assert_eq!(names, [FAULTS, lifecycle::STAGES]);
    }
}
