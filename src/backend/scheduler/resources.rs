//! What pods ask for and nodes have.

use std::collections::BTreeMap;

use crate::object::quantity::Quantity;
use crate::object::{Meta, Object};

/// What a container without a request counts as when nodes are weighed.
const DEFAULT_CPU: i64 = 100;
const DEFAULT_MEMORY: i64 = 200 << 20;

/// Amounts by resource: `cpu` in thousandths, everything else in whole units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources(BTreeMap<String, i64>);

impl Resources {
    /// Reads a map of quantities; what is malformed is left out.
    pub fn of(quantities: Option<&Object>) -> Self {
        let map = quantities.and_then(Object::as_object);
        let amount = |(name, value): (&String, &Object)| {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            let quantity = Quantity::parse(&text).ok()?;
            Some((name.clone(), if name == "cpu" { quantity.milli_value() } else { quantity.value() }))
        };
        Self(map.into_iter().flatten().filter_map(amount).collect())
    }

    /// The amount of one resource.
    pub fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// All amounts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(name, amount)| (name.as_str(), *amount))
    }

    /// Adds other amounts.
    pub fn add(&mut self, other: &Self) {
        for (name, amount) in other.iter() {
            let sum = self.0.entry(name.to_owned()).or_default();
            *sum = sum.saturating_add(amount);
        }
    }

    /// Adds other amounts so many times, which may be negative.
    pub fn add_times(&mut self, other: &Self, times: i64) {
        for (name, amount) in other.iter() {
            let amount = amount.saturating_mul(times);
            match self.0.get_mut(name) {
                Some(sum) => *sum = sum.saturating_add(amount),
                None => drop(self.0.insert(name.to_owned(), amount)),
            }
        }
    }

    /// Raises each amount to another's, where that is larger.
    fn raise(&mut self, other: &Self) {
        for (name, amount) in other.iter() {
            let most = self.0.entry(name.to_owned()).or_default();
            *most = (*most).max(amount);
        }
    }

    /// What a pod needs at any one time: its containers together with the sidecars, or an init
    /// container with the sidecars started before it, whichever is more; and the overhead.
    pub fn of_pod(pod: &Object) -> Self {
        Self::of_pod_with(pod, |container| Self::of(container.at(&["resources", "requests"])))
    }

    /// As [`Self::of_pod`], with a small amount for containers that ask for nothing.
    pub fn of_pod_for_weighing(pod: &Object) -> Self {
        Self::of_pod_with(pod, |container| {
            let mut requests = Self::of(container.at(&["resources", "requests"]));
            requests.0.entry("cpu".to_owned()).or_insert(DEFAULT_CPU);
            requests.0.entry("memory".to_owned()).or_insert(DEFAULT_MEMORY);
            requests
        })
    }

    fn of_pod_with(pod: &Object, requests: impl Fn(&Object) -> Self) -> Self {
        let mut running = Self::default();
        let mut most = Self::default();
        for container in pod.list_at(&["spec", "initContainers"]) {
            let own = requests(container);
            if container.str_at(&["restartPolicy"]) == "Always" {
                running.add(&own);
                most.raise(&running);
            } else {
                let mut with_sidecars = running.clone();
                with_sidecars.add(&own);
                most.raise(&with_sidecars);
            }
        }
        for container in pod.list_at(&["spec", "containers"]) {
            running.add(&requests(container));
        }
        most.raise(&running);
        // Requests of the pod as a whole stand above those of its containers.
        for (name, amount) in Self::of(pod.at(&["spec", "resources", "requests"])).0 {
            most.0.insert(name, amount);
        }
        most.add(&Self::of(pod.at(&["spec", "overhead"])));
        most
    }
}
