//! What the query of a write says, checked: `metav1.CreateOptions` and the like.

use serde_json::json;

use crate::backend::api::query::Query;
use crate::backend::registry::{FieldError, FieldErrors};
use crate::go::quote::is_printable;
use crate::object::{GroupKind, Status};

/// The most bytes of a manager's name.
const LONGEST_MANAGER: usize = 128;

/// Of what a query's options are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptionsKind {
    Create,
    Update,
    Patch,
    /// A patch that applies.
    Apply,
}

impl OptionsKind {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "CreateOptions",
            Self::Update => "UpdateOptions",
            Self::Patch | Self::Apply => "PatchOptions",
        }
    }
}

/// Checks `fieldManager`, `force`, `dryRun` and `fieldValidation`.
///
/// # Errors
/// 422 with everything that is wrong.
pub(super) fn check(kind: OptionsKind, query: &Query) -> Result<(), Status> {
    let mut errors = FieldErrors::new();
    let manager = query.get("fieldManager");
    match kind {
        OptionsKind::Apply if manager.is_empty() => {
            errors.push(FieldError::required("fieldManager", "is required for apply patch"));
        }
        OptionsKind::Patch if query.all("force").next().is_some() => {
            errors.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
        }
        _ => {}
    }
    if manager.len() > LONGEST_MANAGER {
        errors.push(FieldError::too_long("fieldManager", LONGEST_MANAGER));
    }
    for (at, c) in manager.char_indices().filter(|(_, c)| !is_printable(*c)) {
        let why = format!("invalid character U+{:04X} (at position {at})", u32::from(c));
        errors.push(FieldError::invalid("fieldManager", manager, why));
    }
    let dry_run: Vec<&str> = query.all("dryRun").collect();
    errors.extend(dry_run_fault(&dry_run));
    let validation = query.get("fieldValidation");
    if !matches!(validation, "" | "Ignore" | "Strict" | "Warn") {
        let known = ["", "Ignore", "Strict", "Warn"];
        errors.push(FieldError::not_supported("fieldValidation", validation, &known));
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(&GroupKind { group: "meta.k8s.io".into(), kind: kind.name().into() }, "", &errors))
}

/// What is wrong with values of `dryRun`.
pub(super) fn dry_run_fault(values: &[&str]) -> Option<FieldError> {
    let known = values.iter().all(|value| *value == "All");
    (!known).then(|| FieldError::not_supported("dryRun", json!(values), &["All"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_with_the_options_of_a_write() {
        for (kind, query, want) in [
            (OptionsKind::Create, "dryRun=All&fieldManager=me&fieldValidation=Strict", ""),
            (
                OptionsKind::Create,
                "dryRun=Some",
                "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Some\"]: supported values: \"All\"",
            ),
            (
                OptionsKind::Update,
                "fieldValidation=X",
                "UpdateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"X\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
            ),
            (
                OptionsKind::Patch,
                "force=true",
                "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch",
            ),
            (
                OptionsKind::Patch,
                "fieldManager=%01",
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Invalid value: \"\\x01\": invalid character U+0001 (at position 0)",
            ),
            (
                OptionsKind::Apply,
                "force=true",
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
            ),
        ] {
            let query = Query::parse(Some(query)).expect("a query");
            assert_eq!(check(kind, &query).err().map(|status| status.message).unwrap_or_default(), want);
        }
        let long = format!("fieldManager={}", "m".repeat(129));
        let query = Query::parse(Some(&long)).expect("a query");
        let message = check(OptionsKind::Create, &query).expect_err("too long").message;
        assert_eq!(
            message,
            "CreateOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than 128 bytes"
        );
    }
}
