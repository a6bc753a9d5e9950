//! The whole cluster put together: store and API, all controllers, the scheduler and the kubelets.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::api::BoxFuture;
use super::controllers::engine::bundled::{Bundle, Waiting, engine};
use super::controllers::{Controller, all, engine as engines};
use super::handle::{Engine, Handle, Options};
use super::kubelet;
use super::kubelet::logs::LogFiles;
use super::kubelet::sandbox::Launcher;
use super::kubelet::streams::Streams;
use crate::object::clock::Clock;

/// Opens the cluster, with everything that moves it.
///
/// # Errors
/// A state folder that cannot be used, or a store that is not ours or damaged.
pub fn open(options: Options) -> anyhow::Result<Handle> {
    open_with(options, |_| Vec::new())
}

/// Opens the cluster with more controllers than it has by itself.
///
/// # Errors
/// As for [`open`].
pub(super) fn open_with(
    options: Options,
    more: impl FnOnce(&Handle) -> Vec<Box<dyn Controller>>,
) -> anyhow::Result<Handle> {
    let (folder, seed, disabled) = (options.dir.clone(), options.seed, options.disabled);
    let handle = Handle::open(options)?;
    let clock = handle.api().clock().clone();
    let mut controllers: Vec<Box<dyn Controller>> = all(handle.api().trust());
    controllers.extend(kubelet::controllers());
    controllers.extend(more(&handle));
    if let Some(folder) = &folder {
        // Where this program cannot start itself again, nothing is executed in containers.
        let launcher = Launcher::this_program().ok();
        handle.set_nodes(Arc::new(Streams::new(Arc::new(handle.api().clone()), folder, launcher)));
    }
    let waiting = Waiting::default();
    let logs: Box<dyn engines::LogSink> = match &folder {
        Some(folder) => Box::new(LogFiles::new(folder)),
        None => Box::new(()),
    };
    let store = handle.api().store().clone();
    let bundle = Bundle {
        store,
        clock: clock.clone(),
        seed,
        disabled,
        controllers,
        logs,
        waiting: waiting.clone(),
        way_to_webhooks: Arc::clone(handle.api().way_to_webhooks()),
    };
    let engine = Arc::new(engine(bundle, folder.as_deref()));
    handle.set_engine(Arc::new(Mover { engine, clock, waiting, running: AtomicBool::new(false) }));
    Ok(handle)
}

/// Runs the engine for a [`Handle`].
struct Mover {
    engine: Arc<engines::Engine>,
    clock: Clock,
    waiting: Waiting,
    running: AtomicBool,
}

impl Engine for Mover {
    fn settle(&self) -> bool {
        // A store that fails says so to the request that comes next.
        self.engine.settle(self.clock.now()).is_ok_and(|report| report.waits)
    }

    fn ask(&self) -> BoxFuture<'_, bool> {
        self.engine.ask()
    }

    fn spawn(&self) {
        if self.running.swap(true, Ordering::Relaxed) {
            return;
        }
        let engine = Arc::clone(&self.engine);
        tokio::spawn(async move { engine.run(std::future::pending()).await });
    }

    fn wait(&self) -> Box<dyn Any + Send> {
        Box::new(self.waiting.begin())
    }
}
