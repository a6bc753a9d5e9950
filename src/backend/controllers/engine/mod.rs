//! The engine: a discrete-event simulation of the cluster's controllers.
//!
//! It holds a [`View`] fed from the store's changes and a queue of keys by due time. It takes what is
//! due in order of time, asks the controller, applies the writes through the API with the clock at the
//! moment the thing was due, and sees the changes that follow. So objects are dated when things were
//! due, not when a command happened to run.
//!
//! [`Engine::settle`] does what is due until now and returns; [`Engine::run`] goes on in real time.

pub mod bundled;
pub mod io;
mod lock;
mod queue;
mod settled;
#[cfg(test)]
mod tests;
pub mod writes;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;

pub use io::{Compacted, DeleteOptions, LogSink, Reviewer, Source, Writer};
pub use lock::EngineLock;

use super::view::{SharedView, UNSEEN};
use super::{Change, Controller, Key, View};
use crate::object::Timestamp;
use crate::object::clock::Clock;
use lock::Held;
use queue::{Item, Queue};
pub use settled::Settled;
use writes::{Writes, apply};

/// The store's text that is `"1"` while the engine is to leave the cluster alone.
pub const PAUSED: &str = "engine.paused";

/// Not a resource of its own: a write that replaces a namespace's `spec.finalizers`.
pub const NAMESPACE_FINALIZERS: &str = "namespaces/finalize";

/// A key that is looked at so often at one moment goes round in circles.
const LOOKS_PER_MOMENT: u32 = 500;
/// So long a key that goes round in circles is left alone.
const PARKED: SignedDuration = SignedDuration::from_secs(60);
/// Looks in one settling, at most.
const LOOKS_PER_SETTLE: u64 = 2_000_000;
/// After a long sleep so much is caught up exactly …
const CAUGHT_UP: SignedDuration = SignedDuration::from_mins(60);
/// … and then the clock goes on from so long ago, as if the machine had been suspended in between.
const RESUMED_BEFORE_NOW: SignedDuration = SignedDuration::from_mins(10);
/// The first delay after a write that failed; it doubles with each further failure.
const FIRST_BACKOFF: SignedDuration = SignedDuration::from_millis(500);
/// The longest such delay.
const LONGEST_BACKOFF: SignedDuration = SignedDuration::from_mins(5);
/// So far a manual clock is moved for someone who waits.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(60);
/// So often a paused engine looks whether it is still paused.
const PAUSED_POLL: Duration = Duration::from_millis(100);
/// So often it looks whether somebody else has asked what it waits for.
const ASKING_POLL: Duration = Duration::from_millis(5);
/// So much is written in one batch: bytes …
const BATCH_BYTES: usize = 8 << 20;
/// … and time, where nobody waits for the store, …
const BATCH_TIME: Duration = Duration::from_millis(50);
/// … and where somebody does.
const BATCH_WHILE_WANTED: Duration = Duration::from_millis(2);
/// So long a short command waits for another process to settle the cluster.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why the cluster could not be settled.
#[derive(Debug)]
pub enum EngineError {
    /// Too many looks without an end.
    Endless {
        /// Where it was going round at last.
        controller: &'static str,
        /// The object it looked at.
        key: Key,
    },
    /// The store failed.
    Store(anyhow::Error),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endless { controller, key } => write!(
                f,
                "the cluster does not come to rest: {controller} keeps changing {} {}/{}",
                key.resource, key.namespace, key.name
            ),
            Self::Store(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for EngineError {}

impl From<anyhow::Error> for EngineError {
    fn from(error: anyhow::Error) -> Self {
        Self::Store(error)
    }
}

/// What a settling did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many objects were looked at.
    pub looks: u64,
    /// How many writes were applied.
    pub writes: u64,
    /// Another process runs the engine, so this one did nothing.
    pub elsewhere: bool,
    /// It stopped at a write that waits for the word of others: [`Engine::ask`] gets it.
    pub waits: bool,
    /// Controllers and objects that went round in circles and were left alone for a minute.
    pub parked: Vec<(&'static str, Key)>,
}

/// What the engine is made of.
pub struct Parts {
    /// The controllers, the scheduler and the kubelet, in the order in which they look.
    pub controllers: Vec<Box<dyn Controller>>,
    /// The API, with `moment` as its clock.
    pub writer: Box<dyn Writer>,
    /// The store.
    pub source: Arc<dyn Source>,
    /// Those whose word writes wait for.
    pub reviewer: Arc<dyn Reviewer>,
    /// Where container logs go.
    pub logs: Box<dyn LogSink>,
    /// The process's clock.
    pub clock: Clock,
    /// The clock of the engine's writes: a manual one, which the engine moves.
    pub moment: Clock,
    /// Who may run.
    pub lock: EngineLock,
}

/// See the module's text.
pub struct Engine {
    source: Arc<dyn Source>,
    reviewer: Arc<dyn Reviewer>,
    clock: Clock,
    lock: EngineLock,
    state: Mutex<State>,
}

struct State {
    controllers: Vec<Box<dyn Controller>>,
    interested: HashMap<&'static str, Vec<usize>>,
    writer: Box<dyn Writer>,
    source: Arc<dyn Source>,
    reviewer: Arc<dyn Reviewer>,
    logs: Box<dyn LogSink>,
    moment: Clock,
    /// The rest of a look's writes, of which the first waits for the word of others.
    pending: Option<Writes>,
    /// `None` until the first time something is due.
    loaded: Option<Loaded>,
    settled: Option<Settled>,
    held: Option<Held>,
    /// Whether all that is due happens at its time, however long ago: the clock is faster than the system's.
    exact: bool,
}

/// Gives the store back, whatever happened.
struct Unfinished(Arc<dyn Source>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The cluster in memory.
struct Loaded {
    view: SharedView,
    revision: u64,
    queue: Queue,
    failures: HashMap<Item, u32>,
}

impl Engine {
    /// Puts an engine together. Nothing is read before it is needed.
    pub fn new(parts: Parts) -> Self {
        let mut interested: HashMap<&'static str, Vec<usize>> = HashMap::new();
        for (index, controller) in parts.controllers.iter().enumerate() {
            for resource in controller.watches() {
                interested.entry(resource).or_default().push(index);
            }
        }
        let state = State {
            controllers: parts.controllers,
            interested,
            writer: parts.writer,
            source: Arc::clone(&parts.source),
            reviewer: Arc::clone(&parts.reviewer),
            logs: parts.logs,
            moment: parts.moment,
            pending: None,
            loaded: None,
            settled: None,
            held: None,
            exact: parts.clock.is_scaled(),
        };
        Self {
            source: parts.source,
            reviewer: parts.reviewer,
            clock: parts.clock,
            lock: parts.lock,
            state: Mutex::new(state),
        }
    }

    /// Does everything that is due at or before `now`. Costs two small reads where nothing is. Where
    /// another process runs the engine, waits a moment for that one to settle the cluster. A clock that runs
    /// faster than the system's stands still meanwhile, so that no work makes it late for the next.
    pub fn settle(&self, now: Timestamp) -> Result<Report, EngineError> {
        let mut waited = Duration::ZERO;
        loop {
            let mut state = self.state();
            if state.is_settled(now)? || self.is_paused()? {
                return Ok(Report::default());
            }
            if state.held.is_some() {
                let _still = self.clock.hold();
                return state.settle(now);
            }
            if let Some(held) = self.lock.try_acquire()? {
                state.held = Some(held);
                let still = self.clock.hold();
                let report = state.settle(now);
                drop(still);
                state.held = None;
                return report;
            }
            drop(state);
            if waited >= PATIENCE {
                return Ok(Report { elsewhere: true, ..Report::default() });
            }
            std::thread::sleep(Duration::from_millis(5));
            waited += Duration::from_millis(5);
        }
    }

    /// Settles the cluster again and again, as time goes by and things change, until `shutdown`. Where
    /// another process runs the engine, waits until that one ends. With a manual clock, time jumps to
    /// the next due moment whenever someone waits and nothing else is to be done.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<(), EngineError> {
        let mut shutdown = std::pin::pin!(shutdown);
        let held = loop {
            if let Some(held) = self.lock.try_acquire()? {
                break held;
            }
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
            }
        };
        self.state().held = Some(held);
        let result = tokio::select! {
            () = &mut shutdown => Ok(()),
            result = self.run_held() => result,
        };
        self.state().held = None;
        result
    }

    async fn run_held(&self) -> Result<(), EngineError> {
        let latest = self.clock.now().checked_add(LONGEST_WAIT).unwrap_or(Timestamp::MAX);
        loop {
            if self.is_paused()? {
                tokio::time::sleep(PAUSED_POLL).await;
                continue;
            }
            let (revision, next, waits) = {
                let mut state = self.state();
                let _still = self.clock.hold();
                let waits = state.settle(self.clock.now())?.waits;
                let loaded = state.loaded.as_ref();
                let next = loaded.and_then(|loaded| loaded.queue.next_due());
                (loaded.map_or(0, |loaded| loaded.revision), next, waits)
            };
            if waits {
                if !self.ask().await {
                    tokio::time::sleep(ASKING_POLL).await;
                }
                continue;
            }
            let pause = if self.clock.is_manual() {
                if let Some(next) = next.filter(|next| *next <= latest && self.source.someone_waits()) {
                    // Whoever waits gets to see what happened before time goes on, and may be content.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    if self.source.revision()? == revision && self.source.someone_waits() {
                        self.clock.advance_to(next);
                    }
                    continue;
                }
                Duration::from_millis(10)
            } else {
                next.map_or(Duration::from_secs(3600), |next| self.clock.real(until(self.clock.now(), next)))
            };
            tokio::select! {
                () = self.source.changed(revision) => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Gets the word that the last write waits for. Whether there was something to ask; somebody else may be
    /// asking.
    pub fn ask(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        self.reviewer.ask()
    }

    /// Whether the cluster is to be left alone.
    fn is_paused(&self) -> anyhow::Result<bool> {
        Ok(self.source.meta_get(PAUSED)?.is_some_and(|text| text == "1"))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_settled(&mut self, now: Timestamp) -> Result<bool, EngineError> {
        if self.settled.is_none() || self.held.is_none() {
            self.settled = Settled::load(&*self.source)?;
        }
        let Some(settled) = self.settled.filter(|_| self.pending.is_none()) else { return Ok(false) };
        Ok(settled.holds(self.source.revision()?, now))
    }

    fn settle(&mut self, now: Timestamp) -> Result<Report, EngineError> {
        if self.pending.is_some() && !self.reviewer.is_ready() {
            return Ok(Report { waits: true, ..Report::default() });
        }
        if self.is_settled(now)? && self.loaded.is_some() {
            return Ok(Report::default());
        }
        let before = self.settled.map_or(now, |settled| settled.at()).min(now);
        self.moment.advance_to(before);
        let exact = self.exact && self.loaded.is_some();
        match &self.loaded {
            None => self.load(before, now)?,
            Some(_) => self.pull(now)?,
        }
        let mut report = Report::default();
        // A panic of a controller ends a batch as an error does.
        let unfinished = Unfinished(Arc::clone(&self.source));
        let result = self.work(before, now, exact, &mut report);
        if let Err(error) = self.source.commit() {
            // What the view has seen did not happen.
            (self.loaded, self.settled) = (None, None);
            return Err(error.into());
        }
        drop(unfinished);
        report.waits = self.pending.is_some();
        let Some(loaded) = self.loaded.as_ref().filter(|_| !report.waits) else { return result.map(|()| report) };
        let settled = Settled::new(now.max(self.moment.now()), loaded.revision, loaded.queue.next_due());
        if result.is_ok() && self.settled != Some(settled) {
            settled.save(&*self.source)?;
            self.settled = Some(settled);
        }
        result.map(|()| report)
    }

    /// Takes what is due in order of time.
    fn work(&mut self, before: Timestamp, now: Timestamp, exact: bool, report: &mut Report) -> Result<(), EngineError> {
        let exact = before.checked_add(CAUGHT_UP).ok().filter(|_| !exact).unwrap_or(Timestamp::MAX);
        let resumed = now.checked_sub(RESUMED_BEFORE_NOW).unwrap_or(Timestamp::MIN);
        let mut moment = self.moment.now();
        let mut begun = Instant::now();
        let mut looks: HashMap<u64, u32> = HashMap::new();
        if let Some(pending) = self.pending.take() {
            self.begin(moment)?;
            report.writes += self.carry_out(pending, moment)?;
        }
        while self.pending.is_none()
            && let Some((due, item)) = self.loaded.as_mut().and_then(|loaded| loaded.queue.pop(now))
        {
            let due = if due > exact && due < resumed { resumed } else { due };
            if due > moment {
                moment = due;
                self.moment.advance_to(due);
                looks.clear();
            }
            let (controller, key) = (self.name_of(&item), item.1.clone());
            report.looks += 1;
            if report.looks > LOOKS_PER_SETTLE {
                return Err(EngineError::Endless { controller, key });
            }
            let count = looks.entry(hash(&item)).or_default();
            *count += 1;
            if *count > LOOKS_PER_MOMENT {
                report.parked.push((controller, key));
                self.push(item, moment.checked_add(PARKED).unwrap_or(Timestamp::MAX));
                continue;
            }
            if self.begin(moment)? {
                begun = Instant::now();
            }
            report.writes += self.look(item, moment)?;
            if self.is_batch_full(begun.elapsed()) {
                self.source.commit()?;
                if let Some(loaded) = &self.loaded {
                    loaded.view.write().cool();
                }
            }
        }
        Ok(())
    }

    /// Begins a batch, where none is under way, with what others wrote meanwhile. Whether it did.
    fn begin(&mut self, moment: Timestamp) -> Result<bool, EngineError> {
        if self.source.is_in_batch() {
            return Ok(false);
        }
        let Some(loaded) = &self.loaded else { return Ok(false) };
        self.source.begin(&loaded.view)?;
        self.pull(moment)?;
        Ok(true)
    }

    /// Whether a batch has gone on for long enough.
    fn is_batch_full(&self, elapsed: Duration) -> bool {
        let (size, wanted) = self.source.load();
        size > BATCH_BYTES || elapsed > if wanted { BATCH_WHILE_WANTED } else { BATCH_TIME }
    }

    /// One look of one controller at one object. Returns how many writes were applied.
    fn look(&mut self, item: Item, moment: Timestamp) -> Result<u64, EngineError> {
        let (Some(controller), Some(loaded)) = (self.controllers.get(item.0), &mut self.loaded) else { return Ok(0) };
        loaded.view.write().set_now(moment);
        let outcome = controller.reconcile(&item.1, &loaded.view.read());
        if let Some(again) = outcome.requeue_at {
            let soonest = moment.checked_add(SignedDuration::from_millis(1)).unwrap_or(moment);
            loaded.queue.push(item.clone(), again.max(soonest));
        }
        if outcome.writes.is_empty() {
            loaded.failures.remove(&item);
            return Ok(0);
        }
        self.carry_out(Writes { item, rest: outcome.writes.into(), versions: Vec::new(), answers: false }, moment)
    }

    /// Applies writes one after the other, up to one that is refused or waits for the word of others.
    /// Returns how many were applied.
    fn carry_out(&mut self, mut writes: Writes, moment: Timestamp) -> Result<u64, EngineError> {
        let (Some(controller), Some(loaded)) = (self.controllers.get(writes.item.0), &mut self.loaded) else {
            return Ok(0);
        };
        self.reviewer.act_as(controller.name());
        let mut applied = 0;
        let is_final = !loaded.view.read().has_webhooks();
        while let Some(mut write) = writes.rest.pop_front() {
            let is_final = is_final && write.is_built_in();
            let result = apply(&*self.writer, &*self.logs, &mut write, is_final, &mut writes.versions);
            if self.reviewer.is_wanted() {
                writes.rest.push_front(write);
                self.pending = Some(writes);
                self.pull(moment)?;
                return Ok(applied);
            }
            self.reviewer.finish();
            match result {
                Ok(()) => applied += 1,
                Err(_) if writes.answers => {}
                Err(status) => {
                    let failures = loaded.failures.entry(writes.item.clone()).or_default();
                    *failures += 1;
                    let delay =
                        if status.is_conflict() && *failures < 4 { SignedDuration::ZERO } else { backoff(*failures) };
                    let again = moment.checked_add(delay).unwrap_or(Timestamp::MAX);
                    loaded.queue.push(writes.item.clone(), again);
                    writes.rest = controller.refused(&writes.item.1, &write, &status, &loaded.view.read()).into();
                    writes.answers = true;
                }
            }
        }
        if !writes.answers {
            loaded.failures.remove(&writes.item);
        }
        self.pull(moment)?;
        Ok(applied)
    }

    /// Reads the whole cluster and queues every key: those changed since it was last settled are due
    /// `now`, all others at the moment `before`.
    fn load(&mut self, before: Timestamp, now: Timestamp) -> Result<(), EngineError> {
        let (revision, objects) = self.source.snapshot()?;
        let view = View::of(objects, before);
        let news = match self.settled {
            Some(settled) => self.source.changes_since(settled.revision)?.ok(),
            None => None,
        };
        let mut changed = HashSet::new();
        for change in news.iter().flatten().filter(|change| change.revision <= revision) {
            changed.extend(items(&self.controllers, &self.interested, change, &view));
        }
        let mut queue = Queue::default();
        for (key, object) in view.all() {
            let change = Change { key, revision: 0, old: None, new: Some(Arc::clone(object)), text: None };
            for item in items(&self.controllers, &self.interested, &change, &view) {
                if !changed.contains(&item) {
                    queue.push(item, before);
                }
            }
        }
        let unseen = self.interested.get(UNSEEN).into_iter().flatten();
        let unseen: Vec<_> = unseen.filter_map(|index| Some((*index, self.controllers.get(*index)?))).collect();
        if !unseen.is_empty() {
            self.source.each_unseen(&mut |text| {
                for (index, controller) in &unseen {
                    changed.extend(controller.keys_of_unseen(text).into_iter().map(|key| (*index, key)));
                }
            })?;
        }
        let mut changed: Vec<_> = changed.into_iter().collect();
        changed.sort();
        for item in changed {
            queue.push(item, now);
        }
        // A batch that is under way reads through the same view.
        let shared = self.loaded.take().map(|loaded| loaded.view).unwrap_or_default();
        *shared.write() = view;
        self.loaded = Some(Loaded { view: shared, revision, queue, failures: HashMap::new() });
        Ok(())
    }

    /// Takes over what changed in the store; the keys concerned are due at `due`.
    fn pull(&mut self, due: Timestamp) -> Result<(), EngineError> {
        let Some(loaded) = &self.loaded else { return Ok(()) };
        let Ok(changes) = self.source.changes_since(loaded.revision)? else {
            return self.load(due, due);
        };
        for change in changes {
            let Some(loaded) = &mut self.loaded else { return Ok(()) };
            loaded.revision = loaded.revision.max(change.revision);
            let mut view = loaded.view.write();
            view.set_now(due);
            view.set_with_text(change.key.clone(), change.new.clone(), change.text.clone());
            for item in items(&self.controllers, &self.interested, &change, &view) {
                let controller = self.controllers.get(item.0);
                let patience = controller.map_or(SignedDuration::ZERO, |it| it.patience(&item.1, &change, &view));
                loaded.queue.push(item, due.checked_add(patience).unwrap_or(due));
            }
        }
        Ok(())
    }

    fn push(&mut self, item: Item, due: Timestamp) {
        if let Some(loaded) = &mut self.loaded {
            loaded.queue.push(item, due);
        }
    }

    fn name_of(&self, item: &Item) -> &'static str {
        self.controllers.get(item.0).map_or("", |controller| controller.name())
    }
}

/// What is to be looked at after a change.
fn items(
    controllers: &[Box<dyn Controller>],
    interested: &HashMap<&'static str, Vec<usize>>,
    change: &Change,
    view: &View,
) -> Vec<Item> {
    let own = interested.get(change.key.resource).into_iter().flatten();
    let every = interested.get("*").into_iter().flatten();
    own.chain(every)
        .filter_map(|index| Some((*index, controllers.get(*index)?)))
        .flat_map(|(index, controller)| controller.keys(change, view).into_iter().map(move |key| (index, key)))
        .collect()
}

fn hash(item: &Item) -> u64 {
    let mut hasher = DefaultHasher::new();
    item.hash(&mut hasher);
    hasher.finish()
}

fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// How long to wait after so many failures in a row.
fn backoff(failures: u32) -> SignedDuration {
    let factor = 1_i32.checked_shl(failures.saturating_sub(1).min(20)).unwrap_or(i32::MAX);
    FIRST_BACKOFF.checked_mul(factor).unwrap_or(LONGEST_BACKOFF).min(LONGEST_BACKOFF)
}
