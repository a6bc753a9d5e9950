//! Webhook configurations, admission policies and CustomResourceDefinitions: defaults.
//! Source: `pkg/apis/admissionregistration/v1/defaults.go`, `apiextensions/v1/defaults.go`.

use serde_json::json;

use super::rules::{Defaults, Rules, SPEC};
use crate::backend::registry::validation::Faults;
use crate::backend::registry::{custom, policies};
use crate::object::{Meta, Object, names};

fn rules(rules: &mut Object) {
    rules.or_set(&["scope"], "*");
}

fn webhooks(configuration: &mut Object, mutating: bool) {
    configuration.each(&["webhooks"], |hook| {
        hook.or_set(&["failurePolicy"], "Fail");
        hook.or_set(&["matchPolicy"], "Equivalent");
        hook.or_set(&["namespaceSelector"], json!({}));
        hook.or_set(&["objectSelector"], json!({}));
        hook.or_set(&["timeoutSeconds"], 10);
        if mutating {
            hook.or_set(&["reinvocationPolicy"], "Never");
        }
        hook.each(&["rules"], rules);
        hook.with(&["clientConfig", "service"], |service| service.or_set(&["port"], 443));
    });
}

const HOOKS: Rules = Rules { generation_of: &[&["webhooks"]], ..Rules::CLUSTER };

pub(super) static MUTATING_WEBHOOKS: Rules = Rules { default: |object| webhooks(object, true), ..HOOKS };
pub(super) static VALIDATING_WEBHOOKS: Rules = Rules { default: |object| webhooks(object, false), ..HOOKS };

fn matching(resources: &mut Object) {
    resources.or_set(&["matchPolicy"], "Equivalent");
    resources.or_set(&["namespaceSelector"], json!({}));
    resources.or_set(&["objectSelector"], json!({}));
    for list in ["resourceRules", "excludeResourceRules"] {
        resources.each(&[list], rules);
    }
}

pub(super) static ADMISSION_POLICY: Rules = Rules {
    generation_of: SPEC,
    status: true,
    default: |policy| {
        policy.or_set(&["spec", "failurePolicy"], "Fail");
        policy.with(&["spec", "matchConstraints"], matching);
    },
    // What a controller finds out elsewhere is known at once here.
    create: |policy, _| {
        policy.set_at(&["status"], policies::typing::status(policy, 1));
        Ok(())
    },
    update: |new, old, _| {
        if new.at(&["spec"]) != old.at(&["spec"]) {
            new.set_at(&["status"], policies::typing::status(new, old.generation() + 1));
        }
        Ok(())
    },
    validate: policies::check::validating,
    ..Rules::CLUSTER
};

pub(super) static MUTATING_ADMISSION_POLICY: Rules = Rules {
    status: false,
    create: |_, _| Ok(()),
    update: |_, _, _| Ok(()),
    validate: policies::check::mutating,
    ..ADMISSION_POLICY
};

pub(super) static ADMISSION_BINDING: Rules = Rules {
    generation_of: SPEC,
    default: |binding| binding.with(&["spec", "matchResources"], matching),
    validate: policies::check::validating_binding,
    ..Rules::CLUSTER
};

pub(super) static MUTATING_ADMISSION_BINDING: Rules =
    Rules { validate: policies::check::any_binding, ..ADMISSION_BINDING };

pub(super) static CUSTOM_RESOURCE_DEFINITION: Rules = Rules {
    generation_of: SPEC,
    status: true,
    default: |definition| {
        definition.or_text(&["spec", "scope"], "Namespaced");
        let kind = definition.str_at(&["spec", "names", "kind"]).to_owned();
        definition.or_text(&["spec", "names", "singular"], &kind.to_lowercase());
        definition.or_text(&["spec", "names", "listKind"], &format!("{kind}List"));
        definition.or_set(&["spec", "conversion"], json!({"strategy": "None"}));
        definition.with(&["spec", "conversion", "webhook", "clientConfig", "service"], |service| {
            service.or_set(&["port"], 443);
        });
    },
    validate: custom_resource_definition,
    ..Rules::CLUSTER
};

fn custom_resource_definition(definition: &Object, faults: &mut Faults) {
    let at = |path: &[&str]| definition.str_at(path);
    let (group, plural) = (at(&["spec", "group"]), at(&["spec", "names", "plural"]));
    let wanted = format!("{plural}.{group}");
    if definition.name() != wanted {
        faults.invalid("metadata.name", definition.name(), "must be spec.names.plural+\".\"+spec.group");
    }
    if group.is_empty() {
        faults.required("spec.group", "");
    } else {
        faults.complaints("spec.group", group, names::dns1123_subdomain(group));
        if !group.contains('.') {
            faults.invalid("spec.group", group, "should be a domain with at least one dot");
        }
    }
    faults.one_of("spec.scope", at(&["spec", "scope"]), &["Cluster", "Namespaced"]);
    let versions = definition.list_at(&["spec", "versions"]);
    if versions.iter().filter(|version| version.bool_at(&["storage"])).count() != 1 {
        let value = definition.at(&["spec", "versions"]).cloned().unwrap_or_default();
        faults.invalid("spec.versions", value, "must have exactly one version marked as storage version");
    }
    for (index, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
        match version.at(&["schema", "openAPIV3Schema"]) {
            None => faults.required(path, "schemas are required"),
            Some(schema) => faults.0.extend(custom::definition::faults(schema, &path)),
        }
    }
    if definition.bool_at(&["spec", "preserveUnknownFields"]) {
        let why = "cannot be set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        faults.invalid("spec.preserveUnknownFields", true, why);
    }
    for field in ["plural", "kind"] {
        let path = format!("spec.names.{field}");
        let name = at(&["spec", "names", field]);
        if name.is_empty() {
            faults.required(path, "");
        } else {
            faults.complaints(&path, name, names::dns1035_label(&name.to_lowercase()));
        }
    }
    faults.0.extend(custom::rules::check(definition));
}
