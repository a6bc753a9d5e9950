//! What the expressions of policies may name, and what that stands for in one request.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, LazyLock};

use super::{Policy, Unit};
use crate::backend::registry::custom::rules::types::object;
use crate::object::cel::library::{Authorizer, Opaque, ResourceCheck};
use crate::object::cel::{Budget, Env, Eval, EvalError, Field, Fields, Type, Value};
use crate::object::{Meta, Object};

/// What one expression may cost, and all expressions of a policy together.
const COST_OF_ONE: u64 = 1_000_000;
const COST_OF_ALL: u64 = 10_000_000;
/// What precedes the names of a policy's own variables.
const OWN: &str = "variables.";

static REQUEST: LazyLock<Type> = LazyLock::new(|| {
    use Type::{Bool, Dyn, String as Text};
    let kind = object("kubernetes.GroupVersionKind", vec![("group", Text), ("version", Text), ("kind", Text)]);
    let resource =
        object("kubernetes.GroupVersionResource", vec![("group", Text), ("version", Text), ("resource", Text)]);
    let user = object(
        "kubernetes.UserInfo",
        vec![
            ("username", Text),
            ("uid", Text),
            ("groups", Type::list(Text)),
            ("extra", Type::map(Text, Type::list(Text))),
        ],
    );
    object(
        "kubernetes.AdmissionRequest",
        vec![
            ("kind", kind.clone()),
            ("resource", resource.clone()),
            ("subResource", Text),
            ("requestKind", kind),
            ("requestResource", resource),
            ("requestSubResource", Text),
            ("name", Text),
            ("namespace", Text),
            ("operation", Text),
            ("userInfo", user),
            ("dryRun", Bool),
            ("options", Dyn),
        ],
    )
});

static NAMESPACE: LazyLock<Type> = LazyLock::new(|| {
    use Type::{Int, String as Text, Timestamp};
    let texts = || Type::map(Text, Text);
    let metadata = object(
        "kubernetes.NamespaceMetadata",
        vec![
            ("name", Text),
            ("generateName", Text),
            ("namespace", Text),
            ("labels", texts()),
            ("annotations", texts()),
            ("uid", Text),
            ("creationTimestamp", Timestamp),
            ("deletionGracePeriodSeconds", Int),
            ("deletionTimestamp", Timestamp),
            ("generation", Int),
            ("resourceVersion", Text),
            ("finalizers", Type::list(Text)),
        ],
    );
    let spec = object("kubernetes.NamespaceSpec", vec![("finalizers", Type::list(Text))]);
    let status = object("kubernetes.NamespaceStatus", vec![("phase", Text)]);
    object("kubernetes.Namespace", vec![("metadata", metadata), ("spec", spec), ("status", status)])
});

static PATCH: LazyLock<Type> = LazyLock::new(|| {
    let text = || Type::String;
    object("JSONPatch", vec![("op", text()), ("path", text()), ("from", text()), ("value", Type::Dyn)])
});

/// The type of a part of an object that is being made: any field may be set to anything.
#[derive(Debug)]
struct Part(String);

impl Fields for Part {
    fn name(&self) -> &str {
        &self.0
    }

    fn field(&self, name: &str) -> Option<Field<'_>> {
        Some(Field { name: Cow::Owned(name.to_owned()), of: Type::Dyn })
    }
}

/// The types of a policy's own variables.
pub(super) struct Variables {
    own: Vec<(String, Type)>,
    params: bool,
    /// Whether expressions may name variables of the policy's.
    composed: bool,
}

impl Variables {
    pub fn new(spec: &Object) -> Self {
        let composed = !spec.list_at(&["variables"]).is_empty();
        Self { own: Vec::new(), params: spec.at(&["paramKind"]).is_some_and(Object::is_object), composed }
    }

    /// The same for what must do without the policy's variables: the conditions under which it applies.
    pub fn plain(spec: &Object) -> Self {
        Self { composed: false, ..Self::new(spec) }
    }

    pub fn add(&mut self, name: &str, of: Type) {
        self.own.push((name.to_owned(), of));
    }

    /// The environment of an expression; `mutates` for those that make parts of objects.
    pub fn env(&self, authorizer: bool, mutates: bool) -> Env {
        let fields = self.own.iter().map(|(name, of)| (name.as_str(), of.clone())).collect();
        let mut env = Env::new()
            .with("object", Type::Dyn)
            .with("oldObject", Type::Dyn)
            .with("request", REQUEST.clone())
            .with("namespaceObject", NAMESPACE.clone());
        if self.composed {
            env = env.with("variables", object("kubernetes.variables", fields));
        }
        for (name, of) in &self.own {
            env = env.with(format!("{OWN}{name}"), of.clone());
        }
        if self.params {
            env = env.with("params", Type::Dyn);
        }
        if authorizer {
            env = env
                .with("authorizer", Type::opaque("kubernetes.authorization.Authorizer"))
                .with("authorizer.requestResource", Type::opaque("kubernetes.authorization.ResourceCheck"));
        }
        if mutates {
            env = env.with_structures(|name| match name {
                "JSONPatch" => Some(PATCH.clone()),
                name if name == "Object" || name.starts_with("Object.") => {
                    Some(Type::Object(Arc::new(Part(name.to_owned()))))
                }
                _ => None,
            });
        }
        env
    }
}

/// A request, as policies see it.
#[derive(Debug)]
pub struct Review<'v> {
    /// The new object; null for a delete.
    pub object: &'v Object,
    /// The old object; null for a create.
    pub old: &'v Object,
    /// `AdmissionRequest`, without the objects.
    pub request: &'v Object,
    /// The namespace's object; null outside of namespaces.
    pub namespace: &'v Object,
    /// Who may do what; absent where no expression asks.
    pub authorizer: Option<Arc<dyn Authorizer>>,
}

/// What names stand for in one evaluation of a policy.
pub struct Scope<'v> {
    policy: &'v Policy,
    review: &'v Review<'v>,
    params: &'v Object,
    /// The values of the policy's own variables that were asked for.
    own: RefCell<Vec<Option<Eval<'v>>>>,
    left: Cell<u64>,
}

impl<'v> Scope<'v> {
    /// `params` is null where there are none.
    pub fn new(policy: &'v Policy, review: &'v Review<'v>, params: &'v Object) -> Self {
        let own = RefCell::new(vec![None; policy.variables.len()]);
        Self { policy, review, params, own, left: Cell::new(COST_OF_ALL) }
    }

    fn run(&self, unit: &'v Unit) -> Eval<'v> {
        let program = unit.program.as_ref().map_err(|why| EvalError::Other(why.clone()))?;
        let granted = COST_OF_ONE.min(self.left.get());
        let mut budget = Budget::new(granted);
        let result = program.eval(self, &mut budget);
        self.left.set(self.left.get() - (granted - budget.left()));
        result
    }

    /// Evaluates an expression; the error is in the server's words.
    pub fn eval(&self, unit: &'v Unit) -> Result<Value<'v>, String> {
        if let Err(why) = &unit.program {
            return Err(format!("compilation error: {why}"));
        }
        match self.run(unit) {
            Ok(value) => Ok(value),
            Err(EvalError::CostLimit) if self.left.get() == 0 => {
                Err("validation failed due to running out of cost budget, no further validation rules will be run"
                    .into())
            }
            Err(why) => Err(format!("expression '{}' resulted in error: {why}", unit.text)),
        }
    }

    fn own(&self, name: &str) -> Option<Eval<'v>> {
        let at = self.policy.variables.iter().position(|(known, _)| known == name)?;
        if let Some(Some(known)) = self.own.borrow().get(at) {
            return Some(known.clone());
        }
        let (name, unit) = self.policy.variables.get(at)?;
        let value = self.run(unit).map_err(|why| match why {
            EvalError::CostLimit => EvalError::CostLimit,
            why => EvalError::Other(format!("composited variable \"{name}\" fails to evaluate: {why}")),
        });
        if let Some(place) = self.own.borrow_mut().get_mut(at) {
            *place = Some(value.clone());
        }
        Some(value)
    }
}

impl<'v> crate::object::cel::Variables<'v> for Scope<'v> {
    fn get(&self, name: &str) -> Option<Eval<'v>> {
        let review = self.review;
        let request = |path: &[&str]| review.request.str_at(path).to_owned();
        Some(Ok(match name {
            "object" => Value::of_json(review.object, &Type::Dyn),
            "oldObject" => Value::of_json(review.old, &Type::Dyn),
            "request" => Value::of_json(review.request, &REQUEST),
            "namespaceObject" => Value::of_json(review.namespace, &NAMESPACE),
            "params" => Value::of_json(self.params, &Type::Dyn),
            "authorizer" => Value::Opaque(Opaque::Authorizer(review.authorizer.clone()?)),
            "authorizer.requestResource" => {
                let check = ResourceCheck {
                    group: request(&["resource", "group"]),
                    resource: request(&["resource", "resource"]),
                    subresource: request(&["subResource"]),
                    namespace: request(&["namespace"]),
                    name: request(&["name"]),
                    ..ResourceCheck::default()
                };
                Value::Opaque(Opaque::ResourceCheck(review.authorizer.clone()?, Arc::new(check)))
            }
            name => return self.own(name.strip_prefix(OWN)?),
        }))
    }
}
