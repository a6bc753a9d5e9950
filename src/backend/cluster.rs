//! The whole cluster put together: store and API, all controllers, the scheduler and the kubelets.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle as Runtime, RuntimeFlavor};
use tokio::sync::oneshot;

use super::api::BoxFuture;
use super::controllers::engine::bundled::{Bundle, Waiting, engine};
use super::controllers::{Controller, all, engine as engines};
use super::handle::{Engine, Handle, Options};
use super::kubelet;
use super::kubelet::logs::LogFiles;
use super::kubelet::sandbox::Launcher;
use super::kubelet::streams::Streams;
use crate::object::clock::Clock;

/// How long the cluster rests after its store failed.
const RECOVERY: Duration = Duration::from_secs(1);

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
    let (running, ends) = (AtomicBool::new(false), Mutex::new(None));
    handle.set_engine(Arc::new(Mover { engine, clock, waiting, running, ends }));
    Ok(handle)
}

/// Runs the engine until the end, also past a store that fails for a while.
async fn go_on(engine: &engines::Engine, ended: impl Future<Output = ()>) {
    let mut ended = std::pin::pin!(ended);
    while engine.run(&mut ended).await.is_err() {
        tokio::time::sleep(RECOVERY).await;
    }
}

/// Runs the engine for a [`Handle`].
struct Mover {
    engine: Arc<engines::Engine>,
    clock: Clock,
    waiting: Waiting,
    running: AtomicBool,
    /// Dropped with this, which ends the engine.
    ends: Mutex<Option<oneshot::Sender<()>>>,
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
        let (ends, ended) = oneshot::channel::<()>();
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = Some(ends);
        let engine = Arc::clone(&self.engine);
        // Whoever drops this has it end.
        let ended = async {
            let _ = ended.await;
        };
        if Runtime::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            tokio::spawn(async move { go_on(&engine, ended).await });
            return;
        }
        // Where there are several threads the engine has one of its own: it may be busy for long, and others
        // are to be answered meanwhile.
        let runtime = Builder::new_current_thread().enable_all().build();
        let thread = runtime.and_then(|runtime| {
            std::thread::Builder::new().name("engine".into()).spawn(move || runtime.block_on(go_on(&engine, ended)))
        });
        if thread.is_err() {
            self.running.store(false, Ordering::Relaxed);
        }
    }

    fn wait(&self) -> Box<dyn Any + Send> {
        Box::new(self.waiting.begin())
    }
}
