//! Admission of what is no object of the store: bindings, evictions, requests for tokens, connections.

use super::policies::{Admission, Named};
use super::query::Query;
use super::route::ResourceRoute;
use super::transaction::Inside;
use super::webhooks::connect_options;
use super::{Api, WriteOptions};
use crate::backend::registry::storage_of;
use crate::backend::store::ListOptions;
use crate::object::builtin::Resource;
use crate::object::{Object, Status};

/// What puts policies to work.
const POLICY_BINDINGS: [&str; 2] = [
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
];

impl Inside<'_, '_> {
    /// Whether neither webhooks nor policies have a say in writes.
    pub(super) fn is_admitted_by_itself(&self) -> bool {
        let none = |bindings: &str| self.transaction.list(bindings, None).is_ok_and(|bindings| bindings.is_empty());
        self.hooks.is_empty() && POLICY_BINDINGS.iter().all(|bindings| none(bindings))
    }

    /// Lets policies and webhooks look at what is written to a subresource.
    pub(super) fn pass(
        &self,
        resource: &'static Resource,
        operation: &'static str,
        part: Named<'_>,
        options: &WriteOptions,
        object: &mut Object,
    ) -> Result<(), Status> {
        let admission = Admission { resource, operation, object: None, old: None, options, part: Some(part) };
        self.mutate_by_policies(&admission, object)?;
        let place = (part.namespace, part.name);
        let asked = self.write_for_webhooks(resource, operation, options, part.subresource, place);
        if let Some(write) = &asked {
            self.mutate_by_webhooks(write, object)?;
        }
        let warnings = self.validate_by_policies(&Admission { object: Some(object), ..admission })?;
        if let Some(write) = &asked {
            self.validate_by_webhooks(&write.with(object))?;
        }
        if let Some(session) = self.session {
            warnings.into_iter().for_each(|warning| session.warn(warning));
        }
        Ok(())
    }
}

impl Api {
    /// Whether webhooks or policies may have a say.
    fn is_watched(&self) -> Result<bool, Status> {
        let mut found = self.has_hooks()?;
        for bindings in POLICY_BINDINGS {
            let one = ListOptions { limit: 1, ..ListOptions::default() };
            found = found
                || (!self.store().is_known_empty(bindings) && !self.store().list(bindings, &one)?.items.is_empty());
        }
        Ok(found)
    }

    /// Lets policies and webhooks look at what is sent to a subresource that keeps nothing. Costs a look where
    /// there are none.
    pub(super) fn pass(
        &self,
        operation: &'static str,
        route: &ResourceRoute<'_>,
        options: &WriteOptions,
        object: &mut Object,
    ) -> Result<(), Status> {
        if !self.is_watched()? {
            return Ok(());
        }
        let part = Named { subresource: &route.subresource, namespace: &route.namespace, name: &route.name };
        self.write(|inside| inside.pass(storage_of(route.resource), operation, part, options, object))
    }

    /// The same for a connection to a pod, a Service or a node.
    pub(super) fn pass_connection(&self, route: &ResourceRoute<'_>, query: &Query) -> Result<(), Status> {
        let kind = storage_of(route.resource).subresource(&route.subresource).map_or("", |part| part.kind);
        self.pass("CONNECT", route, &WriteOptions::default(), &mut connect_options(kind, query))
    }
}
