//! Horizontal pod autoscalers, on simulated load.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `usage` | how much CPU and memory a pod uses, by annotation |
//! | `metrics` | the size that each metric asks for |
//! | `history` | what was asked for and changed lately |
//! | `limits` | how far and how fast a size may change |
//!
//! The real controller looks every fifteen seconds. This one looks when something changes, and again
//! when a window it waits for is over: an idle cluster does nothing.

mod history;
mod limits;
mod metrics;
pub mod usage;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::json;

use std::cmp::Ordering;

use super::support::{conditions, owners, pods, selector};
use super::{Change, Controller, Event, Key, Outcome, View, Write};
use crate::object::{Meta, Object, Timestamp, builtin, time};
use history::History;

const AUTOSCALERS: &str = "horizontalpodautoscalers.autoscaling";
const COMPONENT: &str = "horizontal-pod-autoscaler";
/// How long a larger size stays after it was asked for, where the autoscaler does not say.
const WINDOW_SECONDS: i64 = 300;
/// The least time between two changes of size.
const PERIOD_SECONDS: i64 = 15;

/// See the module's text.
#[derive(Debug, Default)]
pub struct AutoscalerController;

impl Controller for AutoscalerController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn watches(&self) -> &'static [&'static str] {
        &[AUTOSCALERS, "pods", "deployments.apps", "replicasets.apps", "statefulsets.apps", "replicationcontrollers"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        if change.key.resource == AUTOSCALERS {
            return vec![change.key.clone()];
        }
        let concerned = |scaler: &&Arc<Object>| match target_key(scaler) {
            Some(target) if change.key.resource == "pods" => view.at(&target).is_some_and(|target| {
                let selector = selector::of(target.at(&["spec", "selector"]));
                [&change.old, &change.new].into_iter().flatten().any(|pod| selector.matches(pod))
            }),
            Some(target) => target == change.key,
            None => false,
        };
        let scalers = view.list(AUTOSCALERS, Some(&change.key.namespace)).filter(concerned);
        scalers.map(|scaler| owners::key_of(AUTOSCALERS, scaler)).collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(scaler) = view.at(key).filter(|scaler| scaler.deletion_timestamp().is_none()) else {
            return Outcome::default();
        };
        let mut look = Look::new(scaler, view);
        look.run();
        look.finish()
    }
}

/// What an autoscaler scales.
fn target_key(scaler: &Object) -> Option<Key> {
    let reference = scaler.at(&["spec", "scaleTargetRef"])?;
    let resource = builtin::by_gvk(&reference.gvk()).filter(|resource| resource.subresource("scale").is_some())?;
    Some(Key {
        resource: resource.group_resource(),
        namespace: scaler.namespace().to_owned(),
        name: reference.str_at(&["name"]).to_owned(),
    })
}

/// One look at one autoscaler.
struct Look<'a> {
    scaler: &'a Object,
    view: &'a View,
    now: Timestamp,
    status: Object,
    history: History,
    /// The size at the end of the look.
    size: i64,
    writes: Vec<Write>,
    events: Vec<Write>,
    requeue_at: Option<Timestamp>,
}

impl<'a> Look<'a> {
    fn new(scaler: &'a Object, view: &'a View) -> Self {
        let mut status = scaler.at(&["status"]).cloned().unwrap_or_else(|| json!({}));
        for field in ["currentReplicas", "desiredReplicas"] {
            if status.int_at(&[field]).is_none() {
                status.set_at(&[field], 0);
            }
        }
        Self {
            scaler,
            view,
            now: view.now(),
            status,
            history: History::of(scaler),
            size: 0,
            writes: Vec::new(),
            events: Vec::new(),
            requeue_at: None,
        }
    }

    fn run(&mut self) {
        if self.scaler.generation() > 0 {
            self.status.set_at(&["observedGeneration"], self.scaler.generation());
        }
        let key = target_key(self.scaler);
        let Some((key, target)) = key.and_then(|key| Some((key.clone(), self.view.at(&key)?))) else {
            return self.no_target();
        };
        let able = "the HPA controller was able to get the target's current scale";
        self.condition("AbleToScale", "True", "SucceededGetScale", able);
        let current = target.int_at(&["spec", "replicas"]).unwrap_or(1);
        self.size = current;
        let least = self.scaler.int_at(&["spec", "minReplicas"]).unwrap_or(1);
        let most = self.scaler.int_at(&["spec", "maxReplicas"]).unwrap_or(1);
        let (desired, reason) = if current == 0 {
            let why = "scaling is disabled since the replica count of the target is zero";
            self.condition("ScalingActive", "False", "ScalingDisabled", why);
            (0, String::new())
        } else if current > most {
            (most, "Current number of replicas above Spec.MaxReplicas".to_owned())
        } else if current < least {
            (least, "Current number of replicas below Spec.MinReplicas".to_owned())
        } else {
            match self.by_metrics(target, current, least, most) {
                Some(found) => found,
                None => {
                    self.status.set_at(&["currentReplicas"], current);
                    return;
                }
            }
        };
        self.status.set_at(&["currentReplicas"], current);
        self.status.set_at(&["desiredReplicas"], desired);
        if desired == current {
            return;
        }
        let mut object = Object::clone(target);
        object.set_at(&["spec", "replicas"], desired);
        self.writes.push(Write::Update { resource: key.resource, object });
        let message = format!("the HPA controller was able to update the target scale to {desired}");
        self.condition("AbleToScale", "True", "SucceededRescale", &message);
        self.event("Normal", "SuccessfulRescale", format!("New size: {desired}; reason: {reason}"));
        self.status.set_at(&["lastScaleTime"], time::rfc3339(self.now));
        if self.behavior().is_some() {
            self.history.change(self.now.as_second(), desired - current);
        }
        self.size = desired;
        // Policies may let go further soon.
        self.look_again_in(PERIOD_SECONDS);
        self.remember();
    }

    fn no_target(&mut self) {
        let reference = self.scaler.at(&["spec", "scaleTargetRef"]).unwrap_or(&Object::Null);
        let resource = builtin::by_gvk(&reference.gvk());
        let what =
            resource.map_or_else(|| reference.kind().to_owned(), |resource| resource.group_resource().to_owned());
        let error = match resource {
            Some(_) => format!("{what} \"{}\" not found", reference.str_at(&["name"])),
            None => format!("no matches for kind \"{}\" in group \"{}\"", what, reference.gvk().group),
        };
        let message = format!("the HPA controller was unable to get the target's current scale: {error}");
        if self.condition("AbleToScale", "False", "FailedGetScale", &message) {
            self.event("Warning", "FailedGetScale", error);
        }
    }

    /// The size that the metrics ask for, within the limits, and why; `None` if they say nothing.
    fn by_metrics(&mut self, target: &Object, current: i64, least: i64, most: i64) -> Option<(i64, String)> {
        let metrics = metrics::evaluate(self.scaler, target, current, self.view);
        self.status.set_at(&["currentMetrics"], metrics.statuses.clone());
        if metrics.statuses.is_empty() {
            self.status.remove_at(&["currentMetrics"]);
        }
        let (wanted, metric) = match metrics.proposal {
            Ok(found) => found,
            Err(error) => {
                let message = format!("the HPA was unable to compute the replica count: {}", error.message);
                if self.condition("ScalingActive", "False", error.reason, &message) {
                    self.event("Warning", error.reason, error.message.clone());
                    let message = format!(
                        "invalid metrics ({} invalid out of {}), first error is: {}",
                        error.invalid, error.of, error.whole
                    );
                    self.event("Warning", "FailedComputeMetricsReplicas", message);
                }
                return None;
            }
        };
        let message = format!("the HPA was able to successfully calculate a replica count from {metric}");
        self.condition("ScalingActive", "True", "ValidMetricFound", &message);
        let now = self.now.as_second();
        self.history.ask(now, wanted, current);
        let stable = self.stabilise(current, wanted);
        let limited = limits::apply(self.scaler, &self.history, now, current, stable, (least, most));
        self.remember();
        let status = if limited.replicas == stable { "False" } else { "True" };
        self.condition("ScalingLimited", status, limited.reason, limited.message);
        let mut desired = limited.replicas;
        if desired != current && !self.is_time() {
            desired = current;
        }
        let reason = match wanted.cmp(&current) {
            Ordering::Greater => format!("{metric} above target"),
            Ordering::Less => "All metrics below target".to_owned(),
            Ordering::Equal => String::new(),
        };
        Some((desired, reason))
    }

    /// The size that was asked for during the whole window: a larger one stays, a smaller one, too, where
    /// the autoscaler says so.
    fn stabilise(&mut self, current: i64, wanted: i64) -> i64 {
        let now = self.now.as_second();
        let (up, down) = self.windows();
        let largest = self.history.largest(now, down).map_or(wanted, |largest| largest.max(wanted));
        let stable = if self.behavior().is_some() {
            let smallest = self.history.smallest(now, up).map_or(wanted, |smallest| smallest.min(wanted));
            current.max(smallest).min(largest)
        } else {
            largest
        };
        let (reason, why) = if stable == wanted {
            ("ReadyForNewScale", "recommended size matches current size")
        } else if wanted >= current && self.behavior().is_some() {
            let why = "recent recommendations were lower than current one, applying the lowest recent recommendation";
            ("ScaleUpStabilized", why)
        } else {
            let why = "recent recommendations were higher than current one, applying the highest recent recommendation";
            ("ScaleDownStabilized", why)
        };
        self.condition("AbleToScale", "True", reason, why);
        stable
    }

    fn behavior(&self) -> Option<&'a Object> {
        self.scaler.at(&["spec", "behavior"]).filter(|behavior| behavior.is_object())
    }

    /// The seconds for which a smaller size (on the way up) and a larger one (on the way down) stay.
    fn windows(&self) -> (i64, i64) {
        let window = |direction: &str| self.behavior()?.int_at(&[direction, "stabilizationWindowSeconds"]);
        (window("scaleUp").unwrap_or(0), window("scaleDown").unwrap_or(WINDOW_SECONDS))
    }

    /// Forgets what no window or policy looks back on, and looks again when there is more of it.
    fn remember(&mut self) {
        let (up, down) = self.windows();
        let policies = ["scaleUp", "scaleDown"].into_iter().filter_map(|direction| self.behavior()?.at(&[direction]));
        let periods = policies.flat_map(|rules| rules.list_at(&["policies"]));
        let period = periods.filter_map(|policy| policy.int_at(&["periodSeconds"])).max().unwrap_or(0);
        let window = up.max(down);
        let next = self.history.forget(self.now.as_second(), window, period);
        if let Some(next) = next {
            self.look_again_in(next - self.now.as_second());
        }
        // Shorter windows and periods end before.
        for shorter in [up, down].into_iter().filter(|shorter| *shorter < window) {
            if let Some(next) = self.history.clone().forget(self.now.as_second(), shorter, period) {
                self.look_again_in(next - self.now.as_second());
            }
        }
    }

    fn look_again_in(&mut self, seconds: i64) {
        if let Some(at) = pods::after(self.now, seconds.max(1)) {
            self.look_again(at);
        }
    }

    /// Whether the last change of size is long enough ago.
    fn is_time(&mut self) -> bool {
        let last = self.scaler.time_at(&["status", "lastScaleTime"]);
        match last.and_then(|last| pods::after(last, PERIOD_SECONDS)).filter(|end| *end > self.now) {
            Some(end) => {
                self.look_again(end);
                false
            }
            None => true,
        }
    }

    fn look_again(&mut self, at: Timestamp) {
        self.requeue_at = Some(self.requeue_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Sets a condition; whether it says something new.
    fn condition(&mut self, kind: &str, status: &str, reason: &str, message: &str) -> bool {
        let mut list = self.status.list_at(&["conditions"]).to_vec();
        let changed = conditions::set(&mut list, kind, status, reason, message, self.now);
        self.status.set_at(&["conditions"], list);
        changed
    }

    fn event(&mut self, kind: &'static str, reason: &str, message: String) {
        self.events.push(Write::Event(Event {
            regarding: self.scaler.clone(),
            field_path: String::new(),
            kind,
            reason: reason.to_owned(),
            message,
            component: COMPONENT,
            host: String::new(),
        }));
    }

    fn finish(self) -> Outcome {
        let mut writes = self.writes;
        let mut object = self.scaler.clone();
        self.history.keep(&mut object, self.size);
        if object != *self.scaler {
            writes.push(Write::Update { resource: AUTOSCALERS, object: object.clone() });
        }
        if self.scaler.at(&["status"]) != Some(&self.status) {
            object.set_at(&["status"], self.status);
            writes.push(Write::UpdateStatus { resource: AUTOSCALERS, object });
        }
        writes.extend(self.events);
        Outcome { writes, requeue_at: self.requeue_at }
    }
}
