//! The cluster's roles, as expressions ask about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Inside;
use crate::backend::api::access::{Attributes, Roles, Rules, User};
use crate::backend::registry::Cluster;
use crate::object::cel::library::{Authorizer, Decision, ResourceCheck};
use crate::object::{Meta, Object, Status};

const KINDS: [&str; 4] = ["clusterrolebindings", "clusterroles", "rolebindings", "roles"];

/// What roles and bindings there are while the write happens.
#[derive(Debug)]
struct Known(BTreeMap<String, Vec<Object>>);

impl Roles for Known {
    fn list(&self, resource: &str, namespace: &str) -> Result<Vec<Object>, Status> {
        let all = self.0.get(resource).into_iter().flatten();
        Ok(all.filter(|object| object.namespace() == namespace).cloned().collect())
    }

    fn get(&self, resource: &str, namespace: &str, name: &str) -> Result<Object, Status> {
        let found = self.list(resource, namespace)?.into_iter().find(|object| object.name() == name);
        found.ok_or_else(|| Status::not_found(resource, name))
    }
}

#[derive(Debug)]
struct Access {
    user: User,
    known: Arc<Known>,
}

/// Who decides for a user (`userInfo`).
pub(super) fn of(inside: &Inside<'_, '_>, user: &Object) -> Arc<dyn Authorizer> {
    let resource = |kind: &str| format!("{kind}.rbac.authorization.k8s.io");
    let known = KINDS.iter().map(|kind| (resource(kind), inside.list(&resource(kind), None))).collect();
    let groups = user.list_at(&["groups"]).iter().filter_map(Object::as_str).map(str::to_owned).collect();
    let user = User { name: user.str_at(&["username"]).to_owned(), groups, ..User::default() };
    Arc::new(Access { user, known: Arc::new(Known(known)) })
}

impl Access {
    fn decide(&self, attributes: &Attributes) -> Decision {
        match Rules::of(&*self.known, &self.user, &attributes.namespace) {
            Ok(rules) => {
                let (allowed, reason) = rules.decide(attributes);
                Decision { allowed, reason, error: String::new() }
            }
            Err(status) => Decision { error: status.message, ..Decision::default() },
        }
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
