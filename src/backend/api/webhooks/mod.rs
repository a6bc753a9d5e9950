//! Admission webhooks: which are asked about a write, what they are told, and what follows from their
//! answers (`apiserver/pkg/admission/plugin/webhook`).
//!
//! A write is one transaction, and nobody is asked while one is open: a webhook may well use the API
//! itself. So a write that meets a webhook whose answer is not known yet is undone and notes its question
//! in the [`Session`]; whoever runs the write has the questions asked and runs it again, until it knows
//! every answer. Names, UIDs and times are the same in each of these attempts.

mod admit;
mod answer;
mod ask;
mod conversion;
mod hooks;
mod matching;
mod request;
mod service;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use http::StatusCode;

use super::access::User;
use super::{Api, BoxFuture};
use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status, Timestamp};
pub(super) use admit::Write;
use answer::Answer;
use answer::limited;
pub(super) use ask::connect_options;
use conversion::Wanted;
pub(super) use conversion::convert;
pub(super) use hooks::Hook;
pub(super) use request::attempts;

/// How often a write is tried before it is given up: each attempt answers at least one more question.
const MOST_ATTEMPTS: usize = 100;

/// A request to a webhook.
#[derive(Clone, Debug)]
pub struct WebhookCall {
    /// The URL with its `timeout`, as errors name it.
    pub url: String,
    /// Where to connect instead of the URL's host; the first that can be reached counts. Empty for the
    /// URL's host.
    pub addresses: Vec<SocketAddr>,
    /// PEM of the authorities that vouch for the webhook; the system's where empty.
    pub authorities: Vec<u8>,
    /// How long it may take.
    pub timeout: Duration,
    /// A review, in JSON.
    pub body: Bytes,
}

/// The way to webhooks. The cluster has no client of its own.
pub trait Webhooks: Send + Sync {
    /// Posts a review and returns what came back. An error is in the API server's words, from
    /// `failed to call webhook: …` on.
    fn call(&self, call: WebhookCall) -> BoxFuture<'_, Result<Object, String>>;
}

/// The way to webhooks, once it is known.
pub type WayToWebhooks = Arc<OnceLock<Arc<dyn Webhooks>>>;

/// What webhooks are asked in the course of one write, and what they said.
pub struct Session {
    /// The API, which asks nobody.
    api: Api,
    /// Makes chances differ from those of other writes that begin at the same revision.
    salt: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    asker: Asker,
    /// Who writes, where that is a component of the cluster.
    component: &'static str,
    /// Revision and time of the first attempt.
    begun: Option<(u64, Timestamp)>,
    answers: HashMap<String, Result<Answer, String>>,
    wanted: Vec<Question>,
    to_convert: Vec<Wanted>,
    converted: HashMap<String, Result<Object, String>>,
    asking: usize,
    attempts: usize,
    warnings: Vec<String>,
    /// What a deletion of many has deleted so far.
    deleted: Vec<Object>,
    /// What came of a write whose object is yet to be converted for who asked.
    shown: Option<Shown>,
}

/// Who writes, and how.
#[derive(Clone, Debug, Default)]
pub(super) struct Asker {
    pub user: Option<User>,
    /// The resource in the version that was asked for; none for the storage version.
    pub resource: Option<&'static Resource>,
    /// The options of the request, without their kind.
    pub options: Object,
    /// Whether the request names no object: a deletion of many.
    pub unnamed: bool,
}

/// What a webhook is to be asked.
struct Question {
    /// Stands for the webhook and for what it is told.
    key: String,
    uid: String,
    mutating: bool,
    /// The request, or why there cannot be one.
    call: Result<WebhookCall, String>,
}

/// What came of a write: the status code, the object as it is stored, and warnings.
pub(super) type Shown = (StatusCode, Object, Vec<String>);

static SESSIONS: AtomicU64 = AtomicU64::new(0);

impl Session {
    pub(super) fn new(api: &Api, asker: Asker) -> Arc<Self> {
        // Processes that share a store begin at the same revisions too.
        let salt = (u64::from(std::process::id()) << 32) | SESSIONS.fetch_add(1, Ordering::Relaxed);
        let api = Api { session: None, ..api.clone() };
        Arc::new(Self { api, salt, state: Mutex::new(State { asker, ..State::default() }) })
    }

    /// A session for the cluster's own components, which write one after the other.
    pub fn of_components(api: &Api) -> Arc<Self> {
        Self::new(api, Asker::default())
    }

    /// Writes from now on are this component's.
    pub fn act_as(&self, component: &'static str) {
        self.state().component = component;
    }

    /// Whether a write was undone because of questions that are not answered yet.
    pub fn is_wanted(&self) -> bool {
        let state = self.state();
        !state.wanted.is_empty() || !state.to_convert.is_empty() || state.asking > 0
    }

    /// Whether nobody is asking just now.
    pub fn is_ready(&self) -> bool {
        self.state().asking == 0
    }

    /// Has the open questions asked, all at once. Whether there were any; those that somebody else is
    /// asking do not count.
    pub async fn ask(&self) -> bool {
        let (questions, mut to_convert, count) = {
            let mut state = self.state();
            let questions = std::mem::take(&mut state.wanted);
            let to_convert = std::mem::take(&mut state.to_convert);
            let count = questions.len() + to_convert.len();
            state.asking += count;
            (questions, to_convert, count)
        };
        if count == 0 {
            return false;
        }
        // Where nobody waits for the answers any longer, the next attempt asks again.
        let _asking = Asking(self, count);
        let way = self.api.way_to_webhooks().get();
        to_convert.sort_by(|a, b| a.key.cmp(&b.key));
        to_convert.dedup_by(|a, b| a.key == b.key);
        let answers = join_all(questions.into_iter().map(|question| async move {
            let answered = match (question.call, way) {
                (Err(why), _) => Err(why),
                (Ok(_), None) => Err("failed to call webhook: there is no way to webhooks from here".to_owned()),
                (Ok(call), Some(way)) => way.call(call).await.and_then(|review| {
                    is_review(&review)?;
                    Answer::read(&question.uid, question.mutating, &review)
                        .map_err(|why| format!("received invalid webhook response: {why}"))
                }),
            };
            (question.key, answered)
        }));
        let (answers, converted) = join(answers, self.convert_all(to_convert)).await;
        let mut state = self.state();
        state.answers.extend(answers);
        state.converted.extend(converted);
        drop(state);
        true
    }

    /// The write is over, whatever came of it: what was said about it no longer counts.
    pub fn finish(&self) {
        let mut state = self.state();
        if state.begun.is_some() {
            let (asker, component) = (std::mem::take(&mut state.asker), state.component);
            *state = State { asker, component, ..State::default() };
        }
    }

    /// Whether the write is to be tried once more with the answers.
    pub(super) fn may_try_again(&self) -> bool {
        let mut state = self.state();
        state.attempts += 1;
        state.attempts < MOST_ATTEMPTS
    }

    /// Begins an attempt: by which revision and when the first one was made.
    pub(super) fn begin(&self, revision: u64, now: Timestamp) -> (u64, Timestamp) {
        let mut state = self.state();
        state.warnings.clear();
        let (revision, now) = *state.begun.get_or_insert((revision, now));
        (revision ^ self.salt.wrapping_mul(0xd6e8_feb8_6659_fd93), now)
    }

    /// When the first attempt was made; none before it.
    pub(super) fn begun(&self) -> Option<Timestamp> {
        self.state().begun.map(|(_, now)| now)
    }

    /// Has something said about the write.
    pub(super) fn warn(&self, text: String) {
        self.state().warnings.push(text);
    }

    /// What the webhooks that were asked want to be said.
    pub(super) fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.state().warnings)
    }

    pub(super) fn asker(&self) -> Asker {
        let state = self.state();
        let user = match state.component {
            "" => return state.asker.clone(),
            "default-scheduler" => User::known("system:kube-scheduler", Vec::new()),
            "kubelet" => User::known(ask::KUBELET, vec!["system:nodes".to_owned()]),
            name => User::known(&format!("system:serviceaccount:kube-system:{name}"), Vec::new()),
        };
        Asker { user: Some(user), ..Asker::default() }
    }

    /// The answer to a question; none where it is yet to be asked.
    fn answer(&self, question: Question) -> Option<Result<Answer, String>> {
        let mut state = self.state();
        if let Some(answer) = state.answers.get(&question.key).cloned() {
            if let Ok(answer) = &answer {
                state.warnings.extend(answer.warnings.iter().cloned());
            }
            return Some(answer);
        }
        state.wanted.push(question);
        None
    }

    /// Keeps what a deletion of many has deleted until it is complete.
    pub(super) fn keep_deleted(&self, objects: Vec<Object>) {
        self.state().deleted = objects;
    }

    /// What was kept.
    pub(super) fn take_deleted(&self) -> Vec<Object> {
        std::mem::take(&mut self.state().deleted)
    }

    /// Keeps what came of a write until its object is converted.
    pub(super) fn keep_shown(&self, shown: Shown) {
        self.state().shown = Some(shown);
    }

    /// What was kept.
    pub(super) fn take_shown(&self) -> Option<Shown> {
        self.state().shown.take()
    }

    /// Forgets what was converted; where objects go by, none comes twice.
    pub(super) fn forget_conversions(&self) {
        self.state().converted.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses what says that it is something else.
fn is_review(answer: &Object) -> Result<(), String> {
    let gvk = answer.gvk();
    let known = ["admission.k8s.io", "apiextensions.k8s.io"].contains(&gvk.group.as_str());
    if gvk.kind.is_empty() || gvk.version.is_empty() || (known && gvk.kind.ends_with("Review")) {
        return Ok(());
    }
    let version = gvk.group_version();
    Err(format!(
        "failed to call webhook: no kind {:?} is registered for version \"{version}\" in scheme \"k8s.io/apiserver/pkg/util/webhook/client.go:71\"",
        gvk.kind
    ))
}

/// Questions that are being asked.
struct Asking<'a>(&'a Session, usize);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.asking = state.asking.saturating_sub(self.1);
    }
}

/// What undoes a write that has to wait for answers; nobody gets to see it.
fn unanswered() -> Status {
    Status::internal("webhooks are yet to be asked")
}
