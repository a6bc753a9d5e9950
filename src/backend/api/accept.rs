//! What the client can read.

use http::HeaderMap;
use http::header::ACCEPT;

use crate::object::Status;

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
    // What can be written at all is the matter of one, in which form that of another.
    let known = headers.get_all(ACCEPT).iter().flat_map(|value| value.to_str().unwrap_or("").split(','));
    if known.into_iter().any(|clause| MEDIA_TYPES.contains(&clause.split(';').next().unwrap_or("").trim())) {
        return Err(not_acceptable(format!("only the following media types are accepted: {}", MEDIA_TYPES.join(", "))));
    }
    let message = format!("406: Not Acceptable\n\nAvailable representations: {}", MEDIA_TYPES.join(", "));
    Err(not_acceptable(message).with_details())
}

/// Whether the first form that is asked for and can be given is YAML.
pub fn prefers_yaml(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().flat_map(|value| value.to_str().unwrap_or("").split(','));
    let first = values.map(str::trim).find(|clause| form_of(clause).is_some());
    first.is_some_and(|clause| clause.split(';').next().unwrap_or("").trim() == YAML)
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
            ("text/html", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().expect("a header"));
            assert_eq!(negotiate(&headers).ok(), want, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new()).ok(), Some(Form::Object));
    }
}
