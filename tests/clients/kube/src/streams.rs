//! Logs, exec, attach to nothing, port-forward, eviction, and pages.

use anyhow::{Context, Result, ensure};
use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, AttachParams, DeleteParams, EvictParams, ListParams, LogParams, ObjectMeta, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Client, ResourceExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Plays it all on one pod.
pub async fn run(client: Client, namespace: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let pod: Pod = serde_json::from_value(serde_json::json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "image": "nginx:1.27", "ports": [{"containerPort": 80}]}]},
    }))?;
    pods.create(&PostParams::default(), &pod).await?;
    await_condition(pods.clone(), "web", conditions::is_pod_running()).await?;
    println!("a pod runs");

    let mut process = pods.exec("web", ["sh", "-c", "cat; exit 3"], &AttachParams::default().stdin(true).stderr(false)).await?;
    let mut input = process.stdin().context("no stdin")?;
    let mut output = process.stdout().context("no stdout")?;
    let status = process.take_status().context("no status")?;
    input.write_all(b"hello").await?;
    input.shutdown().await?;
    drop(input);
    let mut text = String::new();
    output.read_to_string(&mut text).await?;
    ensure!(text == "hello", "exec printed {text:?}");
    let status = status.await.context("no word of how it ended")?;
    let code = status.details.and_then(|details| details.causes).and_then(|causes| causes.into_iter().next());
    ensure!(code.and_then(|cause| cause.message).as_deref() == Some("3"), "exec does not end with 3");
    println!("exec, with input and an exit code");

    let mut forwarder = pods.portforward("web", &[80]).await?;
    let mut stream = forwarder.take_stream(80).context("no stream")?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "port-forward answered {answer:?}");
    println!("port-forward");

    let mut lines = pods.log_stream("web", &LogParams { follow: true, tail_lines: Some(1), ..Default::default() }).await?.lines();
    let line = tokio::time::timeout(std::time::Duration::from_secs(10), lines.try_next()).await.context("no log line")??;
    ensure!(line.is_some_and(|line| !line.is_empty()), "the log is empty");
    println!("a followed log");

    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    for index in 0..5 {
        let metadata = ObjectMeta {
            name: Some(format!("page-{index}")),
            labels: Some([("pages".to_owned(), "yes".to_owned())].into()),
            ..Default::default()
        };
        maps.create(&PostParams::default(), &ConfigMap { metadata, ..Default::default() }).await?;
    }
    let (mut names, mut token) = (Vec::new(), None::<String>);
    loop {
        let mut page = ListParams::default().labels("pages=yes").limit(2);
        page.continue_token = token.take();
        let list = maps.list(&page).await?;
        token = list.metadata.continue_.clone().filter(|token| !token.is_empty());
        names.extend(list.items.iter().map(ResourceExt::name_any));
        if token.is_none() {
            break;
        }
    }
    ensure!(names == ["page-0", "page-1", "page-2", "page-3", "page-4"], "{names:?}");
    maps.delete_collection(&DeleteParams::default(), &ListParams::default().labels("pages=yes")).await?;
    ensure!(maps.list(&ListParams::default().labels("pages=yes")).await?.items.is_empty(), "a collection stays");
    println!("pages, and a collection's end");

    pods.evict("web", &EvictParams::default()).await?;
    crate::eventually("an evicted pod goes", || async { anyhow::Ok(pods.get_opt("web").await?.is_none()) }).await
}
