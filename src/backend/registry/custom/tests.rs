use serde_json::json;

use super::*;

fn definition(schema: Object) -> Object {
    json!({
        "metadata": {"name": "beacons.sea.example.org"},
        "spec": {
            "group": "sea.example.org", "scope": "Namespaced",
            "names": {"plural": "beacons", "singular": "beacon", "kind": "Beacon", "listKind": "BeaconList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
        "status": {"conditions": [{"type": "Established", "status": "True"}]},
    })
}

fn custom(schema: Object) -> &'static Custom {
    Definition::of(&definition(schema)).expect("a definition").storage()
}

#[test]
fn the_same_spec_is_the_same_definition() {
    let schema = json!({"type": "object"});
    let (first, second) = (custom(schema.clone()), custom(schema));
    assert!(std::ptr::eq(first, second));
    assert!(of(&first.resource).is_some());
    assert!(of(builtin::by_group_resource("pods").expect("pods")).is_none());
    assert!(Definition::of(&json!({"spec": {}})).is_none());
}

#[test]
fn stable_versions_come_first() {
    let mut versions = vec!["foo1", "v1beta1", "v11alpha2", "v2", "v10", "v1beta2", "foo10", "v1", "v12alpha1"];
    versions.sort_by(|a, b| precedence(b).cmp(&precedence(a)));
    assert_eq!(versions, ["v10", "v2", "v1", "v1beta2", "v1beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"]);
}

#[test]
fn keeps_what_the_schema_knows() {
    let custom = custom(json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "a": {"type": "string"},
            "list": {"type": "array", "items": {"type": "object", "properties": {"b": {"type": "string"}}}},
            "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"c": {"type": "string"}}}},
            "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {"known": {"type": "object"}}},
        }},
    }}));
    let mut object = json!({"apiVersion": "x", "kind": "y", "metadata": {"name": "n", "odd": 1}, "extra": 1, "spec": {
        "a": "x", "z": 1, "list": [{"b": "x", "d": 1}], "map": {"k": {"c": "x", "d": 1}},
        "any": {"free": {"er": 1}, "known": {"gone": 1}},
    }});
    let unknown = custom.prune(&mut object);
    assert_eq!(unknown, ["extra", "spec.any.known.gone", "spec.list[0].d", "spec.map.k.d", "spec.z"]);
    assert_eq!(
        object,
        json!({"apiVersion": "x", "kind": "y", "metadata": {"name": "n", "odd": 1}, "spec": {
            "a": "x", "list": [{"b": "x"}], "map": {"k": {"c": "x"}}, "any": {"free": {"er": 1}, "known": {}},
        }})
    );
}

#[test]
fn fills_in_defaults() {
    let custom = custom(
        json!({"type": "object", "properties": {"spec": {"type": "object", "default": {}, "properties": {
            "n": {"type": "integer", "default": 1},
            "maybe": {"type": "string", "nullable": true, "default": "x"},
            "list": {"type": "array", "items": {"type": "object", "properties": {"p": {"type": "string", "default": "TCP"}}}},
        }}}}),
    );
    for (mut object, want) in [
        (json!({}), json!({"spec": {"n": 1, "maybe": "x"}})),
        (json!({"spec": {"n": null, "maybe": null}}), json!({"spec": {"n": 1, "maybe": null}})),
        (
            json!({"spec": {"n": 2, "maybe": "y", "list": [{}, {"p": "UDP"}]}}),
            json!({"spec": {"n": 2, "maybe": "y", "list": [{"p": "TCP"}, {"p": "UDP"}]}}),
        ),
    ] {
        custom.default(&mut object);
        assert_eq!(object, want);
    }
}

#[test]
fn refuses_in_the_servers_words() {
    let custom = custom(json!({"type": "object", "required": ["spec"], "properties": {"spec": {
        "type": "object", "required": ["colour"], "properties": {
            "colour": {"type": "string", "enum": ["red", "green"]},
            "lamps": {"type": "integer", "minimum": 0, "maximum": 12},
            "name": {"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^[a-z]+$"},
            "when": {"type": "string", "format": "date-time"},
            "limit": {"x-kubernetes-int-or-string": true},
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}, "maxItems": 3},
            "one": {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        },
    }}}));
    let spec = |spec: Object| {
        let errors = custom.validate(&json!({"spec": spec}), None, &mut Vec::new());
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        custom.validate(&json!({}), None, &mut Vec::new()).iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["spec: Required value"]
    );
    for (value, want) in [
        (json!({"colour": "red", "limit": "25%", "lamps": 12}), vec![]),
        (json!({}), vec!["spec.colour: Required value"]),
        (
            json!({"colour": "blue"}),
            vec!["spec.colour: Unsupported value: \"blue\": supported values: \"red\", \"green\""],
        ),
        (
            json!({"colour": "red", "lamps": 13}),
            vec!["spec.lamps: Invalid value: 13: spec.lamps in body should be less than or equal to 12"],
        ),
        (
            json!({"colour": "red", "lamps": "many"}),
            vec!["spec.lamps: Invalid value: \"string\": spec.lamps in body must be of type integer: \"string\""],
        ),
        (
            json!({"colour": "red", "name": "A"}),
            vec!["spec.name: Invalid value: \"A\": spec.name in body should be at least 2 chars long"],
        ),
        (json!({"colour": "red", "name": "abcd"}), vec!["spec.name: Too long: may not be more than 3 bytes"]),
        (
            json!({"colour": "red", "when": "soon"}),
            vec!["spec.when: Invalid value: \"soon\": spec.when in body must be of type date-time: \"soon\""],
        ),
        (json!({"colour": "red", "set": ["a", "a"]}), vec!["spec.set[1]: Duplicate value: \"a\""]),
        (
            json!({"colour": "red", "one": {}}),
            vec![
                "<nil>: Invalid value: \"\": \"spec.one\" must validate one and only one schema (oneOf). Found none valid",
                "spec.one.a: Required value",
            ],
        ),
    ] {
        assert_eq!(spec(value.clone()), want, "{value}");
    }
}
