//! Affinity to nodes and to other pods.

use crate::backend::controllers::View;
use crate::backend::controllers::support::selector;
use crate::object::labels::{Operator, Requirement, Selector};
use crate::object::{Meta, Object};

use super::node::Node;

/// Whether a node satisfies a pod's `nodeSelector` and required node affinity.
pub fn matches_node(pod: &Object, node: &Node) -> bool {
    let labels = pod.map_at(&["spec", "nodeSelector"]);
    labels.iter().all(|(key, value)| node.label(key) == Some(value))
        && pod
            .at(&["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"])
            .filter(|required| required.is_object())
            .is_none_or(|required| required.list_at(&["nodeSelectorTerms"]).iter().any(|term| matches_term(term, node)))
}

/// Whether a node satisfies one term: all of its expressions. An empty term matches nothing.
pub fn matches_term(term: &Object, node: &Node) -> bool {
    let (expressions, fields) = (term.list_at(&["matchExpressions"]), term.list_at(&["matchFields"]));
    let holds = |expression: &Object, lookup: &dyn Fn(&str) -> Option<String>| {
        requirement(expression).is_some_and(|requirement| {
            let value = lookup(requirement.key());
            Selector::of(vec![requirement]).matches_with(|_| value.as_deref())
        })
    };
    !(expressions.is_empty() && fields.is_empty())
        && expressions.iter().all(|expression| holds(expression, &|key| node.label(key).map(ToOwned::to_owned)))
        && fields.iter().all(|field| holds(field, &|key| (key == "metadata.name").then(|| node.name().to_owned())))
}

fn requirement(expression: &Object) -> Option<Requirement> {
    let operator = match expression.str_at(&["operator"]) {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::GreaterThan,
        "Lt" => Operator::LessThan,
        _ => return None,
    };
    let values = expression.list_at(&["values"]).iter().filter_map(Object::as_str).map(ToOwned::to_owned).collect();
    Requirement::new(expression.str_at(&["key"]), operator, values).ok()
}

/// One term of affinity or anti-affinity to pods.
pub struct Term {
    selector: Selector,
    namespaces: Vec<String>,
    namespace_selector: Option<Selector>,
    /// The node label whose equal values count as near.
    pub topology_key: String,
    /// For preferred terms.
    pub weight: i64,
}

impl Term {
    /// The required terms of a pod: `podAffinity` or `podAntiAffinity`.
    pub fn required(pod: &Object, kind: &str) -> Vec<Self> {
        let terms = pod.list_at(&["spec", "affinity", kind, "requiredDuringSchedulingIgnoredDuringExecution"]);
        terms.iter().map(|term| Self::of(term, pod, 1)).collect()
    }

    /// The preferred terms of a pod, with their weights.
    pub fn preferred(pod: &Object, kind: &str) -> Vec<Self> {
        let terms = pod.list_at(&["spec", "affinity", kind, "preferredDuringSchedulingIgnoredDuringExecution"]);
        let inner = |term: &Object| Some(Self::of(term.at(&["podAffinityTerm"])?, pod, term.int_at(&["weight"])?));
        terms.iter().filter_map(inner).collect()
    }

    fn of(term: &Object, pod: &Object, weight: i64) -> Self {
        let namespaces: Vec<String> =
            term.list_at(&["namespaces"]).iter().filter_map(Object::as_str).map(ToOwned::to_owned).collect();
        let namespace_selector = term.at(&["namespaceSelector"]).filter(|selector| !selector.is_null());
        let own = namespaces.is_empty() && namespace_selector.is_none();
        let mut chosen = selector::or_everything(term.at(&["labelSelector"]));
        let keys = term.list_at(&["matchLabelKeys"]).iter().filter_map(Object::as_str);
        let more: Vec<Requirement> =
            keys.filter_map(|key| Requirement::new(key, Operator::In, vec![pod.label(key)?.to_owned()]).ok()).collect();
        if !more.is_empty() && !chosen.is_nothing() {
            chosen = Selector::of(chosen.requirements().iter().cloned().chain(more).collect());
        }
        Self {
            selector: chosen,
            namespaces: if own { vec![pod.namespace().to_owned()] } else { namespaces },
            namespace_selector: namespace_selector.map(|selector| selector::or_everything(Some(selector))),
            topology_key: term.str_at(&["topologyKey"]).to_owned(),
            weight,
        }
    }

    /// Whether the term speaks of a pod.
    pub fn matches(&self, pod: &Object, view: &View) -> bool {
        let listed = self.namespaces.iter().any(|namespace| namespace == pod.namespace());
        let selected = || {
            self.namespace_selector.as_ref().is_some_and(|selector| {
                view.get("namespaces", "", pod.namespace()).is_some_and(|namespace| selector.matches(namespace))
            })
        };
        (listed || selected()) && self.selector.matches(pod)
    }
}
