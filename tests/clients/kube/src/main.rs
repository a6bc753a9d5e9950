//! Drives a cluster with `kube`, the Rust client: a controller for a resource of its own, and the streams.
//!
//! ```text
//! kctl offline serve --ephemeral --write-kubeconfig kubeconfig &
//! KUBECONFIG=kubeconfig cargo run --manifest-path tests/clients/kube/Cargo.toml
//! ```
//!
//! Everything happens in a namespace of its own, which is deleted in the end. Each step prints its name; the
//! first that fails ends the program with its error.

mod operator;
mod streams;

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, PostParams};
use kube::{Client, ResourceExt};

/// Looks again and again until `check` holds; an error after a minute.
pub async fn eventually<F>(what: &str, mut check: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<bool>>,
{
    let end = Instant::now() + Duration::from_secs(60);
    while !check().await? {
        ensure!(Instant::now() < end, "{what}: not in a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("{what}");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::try_default().await.context("no cluster to talk to")?;
    let version = client.apiserver_version().await?;
    println!("a server of version {}", version.git_version);

    let namespaces: Api<Namespace> = Api::all(client.clone());
    let suffix: String = std::iter::repeat_with(fastrand::lowercase).take(6).collect();
    let name = format!("kube-{suffix}");
    let namespace = Namespace {
        metadata: kube::api::ObjectMeta { name: Some(name), ..Default::default() },
        ..Default::default()
    };
    let namespace = namespaces.create(&PostParams::default(), &namespace).await?.name_any();
    let started = Instant::now();
    let result = async {
        operator::run(client.clone(), &namespace).await?;
        streams::run(client.clone(), &namespace).await
    }
    .await;
    namespaces.delete(&namespace, &DeleteParams::default()).await?;
    result?;
    println!("all in {:.1} s", started.elapsed().as_secs_f32());
    Ok(())
}
