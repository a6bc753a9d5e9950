//! The webhooks that there are, in the order in which they are asked.

use crate::backend::api::Api;
use crate::backend::api::transaction::Inside;
use crate::backend::controllers::view::WEBHOOKS;
use crate::backend::registry::{Cluster, Plugin};
use crate::backend::store::ListOptions;
use crate::object::{Meta, Object, Status};

/// The resources of configurations, whether their webhooks change objects, and the plugin that asks them.
const CONFIGURATIONS: [(&str, bool, Plugin); 2] =
    [(WEBHOOKS[0], true, Plugin::MutatingAdmissionWebhook), (WEBHOOKS[1], false, Plugin::ValidatingAdmissionWebhook)];

/// A webhook.
pub(in crate::backend::api) struct Hook {
    /// Stands for this webhook in this state of its configuration.
    pub id: String,
    /// Whether it may change objects.
    pub mutating: bool,
    /// As its configuration has it.
    pub spec: Object,
    /// The configuration's UID and version.
    pub version: (String, String),
}

impl Hook {
    pub fn name(&self) -> &str {
        self.spec.str_at(&["name"])
    }

    /// Whether a request goes on where the webhook fails.
    pub fn ignores_failures(&self) -> bool {
        self.spec.str_at(&["failurePolicy"]) == "Ignore"
    }
}

impl Api {
    /// Whether there are webhooks at all.
    pub fn has_hooks(&self) -> Result<bool, Status> {
        let any = |resource| -> Result<bool, Status> {
            if self.store().is_known_empty(resource) {
                return Ok(false);
            }
            let one = ListOptions { limit: 1, ..ListOptions::default() };
            Ok(!self.store().list(resource, &one)?.items.is_empty())
        };
        for (resource, _, plugin) in CONFIGURATIONS {
            if !self.disabled().has(plugin) && any(resource)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Inside<'_, '_> {
    /// All webhooks, by the names of their configurations. Next to nothing where there are none.
    pub fn read_hooks(&self) -> Vec<Hook> {
        let mut hooks = Vec::new();
        for (resource, mutating, plugin) in CONFIGURATIONS {
            if !self.admits(plugin) {
                continue;
            }
            for mut configuration in self.list(resource, None) {
                let version = (configuration.uid().to_owned(), configuration.resource_version().to_owned());
                let Some(Object::Array(specs)) = configuration.remove_at(&["webhooks"]) else { continue };
                hooks.extend(specs.into_iter().enumerate().map(|(index, spec)| Hook {
                    id: format!("{}/{}/{index}", version.0, version.1),
                    mutating,
                    spec,
                    version: version.clone(),
                }));
            }
        }
        hooks
    }
}
