//! Behaviour that users bring: kwok's `Stage` objects.
//!
//! A [stage](stage::Stage) says for which objects it is, when it comes, and what happens then. Those that the
//! cluster holds (`stages.kwok.x-k8s.io`) move pods, nodes and everything else they name. A pod that some stage
//! would take from its beginning is theirs alone, and the kubelet's own table leaves it be, but for its end
//! where no stage has one; so is a node. All other objects are moved by both.
//!
//! When a stage comes is counted from the object's last change. What chance decides follows from the object's UID.

pub(super) mod stage;
mod template;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;
use serde_json::json;

use super::{addresses, chance, later, nodes};
use crate::backend::controllers::{Change, Controller, Event, Key, Outcome, View, Write};
use crate::backend::store::intern;
use crate::object::patch::{json as json_patch, merge, strategic};
use crate::object::{GroupVersionKind, Meta, Object, Timestamp, builtin, schema};
use stage::{Patch, PatchKind, Stage, Step};
use template::Surroundings;

/// The resource of stages.
pub const STAGES: &str = "stages.kwok.x-k8s.io";
/// The definitions of custom resources.
const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
/// Who reports.
const COMPONENT: &str = "kwok";

/// Checks a stage, as far as that can be done without a cluster.
///
/// # Errors
/// What is wrong with it, or not supported.
pub fn check(stage: &Object) -> Result<(), String> {
    Stage::parse(stage).map(drop)
}

/// The stages that the cluster holds, read once for each change of them. Clones share what was read.
#[derive(Clone, Default)]
pub(super) struct Stages(Arc<Mutex<Arc<Book>>>);

/// Stages that were read.
#[derive(Default)]
struct Book {
    /// UID and resource version of each.
    versions: Vec<(String, String)>,
    by_resource: HashMap<&'static str, Vec<Stage>>,
}

impl Stages {
    fn of(&self, view: &View) -> Arc<Book> {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            |(own, known): (&Arc<Object>, &(String, String))| own.uid() == known.0 && own.resource_version() == known.1;
        let objects = || view.list(STAGES, None);
        if objects().count() != book.versions.len() || !objects().zip(&book.versions).all(same) {
            let mut by_resource: HashMap<&'static str, Vec<Stage>> = HashMap::new();
            for stage in objects().filter_map(|object| Stage::parse(object).ok().flatten()) {
                if let Some(resource) = resource_of(&stage.of, view) {
                    by_resource.entry(resource).or_default().push(stage);
                }
            }
            let versions = objects().map(|it| (it.uid().to_owned(), it.resource_version().to_owned())).collect();
            *book = Arc::new(Book { versions, by_resource });
        }
        Arc::clone(&book)
    }

    /// Whether the stages alone move this object: one of them takes it from its beginning.
    pub fn own(&self, resource: &str, object: &Object, view: &View) -> bool {
        let book = self.of(view);
        let Some(stages) = book.by_resource.get(resource) else { return false };
        if object.deletion_timestamp().is_some() && !stages.iter().any(|stage| stage.matches(object)) {
            return false;
        }
        let mut newborn = object.clone();
        newborn.remove_at(&["metadata", "deletionTimestamp"]);
        match resource {
            "pods" => newborn.set_at(&["status"], json!({"phase": "Pending"})),
            _ => drop(newborn.remove_at(&["status"])),
        }
        stages.iter().any(|stage| stage.matches(&newborn))
    }
}

/// The resource of a kind.
fn resource_of(kind: &GroupVersionKind, view: &View) -> Option<&'static str> {
    if let Some(resource) = builtin::by_gvk(kind) {
        return Some(resource.group_resource());
    }
    let definition = view.list(DEFINITIONS, None).find(|definition| {
        definition.str_at(&["spec", "group"]) == kind.group
            && definition.str_at(&["spec", "names", "kind"]) == kind.kind
    })?;
    Some(intern(definition.name()))
}

/// See the module's text.
#[derive(Default)]
pub(super) struct Lifecycle {
    stages: Stages,
    /// When each object got the resource version that it has, by UID.
    since: Mutex<HashMap<String, (String, Timestamp)>>,
}

impl Lifecycle {
    pub fn new(stages: Stages) -> Self {
        Self { stages, since: Mutex::default() }
    }

    /// Since when an object is as it is. Who has not seen it before goes by the times that it holds.
    fn since(&self, object: &Object, now: Timestamp) -> Timestamp {
        let mut all = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let since = match all.get(object.uid()) {
            Some((version, since)) if version == object.resource_version() => return *since,
            Some(_) => now,
            None => {
                let times = |list: &'static [&str], field: &'static str| {
                    object.list_at(list).iter().filter_map(move |entry| entry.time_at(&[field]))
                };
                let told = times(&["metadata", "managedFields"], "time")
                    .chain(times(&["status", "conditions"], "lastTransitionTime"))
                    .chain(object.creation_timestamp())
                    .max();
                let just_now = |told: &Timestamp| now.duration_since(*told) < SignedDuration::from_secs(1);
                told.filter(|told| !just_now(told)).unwrap_or(now).min(now)
            }
        };
        all.insert(object.uid().to_owned(), (object.resource_version().to_owned(), since));
        since
    }

    /// Says what is wrong with a stage, when it is new.
    fn judge(&self, stage: &Object, view: &View) -> Outcome {
        let why = match Stage::parse(stage) {
            Err(why) => why,
            Ok(Some(parsed)) if resource_of(&parsed.of, view).is_none() => {
                format!("no resource is known for {} {}", parsed.of.api_version(), parsed.of.kind)
            }
            Ok(_) => return Outcome::default(),
        };
        if self.since(stage, view.now()) != view.now() {
            return Outcome::default();
        }
        Outcome { writes: vec![report(stage, true, "InvalidStage", &why)], requeue_at: None }
    }
}

fn report(about: &Object, warns: bool, reason: &str, message: &str) -> Write {
    Write::Event(Event {
        regarding: about.clone(),
        field_path: String::new(),
        kind: if warns { "Warning" } else { "Normal" },
        reason: reason.to_owned(),
        message: message.to_owned(),
        component: COMPONENT,
        host: String::new(),
    })
}

/// The stage among those that match: by weight, where weights tell them apart.
fn choose<'s>(stages: &'s [Stage], object: &Object) -> Option<&'s Stage> {
    let matching: Vec<&Stage> = stages.iter().filter(|stage| stage.matches(object)).collect();
    if matching.len() < 2 {
        return matching.first().copied();
    }
    let draw = |limit: usize| {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(chance::below(limit, &[object.uid(), object.resource_version(), "stage"])).unwrap_or(0)
    };
    let weighed: Vec<(&Stage, Option<i64>)> =
        matching.iter().map(|stage| (*stage, stage.weight(object).map(|weight| weight.max(0)))).collect();
    let total = weighed.iter().filter_map(|(_, weight)| *weight).fold(0_i64, i64::saturating_add);
    if total == 0 {
        let known: Vec<&Stage> =
            weighed.iter().filter(|(_, weight)| weight.is_some()).map(|(stage, _)| *stage).collect();
        let among = if known.is_empty() { matching } else { known };
        return among.get(draw(among.len())).copied();
    }
    let mut drawn = i64::try_from(draw(usize::try_from(total).unwrap_or(usize::MAX))).unwrap_or(0);
    let chosen = weighed.iter().find(|(_, weight)| {
        drawn -= weight.unwrap_or(0);
        drawn < 0
    });
    chosen.map(|(stage, _)| *stage)
}

impl Controller for Lifecycle {
    fn name(&self) -> &'static str {
        "stage-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["*"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        let key_of = |resource, object: &Object| Key {
            resource,
            namespace: object.namespace().into(),
            name: object.name().into(),
        };
        if change.key.resource == STAGES {
            // Whatever it is about may move from now on.
            let resource = change.new.as_deref().and_then(|stage| Stage::parse(stage).ok().flatten());
            let resource = resource.and_then(|stage| resource_of(&stage.of, view));
            let concerned = resource
                .into_iter()
                .flat_map(|resource| view.list(resource, None).map(move |object| key_of(resource, object)));
            return concerned.chain(change.new.is_some().then(|| change.key.clone())).collect();
        }
        if view.list(STAGES, None).next().is_none() {
            return Vec::new();
        }
        match (&change.new, &change.old) {
            (Some(_), _) => vec![change.key.clone()],
            (None, Some(old)) => {
                self.since.lock().unwrap_or_else(PoisonError::into_inner).remove(old.uid());
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(object) = view.at(key) else { return Outcome::default() };
        if key.resource == STAGES {
            return self.judge(object, view);
        }
        let book = self.stages.of(view);
        let Some(stages) = book.by_resource.get(key.resource) else { return Outcome::default() };
        let node = view.get("nodes", "", template::node_of(object));
        if node.is_some_and(|node| nodes::is_failed(node)) || key.resource == "pods" && node.is_none() {
            return Outcome::default();
        }
        let now = view.now();
        let since = self.since(object, now);
        let Some(stage) = choose(stages, object) else { return Outcome::default() };
        let due = later(since, stage.delay(object, since));
        if due > now {
            return Outcome { writes: Vec::new(), requeue_at: Some(due) };
        }
        let pod_ip = match object.str_at(&["status", "podIP"]) {
            "" if key.resource != "pods" => String::new(),
            "" => match node {
                Some(node) if object.bool_at(&["spec", "hostNetwork"]) => addresses::of_node(node).to_owned(),
                Some(node) => addresses::free(object, node, view).unwrap_or_default(),
                None => String::new(),
            },
            own => own.to_owned(),
        };
        let around = Surroundings {
            now,
            node_name: template::node_of(object),
            node_ip: node.map_or("", |node| addresses::of_node(node)),
            pod_ip: &pod_ip,
        };
        let writes = carry_out(stage, key, object, &around)
            .unwrap_or_else(|why| vec![report(object, true, "StageFailed", &format!("stage {}: {why}", stage.name))]);
        Outcome { writes, requeue_at: None }
    }
}

/// What a stage writes.
fn carry_out(stage: &Stage, key: &Key, object: &Object, around: &Surroundings<'_>) -> Result<Vec<Write>, String> {
    let mut writes = Vec::new();
    let mut own = object.clone();
    for step in &stage.steps {
        match step {
            Step::Event { warns, reason, message } => writes.push(report(&own, *warns, reason, message)),
            Step::Delete => {
                // What a finalizer holds goes once that is gone.
                writes.push(Write::Delete {
                    key: key.clone(),
                    uid: object.uid().to_owned(),
                    grace_period_seconds: Some(0),
                    propagation: None,
                });
                break;
            }
            Step::Finalizers { add, remove, empty } => {
                let before = own.list_at(&["metadata", "finalizers"]).to_vec();
                let mut list = if *empty { Vec::new() } else { before.clone() };
                list.retain(|value| !remove.iter().any(|remove| value.as_str() == Some(remove)));
                for value in add {
                    if !list.iter().any(|own| own.as_str() == Some(value)) {
                        list.push(json!(value));
                    }
                }
                if list != before {
                    own.set_at(&["metadata", "finalizers"], list);
                    writes.push(Write::Update { resource: key.resource, object: own.clone() });
                }
            }
            Step::Patch(patch) => {
                let changed = changed(patch, &stage.of, &own, around)?;
                if changed != own {
                    own = changed;
                    let object = own.clone();
                    writes.push(match patch.status {
                        true => Write::UpdateStatus { resource: key.resource, object },
                        false => Write::Update { resource: key.resource, object },
                    });
                }
            }
        }
    }
    Ok(writes)
}

/// The object as a patch makes it.
fn changed(
    patch: &Patch,
    kind: &GroupVersionKind,
    object: &Object,
    around: &Surroundings<'_>,
) -> Result<Object, String> {
    let mut value = patch.template.render(object, around)?;
    if value.is_null() {
        return Ok(object.clone());
    }
    if patch.kind == PatchKind::Json {
        let operations = value.as_array_mut().ok_or("a list of operations is needed")?;
        for operation in operations.iter_mut().filter(|_| !patch.root.is_empty()) {
            let path = format!("/{}{}", patch.root, operation.str_at(&["path"]));
            operation.set_at(&["path"], path);
        }
        let mut result = object.clone();
        json_patch::apply_operations(&mut result, operations).map_err(|why| why.to_string())?;
        return Ok(result);
    }
    if !patch.root.is_empty() {
        value = json!({ patch.root.as_str(): value });
    }
    let of = schema::of(kind).filter(|_| match patch.kind {
        PatchKind::Strategic => true,
        PatchKind::Usual => matches!(kind.kind.as_str(), "Pod" | "Node") && kind.group.is_empty(),
        _ => false,
    });
    match of {
        Some(of) => strategic::apply(object.clone(), value, of).map_err(|why| why.to_string()),
        None => {
            let mut result = object.clone();
            merge::apply(&mut result, &value);
            Ok(result)
        }
    }
}
