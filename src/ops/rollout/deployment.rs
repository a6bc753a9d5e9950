//! Deployments: a revision is a replica set.

use anyhow::bail;
use serde_json::json;

use super::{CHANGE_CAUSE, Revision, Undo, empty, normal_template, owned};
use crate::client::Client;
use crate::client::request::PatchType;
use crate::object::{Meta, Object};
use crate::ops::context::Program;
use crate::ops::last_applied;

/// The number of a deployment's or replica set's revision.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// The label by which the controller tells replica sets apart.
const HASH: &str = "pod-template-hash";
/// Annotations of a deployment that going back leaves as they are.
const KEPT: [&str; 6] = [
    last_applied::ANNOTATION,
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// The revision number of an object; 0 where it has none.
fn revision_of(object: &Object) -> anyhow::Result<i64> {
    let Some(text) = object.annotation(REVISION) else { return Ok(0) };
    text.parse().map_err(|_| anyhow::anyhow!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
}

pub(super) fn status(object: &Object, revision: i64) -> anyhow::Result<(String, bool)> {
    let name = object.name();
    if revision > 0 {
        let running = revision_of(object)
            .map_err(|error| anyhow::anyhow!("cannot get the revision of deployment {name:?}: {error}"))?;
        if running != revision {
            bail!("desired revision ({revision}) is different from the running revision ({running})");
        }
    }
    let count = |field: &str| object.int_at(&["status", field]).unwrap_or(0);
    if object.generation() > count("observedGeneration") {
        return Ok(("Waiting for deployment spec update to be observed...\n".to_owned(), false));
    }
    let failed = object.list_at(&["status", "conditions"]).iter().any(|condition| {
        condition.str_at(&["type"]) == "Progressing" && condition.str_at(&["reason"]) == "ProgressDeadlineExceeded"
    });
    if failed {
        bail!("deployment {name:?} exceeded its progress deadline");
    }
    let (updated, all, available) = (count("updatedReplicas"), count("replicas"), count("availableReplicas"));
    let waiting =
        |for_what: String| Ok((format!("Waiting for deployment {name:?} rollout to finish: {for_what}...\n"), false));
    if let Some(wanted) = object.int_at(&["spec", "replicas"]).filter(|wanted| updated < *wanted) {
        return waiting(format!("{updated} out of {wanted} new replicas have been updated"));
    }
    if all > updated {
        return waiting(format!("{} old replicas are pending termination", all - updated));
    }
    if available < updated {
        return waiting(format!("{available} of {updated} updated replicas are available"));
    }
    Ok((format!("deployment {name:?} successfully rolled out\n"), true))
}

pub(super) async fn history(client: &Client, deployment: &Object) -> anyhow::Result<Vec<Revision>> {
    let sets = owned(client, deployment, "replicasets").await.map_err(|error| {
        anyhow::anyhow!("failed to retrieve replica sets from deployment {}: {error:#}", deployment.name())
    })?;
    Ok(revisions(sets))
}

fn revisions(sets: Vec<Object>) -> Vec<Revision> {
    let mut revisions: Vec<Revision> = Vec::new();
    for set in sets {
        let Ok(number) = revision_of(&set) else { continue };
        let change_cause = set.annotation(CHANGE_CAUSE).unwrap_or_default().to_owned();
        let mut template = set.at(&["spec", "template"]).cloned().unwrap_or_else(empty);
        if !change_cause.is_empty() {
            template.set_at(&["metadata", "annotations", CHANGE_CAUSE], change_cause.as_str());
        }
        let revision = Revision { number, change_cause, template, object: set.clone(), record: set };
        match revisions.iter_mut().find(|known| known.number == number) {
            Some(known) => *known = revision,
            None => revisions.push(revision),
        }
    }
    revisions
}

pub(super) fn undo(deployment: &Object, revision: &Revision, program: Program) -> anyhow::Result<Undo> {
    if deployment.bool_at(&["spec", "paused"]) {
        bail!("you cannot rollback a paused deployment; resume it first with '{program} rollout resume' and try again");
    }
    let without_hash = |template: Option<&Object>| {
        let mut template = normal_template(template.unwrap_or(&empty()));
        template.remove_at(&["metadata", "labels", HASH]);
        // Nothing and an empty map are the same.
        if template.at(&["metadata", "labels"]).and_then(Object::as_object).is_some_and(serde_json::Map::is_empty) {
            template.remove_at(&["metadata", "labels"]);
        }
        template
    };
    let set = &revision.record;
    let template = without_hash(set.at(&["spec", "template"]));
    if template == without_hash(deployment.at(&["spec", "template"])) {
        return Ok(Undo::Skipped);
    }
    let kept = deployment.annotations().into_iter().filter(|(key, _)| KEPT.contains(key));
    let from_set = set.annotations().into_iter().filter(|(key, _)| !KEPT.contains(key));
    let annotations: serde_json::Map<String, Object> =
        kept.chain(from_set).map(|(key, value)| (key.to_owned(), value.into())).collect();
    let patch = json!([
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "replace", "path": "/metadata/annotations", "value": annotations},
    ]);
    Ok(Undo::Patch(PatchType::Json, patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(generation: i64, status: Object) -> Object {
        json!({"metadata": {"name": "web", "generation": generation, "annotations": {(REVISION): "2"}},
            "spec": {"replicas": 3}, "status": status})
    }

    #[test]
    fn says_how_far_it_is() {
        let seen = |extra: Object| {
            let mut status = json!({"observedGeneration": 2});
            status.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            deployment(2, status)
        };
        let waiting = "Waiting for deployment \"web\" rollout to finish: ";
        for (object, want, done) in [
            (
                deployment(3, json!({"observedGeneration": 2})),
                "Waiting for deployment spec update to be observed...\n".to_owned(),
                false,
            ),
            (
                seen(json!({"updatedReplicas": 1})),
                format!("{waiting}1 out of 3 new replicas have been updated...\n"),
                false,
            ),
            (
                seen(json!({"updatedReplicas": 3, "replicas": 4})),
                format!("{waiting}1 old replicas are pending termination...\n"),
                false,
            ),
            (
                seen(json!({"updatedReplicas": 3, "replicas": 3, "availableReplicas": 2})),
                format!("{waiting}2 of 3 updated replicas are available...\n"),
                false,
            ),
            (
                seen(json!({"updatedReplicas": 3, "replicas": 3, "availableReplicas": 3})),
                "deployment \"web\" successfully rolled out\n".to_owned(),
                true,
            ),
        ] {
            assert_eq!(status(&object, 0).unwrap(), (want, done));
        }
        let late = seen(json!({"conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]}));
        assert_eq!(status(&late, 0).unwrap_err().to_string(), "deployment \"web\" exceeded its progress deadline");
        assert_eq!(
            status(&late, 7).unwrap_err().to_string(),
            "desired revision (7) is different from the running revision (2)"
        );
    }

    #[test]
    fn goes_back_to_a_template() {
        let template = |image: &str, hash: &str| json!({"metadata": {"labels": {"app": "web", (HASH): hash}}, "spec": {"containers": [{"name": "c", "image": image}]}});
        let set = json!({"metadata": {"annotations": {(REVISION): "1", "note": "old"}}, "spec": {"template": template("a", "x")}});
        let revision = revisions(vec![set]).remove(0);
        let mut deployment = json!({"metadata": {"name": "web", "annotations": {(REVISION): "2", "note": "new", "own": "1"}},
            "spec": {"template": template("b", "")}});
        deployment.remove_at(&["spec", "template", "metadata", "labels", HASH]);
        let Undo::Patch(PatchType::Json, patch) = undo(&deployment, &revision, Program::Kctl).unwrap() else {
            panic!("no patch")
        };
        assert_eq!(patch[0]["value"]["metadata"]["labels"], json!({"app": "web"}));
        assert_eq!(patch[0]["value"]["spec"]["containers"][0]["image"], json!("a"));
        assert_eq!(patch[1]["value"], json!({(REVISION): "2", "note": "old"}));
        deployment.set_at(&["spec", "template"], template("a", "other"));
        assert_eq!(undo(&deployment, &revision, Program::Kctl).unwrap(), Undo::Skipped);
        deployment.set_at(&["spec", "paused"], true);
        assert!(undo(&deployment, &revision, Program::Kctl).is_err());
    }
}
