//! `paths`: the operations of a group version's resources.

use serde_json::{Map, json};

use super::schemas::Schemas;
use crate::object::builtin::Resource;
use crate::object::{GroupVersion, GroupVersionKind, Object};

/// Media types of objects and lists.
const MEDIA_TYPES: &[&str] = &["application/json", "application/yaml"];
/// Media types of patches; custom resources have no strategic ones.
const PATCHES: &[&str] = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
    "application/strategic-merge-patch+json",
];

/// Query parameters of each action with their types.
const LIST: &[(&str, &str)] = &[
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
];
const DELETE: &[(&str, &str)] = &[
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
];
const DELETE_MANY: &[(&str, &str)] = &[
    ("continue", "string"),
    ("dryRun", "string"),
    ("fieldSelector", "string"),
    ("gracePeriodSeconds", "integer"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
    ("resourceVersion", "string"),
    ("timeoutSeconds", "integer"),
];
const WRITE: &[(&str, &str)] = &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")];
const PATCH: &[(&str, &str)] =
    &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"), ("force", "boolean")];

/// A verb: its method, its name in `x-kubernetes-action`, its parameters, the start of its
/// `operationId`.
struct Verb {
    verb: &'static str,
    method: &'static str,
    action: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    words: &'static str,
}

const ON_MANY: &[Verb] = &[
    Verb { verb: "list", method: "get", action: "list", parameters: LIST, words: "list" },
    Verb { verb: "create", method: "post", action: "post", parameters: WRITE, words: "create" },
    Verb {
        verb: "deletecollection",
        method: "delete",
        action: "deletecollection",
        parameters: DELETE_MANY,
        words: "delete",
    },
];
const ON_ONE: &[Verb] = &[
    Verb { verb: "get", method: "get", action: "get", parameters: &[], words: "read" },
    Verb { verb: "update", method: "put", action: "put", parameters: WRITE, words: "replace" },
    Verb { verb: "patch", method: "patch", action: "patch", parameters: PATCH, words: "patch" },
    Verb { verb: "create", method: "post", action: "post", parameters: WRITE, words: "create" },
    Verb { verb: "delete", method: "delete", action: "delete", parameters: DELETE, words: "delete" },
];

/// All paths below a group version.
pub(super) fn paths(version: &GroupVersion, resources: &[&'static Resource], schemas: &mut Schemas) -> Object {
    let root = version.path();
    let tag = tag(version);
    let mut paths = Map::new();
    let list = schemas.meta("meta.v1.APIResourceList");
    let operation = json!({
        "tags": [tag],
        "operationId": format!("get{}APIResources", camel(&tag)),
        "responses": responses(&list, &["200"]),
    });
    paths.insert(format!("{root}/"), json!({"get": operation}));
    for resource in resources {
        let mut writer = Writer { resource, tag: &tag, schemas, paths: &mut paths };
        let plural = resource.plural;
        if resource.namespaced {
            if resource.allows("list") {
                writer.item(format!("{root}/{plural}"), &ON_MANY[..1], None, "ForAllNamespaces");
            }
            let path = format!("{root}/namespaces/{{namespace}}/{plural}");
            writer.item(path.clone(), ON_MANY, None, "Namespaced");
            writer.one(format!("{path}/{{name}}"), "Namespaced");
        } else {
            writer.item(format!("{root}/{plural}"), ON_MANY, None, "");
            writer.one(format!("{root}/{plural}/{{name}}"), "");
        }
    }
    paths.into()
}

struct Writer<'a> {
    resource: &'static Resource,
    tag: &'a str,
    schemas: &'a mut Schemas,
    paths: &'a mut Map<String, Object>,
}

/// What a subresource takes and returns, and its verbs.
struct Part {
    name: &'static str,
    gvk: GroupVersionKind,
    verbs: Vec<&'static str>,
}

impl Writer<'_> {
    fn one(&mut self, path: String, scope: &str) {
        for part in &self.resource.subresources {
            let gvk = GroupVersionKind::new(part.group, part.version, part.kind);
            let part = Part { name: part.name, gvk, verbs: part.verbs.clone() };
            self.item(format!("{path}/{}", part.name), ON_ONE, Some(&part), scope);
        }
        self.item(path, ON_ONE, None, scope);
    }

    /// One path with those of the verbs that it has.
    fn item(&mut self, path: String, verbs: &'static [Verb], part: Option<&Part>, scope: &str) {
        let one = path.contains("{name}");
        let mut item = Map::new();
        for verb in verbs {
            let allowed = match part {
                Some(part) => part.verbs.contains(&verb.verb),
                // What is created by name is a part of something.
                None => self.resource.allows(verb.verb) && !(one && verb.verb == "create"),
            };
            if allowed {
                item.insert(verb.method.into(), self.operation(verb, part, scope));
            }
        }
        if item.is_empty() {
            return;
        }
        let mut parameters = Vec::new();
        for name in ["name", "namespace"] {
            if path.contains(&format!("{{{name}}}")) {
                parameters.push(json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
            }
        }
        parameters.push(query("pretty", "string"));
        item.insert("parameters".into(), parameters.into());
        self.paths.insert(path, item.into());
    }

    fn operation(&mut self, verb: &Verb, part: Option<&Part>, scope: &str) -> Object {
        let resource = self.resource;
        let gvk = part.map_or_else(|| resource.gvk(), |part| part.gvk.clone());
        let own = match part {
            Some(part) if part.gvk != resource.gvk() => self.schemas.kind(&part.gvk),
            _ => self.schemas.resource(resource, false),
        };
        let own = own.unwrap_or_else(|| json!({"type": "object"}));
        let answer = match verb.verb {
            "list" => self.schemas.resource(resource, true).unwrap_or_else(|| own.clone()),
            "delete" | "deletecollection" => self.schemas.meta("meta.v1.Status"),
            _ => own.clone(),
        };
        let codes: &[&str] = match verb.verb {
            "create" => &["200", "201", "202"],
            "update" | "patch" => &["200", "201"],
            "delete" => &["200", "202"],
            _ => &["200"],
        };
        let group = camel(self.tag);
        let name = part.map_or_else(String::new, |part| camel(part.name));
        let id = match (verb.verb, scope) {
            ("deletecollection", _) => format!("{}{group}Collection{scope}{}", verb.words, resource.kind),
            ("list", "ForAllNamespaces") => format!("{}{group}{}{scope}", verb.words, resource.kind),
            _ => format!("{}{group}{scope}{}{name}", verb.words, resource.kind),
        };
        let mut operation = json!({
            "tags": [self.tag],
            "operationId": id,
            "responses": responses(&answer, codes),
            "x-kubernetes-action": verb.action,
            "x-kubernetes-group-version-kind": {"group": gvk.group, "version": gvk.version, "kind": gvk.kind},
        });
        if !verb.parameters.is_empty() {
            let parameters = verb.parameters.iter().map(|(name, kind)| query(name, kind));
            operation["parameters"] = parameters.collect::<Vec<_>>().into();
        }
        match verb.verb {
            "create" | "update" => {
                operation["requestBody"] = json!({"content": {"*/*": {"schema": own}}, "required": true});
            }
            "patch" => {
                let patch = self.schemas.meta("meta.v1.Patch");
                let count = if crate::backend::registry::custom::of(resource).is_some() { 3 } else { 4 };
                let content = PATCHES.iter().take(count).map(|kind| ((*kind).to_owned(), json!({"schema": patch})));
                operation["requestBody"] = json!({"content": content.collect::<Map<_, _>>(), "required": true});
            }
            "delete" | "deletecollection" => {
                let options = self.schemas.meta("meta.v1.DeleteOptions");
                operation["requestBody"] = json!({"content": {"*/*": {"schema": options}}});
            }
            _ => {}
        }
        operation
    }
}

fn query(name: &str, kind: &str) -> Object {
    json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
}

fn responses(schema: &Object, codes: &[&str]) -> Object {
    let mut responses = Map::new();
    for code in codes {
        let content = MEDIA_TYPES.iter().map(|kind| ((*kind).to_owned(), json!({"schema": schema})));
        let description = match *code {
            "201" => "Created",
            "202" => "Accepted",
            _ => "OK",
        };
        let response = json!({"description": description, "content": content.collect::<Map<_, _>>()});
        responses.insert((*code).to_owned(), response);
    }
    responses.insert("401".into(), json!({"description": "Unauthorized"}));
    responses.into()
}

/// `apps_v1`; the core group is called so.
fn tag(version: &GroupVersion) -> String {
    let group = match version.group.as_str() {
        "" => "core",
        group => group.strip_suffix(".k8s.io").unwrap_or(group),
    };
    let group: Vec<String> =
        group.split('.').enumerate().map(|(at, word)| if at == 0 { word.into() } else { camel(word) }).collect();
    format!("{}_{}", group.concat(), version.version)
}

/// `apps_v1` to `AppsV1`.
fn camel(text: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
    };
    text.split('_').map(word).collect()
}
