//! `--overrides`: changing a generated object before it is created.

use anyhow::{anyhow, bail};

use super::typed::typed;
use crate::object::patch::{json, merge, strategic};
use crate::object::schema::{self, check};
use crate::object::{Meta, Object};

/// The flags.
#[derive(clap::Args, Clone, Debug)]
pub struct OverrideArgs {
    /// JSON that is laid over the generated object. It must name the object's apiVersion where it changes it.
    #[arg(long)]
    pub overrides: Option<String>,
    /// How --overrides is laid over the object: json, merge, or strategic.
    #[arg(long, default_value = "merge")]
    pub override_type: String,
}

impl OverrideArgs {
    /// The object with the overrides.
    ///
    /// # Errors
    /// Overrides that do not read or do not fit.
    pub fn apply(&self, mut object: Object) -> anyhow::Result<Object> {
        let Some(overrides) = self.overrides.as_deref().filter(|text| !text.is_empty()) else { return Ok(object) };
        match self.override_type.as_str() {
            "merge" | "" => match read(overrides)? {
                patch @ (Object::Object(_) | Object::Array(_)) => merge::apply(&mut object, &patch),
                _ => bail!("Invalid JSON Patch"),
            },
            "json" => {
                json::apply_locally(&mut object, overrides.as_bytes()).map_err(|error| anyhow!(error.to_string()))?
            }
            "strategic" => {
                let of = schema::of_object(&object).ok_or_else(|| anyhow!("no schema for {}", object.gvk()))?;
                object = strategic::apply(object, read(overrides)?, of)?;
            }
            other => bail!("invalid override type: {other}"),
        }
        let gvk = object.gvk();
        if gvk.kind.is_empty() {
            bail!("Object 'Kind' is missing in '{object}'");
        }
        let Some(of) = schema::of_object(&object) else {
            bail!("no kind {:?} is registered for version {:?} in scheme", gvk.kind, gvk.api_version());
        };
        if let Some(mismatch) = check(of, &object).mismatch {
            bail!("{}", mismatch.json_text());
        }
        Ok(typed(object))
    }
}

fn read(overrides: &str) -> anyhow::Result<Object> {
    serde_json::from_str(overrides).map_err(|_| anyhow!("Invalid JSON Patch"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn overridden(overrides: &str, how: &str) -> Result<Object, String> {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "p", "image": "nginx", "resources": {}}]}, "status": {}});
        let args = OverrideArgs { overrides: Some(overrides.into()), override_type: how.into() };
        args.apply(pod).map_err(|error| error.to_string())
    }

    #[test]
    fn lays_one_over_the_other() {
        let image = |overrides, how| overridden(overrides, how).expect("fits")["spec"]["containers"][0].clone();
        assert_eq!(image(r#"{"spec":{"containers":[{"name":"q"}]}}"#, "merge"), json!({"name": "q", "resources": {}}));
        assert_eq!(
            image(r#"{"spec":{"containers":[{"name":"p","tty":true}]}}"#, "strategic"),
            json!({"name": "p", "image": "nginx", "tty": true, "resources": {}})
        );
        let operations = r#"[{"op":"replace","path":"/spec/containers/0/image","value":"x"}]"#;
        assert_eq!(image(operations, "json")["image"], json!("x"));
        assert_eq!(overridden(r#"{"spec":{"nosuch":1}}"#, "merge").expect("dropped")["spec"].get("nosuch"), None);
        for (overrides, how, want) in [
            ("{bad", "merge", "Invalid JSON Patch"),
            ("{}", "nope", "invalid override type: nope"),
            (
                r#"{"spec":{"nodeName":1}}"#,
                "merge",
                "json: cannot unmarshal number into Go struct field PodSpec.spec.nodeName of type string",
            ),
        ] {
            assert_eq!(overridden(overrides, how), Err(want.to_owned()));
        }
    }
}
