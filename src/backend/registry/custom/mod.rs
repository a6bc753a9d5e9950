//! Custom resources: what a `CustomResourceDefinition` makes of its versions.
//!
//! A definition is read once and kept for the life of the process, so that its resources can be told
//! apart from built-in ones as cheaply as those. What is kept depends on the spec alone: there is one
//! for each distinct spec that was ever served.

mod columns;
mod defaults;
pub mod definition;
pub mod formats;
pub mod rules;
mod structural;
mod validate;

use std::sync::{OnceLock, PoisonError, RwLock};

use serde_json::{Map, json};

pub use columns::Column;

use super::field_error::{FieldError, FieldErrorKind, FieldErrors};
use crate::object::builtin::{self, Resource, Subresource};
use crate::object::{GroupVersionKind, Meta, Object};

/// Verbs of all custom resources, in discovery's order.
const VERBS: &[&str] = &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
/// Verbs of their parts.
const PART_VERBS: &[&str] = &["get", "patch", "update"];

/// One version of a custom resource.
#[derive(Debug)]
pub struct Custom {
    /// The resource as the API serves it.
    pub resource: Resource,
    /// Whether it is served.
    pub served: bool,
    /// Whether objects are stored in this version.
    pub storage: bool,
    /// The kind of lists.
    pub list_kind: String,
    /// The text for clients of a deprecated version.
    pub deprecation: Option<String>,
    /// Where the scale subresource finds its numbers.
    pub scale: Option<Scale>,
    /// Fields that can be selected by, besides name and namespace: `spec.colour`.
    pub selectable: Vec<String>,
    /// The table, after the name.
    pub columns: Vec<Column>,
    /// The webhook that converts between versions (`spec.conversion.webhook`); none where they differ in
    /// their names alone.
    pub conversion: Option<Object>,
    /// Stands for the definition's spec.
    pub fingerprint: String,
    schema: Object,
    /// Read when the first object is validated.
    rules: OnceLock<Option<rules::Rules>>,
}

/// Paths of the scale subresource.
#[derive(Debug)]
pub struct Scale {
    /// `spec.replicas`.
    pub spec: Vec<String>,
    /// `status.replicas`.
    pub status: Vec<String>,
    /// Where the selector stands as text; may be empty.
    pub selector: Vec<String>,
}

/// A definition's versions, the most stable first.
#[derive(Debug)]
pub struct Definition {
    /// `beacons.sea.example.org`.
    pub name: String,
    /// All versions, served or not.
    pub versions: Vec<Custom>,
    spec: Object,
}

static KNOWN: RwLock<Vec<&'static Definition>> = RwLock::new(Vec::new());

impl Definition {
    /// Reads a `CustomResourceDefinition`; `None` for one whose names are not accepted.
    pub fn of(definition: &Object) -> Option<&'static Self> {
        let established = definition
            .list_at(&["status", "conditions"])
            .iter()
            .any(|condition| condition.str_at(&["type"]) == "Established" && condition.str_at(&["status"]) == "True");
        let spec = definition.at(&["spec"]).filter(|_| established)?;
        let find = |known: &[&'static Self]| known.iter().copied().find(|d| d.spec == *spec);
        if let Some(found) = find(&KNOWN.read().unwrap_or_else(PoisonError::into_inner)) {
            return Some(found);
        }
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&known) {
            return Some(found);
        }
        let read: &'static Self = Box::leak(Box::new(Self::read(definition.name(), spec)?));
        known.push(read);
        Some(read)
    }

    fn read(name: &str, spec: &Object) -> Option<Self> {
        let fingerprint = fingerprint(&spec.to_string());
        let mut versions: Vec<Custom> = spec
            .list_at(&["versions"])
            .iter()
            .map(|version| Custom::read(spec, version, &fingerprint))
            .collect::<Option<_>>()?;
        versions.sort_by(|a, b| precedence(b.resource.version).cmp(&precedence(a.resource.version)));
        versions.iter().find(|version| version.storage)?;
        Some(Self { name: name.to_owned(), versions, spec: spec.clone() })
    }

    /// The version in which objects are stored.
    pub fn storage(&'static self) -> &'static Custom {
        // `read` saw to it that there is one.
        self.versions.iter().find(|version| version.storage).unwrap_or(&self.versions[0])
    }

    /// The resources that are served, the most stable version first.
    pub fn served(&'static self) -> impl Iterator<Item = &'static Resource> {
        self.versions.iter().filter(|version| version.served).map(|version| &version.resource)
    }
}

/// What stands behind a resource, if it is a custom one.
pub fn of(resource: &Resource) -> Option<&'static Custom> {
    if builtin::resources().as_ptr_range().contains(&std::ptr::from_ref(resource)) {
        return None;
    }
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.iter().flat_map(|definition| &definition.versions).find(|custom| std::ptr::eq(&custom.resource, resource))
}

/// All versions of a custom resource that are served.
pub fn versions_of(resource: &Resource) -> impl Iterator<Item = &'static Resource> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let own = |d: &&&'static Definition| d.versions.iter().any(|custom| std::ptr::eq(&custom.resource, resource));
    known.iter().find(own).copied().into_iter().flat_map(Definition::served)
}

/// The version in which a custom resource's objects are stored.
pub fn storage_of(resource: &Resource) -> Option<&'static Resource> {
    if builtin::resources().as_ptr_range().contains(&std::ptr::from_ref(resource)) {
        return None;
    }
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let own = |d: &&&'static Definition| d.versions.iter().any(|custom| std::ptr::eq(&custom.resource, resource));
    known.iter().find(own).map(|definition| &definition.storage().resource)
}

impl Custom {
    fn read(spec: &Object, version: &Object, fingerprint: &str) -> Option<Self> {
        let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let leak_all = |path: &[&str]| -> Vec<&'static str> {
            spec.list_at(path).iter().filter_map(Object::as_str).map(leak).collect()
        };
        let group = leak(spec.str_at(&["group"]));
        let name = leak(version.str_at(&["name"]));
        let kind = leak(spec.str_at(&["names", "kind"]));
        let mut subresources = Vec::new();
        if version.at(&["subresources", "status"]).is_some_and(Object::is_object) {
            let verbs = PART_VERBS.to_vec();
            subresources.push(Subresource { name: "status", group, version: name, kind, verbs });
        }
        let scale = version.at(&["subresources", "scale"]).filter(|scale| scale.is_object()).map(Scale::read);
        if scale.is_some() {
            let verbs = PART_VERBS.to_vec();
            subresources.push(Subresource { name: "scale", group: "autoscaling", version: "v1", kind: "Scale", verbs });
        }
        let plural = spec.str_at(&["names", "plural"]);
        if plural.is_empty() || kind.is_empty() || name.is_empty() {
            return None;
        }
        let deprecation = version.bool_at(&["deprecated"]).then(|| match version.str_at(&["deprecationWarning"]) {
            "" => {
                let newer = newer_version(spec, name).map(|newer| format!("; use {group}/{newer} {kind}"));
                format!("{group}/{name} {kind} is deprecated{}", newer.unwrap_or_default())
            }
            text => text.to_owned(),
        });
        let mut schema = version.at(&["schema", "openAPIV3Schema"]).cloned().unwrap_or_else(|| json!({}));
        if spec.bool_at(&["preserveUnknownFields"]) {
            schema.set_at(&["x-kubernetes-preserve-unknown-fields"], true);
        }
        let field = |field: &Object| field.str_at(&["jsonPath"]).trim_start_matches('.').to_owned();
        Some(Self {
            resource: Resource::new(
                (group, name, leak(plural)),
                leak(spec.str_at(&["names", "singular"])),
                kind,
                leak_all(&["names", "shortNames"]),
                spec.str_at(&["scope"]) == "Namespaced",
                leak_all(&["names", "categories"]),
                VERBS.to_vec(),
                subresources,
            ),
            served: version.bool_at(&["served"]),
            storage: version.bool_at(&["storage"]),
            list_kind: spec.str_at(&["names", "listKind"]).to_owned(),
            deprecation,
            scale,
            selectable: version.list_at(&["selectableFields"]).iter().map(field).collect(),
            columns: columns::read(version.at(&["additionalPrinterColumns"])),
            conversion: (spec.str_at(&["conversion", "strategy"]) == "Webhook")
                .then(|| spec.at(&["conversion", "webhook"]).cloned().unwrap_or_default()),
            fingerprint: fingerprint.to_owned(),
            schema,
            rules: OnceLock::new(),
        })
    }

    /// The schema, as the definition has it.
    pub fn schema(&self) -> &Object {
        &self.schema
    }

    /// Whether the status is a part of its own.
    pub fn has_status(&self) -> bool {
        self.resource.subresource("status").is_some()
    }

    /// Drops fields that the schema does not know. Returns their paths, sorted.
    pub fn prune(&self, object: &mut Object) -> Vec<String> {
        structural::prune(&self.schema, object)
    }

    /// Fills in the schema's defaults.
    pub fn default(&self, object: &mut Object) {
        structural::default(&self.schema, object);
    }

    /// What is wrong with an object by the schema and its rules; `old` is what it was, if it was.
    /// Texts of what is let pass go to `warnings`.
    pub fn validate(&self, object: &Object, old: Option<&Object>, warnings: &mut Vec<String>) -> FieldErrors {
        let mut errors = validate::validate(&self.schema, object, old);
        errors.extend(self.scale.as_ref().and_then(|scale| scale.fault(object)));
        let Some(rules) = self.rules.get_or_init(|| rules::Rules::of(&self.schema)) else { return errors };
        // Rules are not run over what has not the form that they count on.
        let blocks = |error: &FieldError| {
            use FieldErrorKind::{NotSupported, Required, TooLong, TooMany, TypeInvalid};
            matches!(error.kind, NotSupported | Required | TooLong | TooMany | TypeInvalid)
        };
        if errors.iter().any(blocks) {
            let why = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
            errors.push(FieldError::invalid("<nil>", Object::Null, why));
            return errors;
        }
        let outcome = rules.evaluate(object, old);
        errors.extend(outcome.errors);
        warnings.extend(outcome.warnings);
        errors
    }

    /// The schema as OpenAPI shows it; `meta` is a reference to the type of metadata.
    pub fn published(&self, gvk: &GroupVersionKind, meta: Option<&Object>) -> Object {
        let mut shown = self.schema.clone();
        if self.schema.bool_at(&["x-kubernetes-preserve-unknown-fields"]) && self.schema.get("properties").is_none() {
            shown = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        } else {
            let properties = shown.at_mut(&["properties"]);
            if !properties.is_object() {
                *properties = Map::new().into();
            }
            for field in ["apiVersion", "kind"] {
                properties[field] = json!({"type": "string"});
            }
            if let Some(meta) = meta {
                properties["metadata"] = json!({"allOf": [meta]});
            }
        }
        if !self.selectable.is_empty() {
            let fields = self.selectable.iter().map(|path| json!({"fieldPath": path}));
            shown["x-kubernetes-selectable-fields"] = fields.collect::<Vec<_>>().into();
        }
        shown["x-kubernetes-group-version-kind"] =
            json!([{"group": gvk.group, "version": gvk.version, "kind": gvk.kind}]);
        shown
    }
}

impl Scale {
    /// What keeps an object from being scaled.
    fn fault(&self, object: &Object) -> Option<FieldError> {
        let path = format!(".{}", self.spec.join("."));
        let wrong = |value: &Object, wanted: &str| {
            let text = crate::object::patch::go_text(value);
            let kind = match value {
                Object::Bool(_) => "bool",
                Object::String(_) => "string",
                Object::Array(_) => "[]interface {}",
                Object::Object(_) => "map[string]interface {}",
                _ => "float64",
            };
            let why = format!("{path} accessor error: {text} is of the type {kind}, expected {wanted}");
            Some(FieldError::invalid(path.as_str(), 0, why))
        };
        let mut place = object;
        for field in &self.spec {
            if place.is_null() {
                return None;
            }
            if !place.is_object() {
                return wrong(place, "map[string]interface{}");
            }
            place = place.get(field)?;
        }
        match place.as_i64() {
            Some(number) if number >= 0 => None,
            Some(number) => Some(FieldError::invalid(path.as_str(), number, "should be a non-negative integer")),
            None if place.is_null() => None,
            None => wrong(place, "int64"),
        }
    }

    fn read(scale: &Object) -> Self {
        let path = |field: &str| {
            let text = scale.str_at(&[field]);
            text.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        Self { spec: path("specReplicasPath"), status: path("statusReplicasPath"), selector: path("labelSelectorPath") }
    }
}

/// The most stable version that is served, more stable than this one and not to be left as well.
fn newer_version<'a>(spec: &'a Object, than: &str) -> Option<&'a str> {
    let versions = spec.list_at(&["versions"]).iter();
    let good = versions.filter(|version| version.bool_at(&["served"]) && !version.bool_at(&["deprecated"]));
    let names = good.map(|version| version.str_at(&["name"])).filter(|name| precedence(name) > precedence(than));
    names.max_by_key(|name| precedence(name))
}

/// How stable a version is: stable before beta before alpha, newer before older, then other names from
/// the end of the alphabet.
pub fn precedence(version: &str) -> (u8, u32, u32, std::cmp::Reverse<&str>) {
    let parse = || -> Option<(u8, u32, u32)> {
        let rest = version.strip_prefix('v')?;
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (major, rest) = rest.split_at_checked(digits)?;
        let major = major.parse().ok()?;
        if rest.is_empty() {
            return Some((3, major, 0));
        }
        let (level, minor) = match rest.strip_prefix("beta") {
            Some(minor) => (2, minor),
            None => (1, rest.strip_prefix("alpha")?),
        };
        Some((level, major, minor.parse().ok()?))
    };
    let (level, major, minor) = parse().unwrap_or((0, 0, 0));
    (level, major, minor, std::cmp::Reverse(if level == 0 { version } else { "" }))
}

/// FNV-1a.
fn fingerprint(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests;
