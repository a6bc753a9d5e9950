//! Which pods of a node have to go, and what stands against it.

use std::collections::HashMap;

use super::{Drain, pods};
use crate::client::Client;
use crate::client::paging::Pages;
use crate::client::request::{Accept, Call, Endpoint, ListParams};
use crate::object::{GroupVersionResource, Meta, Object, Status, Timestamp};
use crate::ops::context::Context;

const DAEMON_SET_FATAL: &str = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)";
const DAEMON_SET_WARNING: &str = "ignoring DaemonSet-managed Pods";
const LOCAL_STORAGE_FATAL: &str = "Pods with local storage (use --delete-emptydir-data to override)";
const UNMANAGED_FATAL: &str = "Pods that declare no controller (use --force to override)";
const UNMANAGED_WARNING: &str = "deleting Pods that declare no controller";
/// Marks pods that a node runs by itself.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// What becomes of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// It goes.
    Go,
    /// It goes, with a warning.
    GoWarned(String),
    /// It stays.
    Stay,
    /// It stays, with a warning.
    StayWarned(String),
    /// It must not go.
    Refuse(String),
}

/// The pods of a node, and what is to be said about them.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    /// Those that go.
    pub going: Vec<Object>,
    pub(super) warnings: Groups,
    errors: Groups,
    /// The version of the list that they are from.
    pub(super) version: String,
}

/// Messages with the pods that they are about, in order.
type Groups = Vec<(String, Vec<String>)>;

fn add(groups: &mut Groups, message: String, pod: &Object) {
    let name = format!("{}/{}", pod.namespace(), pod.name());
    match groups.iter_mut().find(|(known, _)| *known == message) {
        Some((_, names)) => names.push(name),
        None => groups.push((message, vec![name])),
    }
}

impl Pods {
    /// All warnings in one; none where there are none.
    pub fn warning(&self) -> Option<String> {
        let texts: Vec<String> =
            self.warnings.iter().map(|(message, pods)| format!("{message}: {}", pods.join(", "))).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// Why the node cannot be emptied.
    pub fn errors(&self) -> Vec<anyhow::Error> {
        let say =
            |(message, pods): &(String, Vec<String>)| anyhow::anyhow!("cannot delete {message}: {}", pods.join(", "));
        self.errors.iter().map(say).collect()
    }
}

impl Drain {
    /// The pods of a node.
    pub async fn pods(&self, ctx: &Context, node: &str) -> anyhow::Result<Pods> {
        let client = ctx.client().await?;
        let params = ListParams {
            labels: self.pod_selector.clone(),
            fields: format!("spec.nodeName={node}"),
            limit: self.page,
            ..ListParams::default()
        };
        let mut pages = Pages::new(client, Endpoint::collection(&pods(), ""), params, Accept::Json);
        let mut found = Pods::default();
        let mut daemon_sets = HashMap::new();
        while let Some(page) = pages.next().await? {
            found.version = page.resource_version().to_owned();
            for pod in crate::client::paging::take_items(page) {
                match self.verdict(client, &pod, ctx.clock.now(), &mut daemon_sets).await {
                    Verdict::Go => found.going.push(pod),
                    Verdict::GoWarned(message) => {
                        add(&mut found.warnings, message, &pod);
                        found.going.push(pod);
                    }
                    Verdict::Stay => {}
                    Verdict::StayWarned(message) => add(&mut found.warnings, message, &pod),
                    Verdict::Refuse(message) => add(&mut found.errors, message, &pod),
                }
            }
        }
        Ok(found)
    }

    async fn verdict(
        &self,
        client: &Client,
        pod: &Object,
        now: Timestamp,
        daemon_sets: &mut HashMap<String, Result<(), Status>>,
    ) -> Verdict {
        if self.is_skipped(pod.deletion_timestamp(), now) {
            return Verdict::Stay;
        }
        let finished = matches!(pod.str_at(&["status", "phase"]), "Succeeded" | "Failed");
        if let Some(owner) = daemon_set_of(pod).filter(|_| !finished) {
            let key = format!("{}/{owner}", pod.namespace());
            if !daemon_sets.contains_key(&key) {
                daemon_sets.insert(key.clone(), daemon_set(client, pod.namespace(), owner).await);
            }
            match daemon_sets.get(&key) {
                // What its controller left behind goes like any other pod.
                Some(Err(status)) if status.is_not_found() && self.force => {}
                Some(Err(status)) => return Verdict::Refuse(status.message.clone()),
                _ if !self.ignore_daemon_sets => return Verdict::Refuse(DAEMON_SET_FATAL.to_owned()),
                _ => return Verdict::StayWarned(DAEMON_SET_WARNING.to_owned()),
            }
        }
        if pod.annotation(MIRROR).is_some() {
            return Verdict::Stay;
        }
        let local = !finished && has_local_storage(pod);
        if local && !self.delete_empty_dir_data {
            return Verdict::Refuse(LOCAL_STORAGE_FATAL.to_owned());
        }
        if finished || pod.controller_ref().is_some() {
            return Verdict::Go;
        }
        if self.force {
            Verdict::GoWarned(UNMANAGED_WARNING.to_owned())
        } else {
            Verdict::Refuse(UNMANAGED_FATAL.to_owned())
        }
    }

    pub(super) fn is_skipped(&self, deletion: Option<Timestamp>, now: Timestamp) -> bool {
        self.skip_wait_seconds > 0
            && deletion.is_some_and(|since| now.duration_since(since).as_secs() > self.skip_wait_seconds)
    }
}

fn daemon_set_of(pod: &Object) -> Option<&str> {
    let owner = pod.controller_ref()?;
    (owner.kind() == "DaemonSet" && owner.api_version() == "apps/v1").then(|| owner.str_at(&["name"]))
}

async fn daemon_set(client: &Client, namespace: &str, name: &str) -> Result<(), Status> {
    let resource = GroupVersionResource::new("apps", "v1", "daemonsets");
    match client.bytes(Call::get(&Endpoint::object(&resource, namespace, name))).await {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.downcast::<Status>() {
            Ok(status) => status,
            Err(error) => Status::failure(0, "", format!("{error:#}")),
        }),
    }
}

fn has_local_storage(pod: &Object) -> bool {
    pod.list_at(&["spec", "volumes"]).iter().any(|volume| volume.get("emptyDir").is_some_and(|dir| !dir.is_null()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::transport::recorded::Recorded;
    use serde_json::json;
    use std::sync::Arc;

    fn pod(extra: Object) -> Object {
        let mut pod = json!({"metadata": {"name": "p", "namespace": "d", "uid": "u"}, "spec": {}, "status": {"phase": "Running"}});
        crate::object::patch::merge::apply(&mut pod, &extra);
        pod
    }

    fn owned(kind: &str) -> Object {
        json!({"metadata": {"ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": "o", "controller": true}]}})
    }

    #[tokio::test]
    async fn decides_about_pods() {
        let recorded = Recorded::parse(
            r#"[{"uri": "/apis/apps/v1/namespaces/d/daemonsets/o", "response": {"kind": "DaemonSet"}}]"#,
        )
        .unwrap();
        let client = Client::new(Arc::new(recorded), "test", Box::new(|_| {}));
        let plain = Drain::default();
        let all = Drain {
            force: true,
            ignore_daemon_sets: true,
            delete_empty_dir_data: true,
            skip_wait_seconds: 10,
            ..Drain::default()
        };
        let storage = json!({"spec": {"volumes": [{"emptyDir": {}}]}});
        let with = |a: Object, b: &Object| {
            let mut pod = pod(a);
            crate::object::patch::merge::apply(&mut pod, b);
            pod
        };
        let now = crate::object::time::parse_rfc3339("2026-01-02T03:04:05Z").unwrap();
        for (pod, without, with_all) in [
            (pod(json!({})), Verdict::Refuse(UNMANAGED_FATAL.into()), Verdict::GoWarned(UNMANAGED_WARNING.into())),
            (pod(owned("ReplicaSet")), Verdict::Go, Verdict::Go),
            (
                pod(owned("DaemonSet")),
                Verdict::Refuse(DAEMON_SET_FATAL.into()),
                Verdict::StayWarned(DAEMON_SET_WARNING.into()),
            ),
            (with(owned("ReplicaSet"), &storage), Verdict::Refuse(LOCAL_STORAGE_FATAL.into()), Verdict::Go),
            (pod(json!({"status": {"phase": "Succeeded"}})), Verdict::Go, Verdict::Go),
            (pod(json!({"metadata": {"annotations": {(MIRROR): ""}}})), Verdict::Stay, Verdict::Stay),
            (
                pod(json!({"metadata": {"deletionTimestamp": "2026-01-02T03:03:05Z"}})),
                Verdict::Refuse(UNMANAGED_FATAL.into()),
                Verdict::Stay,
            ),
        ] {
            let mut sets = HashMap::new();
            assert_eq!(plain.verdict(&client, &pod, now, &mut sets).await, without, "{pod}");
            assert_eq!(all.verdict(&client, &pod, now, &mut sets).await, with_all, "{pod}");
        }
    }

    #[test]
    fn says_what_stands_against_it() {
        let mut found = Pods::default();
        for (name, message) in [("a", "x"), ("b", "y"), ("c", "x")] {
            add(&mut found.errors, message.into(), &json!({"metadata": {"namespace": "n", "name": name}}));
        }
        let errors: Vec<String> = found.errors().iter().map(ToString::to_string).collect();
        assert_eq!(errors, ["cannot delete x: n/a, n/c", "cannot delete y: n/b"]);
        assert_eq!(found.warning(), None);
    }
}
