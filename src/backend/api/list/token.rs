//! Continue tokens: where a list goes on, and of which revision it is.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status, yaml};

/// The form of tokens, as they name it themselves.
const VERSION: &str = "meta.k8s.io/v1";

/// A place in a list: behind a namespace and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The revision of which the list is; `None` for the newest, whatever came before.
    pub revision: Option<u64>,
    /// Empty where the list is of one namespace or of what belongs to none.
    pub namespace: String,
    /// The name of the last object of the page before.
    pub name: String,
}

impl Token {
    /// Reads a token. Without a namespace of its own the list goes over `namespace`.
    ///
    /// # Errors
    /// 400 for what is no token of ours.
    pub fn parse(text: &str, resource: &Resource, namespace: &str) -> Result<Self, Status> {
        Self::read(text, resource, namespace)
            .map_err(|why| Status::bad_request(format!("invalid continue token: continue key is not valid: {why}")))
    }

    fn read(text: &str, resource: &Resource, namespace: &str) -> Result<Self, String> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|error| {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                _ => text.len(),
            };
            format!("illegal base64 data at input byte {at}")
        })?;
        let value: Object = serde_json::from_slice(&bytes)
            .map_err(|error| yaml::json_mistake(&bytes).unwrap_or_else(|| error.to_string()))?;
        let version = value.str_at(&["v"]);
        if version != VERSION {
            return Err(format!("server does not recognize this encoded version {version}"));
        }
        let revision = match value.int_at(&["rv"]).unwrap_or(0) {
            0 => return Err(format!("incorrect encoded start resourceVersion (version {VERSION})")),
            revision => u64::try_from(revision).ok(),
        };
        let start = value.str_at(&["start"]);
        if start.is_empty() {
            return Err(format!("encoded start key empty (version {VERSION})"));
        }
        let steps: Vec<&str> = start.strip_prefix('/').unwrap_or(start).split('/').collect();
        if steps.iter().any(|step| matches!(*step, "" | "." | "..")) {
            return Err(start.to_owned());
        }
        let bare = |step: &str| step.trim_end_matches('\0').to_owned();
        let (namespace, name) = match steps.as_slice() {
            [name] if !resource.namespaced || !namespace.is_empty() => (namespace.to_owned(), bare(name)),
            [namespace] => (bare(namespace), String::new()),
            [namespace, name, ..] => ((*namespace).to_owned(), bare(name)),
            [] => return Err(start.to_owned()),
        };
        Ok(Self { revision, namespace, name })
    }

    /// The token as text, for a list of one namespace (`within`) or of all.
    pub fn encode(&self, within: &str) -> String {
        let start = match (within, self.namespace.as_str()) {
            ("", "") => format!("/{}\0", self.name),
            ("", namespace) => format!("/{namespace}/{}\0", self.name),
            _ => format!("/{}\0", self.name),
        };
        let revision = self.revision.map_or_else(|| "-1".to_owned(), |revision| revision.to_string());
        let text = format!(r#"{{"v":"{VERSION}","rv":{revision},"start":{}}}"#, json!(start));
        BASE64_URL_SAFE_NO_PAD.encode(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::builtin;

    fn encoded(text: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(text)
    }

    #[test]
    fn tokens_come_back_as_they_were() {
        let pods = builtin::by_group_resource("pods").expect("pods");
        let nodes = builtin::by_group_resource("nodes").expect("nodes");
        for (resource, within, namespace) in [(pods, "", "a"), (pods, "a", "a"), (nodes, "", "")] {
            for revision in [Some(7), None] {
                let token = Token { revision, namespace: namespace.into(), name: "x".into() };
                assert_eq!(Token::parse(&token.encode(within), resource, within), Ok(token));
            }
        }
        let text = Token { revision: Some(7), namespace: "a".into(), name: "x".into() }.encode("a");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64");
        assert_eq!(bytes, br#"{"v":"meta.k8s.io/v1","rv":7,"start":"/x\u0000"}"#);
    }

    #[test]
    fn says_what_is_wrong_with_a_token() {
        let pods = builtin::by_group_resource("pods").expect("pods");
        for (text, why) in [
            ("%%%".to_owned(), "illegal base64 data at input byte 0"),
            ("abc".to_owned(), "invalid character 'i' looking for beginning of value"),
            (
                encoded(r#"{"v":"meta.k8s.io/v2","rv":5,"start":"a"}"#),
                "server does not recognize this encoded version meta.k8s.io/v2",
            ),
            (
                encoded(r#"{"v":"meta.k8s.io/v1","start":"a"}"#),
                "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
            ),
            (encoded(r#"{"v":"meta.k8s.io/v1","rv":5}"#), "encoded start key empty (version meta.k8s.io/v1)"),
            (encoded(r#"{"v":"meta.k8s.io/v1","rv":5,"start":"../x"}"#), "../x"),
        ] {
            let want = format!("invalid continue token: continue key is not valid: {why}");
            assert_eq!(Token::parse(&text, pods, "a").expect_err(&text).message, want);
        }
    }
}
