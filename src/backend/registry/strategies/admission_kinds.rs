//! Webhook configurations and admission policies: defaults, and where their rules are.
//! Source: `pkg/apis/admissionregistration/v1/defaults.go`.

use serde_json::json;

use super::rules::{Defaults, Rules, SPEC};
use crate::backend::registry::policies;
use crate::object::{Meta, Object};

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

pub(super) static MUTATING_WEBHOOKS: Rules =
    Rules { default: |object| webhooks(object, true), validate: policies::hooks::mutating, ..HOOKS };
pub(super) static VALIDATING_WEBHOOKS: Rules =
    Rules { default: |object| webhooks(object, false), validate: policies::hooks::validating, ..HOOKS };

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
