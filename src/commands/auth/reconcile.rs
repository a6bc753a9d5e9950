//! `auth reconcile`: roles and bindings that grant at least what files declare.

use anyhow::bail;
use serde_json::{Map, json};

use crate::client::Client;
use crate::client::request::{Call, DeleteParams, Endpoint, WriteParams};
use crate::object::{GroupVersionResource, Meta, Object, Status};
use crate::ops::change::{DryRun, DryRunArgs, FileArgs, OutputArgs, Report, builder};
use crate::ops::context::Context;
use crate::output::rules::{covers, single_rules};

/// Make roles and bindings grant at least what files declare: Roles, ClusterRoles, RoleBindings and ClusterRoleBindings.
///
/// Objects that are missing are created, with their namespace where that is missing too. Roles get the permissions that they lack and keep those that they have beyond that, unless --remove-extra-permissions is given. Bindings get the subjects that they lack and keep the others, unless --remove-extra-subjects is given.
///
/// For these objects this is better than "apply", because it compares what rules mean. Other objects in the files are left alone.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "# Grant what a file declares\nkctl auth reconcile -f rbac-rules.yaml")]
pub struct ReconcileArgs {
    /// Whether anything is really changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// If true, take permissions from roles that the files do not declare.
    #[arg(long)]
    pub remove_extra_permissions: bool,
    /// If true, take subjects from bindings that the files do not declare.
    #[arg(long)]
    pub remove_extra_subjects: bool,
    /// Nothing is taken.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

const GROUP: &str = "rbac.authorization.k8s.io";
/// The annotation by which an object opts out.
const AUTO_UPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
/// How often it is tried again after somebody else changed the object.
const TRIES: usize = 3;

/// Runs `auth reconcile`.
///
/// # Errors
/// Files that cannot be read, versions of the API that are not known, and what the server refuses.
pub async fn run(ctx: &Context, args: ReconcileArgs) -> anyhow::Result<()> {
    if args.files.is_empty() {
        bail!("must specify one of -f and -k");
    }
    if !args.args.is_empty() {
        bail!("no arguments are allowed");
    }
    let dry_run = args.dry_run.read(ctx)?;
    if dry_run == DryRun::Server {
        bail!("--dry-run=server for command reconcile is not supported yet");
    }
    let (namespace, _) = ctx.namespace()?;
    let (infos, result) = builder(ctx, &args.files)?.local(true).plan().await?.infos().await;
    let report = Report::new(ctx, &args.output, dry_run)?;
    for info in infos {
        let object = info.object().into_owned();
        let Some(kind) = Kind::of(&object)? else { continue };
        let expected = kind.placed(object, &namespace);
        let desired = Desired { kind, expected, remove: args.removes(kind), write: dry_run == DryRun::None };
        let outcome = desired.reach(ctx.client().await?).await?;
        report.print("reconciled", outcome.object.clone())?;
        tell(ctx, &outcome, desired.remove);
    }
    result
}

impl ReconcileArgs {
    /// Whether what is not declared goes.
    fn removes(&self, kind: Kind) -> bool {
        if kind.is_binding { self.remove_extra_subjects } else { self.remove_extra_permissions }
    }
}

/// One of the kinds that are reconciled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    plural: &'static str,
    is_binding: bool,
    namespaced: bool,
}

impl Kind {
    fn of(object: &Object) -> anyhow::Result<Option<Self>> {
        let gvk = object.gvk();
        let (plural, is_binding, namespaced) = match gvk.kind.as_str() {
            "Role" => ("roles", false, true),
            "ClusterRole" => ("clusterroles", false, false),
            "RoleBinding" => ("rolebindings", true, true),
            "ClusterRoleBinding" => ("clusterrolebindings", true, false),
            _ => return Ok(None),
        };
        match gvk.version.as_str() {
            _ if gvk.group != GROUP => Ok(None),
            "v1" => Ok(Some(Self { plural, is_binding, namespaced })),
            other => bail!("only {GROUP}/v1 is supported: not *{other}.{}", gvk.kind),
        }
    }

    /// The object where it belongs.
    fn placed(self, mut object: Object, namespace: &str) -> Object {
        if self.namespaced && object.namespace().is_empty() {
            object.set_at(&["metadata", "namespace"], namespace);
        }
        object
    }

    fn collection(self, object: &Object) -> Endpoint {
        let namespace = if self.namespaced { object.namespace() } else { "" };
        Endpoint::collection(&GroupVersionResource::new(GROUP, "v1", self.plural), namespace)
    }
}

/// What must be done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Nothing,
    Create,
    Update,
    /// A binding's role cannot be changed.
    Recreate,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Create => "create",
            Self::Update => "update",
            Self::Recreate => "recreate",
        }
    }
}

/// What was found, and what became of it.
#[derive(Debug)]
struct Outcome {
    object: Object,
    operation: Operation,
    /// Rules, or subjects, that were not there.
    missing: Vec<Object>,
    /// Rules, or subjects, that are not declared.
    extra: Vec<Object>,
    /// Whether the object has opted out.
    protected: bool,
    is_binding: bool,
}

/// An object as it is declared.
struct Desired {
    kind: Kind,
    expected: Object,
    remove: bool,
    write: bool,
}

impl Desired {
    /// Brings the object about, again where somebody else changes it in between.
    async fn reach(&self, client: &Client) -> anyhow::Result<Outcome> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.once(client).await {
                Err(error) if tries < TRIES && is_race(&error) => {}
                result => return result,
            }
        }
    }

    async fn once(&self, client: &Client) -> anyhow::Result<Outcome> {
        let collection = self.kind.collection(&self.expected);
        let mut endpoint = Endpoint { name: self.expected.name().to_owned(), ..collection.clone() };
        let existing = match client.json(Call::get(&endpoint)).await {
            Ok(existing) => Some(existing),
            Err(error) if error.downcast_ref::<Status>().is_some_and(Status::is_not_found) => None,
            Err(error) => return Err(error),
        };
        let mut outcome = match &existing {
            None => Outcome {
                object: self.expected.clone(),
                operation: Operation::Create,
                missing: self.expected.list_at(&[self.list()]).to_vec(),
                extra: Vec::new(),
                protected: false,
                is_binding: self.kind.is_binding,
            },
            Some(existing) if self.kind.is_binding => binding(existing, &self.expected, self.remove),
            Some(existing) => role(existing, &self.expected, self.remove),
        };
        if outcome.protected || !self.write {
            return Ok(outcome);
        }
        let params = WriteParams::default();
        match outcome.operation {
            Operation::Nothing => return Ok(outcome),
            Operation::Update => {
                outcome.object = client.json(Call::update(&endpoint, &outcome.object, &params)).await?
            }
            Operation::Create | Operation::Recreate => {
                if let Some(existing) = existing {
                    let delete = DeleteParams { uid: existing.uid().to_owned(), ..DeleteParams::default() };
                    client.bytes(Call::delete(&endpoint, &delete)).await?;
                }
                endpoint.name.clear();
                if self.kind.namespaced {
                    ensure_namespace(client, &endpoint.namespace).await?;
                }
                outcome.object = client.json(Call::create(&endpoint, &outcome.object, &params)).await?;
            }
        }
        Ok(outcome)
    }

    fn list(&self) -> &'static str {
        if self.kind.is_binding { "subjects" } else { "rules" }
    }
}

/// Whether somebody else was faster.
fn is_race(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Status>()
        .is_some_and(|status| status.is_conflict() || status.is_already_exists() || status.is_not_found())
}

/// Creates a namespace that is not there, as far as that is allowed.
async fn ensure_namespace(client: &Client, name: &str) -> anyhow::Result<()> {
    let namespaces = GroupVersionResource::new("", "v1", "namespaces");
    let tolerated = |error: &anyhow::Error, also: fn(&Status) -> bool| {
        error.downcast_ref::<Status>().is_some_and(|status| status.reason == "Forbidden" || also(status))
    };
    match client.bytes(Call::get(&Endpoint::object(&namespaces, "", name))).await {
        Ok(_) => return Ok(()),
        Err(error) if tolerated(&error, Status::is_not_found) => {}
        Err(error) => return Err(error),
    }
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let call = Call::create(&Endpoint::collection(&namespaces, ""), &namespace, &WriteParams::default());
    match client.bytes(call).await {
        Err(error) if !tolerated(&error, Status::is_already_exists) => Err(error),
        _ => Ok(()),
    }
}

/// The existing object with the labels and annotations of the expected one, where it has none of that
/// name, and whether that changed it.
fn merged(existing: &Object, expected: &Object) -> (Object, Operation) {
    let mut object = existing.clone();
    let mut operation = Operation::Nothing;
    for part in ["annotations", "labels"] {
        let map = |object: &Object| object.at(&["metadata", part]).and_then(Object::as_object).cloned();
        let before = map(existing).unwrap_or_default();
        let mut after: Map<String, Object> = map(expected).unwrap_or_default();
        after.extend(before.clone());
        if after != before {
            object.set_at(&["metadata", part], after);
            operation = Operation::Update;
        }
    }
    (object, operation)
}

fn is_protected(existing: &Object) -> bool {
    existing.annotation(AUTO_UPDATE) == Some("false")
}

fn set_list(object: &mut Object, path: &[&str], mut list: Vec<Object>, more: &[Object]) {
    list.extend(more.iter().cloned());
    object.set_at(path, list);
}

/// Compares what roles grant.
fn role(existing: &Object, expected: &Object, remove: bool) -> Outcome {
    let (mut object, mut operation) = merged(existing, expected);
    let (had, wanted) = (existing.list_at(&["rules"]), expected.list_at(&["rules"]));
    let selectors =
        |role: &Object| role.at(&["aggregationRule"]).map(|rule| rule.list_at(&["clusterRoleSelectors"]).to_vec());
    let (had_selectors, wanted_selectors) = (selectors(existing), selectors(expected));
    let uncovered = |owner: &[Object], rules: &[Object]| -> Vec<Object> {
        single_rules(rules).into_iter().filter(|rule| !covers(owner, rule)).collect()
    };
    // Of two roles that are put together from others the rules are not compared.
    let both = had_selectors.is_some() && wanted_selectors.is_some();
    let extra = if both { Vec::new() } else { uncovered(wanted, had) };
    let missing = uncovered(had, wanted);
    if !remove && !missing.is_empty() {
        set_list(&mut object, &["rules"], had.to_vec(), &missing);
        operation = Operation::Update;
    } else if remove && !(missing.is_empty() && extra.is_empty()) {
        set_list(&mut object, &["rules"], wanted.to_vec(), &[]);
        operation = Operation::Update;
    }
    match (&had_selectors, &wanted_selectors) {
        (None, None) => {}
        (Some(_), None) => {
            object.remove_at(&["aggregationRule"]);
            operation = Operation::Update;
        }
        (had, Some(wanted)) => {
            let had = had.clone().unwrap_or_default();
            let lacking: Vec<Object> = wanted.iter().filter(|selector| !had.contains(selector)).cloned().collect();
            let beyond = had.iter().any(|selector| !wanted.contains(selector));
            let path = ["aggregationRule", "clusterRoleSelectors"];
            if !remove && !lacking.is_empty() {
                set_list(&mut object, &path, had, &lacking);
                operation = Operation::Update;
            } else if remove && (beyond || !lacking.is_empty()) {
                set_list(&mut object, &path, wanted.clone(), &[]);
                operation = Operation::Update;
            }
        }
    }
    Outcome { object, operation, missing, extra, protected: is_protected(existing), is_binding: false }
}

/// Compares whom bindings name.
fn binding(existing: &Object, expected: &Object, remove: bool) -> Outcome {
    let protected = is_protected(existing);
    let role =
        |binding: &Object| ["apiGroup", "kind", "name"].map(|part| binding.str_at(&["roleRef", part]).to_owned());
    if role(existing) != role(expected) {
        let (object, operation) = (expected.clone(), Operation::Recreate);
        return Outcome { object, operation, missing: Vec::new(), extra: Vec::new(), protected, is_binding: true };
    }
    let (mut object, mut operation) = merged(existing, expected);
    let (had, wanted) = (existing.list_at(&["subjects"]), expected.list_at(&["subjects"]));
    let without = |all: &[Object], those: &[Object]| {
        let mut rest: Vec<Object> = Vec::new();
        for subject in all {
            let is_same = |other: &Object| subject_parts(other) == subject_parts(subject);
            if !those.iter().any(is_same) && !rest.iter().any(is_same) {
                rest.push(subject.clone());
            }
        }
        rest
    };
    let (missing, extra) = (without(wanted, had), without(had, wanted));
    if !remove && !missing.is_empty() {
        set_list(&mut object, &["subjects"], had.to_vec(), &missing);
        operation = Operation::Update;
    } else if remove && !(missing.is_empty() && extra.is_empty()) {
        set_list(&mut object, &["subjects"], wanted.to_vec(), &[]);
        operation = Operation::Update;
    }
    Outcome { object, operation, missing, extra, protected, is_binding: true }
}

fn subject_parts(subject: &Object) -> [(&'static str, &str); 4] {
    [("Kind", "kind"), ("APIGroup", "apiGroup"), ("Name", "name"), ("Namespace", "namespace")]
        .map(|(name, field)| (name, subject.str_at(&[field])))
}

/// Says what was done.
fn tell(ctx: &Context, outcome: &Outcome, remove: bool) {
    if outcome.operation == Operation::Nothing {
        return;
    }
    let caveat = match outcome.protected {
        true => format!(", but object opted out ({AUTO_UPDATE}: false)"),
        false => String::new(),
    };
    ctx.streams.say(format!("\treconciliation required {}{caveat}", outcome.operation.name()));
    let what = if outcome.is_binding { "subjects" } else { "rules" };
    let list = |heading: &str, items: &[Object]| {
        if items.is_empty() {
            return;
        }
        ctx.streams.say(format!("\t{heading}:"));
        for item in items {
            ctx.streams.say(format!("\t\t{}", as_go(item, outcome.is_binding)));
        }
    };
    list(&format!("missing {what} added"), &outcome.missing);
    if remove {
        list(&format!("extra {what} removed"), &outcome.extra);
    }
}

/// A rule, or a subject, as Go prints its fields.
fn as_go(item: &Object, is_subject: bool) -> String {
    let fields: Vec<String> = if is_subject {
        subject_parts(item).iter().map(|(name, value)| format!("{name}:{value}")).collect()
    } else {
        [
            ("Verbs", "verbs"),
            ("APIGroups", "apiGroups"),
            ("Resources", "resources"),
            ("ResourceNames", "resourceNames"),
            ("NonResourceURLs", "nonResourceURLs"),
        ]
        .iter()
        .map(|(name, field)| {
            let texts: Vec<&str> = item.list_at(&[field]).iter().filter_map(Object::as_str).collect();
            format!("{name}:[{}]", texts.join(" "))
        })
        .collect()
    };
    format!("{{{}}}", fields.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rules: Object) -> Object {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a"}, "rules": rules})
    }

    fn rule(resources: &[&str], verbs: &[&str]) -> Object {
        json!({"apiGroups": [""], "resources": resources, "verbs": verbs})
    }

    #[test]
    fn compares_what_rules_mean() {
        let cases = [
            (
                json!([rule(&["pods"], &["get", "list"])]),
                json!([rule(&["pods"], &["get"]), rule(&["pods"], &["list"])]),
                false,
                Operation::Nothing,
                0,
                0,
            ),
            (json!([rule(&["*"], &["*"])]), json!([rule(&["pods"], &["get"])]), false, Operation::Nothing, 0, 1),
            (json!([rule(&["*"], &["*"])]), json!([rule(&["pods"], &["get"])]), true, Operation::Update, 0, 1),
            (
                json!([rule(&["pods"], &["get"])]),
                json!([rule(&["pods", "nodes"], &["get", "list"])]),
                false,
                Operation::Update,
                3,
                0,
            ),
            (
                json!([rule(&["*/scale"], &["get"])]),
                json!([rule(&["deployments/scale"], &["get"])]),
                false,
                Operation::Nothing,
                0,
                1,
            ),
        ];
        for (had, wanted, remove, operation, missing, extra) in cases {
            let outcome = role(&of(had.clone()), &of(wanted.clone()), remove);
            let counts = (outcome.operation, outcome.missing.len(), outcome.extra.len());
            assert_eq!(counts, (operation, missing, extra), "{had} to {wanted}");
        }
    }

    #[test]
    fn a_binding_of_another_role_is_made_anew() {
        let of = |role: &str, users: &[&str]| {
            let subjects: Vec<Object> = users.iter().map(|user| json!({"kind": "User", "name": user})).collect();
            json!({"roleRef": {"apiGroup": GROUP, "kind": "Role", "name": role}, "subjects": subjects})
        };
        assert_eq!(binding(&of("a", &[]), &of("b", &[]), false).operation, Operation::Recreate);
        let outcome = binding(&of("a", &["x", "y"]), &of("a", &["y", "z"]), false);
        assert_eq!(outcome.object["subjects"].as_array().map(Vec::len), Some(3));
        let outcome = binding(&of("a", &["x", "y"]), &of("a", &["y", "z"]), true);
        assert_eq!(outcome.object["subjects"], of("a", &["y", "z"])["subjects"]);
        assert_eq!(as_go(&outcome.extra[0], true), "{Kind:User APIGroup: Name:x Namespace:}");
    }
}
