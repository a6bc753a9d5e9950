//! What the owner of the bundled cluster does with it: the cluster's side of `offline`.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use tokio::sync::oneshot;

use super::background;
use super::connect::Connect;
use crate::backend::api::Webhooks;
use crate::backend::kubelet::nodes;
use crate::backend::{self, faults, owner, serve as server};
use crate::client::config::Kubeconfig;
use crate::object::clock::Clock;
use crate::object::{Meta, Object};
use crate::ops::context::Context;
use crate::ops::offline::{Announce, Bundled, Import, LocalFuture, Overview, Removed, Serve, Serving};
use crate::terminal::signals;

/// Threads that answer a served cluster's clients.
const WORKERS: usize = 2;

impl Bundled for Connect {
    fn serving(&self, dir: &Path) -> Option<Serving> {
        server::find(dir).map(described)
    }

    fn serve<'a>(
        &'a self,
        ctx: &'a Context,
        serve: Serve,
        announce: Announce<'a>,
    ) -> LocalFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            let clock = match (serve.now, serve.time_scale) {
                (None, None) => ctx.clock.clone(),
                (Some(now), None) => Clock::manual(now),
                (now, Some(factor)) => Clock::scaled(now.unwrap_or_else(|| ctx.clock.now()), factor),
            };
            let options = backend::Options {
                nodes: serve.nodes.unwrap_or(super::connect::NODES),
                clock,
                disabled: backend::DisabledPlugins::parse(serve.disable_admission_plugins.iter().map(String::as_str))
                    .map_err(|error| anyhow!("--disable-admission-plugins: {error}"))?,
                ..self.options(&serve.dir)?
            };
            if serve.detached {
                background::detach();
            }
            let webhooks = self.webhooks();
            let end_with = serve.end_with;
            let (ready, readiness) = oneshot::channel();
            let (stop, stopped) = oneshot::channel::<()>();
            let stopped = async { stopped.await.unwrap_or(()) };
            let (over, ended) = oneshot::channel::<()>();
            let thread = std::thread::Builder::new().name("serve".into()).spawn(move || {
                let result = run(serve, options, webhooks, ready, stopped);
                drop(over);
                result
            })?;
            let result = match readiness.await {
                Ok((serving, warning)) => {
                    announce(&serving, warning.as_deref());
                    // A server that ends by itself is nobody's to wait for.
                    tokio::select! {
                        result = signals::asked_to_end() => result.map_err(Into::into),
                        () = background::gone(end_with) => Ok(()),
                        _ = ended => Ok(()),
                    }
                }
                Err(_) => Ok(()),
            };
            drop(stop);
            thread.join().map_err(|_| anyhow!("the server ended unexpectedly"))?.and(result)
        })
    }

    fn launch(&self, dir: &Path) -> anyhow::Result<Serving> {
        background::launch(dir).map(described)
    }

    fn stop(&self, dir: &Path) -> anyhow::Result<Option<Serving>> {
        Ok(background::stop(dir)?.map(described))
    }

    fn overview(&self, dir: &Path) -> anyhow::Result<Option<Overview>> {
        Ok(owner::overview(dir)?.map(|seen| Overview {
            revision: seen.revision,
            counts: seen.counts,
            nodes: seen.nodes,
            paused: seen.paused,
            moving: seen.moving,
            settled: seen.settled,
            next: seen.next,
        }))
    }

    fn import(&self, _ctx: &Context, dir: &Path, import: Import) -> anyhow::Result<usize> {
        let options = self.options(dir)?;
        Ok(owner::import(&options, import.objects, import.paused)?.objects)
    }

    fn set_paused(&self, dir: &Path, paused: bool) -> anyhow::Result<bool> {
        owner::set_paused(dir, paused)
    }

    fn export(&self, _ctx: &Context, dir: &Path) -> anyhow::Result<Vec<Object>> {
        let handle = backend::open(self.options(dir)?)?;
        handle.settle();
        owner::export(handle.api().store())
    }

    fn reset(&self, dir: &Path) -> anyhow::Result<Removed> {
        background::stop(dir)?;
        let owner::Removed { any, aside } = owner::reset(dir)?;
        Ok(Removed { any, aside })
    }

    fn new_node(&self, ctx: &Context, present: &[Object], name: Option<&str>) -> Object {
        // The place in the row decides a node's addresses: the first that is free.
        let taken = |index: usize| {
            let cidr = nodes::pod_cidr(index);
            present.iter().any(|node| node.str_at(&["spec", "podCIDR"]) == cidr || node.name() == nodes::name(index))
        };
        let index = (0..=present.len()).find(|index| !taken(*index)).unwrap_or(present.len());
        let own = nodes::name(index);
        nodes::node(name.unwrap_or(&own), index, ctx.clock.now())
    }

    fn injected_kinds(&self) -> Vec<Object> {
        faults::definitions()
    }

    fn check_injected(&self, object: &Object) -> anyhow::Result<()> {
        let name = object.name();
        faults::check(object).map_err(|why| anyhow!("{} {name:?}: {why}", object.kind().to_lowercase()))
    }

    fn failed_annotation(&self) -> &'static str {
        nodes::FAILED
    }
}

fn described(running: server::Running) -> Serving {
    Serving { pid: running.pid, server: running.server, kubeconfig: running.kubeconfig }
}

/// Serves in a thread of its own, with a runtime of several, until `stopped`.
fn run(
    serve: Serve,
    options: backend::Options,
    webhooks: Arc<dyn Webhooks>,
    ready: oneshot::Sender<(Serving, Option<String>)>,
    stopped: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    if let Some(file) = &serve.kubeconfig {
        spare(file)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let result = runtime.block_on(async move {
        let options_of_server = server::Options {
            bind_address: serve.bind_address,
            secure_port: serve.secure_port,
            allow_remote: serve.allow_remote,
            token_auth_file: serve.token_auth_file,
            client_ca_file: serve.client_ca_file,
            always_allow: serve.always_allow,
            kubeconfig: serve.kubeconfig.map(std::path::absolute).transpose()?,
            webhooks: Some(webhooks),
            idle_timeout: serve.idle_timeout,
            // Clients check certificates against their own clocks.
            ..server::Options::new(serve.dir.clone(), Clock::System.now())
        };
        let prepare = |options: &backend::Options| {
            if let Some(import) = serve.import {
                owner::import(options, import.objects, import.paused || serve.paused)?;
            }
            if !serve.injected.is_empty() {
                owner::import(options, faults::definitions().into_iter().chain(serve.injected).collect(), false)?;
            }
            if serve.paused {
                owner::set_paused(&serve.dir, true)?;
            }
            Ok(())
        };
        let announce = |server: &server::Server, _: &backend::Handle| {
            let _ = ready.send((described(server.running().clone()), server.warning()));
        };
        server::cluster(options, options_of_server, prepare, announce, stopped).await
    });
    // Streams that nobody ended are not waited for.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

/// Refuses to replace a file that is somebody's own: a server's kubeconfig goes when the server does.
fn spare(file: &Path) -> anyhow::Result<()> {
    let Ok(text) = std::fs::read(file) else { return Ok(()) };
    let own = Kubeconfig::parse(&text).is_ok_and(|config| config.clusters.keys().all(|name| name == "kctl-offline"));
    if !own {
        bail!("{} is there already, and is not a kubeconfig of the offline cluster alone", file.display());
    }
    Ok(())
}
