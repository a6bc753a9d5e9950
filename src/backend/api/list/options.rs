//! What a request to list, watch or delete many says besides the selectors.

use crate::backend::api::query::Query;
use crate::backend::registry::{FieldError, FieldErrors};
use crate::go::quote::quote;
use crate::object::{GroupKind, Status};

/// How a list relates to the revision that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// Nothing is said: a page of a certain revision is exactly of it, a whole list may be newer.
    Unset,
    /// As of that revision.
    Exact,
    /// At least that new.
    NotOlderThan,
}

/// The options, checked against each other.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// The most objects of a page; 0 for all.
    pub limit: u64,
    /// The token of the page before; empty for the first.
    pub resume: &'a str,
    /// `resourceVersion` as it came.
    pub revision: &'a str,
    /// `resourceVersionMatch`.
    pub matching: Match,
    /// Seconds that a watch lasts.
    pub timeout: Option<u64>,
    /// `sendInitialEvents`, where it is given.
    pub initial: Option<bool>,
    /// `allowWatchBookmarks`.
    pub bookmarks: bool,
}

impl<'a> Options<'a> {
    /// Reads the options of a list or (`watch`) a watch.
    ///
    /// # Errors
    /// 400 for numbers that are none, 422 for options that do not go together.
    pub fn parse(query: &'a Query, watch: bool) -> Result<Self, Status> {
        let limit = query.number("limit")?.unwrap_or(0).max(0).unsigned_abs();
        let timeout = query.number("timeoutSeconds")?.and_then(|seconds| u64::try_from(seconds).ok());
        let given = query.all("sendInitialEvents").next().is_some();
        let initial = given.then(|| query.is_true("sendInitialEvents"));
        let (resume, revision) = (query.get("continue"), query.get("resourceVersion"));
        let matching = match query.get("resourceVersionMatch") {
            "Exact" => Match::Exact,
            "NotOlderThan" => Match::NotOlderThan,
            _ => Match::Unset,
        };
        let mut errors = FieldErrors::new();
        let said = query.get("resourceVersionMatch");
        if watch {
            check_watch(said, initial.is_some(), resume, &mut errors);
            // A watch from no revision asks for what is there first, as if it had said so.
            if said.is_empty() && initial.is_none() && matches!(revision, "" | "0") && !resume.is_empty() {
                errors.push(FieldError::forbidden(MATCH, RESUMED));
            }
        } else {
            check_list(said, initial.is_some(), resume, revision, &mut errors);
        }
        if !errors.is_empty() {
            let kind = GroupKind { group: "meta.k8s.io".into(), kind: "ListOptions".into() };
            return Err(Status::invalid(&kind, "", &errors));
        }
        let bookmarks = query.is_true("allowWatchBookmarks");
        Ok(Self { limit, resume, revision, matching, timeout, initial, bookmarks })
    }
}

const MATCH: &str = "resourceVersionMatch";
const RESUMED: &str = "resourceVersionMatch is forbidden when continue is provided";

fn check_list(said: &str, initial: bool, resume: &str, revision: &str, errors: &mut FieldErrors) {
    let mut forbid = |field: &str, why: &str| errors.push(FieldError::forbidden(field, why));
    if !said.is_empty() {
        if revision.is_empty() {
            forbid(MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        if !resume.is_empty() {
            forbid(MATCH, RESUMED);
        }
        if said == "Exact" && revision == "0" {
            forbid(MATCH, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
        }
    }
    if initial {
        forbid("sendInitialEvents", "sendInitialEvents is forbidden for list");
    }
    if !matches!(said, "" | "Exact" | "NotOlderThan") {
        let place = errors.iter().take_while(|error| error.field == MATCH).count();
        errors.insert(place, FieldError::not_supported(MATCH, said, &["Exact", "NotOlderThan", ""]));
    }
}

fn check_watch(said: &str, initial: bool, resume: &str, errors: &mut FieldErrors) {
    if initial && said != "NotOlderThan" {
        errors.push(FieldError::forbidden(
            MATCH,
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ));
    }
    if said.is_empty() {
        return;
    }
    if !initial {
        let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        errors.push(FieldError::forbidden(MATCH, why));
    }
    if said != "NotOlderThan" {
        errors.push(FieldError::not_supported(MATCH, said, &["NotOlderThan"]));
    }
    if !resume.is_empty() {
        errors.push(FieldError::forbidden(MATCH, RESUMED));
    }
}

/// Reads a revision; none and `0` are 0.
///
/// # Errors
/// What is wrong with it, in words.
pub fn revision(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().map_err(|_| {
        let why = if digits { "value out of range" } else { "invalid syntax" };
        let text = quote(text);
        format!("resourceVersion: Invalid value: {text}: strconv.ParseUint: parsing {text}: {why}")
    })
}

/// [`revision`], of a watch or of one object: what is wrong is the server's fault.
///
/// # Errors
/// 500, as the real server has it.
pub fn plain_revision(text: &str) -> Result<u64, Status> {
    revision(text).map_err(|why| Status::failure(500, "", why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_options_that_do_not_go_together() {
        let forbidden = "resourceVersionMatch: Forbidden: ";
        for (query, watch, want) in [
            ("limit=3&resourceVersion=0&resourceVersionMatch=NotOlderThan", false, String::new()),
            ("limit=x", false, "strconv.ParseInt: parsing \"x\": invalid syntax".into()),
            (
                "resourceVersionMatch=Exact",
                false,
                format!("{forbidden}resourceVersionMatch is forbidden unless resourceVersion is provided"),
            ),
            (
                "resourceVersionMatch=Exact&resourceVersion=0",
                false,
                format!("{forbidden}resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""),
            ),
            (
                "resourceVersionMatch=Foo&resourceVersion=1",
                false,
                "resourceVersionMatch: Unsupported value: \"Foo\": supported values: \"Exact\", \"NotOlderThan\", \"\""
                    .into(),
            ),
            (
                "sendInitialEvents=false",
                false,
                "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list".into(),
            ),
            ("sendInitialEvents=true&resourceVersionMatch=NotOlderThan", true, String::new()),
            (
                "sendInitialEvents=true",
                true,
                format!("{forbidden}sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
            ),
            (
                "resourceVersionMatch=NotOlderThan",
                true,
                format!("{forbidden}resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"),
            ),
        ] {
            let query = Query::parse(Some(query)).expect("a query");
            let got = Options::parse(&query, watch).err().map(|status| status.message).unwrap_or_default();
            assert_eq!(got.trim_start_matches("ListOptions.meta.k8s.io \"\" is invalid: "), want);
        }
    }

    #[test]
    fn reads_revisions() {
        assert_eq!(revision("12"), Ok(12));
        let parsing = |text: &str, why: &str| {
            Err(format!("resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": {why}"))
        };
        assert_eq!(revision("-1"), parsing("-1", "invalid syntax"));
        assert_eq!(revision("99999999999999999999"), parsing("99999999999999999999", "value out of range"));
    }
}
