//! Server-side apply, to an object, its status or its scale.

use http::{Response, StatusCode};
use serde_json::json;

use super::Call;
use crate::backend::api::form::{self, FieldValidation, Source};
use crate::backend::api::{Body, Manager, WriteOptions, body, scale};
use crate::backend::registry::{convert, managed};
use crate::object::{GroupVersionKind, Meta, Object, Status, yaml};

impl Call<'_> {
    pub(super) fn apply(&self, options: &WriteOptions) -> Result<Response<Body>, Status> {
        let resource = self.route.resource;
        let Some(manager) = options.manager.as_ref() else { return Err(Status::method_not_allowed()) };
        let scales = self.route.subresource == "scale";
        let kind = if scales { scale::kind() } else { resource.gvk() };
        let validation = FieldValidation::parse(&self.query);
        let mut applied =
            yaml::parse(&self.body).map_err(|error| Status::bad_request(format!("error decoding YAML: {error}")))?;
        if applied.is_null() {
            applied = json!({});
        }
        if !applied.is_object() {
            let found = crate::object::json_kind(&applied);
            return Err(Status::bad_request(format!(
                "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
            )));
        }
        if scales {
            // Without the object there is nothing to apply a scale to.
            self.api.get(self.key(), &self.route.namespace, &self.route.name)?;
        }
        check_kind(&applied, &kind)?;
        if applied.at(&["metadata", "managedFields"]).is_some_and(|fields| !fields.is_null()) {
            return Err(Status::bad_request("metadata.managedFields must be nil"));
        }
        managed::check(resource, scales.then_some(&kind), &applied)?;
        if scales {
            return self.apply_scale(options, manager, &applied);
        }
        let (force, now) = (self.query.is_true("force"), self.api.now());
        let lay = |old: Option<&Object>| -> Result<Object, Status> {
            let mut new = managed::apply(resource, old, &applied, manager, force, now)?;
            self.check_place(&mut new)?;
            form::normalise(&resource.gvk(), self.custom, &mut new, &Source::Patched(&[]), validation)?;
            self.to_storage(new)
        };
        let (namespace, name) = (&*self.route.namespace, &*self.route.name);
        let out = convert::between(self.storage, resource);
        let changed = self.api.change_with(self.storage, namespace, name, self.part()?, options, |old| {
            let shown = out.map(|way| self.api.convert(way, old)).transpose()?;
            lay(Some(shown.as_ref().unwrap_or(old)))
        });
        match changed {
            Err(status) if status.is_not_found() && self.route.subresource.is_empty() => {
                if !applied.uid().is_empty() {
                    let why = format!(
                        "uid mismatch: the provided object specified uid {}, and no existing object was found",
                        applied.uid()
                    );
                    return Err(Status::conflict(resource.group_resource(), name, &why));
                }
                let created = self.api.create_with(self.storage, lay(None)?, options)?;
                self.show_written(StatusCode::CREATED, created)
            }
            changed => self.show_written(StatusCode::OK, changed?),
        }
    }

    /// What is applied goes where the path says, and not elsewhere.
    fn check_place(&self, object: &mut Object) -> Result<(), Status> {
        let name = &*self.route.name;
        if object.name().is_empty() {
            object.set_at(&["metadata", "name"], name);
        }
        body::place(object, self.route.resource, &self.route.namespace, name)
    }

    /// The one field of a scale is a field of the object.
    fn apply_scale(
        &self,
        options: &WriteOptions,
        manager: &Manager,
        applied: &Object,
    ) -> Result<Response<Body>, Status> {
        let resource = self.route.resource;
        let part = scale::part(self.storage, resource, applied);
        let (force, now) = (self.query.is_true("force"), self.api.now());
        let out = convert::between(self.storage, resource);
        self.rescale_by(options, |old| {
            let shown = out.map(|way| self.api.convert(way, old)).transpose()?;
            let new = managed::apply(resource, Some(shown.as_ref().unwrap_or(old)), &part, manager, force, now)?;
            scale::check(old, &scale::of(self.storage, &new))?;
            self.to_storage(new)
        })
    }
}

/// Refuses what is of another kind, and of another version of it.
fn check_kind(applied: &Object, kind: &GroupVersionKind) -> Result<(), Status> {
    let found = applied.gvk();
    if found == *kind {
        return Ok(());
    }
    let shown = if found.group.is_empty() {
        format!("/{}, Kind={}", found.version, found.kind)
    } else {
        format!("{}/{}, Kind={}", found.group, found.version, found.kind)
    };
    Err(Status::bad_request(format!("invalid object type: {shown}")))
}
