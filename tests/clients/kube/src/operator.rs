//! A resource of its own, and a controller for it: it owns a Deployment, keeps a status, cleans up behind a
//! finalizer, and publishes events.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::events::v1::Event as Published;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::runtime::finalizer::{Event as Finalizer, finalizer};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{WatchStreamExt, predicates, reflector, watcher};
use kube::{Client, CustomResource, CustomResourceExt, Resource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::eventually;

const FINALIZER: &str = "gardens.example.org/cleanup";
const MANAGER: &str = "gardener";

/// What is asked for.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "gardens.example.org", version = "v1", kind = "Garden", namespaced, shortname = "gdn")]
#[kube(status = "GardenStatus")]
#[kube(scale(spec_replicas_path = ".spec.beds", status_replicas_path = ".status.beds"))]
#[kube(printcolumn(name = "Beds", type_ = "integer", json_path = ".spec.beds"))]
#[kube(validation = ("self.spec.beds <= 20", "at most twenty beds"))]
pub struct GardenSpec {
    beds: i32,
    #[serde(default = "tulips")]
    flower: String,
}

fn tulips() -> String {
    "tulips".to_owned()
}

/// What is there.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct GardenStatus {
    beds: i32,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Api(#[from] kube::Error),
    #[error("{0}")]
    Finalizer(#[source] Box<kube::runtime::finalizer::Error<Error>>),
}

struct Context_ {
    client: Client,
    recorder: Recorder,
}

async fn reconcile(garden: Arc<Garden>, context: Arc<Context_>) -> Result<Action, Error> {
    let namespace = garden.namespace().unwrap_or_default();
    let gardens: Api<Garden> = Api::namespaced(context.client.clone(), &namespace);
    finalizer(&gardens, FINALIZER, garden, |event| async {
        match event {
            Finalizer::Apply(garden) => plant(&garden, &context).await,
            Finalizer::Cleanup(garden) => clear(&garden, &context).await,
        }
    })
    .await
    .map_err(|error| Error::Finalizer(Box::new(error)))
}

/// Makes the Deployment what the garden asks for, and the status what the Deployment is.
async fn plant(garden: &Garden, context: &Context_) -> Result<Action, Error> {
    let (name, namespace) = (garden.name_any(), garden.namespace().unwrap_or_default());
    let deployments: Api<Deployment> = Api::namespaced(context.client.clone(), &namespace);
    let wanted = serde_json::json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "ownerReferences": [garden.controller_owner_ref(&())]},
        "spec": {
            "replicas": garden.spec.beds,
            "selector": {"matchLabels": {"garden": name}},
            "template": {
                "metadata": {"labels": {"garden": name, "flower": garden.spec.flower}},
                "spec": {"containers": [{"name": "bed", "image": "nginx:1.27"}]},
            },
        },
    });
    let parameters = PatchParams::apply(MANAGER).force();
    let deployment = deployments.patch(&name, &parameters, &Patch::Apply(&wanted)).await?;
    let beds = deployment.status.and_then(|status| status.available_replicas).unwrap_or_default();
    if garden.status.as_ref().map(|status| status.beds) != Some(beds) {
        let gardens: Api<Garden> = Api::namespaced(context.client.clone(), &namespace);
        let status = serde_json::json!({"status": {"beds": beds}});
        gardens.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await?;
        let event = Event {
            type_: EventType::Normal,
            reason: "Planted".into(),
            note: Some(format!("{beds} beds of {}", garden.spec.flower)),
            action: "Planting".into(),
            secondary: None,
        };
        context.recorder.publish(&event, &garden.object_ref(&())).await?;
    }
    Ok(Action::requeue(Duration::from_secs(300)))
}

/// Leaves a word behind.
async fn clear(garden: &Garden, context: &Context_) -> Result<Action, Error> {
    let maps: Api<ConfigMap> = Api::namespaced(context.client.clone(), &garden.namespace().unwrap_or_default());
    let map = ConfigMap {
        metadata: ObjectMeta { name: Some(format!("{}-was-here", garden.name_any())), ..Default::default() },
        ..Default::default()
    };
    match maps.create(&PostParams::default(), &map).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        other => drop(other?),
    }
    Ok(Action::await_change())
}

fn on_error(_: Arc<Garden>, _: &Error, _: Arc<Context_>) -> Action {
    Action::requeue(Duration::from_millis(200))
}

/// Installs the resource, runs the controller, and plays its user.
pub async fn run(client: Client, namespace: &str) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let parameters = PatchParams::apply(MANAGER).force();
    definitions.patch("gardens.gardens.example.org", &parameters, &Patch::Apply(Garden::crd())).await?;
    let established =
        await_condition(definitions.clone(), "gardens.gardens.example.org", conditions::is_crd_established());
    tokio::time::timeout(Duration::from_secs(30), established).await.context("the definition is not established")??;
    println!("the definition is established");

    let gardens: Api<Garden> = Api::namespaced(client.clone(), namespace);
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let recorder = Recorder::new(client.clone(), Reporter { controller: MANAGER.into(), instance: None });
    let context = Arc::new(Context_ { client: client.clone(), recorder });
    // The initial list comes as a watch here, and page by page there.
    let streaming = watcher::Config::default().streaming_lists();
    let controller = Controller::new(gardens.clone(), streaming.clone())
        .owns(deployments.clone(), watcher::Config::default().page_size(1))
        .run(reconcile, on_error, context)
        .for_each(|result| async move {
            if let Err(error) = result {
                println!("  (reconciled later: {error})");
            }
        });
    let controller = tokio::spawn(controller);
    let (seen, writer) = reflector::store();
    let reflector = watcher(gardens.clone(), streaming)
        .default_backoff()
        .reflect(writer)
        .touched_objects()
        .predicate_filter(predicates::generation, Default::default())
        .try_for_each(|_| async { Ok(()) });
    let reflector = tokio::spawn(reflector);

    let result = as_user(&client, namespace, &gardens, &deployments, &seen).await;
    controller.abort();
    reflector.abort();
    definitions.delete("gardens.gardens.example.org", &DeleteParams::default()).await?;
    result
}

async fn as_user(
    client: &Client,
    namespace: &str,
    gardens: &Api<Garden>,
    deployments: &Api<Deployment>,
    seen: &reflector::Store<Garden>,
) -> Result<()> {
    let too_many = Garden::new("park", GardenSpec { beds: 21, flower: tulips() });
    match gardens.create(&PostParams::default(), &too_many).await {
        Err(kube::Error::Api(status)) => ensure!(status.message.contains("at most twenty beds"), "{status:?}"),
        other => anyhow::bail!("twenty-one beds: {other:?}"),
    }
    println!("the definition's rule holds");

    let garden: Garden = serde_json::from_value(serde_json::json!({
        "apiVersion": "gardens.example.org/v1", "kind": "Garden",
        "metadata": {"name": "home"}, "spec": {"beds": 2},
    }))?;
    let made = gardens.create(&PostParams::default(), &garden).await?;
    ensure!(made.spec.flower == "tulips", "the default is missing: {:?}", made.spec);
    let beds = |wanted: i32| async move {
        let status = gardens.get("home").await?.status.unwrap_or_default();
        anyhow::Ok(status.beds == wanted)
    };
    eventually("two beds are planted", || beds(2)).await?;

    gardens.patch_scale("home", &PatchParams::default(), &Patch::Merge(serde_json::json!({"spec": {"replicas": 5}}))).await?;
    eventually("scaled to five", || beds(5)).await?;

    deployments.delete("home", &DeleteParams::foreground()).await?;
    let uid = || async { anyhow::Ok(deployments.get_opt("home").await?.and_then(|d| d.metadata.uid)) };
    let before = uid().await?;
    eventually("a deleted deployment is made again", || {
        let before = before.clone();
        async move { anyhow::Ok(uid().await?.is_some_and(|now| Some(now) != before)) }
    })
    .await?;
    eventually("and grows again", || beds(5)).await?;

    let events: Api<Published> = Api::namespaced(client.clone(), namespace);
    let planted = events.list(&ListParams::default().fields("reason=Planted")).await?;
    ensure!(!planted.items.is_empty(), "no event was published");
    println!("events are published");

    eventually("the reflector has what the server has", || async {
        let live = gardens.get("home").await?;
        anyhow::Ok(seen.state().iter().any(|g| g.resource_version() == live.resource_version()))
    })
    .await?;

    let owned = deployments.get("home").await?;
    let fields = owned.managed_fields().iter().filter(|entry| entry.manager.as_deref() == Some(MANAGER)).count();
    ensure!(fields == 1, "{:?}", owned.managed_fields());

    gardens.delete("home", &DeleteParams::default()).await?;
    eventually("the garden is gone", || async { anyhow::Ok(gardens.get_opt("home").await?.is_none()) }).await?;
    eventually("and so is what it owned", || async { anyhow::Ok(deployments.get_opt("home").await?.is_none()) }).await?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    maps.get("home-was-here").await.context("the finalizer did not run")?;
    println!("the finalizer has run");
    Ok(())
}
