//! What webhooks say (`…/webhook/request`, `…/webhook/errors`).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::object::{Meta, Object, Status};

/// Characters of all warnings of a request, and of each where they are more.
const ALL_WARNINGS: usize = 4 * 1024;
const ONE_WARNING: usize = 256;

/// An answer that may be trusted to be one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub allowed: bool,
    /// The `status` of an answer that refuses; null where there is none.
    status: Object,
    /// A JSON patch; empty for none.
    pub patch: Vec<u8>,
    pub patch_type: String,
    pub warnings: Vec<String>,
}

impl Answer {
    /// Reads a review that came back.
    pub fn read(uid: &str, mutating: bool, review: &Object) -> Result<Self, String> {
        let response = review.at(&["response"]).filter(|response| response.is_object());
        let response = response.ok_or("webhook response was absent")?;
        let first = review.at(&["apiVersion"]).and_then(Object::as_str) == Some("admission.k8s.io/v1beta1");
        let got = response.str_at(&["uid"]);
        if got != uid && !first {
            return Err(format!("expected response.uid={uid:?}, got {got:?}"));
        }
        let gvk = review.gvk();
        if (gvk.group.as_str(), gvk.kind.as_str()) != ("admission.k8s.io", "AdmissionReview")
            || !matches!(gvk.version.as_str(), "v1" | "v1beta1")
        {
            return Err(format!(
                "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {}, Kind={}",
                format_args!("{}/{}", gvk.group, gvk.version),
                gvk.kind
            ));
        }
        let text = response.str_at(&["patch"]);
        let patch = BASE64_STANDARD.decode(text).map_err(|_| "illegal base64 data in response.patch".to_owned())?;
        let kind = response.at(&["patchType"]).and_then(Object::as_str);
        match (mutating, patch.is_empty(), kind) {
            (true, false, None) if !first => {
                return Err("webhook returned response.patch but not response.patchType".into());
            }
            (true, true, Some(_)) if !first => {
                return Err("webhook returned response.patchType but not response.patch".into());
            }
            (true, _, Some("")) => return Err("webhook returned invalid response.patchType of \"\"".into()),
            (false, false, _) if !first => return Err("validating webhook may not return response.patch".into()),
            (false, _, Some(_)) if !first => {
                return Err("validating webhook may not return response.patchType".into());
            }
            _ => {}
        }
        let warnings = response.list_at(&["warnings"]).iter().filter_map(Object::as_str).map(str::to_owned);
        Ok(Self {
            allowed: response.bool_at(&["allowed"]),
            status: response.at(&["status"]).cloned().unwrap_or_default(),
            patch,
            patch_type: kind.unwrap_or("JSONPatch").to_owned(),
            warnings: warnings.collect(),
        })
    }

    /// The status of a refusal.
    pub fn refusal(&self, hook: &str) -> Status {
        let given = &self.status;
        let text = |field: &str| given.str_at(&[field]);
        let denied = format!("admission webhook {hook:?} denied the request");
        let message = match (text("message"), text("reason")) {
            ("", "") => format!("{denied} without explanation"),
            ("", why) | (why, _) => format!("{denied}: {why}"),
        };
        let code = given.int_at(&["code"]).and_then(|code| u16::try_from(code).ok()).unwrap_or(0);
        // What refuses cannot look like success.
        let mut status = Status::failure(if code < 400 { 400 } else { code }, text("reason"), message);
        status.details = given.at(&["details"]).and_then(|details| serde_json::from_value(details.clone()).ok());
        status
    }
}

/// Warnings as they are said: each once, and cut where they are too long together.
pub(super) fn limited(warnings: Vec<String>) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for warning in warnings {
        let sayable = !warning.is_empty() && !warning.chars().any(char::is_control);
        if sayable && !said.contains(&warning) {
            said.push(warning);
        }
    }
    let length = |warning: &String| warning.chars().count();
    if said.iter().map(length).sum::<usize>() <= ALL_WARNINGS {
        return said;
    }
    let mut written = 0;
    let mut cut = Vec::new();
    for warning in said {
        if written >= ALL_WARNINGS {
            break;
        }
        let warning: String = warning.chars().take(ONE_WARNING).collect();
        written += length(&warning);
        cut.push(warning);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn review(response: Object) -> Object {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
    }

    #[test]
    fn answers_that_are_none() {
        let patch = BASE64_STANDARD.encode("[]");
        for (mutating, answer, why) in [
            (true, json!({}), "webhook response was absent"),
            (true, review(json!({"uid": "b"})), "expected response.uid=\"a\", got \"b\""),
            (
                true,
                json!({"response": {"uid": "a"}}),
                "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind=",
            ),
            (
                true,
                review(json!({"uid": "a", "patch": patch})),
                "webhook returned response.patch but not response.patchType",
            ),
            (
                true,
                review(json!({"uid": "a", "patchType": "JSONPatch"})),
                "webhook returned response.patchType but not response.patch",
            ),
            (false, review(json!({"uid": "a", "patch": patch})), "validating webhook may not return response.patch"),
            (
                false,
                review(json!({"uid": "a", "patchType": "JSONPatch"})),
                "validating webhook may not return response.patchType",
            ),
        ] {
            assert_eq!(Answer::read("a", mutating, &answer), Err(why.to_owned()), "{answer}");
        }
    }

    #[test]
    fn refusals_say_who_refuses() {
        for (status, code, reason, message) in [
            (json!({}), 400, "", "admission webhook \"x\" denied the request without explanation"),
            (json!({"code": 200, "reason": "Nope"}), 400, "Nope", "admission webhook \"x\" denied the request: Nope"),
            (
                json!({"code": 403, "reason": "Forbidden", "message": "no"}),
                403,
                "Forbidden",
                "admission webhook \"x\" denied the request: no",
            ),
        ] {
            let answer = Answer::read("a", false, &review(json!({"uid": "a", "status": status}))).expect("an answer");
            let refusal = answer.refusal("x");
            assert_eq!((refusal.code, refusal.reason.as_str(), refusal.message.as_str()), (code, reason, message));
        }
    }

    #[test]
    fn warnings_are_cut_where_they_are_many() {
        let short = vec!["a".to_owned(), String::new(), "a".to_owned(), "b\n".to_owned()];
        assert_eq!(limited(short), ["a"]);
        let long: Vec<String> = (0..30).map(|number| format!("{number:03}{}", "x".repeat(400))).collect();
        let cut = limited(long);
        assert_eq!(cut.len(), 16);
        assert!(cut.iter().all(|warning| warning.len() == 256));
    }
}
