//! Faults in fields, and the `Invalid` status that reports them (`apimachinery/pkg/util/validation/field`).

use crate::go::quote::quote;
use std::fmt;

use crate::object::status::{StatusCause, StatusDetails};
use crate::object::{GroupKind, Object, Status};

/// Faults in the order in which they are reported.
pub type FieldErrors = Vec<FieldError>;

/// What kind of fault it is; the name is the cause's `reason` in a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldErrorKind {
    /// The value names something that is not there.
    NotFound,
    /// The field must be set.
    Required,
    /// The value is there twice.
    Duplicate,
    /// The value is malformed.
    Invalid,
    /// The value is none of those allowed.
    NotSupported,
    /// The value may not be set here or changed.
    Forbidden,
    /// The value has too many bytes or characters.
    TooLong,
    /// The value has too few characters.
    TooShort,
    /// The list has too many items.
    TooMany,
    /// The list has too few items.
    TooFew,
    /// The value is of the wrong type.
    TypeInvalid,
    /// A fault of the server's.
    Internal,
}

impl FieldErrorKind {
    /// The cause's `reason` in a status: `FieldValueInvalid`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooShort => "FieldValueTooShort",
            Self::TooMany => "FieldValueTooMany",
            Self::TooFew => "FieldValueTooFew",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Internal => "InternalError",
        }
    }

    /// The words in front of the value.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooShort => "Too short",
            Self::TooMany => "Too many",
            Self::TooFew => "Too few",
            Self::Internal => "Internal error",
        }
    }

    fn shows_value(self) -> bool {
        !matches!(self, Self::Required | Self::Forbidden | Self::TooLong | Self::TooShort | Self::Internal)
    }
}

/// A fault in one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// What kind of fault.
    pub kind: FieldErrorKind,
    /// The field as a path: `spec.containers[0].image`, `metadata.labels[app]`.
    pub field: String,
    /// The value at fault; not shown for all kinds.
    pub value: Object,
    /// For people; may be empty.
    pub detail: String,
    hides_value: bool,
}

impl FieldError {
    /// Builds one from its parts.
    pub fn new(
        kind: FieldErrorKind,
        field: impl Into<String>,
        value: impl Into<Object>,
        detail: impl Into<String>,
    ) -> Self {
        Self { kind, field: field.into(), value: value.into(), detail: detail.into(), hides_value: false }
    }

    /// The same without the value, which is too large to show.
    #[must_use]
    pub fn without_value(self) -> Self {
        Self { hides_value: true, ..self }
    }

    /// The field must be set; `detail` may be empty.
    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Required, field, "", detail)
    }

    /// The value is malformed.
    pub fn invalid(field: impl Into<String>, value: impl Into<Object>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Invalid, field, value, detail)
    }

    /// The value may not change.
    pub fn immutable(field: impl Into<String>, value: impl Into<Object>) -> Self {
        Self::invalid(field, value, "field is immutable")
    }

    /// The value is none of those allowed, which are listed in the order given.
    pub fn not_supported(field: impl Into<String>, value: impl Into<Object>, supported: &[&str]) -> Self {
        let supported: Vec<String> = supported.iter().map(|value| quote(value)).collect();
        let detail = match supported.len() {
            0 => String::new(),
            _ => format!("supported values: {}", supported.join(", ")),
        };
        Self::new(FieldErrorKind::NotSupported, field, value, detail)
    }

    /// The value is there twice.
    pub fn duplicate(field: impl Into<String>, value: impl Into<Object>) -> Self {
        Self::new(FieldErrorKind::Duplicate, field, value, "")
    }

    /// The value names something that is not there.
    pub fn not_found(field: impl Into<String>, value: impl Into<Object>) -> Self {
        Self::new(FieldErrorKind::NotFound, field, value, "")
    }

    /// The field may not be set here or changed.
    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Forbidden, field, "", detail)
    }

    /// The value has more than `max` bytes.
    pub fn too_long(field: impl Into<String>, max: usize) -> Self {
        let unit = if max == 1 { "byte" } else { "bytes" };
        Self::new(FieldErrorKind::TooLong, field, "<value omitted>", format!("may not be more than {max} {unit}"))
    }

    /// The list has `actual` items, which is more than `max`.
    pub fn too_many(field: impl Into<String>, actual: usize, max: usize) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        Self::new(FieldErrorKind::TooMany, field, actual, format!("must have at most {max} {unit}"))
    }

    /// The fault without the field's name: `Invalid value: "x": must be lower case`.
    pub fn body(&self) -> String {
        let mut text = self.kind.text().to_owned();
        if self.kind.shows_value() && !self.hides_value {
            text.push_str(": ");
            match &self.value {
                Object::String(value) => text.push_str(&quote(value)),
                value => text.push_str(&go_json(value)),
            }
        }
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        text
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

impl std::error::Error for FieldError {}

impl Status {
    /// 422 for an object with faults: `Deployment.apps "x" is invalid: spec.selector: Required value`.
    /// Several faults stand in brackets, each distinct text once.
    pub fn invalid(kind: &GroupKind, name: &str, errors: &[FieldError]) -> Self {
        let mut texts: Vec<String> = Vec::with_capacity(errors.len());
        for error in errors {
            let text = error.to_string();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let faults = match texts.as_slice() {
            [] => String::new(),
            [only] => format!(": {only}"),
            several => format!(": [{}]", several.join(", ")),
        };
        let causes = errors.iter().map(|error| StatusCause {
            reason: error.kind.reason().into(),
            message: error.body(),
            field: error.field.clone(),
        });
        let details = StatusDetails {
            name: name.into(),
            group: kind.group.clone(),
            kind: kind.kind.clone(),
            causes: causes.collect(),
            ..StatusDetails::default()
        };
        let message = format!("{kind} {} is invalid{faults}", quote(name));
        Self { details: Some(Box::new(details)), ..Self::failure(422, "Invalid", message) }
    }
}

/// A value as Go's `json.Marshal` writes it, which escapes `<`, `>` and `&`. Outside of strings none of
/// them occurs.
pub fn go_json(value: &Object) -> String {
    value.to_string().replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_each_kind_as_the_server_does() {
        for (error, want) in [
            (FieldError::required("spec.a", ""), "spec.a: Required value"),
            (FieldError::required("spec.a", "why"), "spec.a: Required value: why"),
            (FieldError::invalid("spec.b", "X\"", "bad"), r#"spec.b: Invalid value: "X\"": bad"#),
            (FieldError::invalid("spec.b", -1, "bad"), "spec.b: Invalid value: -1: bad"),
            (
                FieldError::immutable("spec.s", json!({"a": "<b>"})),
                r#"spec.s: Invalid value: {"a":"\u003cb\u003e"}: field is immutable"#,
            ),
            (
                FieldError::not_supported("spec.t", "Foo", &["TCP", "UDP"]),
                r#"spec.t: Unsupported value: "Foo": supported values: "TCP", "UDP""#,
            ),
            (FieldError::duplicate("spec.p[1]", "x"), r#"spec.p[1]: Duplicate value: "x""#),
            (FieldError::not_found("spec.v", "x"), r#"spec.v: Not found: "x""#),
            (FieldError::forbidden("spec.n", "no"), "spec.n: Forbidden: no"),
            (FieldError::too_long("a", 63), "a: Too long: may not be more than 63 bytes"),
            (FieldError::too_many("a", 3, 1), "a: Too many: 3: must have at most 1 item"),
        ] {
            assert_eq!(error.to_string(), want);
        }
    }

    #[test]
    fn collects_faults_into_one_status() {
        let kind = GroupKind { group: "apps".into(), kind: "Deployment".into() };
        let one = FieldError::required("spec.selector", "");
        let two = FieldError::invalid("spec.replicas", -1, "must be greater than or equal to 0");
        let status = Status::invalid(&kind, "web", std::slice::from_ref(&one));
        assert_eq!(status.message, r#"Deployment.apps "web" is invalid: spec.selector: Required value"#);
        let status = Status::invalid(&kind, "web", &[one.clone(), two, one]);
        assert_eq!(
            status.message,
            r#"Deployment.apps "web" is invalid: [spec.selector: Required value, spec.replicas: Invalid value: -1: must be greater than or equal to 0]"#
        );
        let details = status.details.expect("details");
        assert_eq!((status.code, details.kind.as_str(), details.group.as_str()), (422, "Deployment", "apps"));
        assert_eq!(details.causes.len(), 3);
        assert_eq!(details.causes[1].reason, "FieldValueInvalid");
        assert_eq!(details.causes[1].field, "spec.replicas");
    }

    #[test]
    fn quotes_like_go() {
        assert_eq!(quote("a\n\u{1}\"\\é"), "\"a\\n\\x01\\\"\\\\é\"");
    }
}
