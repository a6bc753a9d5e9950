//! Custom resources whose versions differ in more than their names: a webhook converts between them
//! (`apiextensions-apiserver/pkg/apiserver/conversion`).
//!
//! As with admission, nobody is asked in the midst of a request: what is to be converted is noted, and the
//! request answered once more when it is. All objects that one attempt needs go out together.

use std::time::Duration;

use serde_json::json;

use super::service::call_to;
use super::{Session, unanswered};
use crate::backend::api::random;
use crate::backend::api::transaction::Outside;
use crate::backend::registry::convert::Conversion;
use crate::backend::registry::custom::Custom;
use crate::object::{Meta, Object, Status};

/// How long a conversion may take, in seconds.
const PATIENCE: u64 = 30;

/// An object that is to be converted.
pub(super) struct Wanted {
    pub key: String,
    to: &'static Custom,
    object: Object,
}

/// The object in another version; what only a webhook can convert waits for it.
pub(in crate::backend::api) fn convert(
    session: Option<&Session>,
    way: Conversion,
    object: &Object,
) -> Result<Object, Status> {
    let Some(to) = way.webhook_for(object) else { return Ok(way.apply(object)) };
    let wanted = to.resource.group_version().to_string();
    let Some(session) = session else {
        return Err(Status::failure(
            500,
            "",
            format!("{} failed: there is no way to webhooks from here", subject(object)),
        ));
    };
    let key = format!("{wanted} {object}");
    let mut state = session.state();
    match state.converted.get(&key) {
        Some(Ok(converted)) => Ok(way.apply(converted)),
        Some(Err(why)) => Err(Status::failure(500, "", why.clone())),
        None => {
            state.to_convert.push(Wanted { key, to, object: object.clone() });
            Err(unanswered())
        }
    }
}

impl Session {
    /// Has objects converted: one request for each version that they are to have.
    pub(super) async fn convert_all(&self, wanted: Vec<Wanted>) -> Vec<(String, Result<Object, String>)> {
        let mut done = Vec::new();
        let mut groups: Vec<(&'static Custom, Vec<Wanted>)> = Vec::new();
        for one in wanted {
            match groups.iter_mut().find(|(to, _)| std::ptr::eq(*to, one.to)) {
                Some((_, group)) => group.push(one),
                None => groups.push((one.to, vec![one])),
            }
        }
        for (to, group) in groups {
            let objects: Vec<&Object> = group.iter().map(|one| &one.object).collect();
            match self.convert_group(to, &objects).await {
                Ok(converted) => {
                    let checked = group.into_iter().zip(converted).enumerate().map(|(index, (one, converted))| {
                        let object = checked(to, &one.object, converted, index);
                        (one.key, object)
                    });
                    done.extend(checked);
                }
                Err(why) => {
                    let failed = group.into_iter().map(|one| (one.key, Err(format!("{} {why}", subject(&one.object)))));
                    done.extend(failed);
                }
            }
        }
        done
    }

    async fn convert_group(&self, to: &'static Custom, objects: &[&Object]) -> Result<Vec<Object>, String> {
        let config = to.conversion.as_ref().ok_or("failed")?;
        let versions = config.list_at(&["conversionReviewVersions"]);
        let known = versions.iter().filter_map(Object::as_str).find(|version| matches!(*version, "v1" | "v1beta1"));
        let version = known.ok_or("failed: no supported conversion review versions")?;
        let uid = random::uuid(&mut fastrand::Rng::new());
        let review = json!({
            "kind": "ConversionReview",
            "apiVersion": format!("apiextensions.k8s.io/{version}"),
            "request": {
                "uid": uid, "desiredAPIVersion": to.resource.group_version().to_string(), "objects": objects,
            },
        });
        let failed = |why: String| format!("failed: {}", why.trim_start_matches("failed to call webhook: "));
        let client = config.at(&["clientConfig"]).unwrap_or(&Object::Null);
        let timeout = Duration::from_secs(PATIENCE);
        let call = call_to(&Outside(&self.api), client, &review, timeout).map_err(failed)?;
        let way = self.api.way_to_webhooks().get().ok_or("failed: there is no way to webhooks from here")?;
        let answer = way.call(call).await.map_err(failed)?;
        super::is_review(&answer).map_err(failed)?;
        let gvk = answer.gvk();
        if version == "v1" && (gvk.kind != "ConversionReview" || gvk.version != "v1") {
            return Err(format!(
                "failed: expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got {}/{}, Kind={}",
                gvk.group, gvk.version, gvk.kind
            ));
        }
        let response = answer.at(&["response"]).filter(|response| response.is_object());
        let response = response.ok_or("failed: no response provided")?;
        let got = response.str_at(&["uid"]);
        if version == "v1" && got != uid {
            return Err(format!("failed: expected response.uid={uid:?}, got {got:?}"));
        }
        match (response.str_at(&["result", "status"]), response.str_at(&["result", "message"])) {
            ("Success", _) => {}
            (status, "") => return Err(format!("failed: response.result.status was '{status}', not 'Success'")),
            (_, message) => return Err(format!("failed: {message}")),
        }
        let converted = response.list_at(&["convertedObjects"]);
        if converted.len() != objects.len() {
            return Err(format!("returned {} objects, expected {}", converted.len(), objects.len()));
        }
        Ok(converted.to_vec())
    }
}

fn subject(object: &Object) -> String {
    let gvk = object.gvk();
    format!("conversion webhook for {}, Kind={}", gvk.group_version(), gvk.kind)
}

/// What came back, with the metadata that no webhook changes.
fn checked(to: &Custom, original: &Object, mut converted: Object, index: usize) -> Result<Object, String> {
    let subject = subject(original);
    let invalid = |why: String| Err(format!("{subject} returned invalid object at index {index}: {why}"));
    let (wanted, got) = (to.resource.group_version().to_string(), converted.api_version().to_owned());
    if wanted != got {
        return invalid(format!("invalid groupVersion (expected {wanted}, received {got})"));
    }
    if original.kind() != converted.kind() {
        return invalid(format!("invalid kind (expected {}, received {})", original.kind(), converted.kind()));
    }
    for (what, field) in [("name", "name"), ("namespace", "namespace"), ("UID", "uid")] {
        let (before, after) = (original.str_at(&["metadata", field]), converted.str_at(&["metadata", field]));
        if before != after {
            return Err(format!("{subject} returned invalid object: must have the same {what}: {before} != {after}"));
        }
    }
    if !converted.at(&["metadata"]).is_some_and(Object::is_object) {
        return Err(format!("{subject} returned invalid metadata: missing metadata in converted object"));
    }
    // Labels and annotations are the webhook's, all else stays.
    let mut metadata = original.at(&["metadata"]).cloned().unwrap_or_default();
    for field in ["labels", "annotations"] {
        match converted.remove_at(&["metadata", field]) {
            Some(value) => metadata.set_at(&[field], value),
            None => drop(metadata.remove_at(&[field])),
        }
    }
    converted.set_at(&["metadata"], metadata);
    Ok(converted)
}
