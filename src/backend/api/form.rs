//! The form of objects: what reading into a type and writing it again does to them.
//!
//! Unknown fields are reported (`fieldValidation`), a value of the wrong type is refused; the rest is
//! [`schema::normalize`]'s.

use super::query::Query;
use crate::backend::registry::FieldError;
use crate::backend::registry::custom::Custom;
use crate::object::schema::{self, Mismatch};
use crate::object::{GroupKind, GroupVersionKind, Object, Status};

/// What happens to unknown and duplicate fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValidation {
    /// Nothing.
    Ignore,
    /// They are reported in warnings.
    Warn,
    /// The request is refused.
    Strict,
}

impl FieldValidation {
    /// Reads `fieldValidation`; what there is not is refused before.
    pub fn parse(query: &Query) -> Self {
        match query.get("fieldValidation") {
            "Ignore" => Self::Ignore,
            "Strict" => Self::Strict,
            _ => Self::Warn,
        }
    }
}

/// Where an object comes from, for the words of a refusal.
pub enum Source<'a> {
    /// The body of a request.
    Body(&'a [u8]),
    /// A strategic patch, and the fields that it gives twice.
    Strategic(&'a Object, &'a [String]),
    /// The object after another patch, and the fields that this gave twice.
    Patched(&'a [String]),
}

impl Source<'_> {
    /// What is said of fields that came twice.
    fn duplicates(&self) -> Vec<String> {
        let found;
        let paths = match self {
            Self::Body(bytes) => {
                found = schema::duplicate_fields(bytes);
                &found
            }
            Self::Strategic(_, paths) | Self::Patched(paths) => *paths,
        };
        paths.iter().map(|path| format!("duplicate field \"{path}\"")).collect()
    }
}

/// Brings an object into its type's form. Returns warnings.
///
/// `custom` is what stands behind the kind of a custom resource.
pub fn normalise(
    gvk: &GroupVersionKind,
    custom: Option<&'static Custom>,
    object: &mut Object,
    source: &Source<'_>,
    validation: FieldValidation,
) -> Result<Vec<String>, Status> {
    if let Some(custom) = custom {
        return normalise_custom(gvk, custom, object, source, validation);
    }
    let Some(of) = schema::of(gvk) else {
        super::body::drop_nulls(object);
        return Ok(Vec::new());
    };
    let check = schema::check(of, object);
    if let Some(mismatch) = &check.mismatch {
        return Err(refuse(gvk, object, source, mismatch));
    }
    let mut faults = check.strict_errors();
    if validation != FieldValidation::Ignore {
        let twice = source.duplicates();
        // Bodies are checked as they are read, patches before they are laid over the object.
        let place = if matches!(source, Source::Body(_)) { faults.len() } else { 0 };
        faults.splice(place..place, twice);
    }
    if validation == FieldValidation::Strict && !faults.is_empty() {
        let text = format!("strict decoding error: {}", faults.join(", "));
        return Err(match source {
            Source::Body(_) => Status::bad_request(format!(
                "{} in version \"{}\" cannot be handled as a {}: {text}",
                gvk.kind, gvk.version, gvk.kind
            )),
            Source::Strategic(patch, _) => invalid_patch(schema_text(patch), text),
            Source::Patched(_) => invalid_patch(object.to_string(), text),
        });
    }
    schema::normalize(of, object);
    Ok(if validation == FieldValidation::Warn { faults } else { Vec::new() })
}

/// The same for a custom resource: its metadata has a type, the rest a schema.
fn normalise_custom(
    gvk: &GroupVersionKind,
    custom: &'static Custom,
    object: &mut Object,
    source: &Source<'_>,
    validation: FieldValidation,
) -> Result<Vec<String>, Status> {
    let mut unknown = Vec::new();
    if let (Some(of), Some(metadata)) = (schema::named("meta.v1.ObjectMeta"), object.get_mut("metadata")) {
        let check = schema::check(of, metadata);
        if let Some(mismatch) = &check.mismatch {
            return Err(refuse(gvk, object, source, mismatch));
        }
        unknown.extend(check.unknown.iter().map(|path| format!("metadata.{path}")));
        schema::normalize(of, metadata);
    }
    unknown.extend(custom.prune(object));
    let mut faults: Vec<String> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
    if validation != FieldValidation::Ignore {
        faults.extend(source.duplicates());
    }
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(faults),
        FieldValidation::Strict if faults.is_empty() => Ok(faults),
        FieldValidation::Strict => Err(Status::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: strict decoding error: {}",
            gvk.kind,
            gvk.version,
            gvk.kind,
            faults.join(", ")
        ))),
    }
}

fn refuse(gvk: &GroupVersionKind, object: &Object, source: &Source<'_>, mismatch: &Mismatch) -> Status {
    match source {
        Source::Body(_) => Status::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: {}",
            gvk.kind,
            gvk.version,
            gvk.kind,
            mismatch.json_text()
        )),
        Source::Strategic(patch, _) => invalid_patch(schema_text(patch), mismatch.converter_text()),
        Source::Patched(_) => invalid_patch(object.to_string(), mismatch.json_text()),
    }
}

/// Refuses a patch that makes another kind of an object.
pub fn other_kind(gvk: &GroupVersionKind, found: &GroupVersionKind, object: &Object) -> Status {
    let text = if schema::of(found).is_some() {
        let package = gvk.group.split('.').next().filter(|group| !group.is_empty()).unwrap_or("core");
        format!("converting ({}.{}) to ({package}.{}): unknown conversion", found.version, found.kind, gvk.kind)
    } else {
        format!(
            "no kind \"{}\" is registered for version \"{}\" in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\"",
            found.kind,
            found.group_version()
        )
    };
    invalid_patch(object.to_string(), text)
}

fn invalid_patch(value: String, detail: String) -> Status {
    let kind = GroupKind { group: String::new(), kind: String::new() };
    Status::invalid(&kind, "", &[FieldError::invalid("patch", value, detail)])
}

/// A value as Go's `%+v` shows it.
fn schema_text(value: &Object) -> String {
    crate::object::patch::go_text(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(object: Object, validation: FieldValidation) -> Result<(Object, Vec<String>), Status> {
        let mut object = object;
        let gvk = crate::object::Meta::gvk(&object);
        let bytes = object.to_string().into_bytes();
        let warnings = normalise(&gvk, None, &mut object, &Source::Body(&bytes), validation)?;
        Ok((object, warnings))
    }

    #[test]
    fn drops_what_is_empty_or_unknown_and_keeps_the_rest() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "labels": {}, "creationTimestamp": null, "annotations": {"k": ""}},
            "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}}, "env": [], "bogus": 1}],
                     "volumes": [{"name": "v", "emptyDir": {}}]},
            "status": {},
        });
        let (pod, warnings) = run(pod, FieldValidation::Warn).expect("fits");
        assert_eq!(warnings, ["unknown field \"spec.containers[0].bogus\""]);
        assert_eq!(
            pod,
            json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "a", "annotations": {"k": ""}},
                "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}],
                         "volumes": [{"name": "v", "emptyDir": {}}]},
                "status": {},
            })
        );
    }

    #[test]
    fn refuses_wrong_types_and_where_asked_unknown_fields() {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": "x"}});
        assert_eq!(
            run(deployment, FieldValidation::Ignore).expect_err("a wrong type").message,
            "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
        );
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicass": 1}});
        assert_eq!(
            run(deployment, FieldValidation::Strict).expect_err("an unknown field").message,
            "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.replicass\""
        );
    }
}
