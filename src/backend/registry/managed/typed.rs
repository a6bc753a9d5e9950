//! Whether what is to be applied fits what is known of it: every field is there, every value of its type,
//! no item of a list twice.

use super::node::{Kind, Node};
use super::set::shown;
use crate::object::patch::go_text;
use crate::object::schema::Shape;
use crate::object::{Meta, Object, go_type};

/// What a value has to be.
enum Form {
    Anything,
    Text,
    Number,
    Truth,
    /// A number, a text or true or false.
    Scalar,
    List,
    Map,
}

/// What is wrong with a value, in the words of server-side apply; of each map the first unknown field.
/// Empty where nothing is.
pub fn faults(node: Node, value: &Object) -> Vec<String> {
    let mut walk = Walk { path: String::new(), found: Vec::new() };
    walk.value(node, value);
    walk.found
}

struct Walk {
    path: String,
    found: Vec<String>,
}

impl Walk {
    fn fault(&mut self, what: String) {
        let colon = if self.path.is_empty() { "" } else { ": " };
        self.found.push(format!("{}{colon}{what}", self.path));
    }

    fn below(&mut self, step: &str, work: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        work(self);
        self.path.truncate(length);
    }

    fn value(&mut self, node: Node, value: &Object) {
        let form = form(node);
        match (form, value) {
            (_, Object::Null)
            | (Form::Anything, _)
            | (Form::Text, Object::String(_))
            | (Form::Number, Object::Number(_))
            | (Form::Truth, Object::Bool(_))
            | (Form::Scalar, Object::String(_) | Object::Number(_) | Object::Bool(_)) => {}
            (Form::Map, Object::Object(map)) => {
                for (name, value) in map {
                    let step = shown(&format!("f:{name}"));
                    let Some(child) = node.known(name) else {
                        // The rest of the map is not looked at.
                        return self.below(&step, |walk| walk.fault("field not declared in schema".to_owned()));
                    };
                    self.below(&step, |walk| walk.value(child, value));
                }
            }
            (Form::List, Object::Array(items)) => self.items(node, value, items),
            (Form::Number, _) => self.fault(format!("expected numeric (int or float), got {}", go_type(value))),
            (Form::Text, _) => {
                self.fault(format!("expected string, got &value.valueUnstructured{{Value:{}}}", go_syntax(value)))
            }
            (Form::Truth, _) => self.fault(format!("expected boolean, got &{{{}}}", go_text(value))),
            (Form::Scalar, _) => self.fault(format!("expected any scalar, got &{{{}}}", go_text(value))),
            (Form::List, _) => self.fault(format!("expected list, got &{{{}}}", go_text(value))),
            (Form::Map, _) => self.fault(format!("expected map, got &{{{}}}", go_text(value))),
        }
    }

    fn items(&mut self, node: Node, list: &Object, items: &[Object]) {
        let kind = node.kind(list);
        let element = node.element();
        let mut seen = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let step = match &kind {
                Kind::Keyed(_, keys) => {
                    let found = match item {
                        Object::Object(item) => {
                            keys.iter().all(|key| !item.contains_key(key) && element.key_default(key).is_none())
                        }
                        other => {
                            let what =
                                format!("element {at}: associative list with keys may not have non-map elements");
                            if other.is_null() {
                                self.fault(format!(
                                    "element {at}: associative list with keys may not have a null element"
                                ));
                            } else {
                                self.fault(what);
                            }
                            return;
                        }
                    };
                    // The keys of built-in types have values even where they are not given.
                    if found && matches!(element, Node::Custom(..)) {
                        let names: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
                        let what = format!(
                            "element {at}: associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                            names.join(" ")
                        );
                        return self.fault(what);
                    }
                    shown(&kind.step(item))
                }
                Kind::Set(_) => shown(&kind.step(item)),
                _ => format!("[{at}]"),
            };
            if matches!(kind, Kind::Keyed(..) | Kind::Set(_)) {
                if seen.contains(&step) {
                    self.fault(format!("duplicate entries for key {step}"));
                }
                seen.push(step.clone());
            }
            self.below(&step, |walk| walk.value(element, item));
        }
    }
}

fn form(node: Node) -> Form {
    match node {
        Node::Type(_) => Form::Map,
        Node::Shape(shape, _) => match shape {
            Shape::String | Shape::Bytes | Shape::Time | Shape::MicroTime => Form::Text,
            Shape::Int32 | Shape::Int64 | Shape::Double => Form::Number,
            Shape::Bool => Form::Truth,
            Shape::Quantity | Shape::IntOrString => Form::Scalar,
            Shape::AnyObject | Shape::Any => Form::Anything,
            Shape::List(_) => Form::List,
            Shape::Map(_) => Form::Map,
            Shape::Object(_) if shape.object().is_some() => Form::Map,
            Shape::Object(_) => Form::Anything,
        },
        Node::Custom(_, true) => Form::Map,
        Node::Custom(schema, false) if schema.get("x-kubernetes-int-or-string") == Some(&Object::Bool(true)) => {
            Form::Scalar
        }
        Node::Custom(schema, false) => match schema.str_at(&["type"]) {
            "string" => Form::Text,
            "integer" | "number" => Form::Number,
            "boolean" => Form::Truth,
            "array" => Form::List,
            "object" => Form::Map,
            _ => Form::Anything,
        },
        Node::Deduced => Form::Anything,
    }
}

/// A value as Go's `%#v` shows it.
fn go_syntax(value: &Object) -> String {
    match value {
        Object::Null => "interface {}(nil)".to_owned(),
        Object::String(text) => crate::go::quote::quote(text),
        Object::Bool(_) | Object::Number(_) => value.to_string(),
        Object::Array(items) => {
            let items: Vec<String> = items.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Object::Object(map) => {
            let items: Vec<String> = map.iter().map(|(key, value)| format!("{key:?}:{}", go_syntax(value))).collect();
            format!("map[string]interface {{}}{{{}}}", items.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::builtin;
    use serde_json::json;

    #[test]
    fn says_what_does_not_fit() {
        let deployments = builtin::by_group_resource("deployments.apps").expect("deployments");
        let pod = |spec: Object| json!({"spec": {"template": {"spec": spec}}});
        for (object, want) in [
            (json!({"metadata": {"labels": {"any": "x"}}, "spec": {"replicas": 1}}), &[][..]),
            (json!({"spec": {"foo": 1, "template": 5}, "bogus": 1}), &[".bogus: field not declared in schema"][..]),
            (
                json!({"spec": {"replicas": "x", "paused": 1}}),
                &[
                    ".spec.paused: expected boolean, got &{1}",
                    ".spec.replicas: expected numeric (int or float), got string",
                ],
            ),
            (
                json!({"metadata": {"name": {"a": 1}}}),
                &[
                    ".metadata.name: expected string, got &value.valueUnstructured{Value:map[string]interface {}{\"a\":1}}",
                ],
            ),
            (pod(json!({"containers": "x"})), &[".spec.template.spec.containers: expected list, got &{x}"]),
            (
                pod(
                    json!({"containers": [{"name": "c", "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]}]}),
                ),
                &[
                    ".spec.template.spec.containers[name=\"c\"].ports: duplicate entries for key [containerPort=80,protocol=\"TCP\"]",
                ],
            ),
            (
                pod(json!({"containers": [{"name": "c"}, {"name": "c", "x": 1}]})),
                &[
                    ".spec.template.spec.containers: duplicate entries for key [name=\"c\"]",
                    ".spec.template.spec.containers[name=\"c\"].x: field not declared in schema",
                ],
            ),
            (pod(json!({"containers": [{"image": "c"}]})), &[]),
            (
                json!({"metadata": {"finalizers": ["a/b", "a/b"]}}),
                &[".metadata.finalizers: duplicate entries for key [=\"a/b\"]"],
            ),
            (
                pod(json!({"containers": [{"name": "c", "resources": {"limits": {"cpu": [1]}}}]})),
                &[".spec.template.spec.containers[name=\"c\"].resources.limits.cpu: expected any scalar, got &{[1]}"],
            ),
        ] {
            assert_eq!(faults(Node::of(deployments), &object), want, "{object}");
        }
    }
}
