//! `create role` and `create clusterrole`.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::json;

use super::new::{Creation, NewArgs, cluster_scoped, name};
use super::rules::{RuleArgs, Rules, once};
use crate::object::Meta;
use crate::ops::context::Context;

const API_VERSION: &str = "rbac.authorization.k8s.io/v1";
/// Verbs for URLs that are no resources.
const URL_VERBS: &[&str] = &["*", "get", "post", "put", "delete", "patch", "head", "options"];

/// Create a Role with one rule.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Look at pods\nkctl create role pod-reader --verb=get --verb=list --verb=watch --resource=pods\n\n# Only at some of them\nkctl create role pod-reader --verb=get --resource=pods --resource-name=readablepod --resource-name=anotherpod\n\n# With a group\nkctl create role foo --verb=get,list,watch --resource=rs.apps\n\n# With a subresource\nkctl create role foo --verb=get,list,watch --resource=pods,pods/status"
)]
pub struct RoleArgs {
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Create a ClusterRole.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Look at pods\nkctl create clusterrole pod-reader --verb=get,list,watch --resource=pods\n\n# Only at some of them\nkctl create clusterrole pod-reader --verb=get --resource=pods --resource-name=readablepod --resource-name=anotherpod\n\n# With a group\nkctl create clusterrole foo --verb=get,list,watch --resource=rs.apps\n\n# With a subresource\nkctl create clusterrole foo --verb=get,list,watch --resource=pods,pods/status\n\n# A URL that is no resource\nkctl create clusterrole \"foo\" --verb=get --non-resource-url=/logs/*\n\n# What other ClusterRoles of a label allow\nkctl create clusterrole monitoring --aggregation-rule=\"rbac.example.com/aggregate-to-monitoring=true\""
)]
pub struct ClusterRoleArgs {
    /// Labels of ClusterRoles whose rules are gathered, as key1=value1,key2=value2.
    #[arg(long, value_name = "=", value_parser = pairs)]
    aggregation_rule: Vec<Vec<(String, String)>>,
    /// Paths of the server that are no resources.
    #[arg(long, value_delimiter = ',')]
    non_resource_url: Vec<String>,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `create role`.
///
/// # Errors
/// Unknown resources, and what the server refuses.
pub async fn role(ctx: &Context, args: RoleArgs) -> anyhow::Result<()> {
    let name = name("role", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let rules = Rules::from(&args.rules);
    if rules.verbs.is_empty() {
        bail!("at least one verb must be specified");
    }
    rules.warn(ctx);
    if !rules.has_resources() {
        bail!("at least one resource must be specified");
    }
    rules.validate(ctx).await?;
    let mut object = creation.namespaced(API_VERSION, "Role", name);
    object.set_at(&["rules"], rules.objects(ctx).await?);
    creation.finish(object, "").await
}

/// Runs `create clusterrole`.
///
/// # Errors
/// Unknown resources, flags that do not go together, and what the server refuses.
pub async fn cluster_role(ctx: &Context, args: ClusterRoleArgs) -> anyhow::Result<()> {
    let aggregation: BTreeMap<_, _> = args.aggregation_rule.iter().flatten().cloned().collect();
    let name = name("clusterrole", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let (rules, urls) = (Rules::from(&args.rules), once(&args.non_resource_url));
    let mut object = cluster_scoped(API_VERSION, "ClusterRole", name);
    if aggregation.is_empty() {
        validate(ctx, &rules, &urls).await?;
        let mut all = rules.objects(ctx).await?;
        if !urls.is_empty() {
            all.push(json!({"verbs": rules.verbs, "nonResourceURLs": urls}));
        }
        object.set_at(&["rules"], all);
    } else {
        if !urls.is_empty() || !rules.is_empty() {
            bail!("aggregation rule must be specified without nonResourceURLs, verbs, resources or resourceNames");
        }
        object.set_at(&["aggregationRule"], json!({"clusterRoleSelectors": [{"matchLabels": aggregation}]}));
    }
    creation.finish(object, "").await
}

async fn validate(ctx: &Context, rules: &Rules<'_>, urls: &[&str]) -> anyhow::Result<()> {
    if rules.verbs.is_empty() {
        bail!("at least one verb must be specified");
    }
    if !rules.has_resources() && urls.is_empty() {
        bail!("one of resource or nonResourceURL must be specified");
    }
    if rules.has_resources() {
        rules.warn(ctx);
        rules.validate(ctx).await?;
    }
    if urls.is_empty() {
        return Ok(());
    }
    if let Some(verb) = rules.verbs.iter().find(|verb| !URL_VERBS.contains(verb)) {
        bail!("invalid verb: '{verb}' for nonResourceURL");
    }
    for url in urls.iter().filter(|url| **url != "*") {
        if !url.starts_with('/') {
            bail!("nonResourceURL should start with /");
        }
        if url.strip_suffix('*').unwrap_or(url).contains('*') {
            bail!("nonResourceURL only supports wildcard matches when '*' is at the end");
        }
    }
    Ok(())
}

/// `key=value` pairs, separated by commas.
fn pairs(flag: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = flag.split(',').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
        None => Err("malformed pair, expect string=string".to_owned()),
    });
    pairs.collect()
}
