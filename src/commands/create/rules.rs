//! The rules of `create role` and `create clusterrole`: verbs on resources.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::json;

use crate::error::Exit;
use crate::object::Object;
use crate::ops::context::Context;

/// Verbs that the API knows; others are warned about.
const VERBS: &[&str] = &[
    "*",
    "get",
    "delete",
    "list",
    "create",
    "update",
    "patch",
    "watch",
    "proxy",
    "deletecollection",
    "use",
    "bind",
    "escalate",
    "impersonate",
];

/// Verbs that some resources only are spoken of with, as resource and group; the resources need not exist.
const SPECIAL: &[(&str, &[(&str, &str)])] = &[
    ("use", &[("podsecuritypolicies", "policy"), ("podsecuritypolicies", "extensions")]),
    ("bind", &[("roles", "rbac.authorization.k8s.io"), ("clusterroles", "rbac.authorization.k8s.io")]),
    ("escalate", &[("roles", "rbac.authorization.k8s.io"), ("clusterroles", "rbac.authorization.k8s.io")]),
    ("impersonate", &[("users", ""), ("serviceaccounts", ""), ("groups", ""), ("userextras", "authentication.k8s.io")]),
];

/// The flags of rules.
#[derive(clap::Args, Clone, Debug)]
pub struct RuleArgs {
    /// Resources that the rule is about, as resource.group/subresource.
    #[arg(long, value_delimiter = ',')]
    pub resource: Vec<String>,
    /// Names of objects that the rule is about, instead of all. May be given several times.
    #[arg(long)]
    pub resource_name: Vec<String>,
    /// What may be done.
    #[arg(long, value_delimiter = ',')]
    pub verb: Vec<String>,
}

/// A resource as it was typed.
struct Resource<'a> {
    name: &'a str,
    group: &'a str,
    subresource: &'a str,
}

/// The flags, taken apart.
pub struct Rules<'a> {
    /// Each once; `*` alone where it is among them.
    pub verbs: Vec<&'a str>,
    resources: Vec<Resource<'a>>,
    names: Vec<&'a str>,
}

/// Each value once, in order.
pub fn once(values: &[String]) -> Vec<&str> {
    let mut once: Vec<&str> = Vec::new();
    for value in values {
        if !once.contains(&value.as_str()) {
            once.push(value);
        }
    }
    once
}

impl<'a> From<&'a RuleArgs> for Rules<'a> {
    fn from(args: &'a RuleArgs) -> Self {
        let mut verbs = once(&args.verb);
        if verbs.contains(&"*") {
            verbs = vec!["*"];
        }
        let mut resources = Vec::new();
        for typed in &args.resource {
            let (whole, subresource) = typed.split_once('/').unwrap_or((typed, ""));
            let (name, group) = whole.split_once('.').unwrap_or((whole, ""));
            let resource = Resource { name, group, subresource };
            if typed == "*" {
                resources = vec![resource];
                break;
            }
            resources.push(resource);
        }
        Self { verbs, resources, names: once(&args.resource_name) }
    }
}

impl Rules<'_> {
    /// Whether resources are named.
    pub fn has_resources(&self) -> bool {
        !self.resources.is_empty()
    }

    /// Whether anything is named.
    pub fn is_empty(&self) -> bool {
        self.verbs.is_empty() && self.resources.is_empty() && self.names.is_empty()
    }

    /// Warns of verbs that the API does not know.
    pub fn warn(&self, ctx: &Context) {
        for verb in self.verbs.iter().filter(|verb| !VERBS.contains(verb)) {
            ctx.streams.say(format!("Warning: '{verb}' is not a standard resource verb"));
        }
    }

    /// Refuses resources that the server does not have, and verbs that do not belong to a resource.
    ///
    /// # Errors
    /// Such resources and verbs.
    pub async fn validate(&self, ctx: &Context) -> anyhow::Result<()> {
        for resource in &self.resources {
            if resource.name.is_empty() {
                bail!("resource must be specified if apiGroup/subresource specified");
            }
            if resource.name == "*" {
                return Ok(());
            }
            let found = resource.find(ctx).await?;
            let (name, group) = found.clone().unwrap_or_else(|| (resource.name.to_owned(), resource.group.to_owned()));
            let mut known = found.is_some();
            for verb in &self.verbs {
                let Some((_, special)) = SPECIAL.iter().find(|(special, _)| special == verb) else { continue };
                if !special.contains(&(name.as_str(), group.as_str())) {
                    bail!("can not perform '{verb}' on '{name}' in group '{group}'");
                }
                known = true;
            }
            if !known {
                let group =
                    if resource.group.is_empty() { String::new() } else { format!(" in group {:?}", resource.group) };
                ctx.streams.say(format!("the server doesn't have a resource type {:?}{group}", resource.name));
                return Err(Exit(1).into());
            }
        }
        Ok(())
    }

    /// A rule for each group.
    ///
    /// # Errors
    /// A server that does not answer.
    pub async fn objects(&self, ctx: &Context) -> anyhow::Result<Vec<Object>> {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for resource in &self.resources {
            let found = resource.find(ctx).await?;
            let (mut name, group) = found.unwrap_or_else(|| (resource.name.to_owned(), resource.group.to_owned()));
            if !resource.subresource.is_empty() {
                name = format!("{name}/{}", resource.subresource);
            }
            let names = groups.entry(group).or_default();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let rule = |(group, names): (String, Vec<String>)| json!({"verbs": self.verbs, "resources": names, "apiGroups": [group], "resourceNames": self.names});
        Ok(groups.into_iter().map(rule).collect())
    }
}

impl Resource<'_> {
    /// Its full name and group, where the server has it.
    async fn find(&self, ctx: &Context) -> anyhow::Result<Option<(String, String)>> {
        if self.name == "*" {
            return Ok(None);
        }
        let word = if self.group.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.name, self.group) };
        match ctx.client().await?.resolve(&word).await {
            Ok(mapping) => Ok(Some((mapping.resource.resource, mapping.resource.group))),
            Err(error) if error.to_string().starts_with("the server doesn't have a resource type") => Ok(None),
            Err(error) => Err(error),
        }
    }
}
