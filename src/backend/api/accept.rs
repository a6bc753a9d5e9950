//! What the client can read.

use http::HeaderMap;
use http::header::ACCEPT;

use crate::backend::registry::custom;
use crate::object::Status;
use crate::object::builtin::Resource;

/// The form of an answer. It is made in JSON; what is to be YAML is put into it at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// The objects themselves.
    #[default]
    Object,
    /// `Table`.
    Table,
    /// `PartialObjectMetadata`, or a list of them.
    Metadata,
    /// Aggregated discovery, `apidiscovery.k8s.io` v2.
    Discovery,
}

const YAML: &str = "application/yaml";
/// What the real server writes, as its refusals name it.
const MEDIA_TYPES: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
/// What it writes where a watch goes on.
const STREAMED: [&str; 2] = ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"];

/// Picks the first form that is asked for and can be given. Weights (`q=`) are not looked at: clients
/// write what they like best first.
pub fn negotiate(headers: &HeaderMap) -> Result<Form, Status> {
    let mut asked = false;
    for value in headers.get_all(ACCEPT) {
        for clause in value.to_str().unwrap_or("").split(',').map(str::trim).filter(|clause| !clause.is_empty()) {
            asked = true;
            if let Some(form) = form_of(clause) {
                return Ok(form);
            }
        }
    }
    if !asked {
        return Ok(Form::Object);
    }
    Err(refused(headers, &MEDIA_TYPES, &MEDIA_TYPES))
}

/// The same for a watch, which not everything can carry.
pub fn negotiate_watch(headers: &HeaderMap) -> Result<Form, Status> {
    let all: Vec<&str> = MEDIA_TYPES.into_iter().chain(STREAMED).collect();
    if prefers_yaml(headers) {
        return Err(refused(headers, &STREAMED, &all));
    }
    negotiate(headers).map_err(|_| refused(headers, &MEDIA_TYPES, &all))
}

/// What is said where there is no form; `accepted` of what has a media type that there is.
fn refused(headers: &HeaderMap, accepted: &[&str], all: &[&str]) -> Status {
    // What can be written at all is the matter of one, in which form that of another.
    let known = headers.get_all(ACCEPT).iter().flat_map(|value| value.to_str().unwrap_or("").split(','));
    if known.into_iter().any(|clause| MEDIA_TYPES.contains(&clause.split(';').next().unwrap_or("").trim())) {
        return not_acceptable(format!("only the following media types are accepted: {}", accepted.join(", ")));
    }
    let message = format!("406: Not Acceptable\n\nAvailable representations: {}", all.join(", "));
    not_acceptable(message).with_details()
}

/// The clause that decides on the form.
fn decisive(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(ACCEPT).iter().flat_map(|value| value.to_str().unwrap_or("").split(','));
    values.map(str::trim).find(|clause| form_of(clause).is_some())
}

/// Whether the first form that is asked for and can be given is YAML.
pub fn prefers_yaml(headers: &HeaderMap) -> bool {
    decisive(headers).is_some_and(|clause| clause.split(';').next().unwrap_or("").trim() == YAML)
}

fn has(clause: &str, parameter: &str) -> bool {
    clause.split(';').any(|part| part.trim() == parameter)
}

/// Whether a table or metadata is asked for in the version of long ago.
pub fn is_beta(headers: &HeaderMap) -> bool {
    decisive(headers).is_some_and(|clause| has(clause, "v=v1beta1") && has(clause, "g=meta.k8s.io"))
}

/// Whether the metadata of a list (true) or of one object (false) is asked for.
pub fn lists(headers: &HeaderMap) -> Option<bool> {
    let clause = decisive(headers)?;
    let (list, one) = (has(clause, "as=PartialObjectMetadataList"), has(clause, "as=PartialObjectMetadata"));
    (list || one).then_some(list)
}

/// How the server names a type in its own program.
fn go_type(resource: &Resource, list: &str) -> String {
    if custom::of(resource).is_some() {
        return format!("*unstructured.Unstructured{list}");
    }
    let package = resource.group.split('.').next().filter(|group| !group.is_empty()).unwrap_or("core");
    format!("*{package}.{}{list}", resource.kind)
}

/// Refuses a list of metadata of what is one object.
pub fn not_a_list(resource: &Resource) -> Status {
    let of = go_type(resource, "");
    not_acceptable(format!("you requested PartialObjectMetadataList, but the requested object is not a list ({of})"))
}

/// Refuses the metadata of what is a list.
pub fn a_list(resource: &Resource) -> Status {
    let of = go_type(resource, "List");
    not_acceptable(format!("you requested PartialObjectMetadata, but the requested object is a list ({of})"))
}

fn not_acceptable(message: String) -> Status {
    Status::failure(406, "NotAcceptable", message)
}

fn form_of(clause: &str) -> Option<Form> {
    let mut parts = clause.split(';').map(str::trim);
    if !matches!(parts.next()?, "application/json" | YAML | "*/*" | "application/*") {
        return None;
    }
    let (mut kind, mut group, mut version) = ("", "", "");
    for part in parts {
        match part.split_once('=') {
            Some(("as", value)) => kind = value,
            Some(("g", value)) => group = value,
            Some(("v", value)) => version = value,
            _ => {}
        }
    }
    match (kind, group, version) {
        ("", ..) => Some(Form::Object),
        ("Table", "meta.k8s.io", "v1" | "v1beta1") => Some(Form::Table),
        ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1" | "v1beta1") => {
            Some(Form::Metadata)
        }
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") => Some(Form::Discovery),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_the_first_form_that_can_be_given() {
        for (accept, want) in [
            ("application/json", Some(Form::Object)),
            ("application/vnd.kubernetes.protobuf,application/json", Some(Form::Object)),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Some(Form::Table)),
            (
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json",
                Some(Form::Metadata),
            ),
            (
                "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
                Some(Form::Discovery),
            ),
            ("*/*", Some(Form::Object)),
            ("application/yaml", Some(Form::Object)),
            ("text/html", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().expect("a header"));
            assert_eq!(negotiate(&headers).ok(), want, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new()).ok(), Some(Form::Object));
        let asking = |accept: &str| HeaderMap::from_iter([(ACCEPT, accept.parse().expect("a header"))]);
        let refusal = negotiate_watch(&asking("application/yaml, application/json")).expect_err("no stream");
        assert!(refusal.message.starts_with("only the following media types are accepted: application/json;stream"));
        assert!(negotiate_watch(&asking("application/json, application/yaml")).is_ok());
        let beta = "application/json;as=PartialObjectMetadataList;v=v1beta1;g=meta.k8s.io";
        assert_eq!((is_beta(&asking(beta)), lists(&asking(beta))), (true, Some(true)));
        assert_eq!(lists(&asking("application/json;as=Table;v=v1;g=meta.k8s.io")), None);
    }
}
