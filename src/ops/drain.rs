//! Emptying a node: which pods have to go, what stands against it, and seeing them off.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use tokio::sync::Notify;

use super::change::DryRun;
use super::context::Context;
use crate::client::Client;
use crate::client::paging::Pages;
use crate::client::request::{Accept, Call, DeleteParams, Endpoint, ListParams, WatchParams, WriteParams};
use crate::client::watch::{Event, Watcher, is_expired};
use crate::error::Many;
use crate::go::duration;
use crate::object::{GroupVersionResource, Meta, Object, Status, Timestamp};

const DAEMON_SET_FATAL: &str = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)";
const DAEMON_SET_WARNING: &str = "ignoring DaemonSet-managed Pods";
const LOCAL_STORAGE_FATAL: &str = "Pods with local storage (use --delete-emptydir-data to override)";
const UNMANAGED_FATAL: &str = "Pods that declare no controller (use --force to override)";
const UNMANAGED_WARNING: &str = "deleting Pods that declare no controller";
/// Marks pods that a node runs by itself.
const MIRROR: &str = "kubernetes.io/config.mirror";
/// How long to wait before an eviction is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How often to look whether a pod has been ending for too long.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How a node is emptied.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    /// Pods without a controller go too.
    pub force: bool,
    /// Pods of daemon sets stay.
    pub ignore_daemon_sets: bool,
    /// Pods with local data go too.
    pub delete_empty_dir_data: bool,
    /// Seconds that pods get to end; their own choice where none are given.
    pub grace_period: Option<i64>,
    /// How long all of it may take; none for as long as it does.
    pub timeout: Option<SignedDuration>,
    /// Label selector of the pods; empty for all.
    pub pod_selector: String,
    /// Delete pods rather than evict them.
    pub disable_eviction: bool,
    /// Pods that have been ending for more than so many seconds are not waited for; 0 waits for all.
    pub skip_wait_seconds: i64,
    /// Items a page of lists.
    pub page: u64,
    /// Whether anything is really done.
    pub dry_run: DryRun,
}

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
    warnings: Groups,
    errors: Groups,
    /// The version of the list that they are from.
    version: String,
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

fn pods() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "pods")
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

    fn is_skipped(&self, deletion: Option<Timestamp>, now: Timestamp) -> bool {
        self.skip_wait_seconds > 0
            && deletion.is_some_and(|since| now.duration_since(since).as_secs() > self.skip_wait_seconds)
    }

    /// Evicts (or deletes) pods and waits until they are gone.
    ///
    /// # Errors
    /// What the server refuses, and what is not gone in time.
    pub async fn send_off(&self, ctx: &Context, node: &str, found: &Pods) -> anyhow::Result<()> {
        if found.going.is_empty() {
            return Ok(());
        }
        let client = ctx.client().await?;
        let limit = self.timeout.and_then(|timeout| Duration::try_from(timeout).ok());
        let ends = limit.map(|limit| tokio::time::Instant::now() + limit);
        let departures = Departures::new(&found.going);
        let work = async {
            if self.disable_eviction {
                self.delete_all(ctx, client, found, &departures, ends).await
            } else {
                let each = found.going.iter().map(|pod| self.evict(ctx, client, pod, &departures, ends));
                let errors: Vec<anyhow::Error> = join_all(each).await.into_iter().filter_map(Result::err).collect();
                if errors.is_empty() { Ok(()) } else { Err(Many(errors).into()) }
            }
        };
        if self.dry_run == DryRun::Server {
            return work.await;
        }
        tokio::select! {
            done = work => done,
            failed = departures.follow(client, self, node, &found.version) => failed,
        }
    }

    fn delete_options(&self) -> DeleteParams {
        DeleteParams {
            grace_period_seconds: self.grace_period,
            dry_run: self.dry_run == DryRun::Server,
            ..DeleteParams::default()
        }
    }

    async fn evict(
        &self,
        ctx: &Context,
        client: &Client,
        pod: &Object,
        departures: &Departures,
        ends: Option<tokio::time::Instant>,
    ) -> anyhow::Result<()> {
        let (namespace, name) = (pod.namespace(), pod.name());
        let endpoint = Endpoint::object(&pods(), namespace, name);
        let mut options = self.delete_options().to_object();
        // They are part of an eviction and have no type of their own there.
        options.remove_at(&["kind"]);
        options.remove_at(&["apiVersion"]);
        let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace}, "deleteOptions": options});
        let call = Call::create(&endpoint.clone().subresource("eviction"), &eviction, &WriteParams::default());
        let suffix = if self.dry_run == DryRun::Server { " (server dry run)" } else { "" };
        loop {
            say(ctx, &format!("evicting pod {namespace}/{name}{suffix}\n"))?;
            if ends.is_some_and(|ends| tokio::time::Instant::now() >= ends) {
                let timeout = go_duration(self.timeout.unwrap_or_default());
                anyhow::bail!("error when evicting pods/{name:?} -n {namespace:?}: global timeout reached: {timeout}");
            }
            let error = match client.bytes(call.clone()).await {
                Ok(_) => break,
                Err(error) => error,
            };
            let status = error.downcast_ref::<Status>();
            let ending = status.is_some_and(is_namespace_terminating);
            match status.map(|status| status.reason.as_str()) {
                Some("NotFound") => return Ok(()),
                Some("TooManyRequests") => ctx.streams.say(format!(
                    "error when evicting pods/{name:?} -n {namespace:?} (will retry after 5s): {error:#}"
                )),
                Some("Forbidden") if ending && departures.deletion(pod.uid()).is_some() => break,
                Some("Forbidden") if ending => ctx.streams.say(format!(
                    "error when evicting pod {name:?} from terminating namespace {namespace:?} (will retry after 5s): {error:#}"
                )),
                _ => anyhow::bail!("error when evicting pods/{name:?} -n {namespace:?}: {error:#}"),
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
        if self.dry_run == DryRun::Server {
            return Ok(());
        }
        match self.until_gone(ctx, pod, departures, ends).await {
            Ok(true) => say(ctx, &format!("pod/{name} evicted\n")),
            Ok(false) => Ok(()),
            Err(error) => {
                anyhow::bail!("error when waiting for pod {name:?} in namespace {namespace:?} to terminate: {error:#}")
            }
        }
    }

    async fn delete_all(
        &self,
        ctx: &Context,
        client: &Client,
        found: &Pods,
        departures: &Departures,
        ends: Option<tokio::time::Instant>,
    ) -> anyhow::Result<()> {
        for pod in &found.going {
            let endpoint = Endpoint::object(&pods(), pod.namespace(), pod.name());
            match client.bytes(Call::delete(&endpoint, &self.delete_options())).await {
                Err(error) if !error.downcast_ref::<Status>().is_some_and(Status::is_not_found) => return Err(error),
                _ => {}
            }
        }
        if self.dry_run == DryRun::Server {
            return Ok(());
        }
        for pod in &found.going {
            if self.until_gone(ctx, pod, departures, ends).await? {
                say(ctx, &format!("pod/{} deleted\n", pod.name()))?;
            }
        }
        Ok(())
    }

    /// Waits for a pod to be gone; false where it has been ending for too long to wait for it.
    async fn until_gone(
        &self,
        ctx: &Context,
        pod: &Object,
        departures: &Departures,
        ends: Option<tokio::time::Instant>,
    ) -> anyhow::Result<bool> {
        loop {
            let changed = departures.changed.notified();
            if departures.is_gone(pod.uid()) {
                return Ok(true);
            }
            if self.is_skipped(departures.deletion(pod.uid()), ctx.clock.now()) {
                let (name, seconds) = (pod.name(), self.skip_wait_seconds);
                say(ctx, &format!("pod {name:?} has DeletionTimestamp older than {seconds} seconds, skipping\n"))?;
                return Ok(false);
            }
            let mut next = tokio::time::Instant::now() + LOOK_AGAIN;
            if let Some(ends) = ends {
                if tokio::time::Instant::now() >= ends {
                    anyhow::bail!("context deadline exceeded");
                }
                next = next.min(ends);
            }
            // Whoever waits for a change looks again after a while: ages change by themselves.
            let _ = tokio::time::timeout_at(next, changed).await;
        }
    }
}

fn say(ctx: &Context, text: &str) -> anyhow::Result<()> {
    let mut out = ctx.streams.out();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
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

fn is_namespace_terminating(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}

/// What is seen of pods that are to go, by UID, on one watch of the node's pods.
struct Departures {
    pods: RefCell<HashMap<String, Seen>>,
    changed: Notify,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    gone: bool,
    deletion: Option<Timestamp>,
}

impl Departures {
    fn new(pods: &[Object]) -> Self {
        let seen = |pod: &Object| (pod.uid().to_owned(), Seen { gone: false, deletion: pod.deletion_timestamp() });
        Self { pods: RefCell::new(pods.iter().map(seen).collect()), changed: Notify::new() }
    }

    fn is_gone(&self, uid: &str) -> bool {
        self.pods.borrow().get(uid).is_none_or(|seen| seen.gone)
    }

    fn deletion(&self, uid: &str) -> Option<Timestamp> {
        self.pods.borrow().get(uid)?.deletion
    }

    fn note(&self, pod: &Object, gone: bool) {
        if let Some(seen) = self.pods.borrow_mut().get_mut(pod.uid()) {
            seen.gone |= gone;
            seen.deletion = pod.deletion_timestamp();
        }
        self.changed.notify_waiters();
    }

    /// Those that are not in a list are gone.
    fn compare(&self, there: &[Object]) {
        for (uid, seen) in self.pods.borrow_mut().iter_mut() {
            seen.gone |= !there.iter().any(|pod| pod.uid() == uid);
        }
        self.changed.notify_waiters();
    }

    /// Follows the node's pods from a version on. Only ends with an error.
    async fn follow(&self, client: &Client, drain: &Drain, node: &str, version: &str) -> anyhow::Result<()> {
        let endpoint = Endpoint::collection(&pods(), "");
        let fields = format!("spec.nodeName={node}");
        let mut version = version.to_owned();
        loop {
            let params = WatchParams {
                labels: drain.pod_selector.clone(),
                fields: fields.clone(),
                resource_version: version,
                bookmarks: true,
                ..WatchParams::default()
            };
            let mut watcher = Watcher::new(client, endpoint.clone(), params);
            loop {
                match watcher.next().await {
                    Ok(Event::Deleted(pod)) => self.note(&pod, true),
                    Ok(Event::Added(pod) | Event::Modified(pod)) => self.note(&pod, false),
                    Ok(Event::Bookmark(_) | Event::Error(_)) => {}
                    Err(error) if is_expired(&error) => break,
                    Err(error) => return Err(error),
                }
            }
            let params = ListParams { fields: fields.clone(), ..ListParams::default() };
            let list = client.json(Call::list(&endpoint, &params)).await?;
            version = list.resource_version().to_owned();
            self.compare(&crate::client::paging::take_items(list));
        }
    }
}

/// A duration as Go writes it: `1m30s`, `500ms`.
pub fn go_duration(duration: SignedDuration) -> String {
    let sign = if duration.is_negative() { "-" } else { "" };
    format!("{sign}{}", duration::text(duration.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::transport::recorded::Recorded;
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

    #[test]
    fn writes_durations_as_go_does() {
        for (millis, want) in
            [(0, "0s"), (500, "500ms"), (1500, "1.5s"), (60_000, "1m0s"), (3_690_000, "1h1m30s"), (-1000, "-1s")]
        {
            assert_eq!(go_duration(SignedDuration::from_millis(millis)), want);
        }
    }
}
