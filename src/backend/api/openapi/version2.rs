//! OpenAPI v2: all group versions in one document, made of the v3 ones.

use serde_json::{Map, json};

use super::{RELEASE, document};
use crate::object::builtin::Resource;
use crate::object::{GroupVersion, Meta, Object};

/// What is said of query parameters.
const PARAMETERS: &[(&str, &str)] = &[
    ("fieldSelector", "Fields by which the list of returned objects is narrowed."),
    ("labelSelector", "Labels by which the list of returned objects is narrowed."),
    ("limit", "How many objects are returned at most."),
    ("watch", "Watch for changes to the described resources, as a stream of events."),
];
/// Keywords of v3 that v2 has not.
const UNKNOWN: &[&str] = &["oneOf", "anyOf", "not", "nullable", "writeOnly", "deprecated"];

/// The document of all resources.
pub(in crate::backend::api) fn whole(resources: &[&'static Resource]) -> Object {
    let mut versions: Vec<GroupVersion> = Vec::new();
    for resource in resources {
        let version = resource.group_version();
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    let (mut paths, mut definitions) = (Map::new(), Map::new());
    for version in &versions {
        let Some(mut document) = document(version, resources) else { continue };
        if let Some(Object::Object(schemas)) = document.remove_at(&["components", "schemas"]) {
            for (name, mut schema) in schemas {
                definitions.entry(name).or_insert_with(|| {
                    lower(&mut schema);
                    schema
                });
            }
        }
        if let Some(Object::Object(own)) = document.remove_at(&["paths"]) {
            paths.extend(own.into_iter().map(|(path, item)| (path, path_item(item))));
        }
    }
    name_lists(&mut definitions, resources);
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": RELEASE},
        "paths": paths,
        "definitions": definitions,
        "securityDefinitions": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
        "security": [{"BearerToken": []}],
    })
}

/// Says of each kind of list what it lists.
fn name_lists(definitions: &mut Map<String, Object>, resources: &[&'static Resource]) {
    for schema in definitions.values_mut() {
        let kinds = schema.list_at(&["x-kubernetes-group-version-kind"]);
        let listed = kinds.iter().find_map(|kind| {
            let (group, version, name) = (kind.str_at(&["group"]), kind.str_at(&["version"]), kind.str_at(&["kind"]));
            let name = name.strip_suffix("List")?;
            resources.iter().find(|r| r.kind == name && r.group == group && r.version == version)
        });
        if let Some(resource) = listed
            && let Some(items) = schema.get_mut("properties").and_then(|properties| properties.get_mut("items"))
        {
            items["description"] = format!("List of {}", resource.plural).into();
        }
    }
}

/// Brings a schema of v3, and all in it, into the form of v2.
fn lower(schema: &mut Object) {
    match schema {
        Object::Object(map) => {
            // A reference with a default stands in `allOf`; v2 has no defaults beside references.
            let referred = map.get("allOf").and_then(Object::as_array).and_then(|all| all.first()).cloned();
            if let Some(referred) = referred.filter(|referred| referred.get("$ref").is_some()) {
                map.remove("allOf");
                map.remove("default");
                if let Some(reference) = referred.get("$ref") {
                    map.insert("$ref".to_owned(), reference.clone());
                }
            }
            let one_of = UNKNOWN.iter().filter(|keyword| map.remove(**keyword).is_some()).count() > 0;
            let untyped = !map.contains_key("type") && !map.contains_key("$ref") && !map.contains_key("properties");
            // Quantities, and numbers or names of ports: text, to v2.
            if one_of && untyped {
                map.insert("type".to_owned(), "string".into());
            }
            if let Some(Object::String(reference)) = map.get_mut("$ref") {
                *reference = reference.replace("#/components/schemas/", "#/definitions/");
            }
            map.values_mut().for_each(lower);
        }
        Object::Array(list) => list.iter_mut().for_each(lower),
        _ => {}
    }
}

fn path_item(item: Object) -> Object {
    let Object::Object(item) = item else { return item };
    let mut lowered = Map::new();
    for (key, value) in item {
        let value = match key.as_str() {
            "parameters" => value.as_array().into_iter().flatten().map(parameter).collect::<Vec<_>>().into(),
            _ => operation(value),
        };
        lowered.insert(key, value);
    }
    lowered.into()
}

fn parameter(of: &Object) -> Object {
    let mut lowered = of.clone();
    if let Some(Object::Object(schema)) = lowered.remove_at(&["schema"])
        && let Some(map) = lowered.as_object_mut()
    {
        map.extend(schema);
    }
    let described = PARAMETERS.iter().find(|(name, _)| *name == of.str_at(&["name"]));
    if let Some((_, text)) = described {
        lowered["description"] = (*text).into();
    }
    lowered
}

fn operation(mut of: Object) -> Object {
    let mut parameters: Vec<Object> = of.list_at(&["parameters"]).iter().map(parameter).collect();
    let mut consumes = vec![Object::from("*/*")];
    if let Some(body) = of.remove_at(&["requestBody"]) {
        let content = body.get("content").and_then(Object::as_object).cloned().unwrap_or_default();
        consumes = content.keys().map(|kind| kind.as_str().into()).collect();
        let mut schema = content.into_iter().next().map(|(_, content)| content).unwrap_or_default();
        let mut schema = schema.remove_at(&["schema"]).unwrap_or_else(|| json!({}));
        lower(&mut schema);
        let required = body.bool_at(&["required"]);
        parameters.insert(0, json!({"name": "body", "in": "body", "required": required, "schema": schema}));
    }
    if !parameters.is_empty() {
        of["parameters"] = parameters.into();
    }
    let mut produces: Vec<Object> = Vec::new();
    for response in of.get_mut("responses").and_then(Object::as_object_mut).into_iter().flat_map(Map::values_mut) {
        let Some(Object::Object(content)) = response.remove_at(&["content"]) else { continue };
        for kind in content.keys() {
            if !produces.contains(&kind.as_str().into()) {
                produces.push(kind.as_str().into());
            }
        }
        if let Some(mut schema) = content.into_iter().next().and_then(|(_, mut content)| content.remove_at(&["schema"]))
        {
            lower(&mut schema);
            response["schema"] = schema;
        }
    }
    of["consumes"] = consumes.into();
    of["produces"] = produces.into();
    of["schemes"] = json!(["https"]);
    of
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::builtin;

    #[test]
    fn every_reference_leads_somewhere() {
        let resources: Vec<&'static Resource> = builtin::resources().iter().collect();
        let document = whole(&resources);
        let definitions = document["definitions"].as_object().expect("definitions");
        let text = document.to_string();
        let references: std::collections::BTreeSet<&str> =
            text.split("\"#/definitions/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(references.len() > 400, "{}", references.len());
        for name in references {
            assert!(definitions.contains_key(name), "{name}");
        }
        assert!(!text.contains("#/components/"));
        let pods = &document["paths"]["/api/v1/namespaces/{namespace}/pods"];
        assert_eq!(pods["post"]["parameters"][0]["schema"]["$ref"], "#/definitions/io.k8s.api.core.v1.Pod");
        assert_eq!(
            definitions["io.k8s.api.core.v1.ServiceList"]["properties"]["items"]["description"],
            "List of services"
        );
    }
}
