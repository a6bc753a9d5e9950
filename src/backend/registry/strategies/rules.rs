//! The shape of a kind's rules: a few facts and functions. What all kinds share is written once here.

use super::super::field_error::FieldErrors;
use super::super::strategy::{Cluster, Strategy};
use super::super::validation::{Faults, meta};
use crate::object::{Meta, Object, Status, names, schema};

/// The rules of one kind. A kind's file gives those that differ from [`Rules::NAMESPACED`].
pub struct Rules {
    /// Whether the kind's objects are in namespaces.
    pub namespaced: bool,
    /// What names may look like.
    pub name: meta::NameRule,
    /// The fields whose changes count in `metadata.generation`; none where the kind has no generation. The
    /// empty path stands for everything but the metadata (and the system's status).
    pub generation_of: &'static [&'static [&'static str]],
    /// Whether the status belongs to the system: dropped on create, kept on update.
    pub status: bool,
    /// Fills in absent fields.
    pub default: fn(&mut Object),
    /// Runs on create after the common steps.
    pub create: fn(&mut Object, &dyn Cluster) -> Result<(), Status>,
    /// Runs on update after the common steps.
    pub update: fn(&mut Object, &Object, &dyn Cluster) -> Result<(), Status>,
    /// Finds faults in what is not metadata.
    pub validate: fn(&Object, &mut Faults),
    /// Finds faults in what only a new object must not have.
    pub validate_create: fn(&Object, &mut Faults),
    /// Finds faults in a change of what is not metadata.
    pub validate_update: fn(&Object, &Object, &mut Faults),
    /// Texts for `Warning` headers.
    pub warnings: fn(&Object, Option<&Object>) -> Vec<String>,
    /// Seconds of grace of a delete that asks for none.
    pub grace: fn(&Object) -> Option<i64>,
}

/// The spec alone counts in the generation.
pub const SPEC: &[&[&str]] = &[&["spec"]];

impl Rules {
    /// A kind in namespaces, with DNS subdomains as names and no rules of its own.
    pub const NAMESPACED: Self = Self {
        namespaced: true,
        name: names::dns1123_subdomain,
        generation_of: &[],
        status: false,
        default: |_| {},
        create: |_, _| Ok(()),
        update: |_, _, _| Ok(()),
        validate: |_, _| {},
        validate_create: |_, _| {},
        validate_update: |_, _, _| {},
        warnings: |_, _| Vec::new(),
        grace: |_| None,
    };

    /// The same for a kind outside of namespaces.
    pub const CLUSTER: Self = Self { namespaced: false, ..Self::NAMESPACED };

    /// A kind in namespaces with a spec that is counted and a status of the system's.
    pub const WITH_STATUS: Self = Self { generation_of: SPEC, status: true, ..Self::NAMESPACED };
}

impl Rules {
    /// The fields that are the client's.
    fn content<'a>(&self, object: &'a Object) -> impl Iterator<Item = (&'a String, &'a Object)> {
        let status = self.status;
        let fields = object.as_object().into_iter().flatten();
        fields.filter(move |(name, _)| *name != "metadata" && !(status && *name == "status"))
    }
}

impl Strategy for Rules {
    fn default(&self, object: &mut Object) {
        if let Some(of) = schema::of_object(object) {
            schema::normalize(of, object);
        }
        (self.default)(object);
    }

    fn prepare_for_create(&self, object: &mut Object, cluster: &dyn Cluster) -> Result<(), Status> {
        if self.status {
            object.set_at(&["status"], serde_json::json!({}));
        }
        if !self.generation_of.is_empty() {
            object.set_at(&["metadata", "generation"], 1);
        }
        (self.create)(object, cluster)
    }

    fn prepare_for_update(&self, new: &mut Object, old: &Object, cluster: &dyn Cluster) -> Result<(), Status> {
        if self.status {
            match old.at(&["status"]) {
                Some(status) => new.set_at(&["status"], status.clone()),
                None => drop(new.remove_at(&["status"])),
            }
        }
        (self.update)(new, old, cluster)?;
        if !self.generation_of.is_empty() {
            let changed = self.generation_of.iter().any(|path| {
                if path.is_empty() { self.content(new).ne(self.content(old)) } else { new.at(path) != old.at(path) }
            });
            new.set_at(&["metadata", "generation"], old.generation() + i64::from(changed));
        }
        Ok(())
    }

    fn prepare_for_status_update(&self, new: &mut Object, _old: &Object) {
        if let Some(of) = schema::of_object(new) {
            schema::normalize(of, new);
        }
    }

    fn validate(&self, object: &Object) -> FieldErrors {
        let mut faults = Faults::default();
        meta::object_meta(object, self.namespaced, self.name, &mut faults);
        (self.validate)(object, &mut faults);
        faults.0
    }

    fn validate_create(&self, object: &Object) -> FieldErrors {
        let mut faults = Faults::default();
        (self.validate_create)(object, &mut faults);
        faults.0
    }

    fn validate_update(&self, new: &Object, old: &Object) -> FieldErrors {
        let mut faults = Faults::default();
        meta::object_meta_update(new, old, &mut faults);
        (self.validate_update)(new, old, &mut faults);
        faults.0
    }

    fn warnings(&self, object: &Object, old: Option<&Object>) -> Vec<String> {
        (self.warnings)(object, old)
    }

    fn default_grace_period(&self, object: &Object) -> Option<i64> {
        (self.grace)(object)
    }
}

/// Filling in fields that are absent.
pub trait Defaults {
    /// Sets the value at a path where there is none (or null).
    fn or_set(&mut self, path: &[&str], value: impl Into<Object>);
    /// Sets the text at a path where there is none or an empty one.
    fn or_text(&mut self, path: &[&str], text: &str);
    /// Sets the number at a path where there is none or zero.
    fn or_number(&mut self, path: &[&str], number: i64);
    /// Visits the elements of the list at a path.
    fn each(&mut self, path: &[&str], visit: impl FnMut(&mut Object));
    /// Visits the value at a path where there is one.
    fn with(&mut self, path: &[&str], visit: impl FnOnce(&mut Object));
}

impl Defaults for Object {
    fn or_set(&mut self, path: &[&str], value: impl Into<Object>) {
        let place = self.at_mut(path);
        if place.is_null() {
            *place = value.into();
        }
    }

    fn or_text(&mut self, path: &[&str], text: &str) {
        let place = self.at_mut(path);
        if place.is_null() || place.as_str() == Some("") {
            *place = text.into();
        }
    }

    fn or_number(&mut self, path: &[&str], number: i64) {
        let place = self.at_mut(path);
        if place.is_null() || place.as_i64() == Some(0) {
            *place = number.into();
        }
    }

    fn each(&mut self, path: &[&str], visit: impl FnMut(&mut Object)) {
        self.with(path, |list| {
            if let Object::Array(list) = list {
                list.iter_mut().for_each(visit);
            }
        });
    }

    fn with(&mut self, path: &[&str], visit: impl FnOnce(&mut Object)) {
        let found = path.iter().try_fold(self, |value, field| value.as_object_mut()?.get_mut(*field));
        if let Some(value) = found.filter(|value| !value.is_null()) {
            visit(value);
        }
    }
}
