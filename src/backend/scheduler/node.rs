//! A node and what runs on it.

use std::sync::Arc;

use super::resources::Resources;
use crate::backend::controllers::View;
use crate::backend::controllers::support::pods;
use crate::object::{Meta, Object};

/// A node as the scheduler sees it.
pub struct Node<'a> {
    /// The node.
    pub object: &'a Arc<Object>,
    /// The pods on it that are not finished.
    pub pods: Vec<&'a Arc<Object>>,
    /// `status.allocatable`.
    pub allocatable: Resources,
    /// The sum of what the pods asked for.
    pub requested: Resources,
    /// The same with small amounts for containers that ask for nothing.
    pub weighed: Resources,
}

impl<'a> Node<'a> {
    /// The node with the pods bound to it.
    pub fn of(object: &'a Arc<Object>, view: &'a View) -> Self {
        let pods: Vec<_> = view.pods_on(object.name()).filter(|pod| !pods::is_finished(pod)).collect();
        let load = view.loads().node(object.name());
        let (requested, weighed) = load.map(|load| (load.requested.clone(), load.weighed.clone())).unwrap_or_default();
        Self { object, pods, allocatable: Resources::of(object.at(&["status", "allocatable"])), requested, weighed }
    }

    /// The node's name.
    pub fn name(&self) -> &'a str {
        self.object.name()
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&'a str> {
        self.object.label(key)
    }
}
