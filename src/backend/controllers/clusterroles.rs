//! Cluster roles that are made of others: those whose labels an aggregation rule selects.

use std::collections::BTreeSet;

use super::support::selector;
use super::{Change, Controller, Key, Outcome, View, Write};
use crate::object::{Meta, Object};

const ROLES: &str = "clusterroles.rbac.authorization.k8s.io";

/// Keeps the rules of cluster roles with an aggregation rule.
#[derive(Debug, Default)]
pub struct AggregationController;

fn is_aggregated(role: &Object) -> bool {
    !role.list_at(&["aggregationRule", "clusterRoleSelectors"]).is_empty()
}

impl Controller for AggregationController {
    fn name(&self) -> &'static str {
        "clusterrole-aggregation-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[ROLES]
    }

    fn keys(&self, _: &Change, view: &View) -> Vec<Key> {
        let roles = view.list(ROLES, None).filter(|role| is_aggregated(role));
        let key = |name: &str| Key { resource: ROLES, namespace: String::new(), name: name.to_owned() };
        roles.map(|role| key(role.name())).collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(role) = view.at(key).filter(|role| is_aggregated(role)) else { return Outcome::default() };
        let mut rules: Vec<Object> = Vec::new();
        let mut seen = BTreeSet::new();
        for selector in role.list_at(&["aggregationRule", "clusterRoleSelectors"]) {
            let selector = selector::of(Some(selector));
            let mut others: Vec<_> = view.list(ROLES, None).collect();
            others.sort_by(|one, other| one.name().cmp(other.name()));
            for other in others {
                // A role is not made of itself.
                if other.name() == role.name() || !selector.matches(other) {
                    continue;
                }
                for rule in other.list_at(&["rules"]) {
                    if seen.insert(rule.to_string()) {
                        rules.push(rule.clone());
                    }
                }
            }
        }
        if role.list_at(&["rules"]) == rules {
            return Outcome::default();
        }
        let mut object = Object::clone(role);
        object.set_at(&["rules"], rules);
        Outcome { writes: vec![Write::Update { resource: ROLES, object }], requeue_at: None }
    }
}
