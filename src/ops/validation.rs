//! `--validate`: how unknown and duplicate fields are taken. The server checks them; here only what
//! every object must have.

use super::resources::Validator;
use crate::object::{GroupVersion, Object};

/// The flag.
#[derive(clap::Args, Clone, Debug)]
pub struct ValidateArgs {
    /// Must be one of: strict (or true), warn, ignore (or false). "strict" or "true" refuses objects with fields that their type does not have; "warn" lets them pass with a warning; "ignore" or "false" drops such fields silently.
    #[arg(long, default_value = "strict", num_args = 0..=1, require_equals = true, default_missing_value = "strict")]
    pub validate: String,
}

impl ValidateArgs {
    /// What the server is told: `Strict`, `Warn` or `Ignore`.
    pub fn directive(&self) -> anyhow::Result<&'static str> {
        match self.validate.as_str() {
            "strict" | "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok("Strict"),
            "warn" => Ok("Warn"),
            "ignore" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok("Ignore"),
            other => anyhow::bail!(
                "invalid - validate option {other:?}; must be one of: strict (or true), warn, ignore (or false)"
            ),
        }
    }
}

/// The check of a manifest's documents that goes with a directive.
pub fn validator(directive: &str) -> Validator<'static> {
    if directive == "Ignore" { Box::new(|_| Ok(())) } else { Box::new(has_type) }
}

/// An object says what it is.
fn has_type(object: &Object) -> Result<(), String> {
    let Some(fields) = object.as_object() else { return Err("invalid object to validate".to_owned()) };
    let mut faults: Vec<String> = Vec::new();
    for field in ["apiVersion", "kind"] {
        match fields.get(field) {
            None | Some(Object::Null) => faults.push(format!("{field} not set")),
            Some(Object::String(text)) if field == "apiVersion" && GroupVersion::parse(text).is_none() => {
                faults.push(format!("unexpected GroupVersion string: {text}"));
            }
            Some(Object::String(_)) => {}
            Some(_) => faults.push(format!("{field} isn't string type")),
        }
    }
    match faults.as_slice() {
        [] => Ok(()),
        [fault] => Err(fault.clone()),
        _ => Err(format!("[{}]", faults.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_must_say_what_they_are() {
        for (object, want) in [
            (json!({"apiVersion": "v1", "kind": "Pod"}), Ok(())),
            (json!({"apiVersion": "v1"}), Err("kind not set")),
            (json!({}), Err("[apiVersion not set, kind not set]")),
            (json!({"apiVersion": 1, "kind": "Pod"}), Err("apiVersion isn't string type")),
            (json!({"apiVersion": "a/b/c", "kind": "Pod"}), Err("unexpected GroupVersion string: a/b/c")),
            (json!([]), Err("invalid object to validate")),
        ] {
            assert_eq!(has_type(&object), want.map_err(str::to_owned), "{object}");
        }
        assert_eq!(validator("Ignore")(&json!([])), Ok(()));
    }
}
