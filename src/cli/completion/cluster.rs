//! Candidates that the kubeconfig or the cluster knows.

use super::directive;
use super::plan::{Candidate, Plan, Want};
use crate::ops::context::Context;

/// Looks names up; bare names, not yet filtered by what was typed.
///
/// # Errors
/// Whatever keeps the cluster or the kubeconfig from answering.
pub async fn look_up(context: &Context, want: &Want) -> anyhow::Result<Vec<String>> {
    match want {
        Want::Contexts(_) => Ok(context.kubeconfig()?.contexts.keys().cloned().collect()),
        Want::Clusters(_) => Ok(context.kubeconfig()?.clusters.keys().cloned().collect()),
        Want::Users(_) => Ok(context.kubeconfig()?.users.keys().cloned().collect()),
        Want::Types { .. } | Want::Names { .. } | Want::Containers { .. } | Want::Ports { .. } => Ok(Vec::new()),
    }
}

/// Adds what was found to the plan.
pub fn add(plan: &mut Plan, want: &Want, mut found: Vec<String>) {
    found.sort();
    found.dedup();
    let (prefix, before, after) = match want {
        Want::Types { prefix, before, after } => (prefix, before.as_str(), *after),
        Want::Names { prefix, before, .. } => (prefix, before.as_str(), ""),
        Want::Containers { prefix, .. } | Want::Ports { prefix, .. } => (prefix, "", ""),
        Want::Contexts(prefix) | Want::Clusters(prefix) | Want::Users(prefix) => (prefix, "", ""),
    };
    let except: &[String] = if let Want::Names { except, .. } = want { except } else { &[] };
    let texts: Vec<String> = found
        .iter()
        .filter(|name| name.starts_with(prefix.as_str()))
        .map(|name| format!("{before}{name}{after}"))
        .filter(|text| !except.contains(text))
        .collect();
    // Where no pod fits and only `TYPE/` is offered, the name follows without a blank.
    if texts.is_empty() && !plan.candidates.is_empty() && plan.candidates.iter().all(|c| c.text.ends_with('/')) {
        plan.directive |= directive::NO_SPACE;
    }
    plan.candidates.splice(0..0, texts.into_iter().map(|text| Candidate { text, help: String::new() }));
}
