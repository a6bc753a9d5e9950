//! The cluster's roles, as expressions ask about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::backend::api::access::{Attributes, Rules, User};
use crate::backend::api::transaction::Inside;
use crate::backend::registry::Cluster;
use crate::object::cel::library::{Authorizer, Decision, ResourceCheck};
use crate::object::{Meta, Object, Timestamp};

const KINDS: [&str; 4] = ["clusterrolebindings", "clusterroles", "rolebindings", "roles"];

/// What roles and bindings there are while the write happens.
#[derive(Debug)]
struct Known {
    objects: BTreeMap<String, Vec<Object>>,
    now: Timestamp,
}

impl Cluster for Known {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Object> {
        self.list(resource, Some(namespace)).into_iter().find(|object| object.name() == name)
    }

    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Object> {
        let all = self.objects.get(resource).into_iter().flatten();
        all.filter(|object| namespace.is_none_or(|namespace| object.namespace() == namespace)).cloned().collect()
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn random(&self) -> u64 {
        0
    }
}

#[derive(Debug)]
struct Access {
    user: User,
    known: Arc<Known>,
}

/// Who decides for a user (`userInfo`).
pub(in crate::backend::api) fn of(inside: &Inside<'_, '_>, user: &Object) -> Arc<dyn Authorizer> {
    let resource = |kind: &str| format!("{kind}.rbac.authorization.k8s.io");
    let objects = KINDS.iter().map(|kind| (resource(kind), inside.list(&resource(kind), None))).collect();
    let groups = user.list_at(&["groups"]).iter().filter_map(Object::as_str).map(str::to_owned).collect();
    let user = User { name: user.str_at(&["username"]).to_owned(), groups, ..User::default() };
    Arc::new(Access { user, known: Arc::new(Known { objects, now: inside.now }) })
}

impl Access {
    fn decide(&self, attributes: &Attributes) -> Decision {
        let rules = Rules::of(&*self.known, &self.user, &attributes.namespace);
        let (allowed, reason) = rules.decide(attributes);
        Decision { allowed, reason, error: String::new() }
    }
}

impl Authorizer for Access {
    fn resource(&self, check: &ResourceCheck, verb: &str) -> Decision {
        self.decide(&Attributes {
            verb: verb.to_owned(),
            group: check.group.clone(),
            resource: check.resource.clone(),
            subresource: check.subresource.clone(),
            namespace: check.namespace.clone(),
            name: check.name.clone(),
            path: String::new(),
        })
    }

    fn path(&self, path: &str, verb: &str) -> Decision {
        self.decide(&Attributes { verb: verb.to_owned(), path: path.to_owned(), ..Attributes::default() })
    }

    fn service_account(&self, namespace: &str, name: &str) -> Arc<dyn Authorizer> {
        let groups = ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
        let mut groups = groups.to_vec();
        groups.push("system:authenticated".into());
        let user = User { name: format!("system:serviceaccount:{namespace}:{name}"), groups, ..User::default() };
        Arc::new(Self { user, known: self.known.clone() })
    }
}
