//! The form of objects: what reading into a type and writing it again does to them.
//!
//! Unknown fields are reported (`fieldValidation`), a value of the wrong type is refused; the rest is
//! [`schema::normalize`]'s.

use super::query::Query;
use crate::backend::registry::FieldError;
use crate::backend::registry::custom::Custom;
use crate::object::schema::{self, Mismatch};
use crate::object::{GroupKind, GroupVersionKind, Object, Status, yaml};

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
    /// The same in YAML.
    Yaml(&'a [u8]),
    /// A strategic patch, and the fields that it gives twice.
    Strategic(&'a Object, &'a [String]),
    /// The object after another patch, and the fields that this gave twice.
    Patched(&'a [String]),
}

impl Source<'_> {
    fn is_body(&self) -> bool {
        matches!(self, Self::Body(_) | Self::Yaml(_))
    }

    /// What is said of fields that came twice, and of unknown ones, of which the paths are given.
    fn faults(&self, unknown: &[String]) -> Vec<String> {
        let says = |kind: &str, path: &str| format!("{kind} field \"{path}\"");
        let unknown_ones = || unknown.iter().map(|path| says("unknown", path));
        match self {
            // As they stand in the body; what is in no JSON is found by nobody there.
            Self::Body(bytes) => {
                let found = schema::fields_in_order(bytes, unknown);
                if found.iter().filter(|(_, twice)| !twice).count() < unknown.len() {
                    return unknown_ones().collect();
                }
                let kind = |twice: bool| if twice { "duplicate" } else { "unknown" };
                found.iter().map(|(path, twice)| says(kind(*twice), path)).collect()
            }
            Self::Yaml(text) => {
                let twice = yaml::parse_strict(text).err().map(|why| why.bare().to_owned());
                twice.into_iter().chain(unknown_ones()).collect()
            }
            // Patches are checked before they are laid over the object.
            Self::Strategic(_, twice) | Self::Patched(twice) => {
                twice.iter().map(|path| says("duplicate", path)).chain(unknown_ones()).collect()
            }
        }
    }

    /// Each fault as a warning of its own.
    fn warnings(&self, faults: Vec<String>) -> Vec<String> {
        let lines = |fault: String| -> Vec<String> {
            match fault.strip_prefix("yaml: unmarshal errors:\n") {
                Some(lines) => lines.lines().map(|line| line.trim().to_owned()).collect(),
                None => vec![fault],
            }
        };
        faults.into_iter().flat_map(lines).collect()
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
    let ignores = validation == FieldValidation::Ignore;
    let faults = if ignores { Vec::new() } else { source.faults(&check.unknown) };
    if validation == FieldValidation::Strict && !faults.is_empty() {
        let text = format!("strict decoding error: {}", faults.join(", "));
        return Err(match source {
            Source::Body(_) | Source::Yaml(_) => Status::bad_request(format!(
                "{} in version \"{}\" cannot be handled as a {}: {text}",
                gvk.kind, gvk.version, gvk.kind
            )),
            Source::Strategic(patch, _) => invalid_patch(schema_text(patch), text),
            Source::Patched(_) => invalid_patch(object.to_string(), text),
        });
    }
    schema::normalize(of, object);
    Ok(source.warnings(faults))
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
    let faults = if validation == FieldValidation::Ignore { Vec::new() } else { source.faults(&unknown) };
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(source.warnings(faults)),
        FieldValidation::Strict if faults.is_empty() => Ok(faults),
        FieldValidation::Strict if !source.is_body() => {
            Err(invalid_patch(object.to_string(), format!("strict decoding error: {}", faults.join(", "))))
        }
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
        Source::Body(_) | Source::Yaml(_) => Status::bad_request(format!(
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
