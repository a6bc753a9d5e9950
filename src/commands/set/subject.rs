//! `set subject`: whom a role binding is for.

use std::collections::BTreeSet;

use anyhow::bail;
use serde_json::json;

use super::{Changes, SetArgs};
use crate::error::Many;
use crate::object::{Meta, Object};
use crate::ops::context::Context;
use crate::ops::resources::Info;

const RBAC: &str = "rbac.authorization.k8s.io";

/// Add users, groups or service accounts to role bindings.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Add a service account to a cluster role binding\nkctl set subject clusterrolebinding admin --serviceaccount=namespace:name\n\n# Add users and a group to a role binding\nkctl set subject rolebinding admin --user=user1 --user=user2 --group=group1\n\n# Print the result without sending it\nkctl create rolebinding admin --role=admin --user=admin -o yaml --dry-run=client | kctl set subject --local -f - --user=foo -o yaml"
)]
pub struct SubjectArgs {
    /// Groups to add. May be given several times.
    #[arg(long, action = clap::ArgAction::Append)]
    pub group: Vec<String>,
    /// Narrow by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2).
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// Service accounts to add, NAMESPACE:NAME. May be given several times.
    #[arg(long, action = clap::ArgAction::Append)]
    pub serviceaccount: Vec<String>,
    /// Users to add. May be given several times.
    #[arg(long, action = clap::ArgAction::Append)]
    pub user: Vec<String>,
    /// What all of them have.
    #[command(flatten)]
    pub set: SetArgs,
    /// Types and names.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `set subject`.
///
/// # Errors
/// What is no role binding, and what the server refuses.
pub async fn run(ctx: &Context, args: SubjectArgs) -> anyhow::Result<()> {
    let set = &args.set;
    let dry_run = set.dry_run.read(ctx)?;
    let changes = Changes::new(ctx, set, dry_run, "subjects updated", "failed to patch subjects to rolebinding: ")?;
    let (namespace, _) = ctx.namespace()?;
    let selector = args.selector.as_deref().unwrap_or_default();
    let infos = set.infos(ctx, &args.args, selector).await?;
    set.refuse_local_on_server(dry_run)?;
    set.refuse_all_with(selector)?;
    if args.user.is_empty() && args.group.is_empty() && args.serviceaccount.is_empty() {
        bail!("you must specify at least one value of user, group or serviceaccount");
    }
    check_accounts(&args.serviceaccount, &infos)?;
    let subjects = subjects(&args, &namespace);
    let mut errors = Vec::new();
    let mut changed = Vec::new();
    for info in infos {
        let mut object = info.object.clone().unwrap_or_default();
        match add(&mut object, &subjects) {
            Ok(true) => changed.push((info, Ok(object))),
            Ok(false) => {}
            Err(error) => changed.push((info, Err(error))),
        }
    }
    changes.apply(changed, &mut errors).await?;
    Many::collect(errors)
}

fn check_accounts(accounts: &[String], infos: &[Info]) -> anyhow::Result<()> {
    for account in accounts {
        let namespace = match account.split(':').collect::<Vec<_>>().as_slice() {
            [namespace, name] if !name.is_empty() => *namespace,
            _ => bail!("serviceaccount must be <namespace>:<name>"),
        };
        let of_cluster = |info: &Info| info.object().kind() == "ClusterRoleBinding";
        if namespace.is_empty() && infos.iter().any(of_cluster) {
            bail!("serviceaccount must be <namespace>:<name>, namespace must be specified");
        }
    }
    Ok(())
}

/// The subjects of the flags, each once.
fn subjects(args: &SubjectArgs, default: &str) -> Vec<Object> {
    let once = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
    let of_kind = |kind: &'static str| move |name: String| json!({"kind": kind, "apiGroup": RBAC, "name": name});
    let users = once(&args.user).into_iter().map(of_kind("User"));
    let groups = once(&args.group).into_iter().map(of_kind("Group"));
    let accounts = once(&args.serviceaccount).into_iter().map(|account| {
        let (namespace, name) = account.split_once(':').unwrap_or(("", &account));
        let namespace = if namespace.is_empty() { default } else { namespace };
        json!({"kind": "ServiceAccount", "namespace": namespace, "name": name})
    });
    users.chain(groups).chain(accounts).collect()
}

/// Adds those that are not there yet; whether there were any.
fn add(object: &mut Object, subjects: &[Object]) -> anyhow::Result<bool> {
    let gvk = object.gvk();
    if gvk.group != RBAC || !matches!(gvk.kind.as_str(), "RoleBinding" | "ClusterRoleBinding") {
        bail!("setting subjects is only supported for RoleBinding/ClusterRoleBinding");
    }
    let mut all = object.list_at(&["subjects"]).to_vec();
    let before = all.len();
    all.extend(subjects.iter().filter(|subject| !object.list_at(&["subjects"]).contains(subject)).cloned());
    let added = all.len() > before;
    object.set_at(&["subjects"], all);
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_what_is_not_there() {
        let user = |name: &str| json!({"kind": "User", "apiGroup": RBAC, "name": name});
        let mut binding = json!({"apiVersion": format!("{RBAC}/v1"), "kind": "RoleBinding", "subjects": [user("a")]});
        assert!(!add(&mut binding, &[user("a")]).unwrap());
        assert!(add(&mut binding, &[user("a"), user("b")]).unwrap());
        assert_eq!(binding["subjects"], json!([user("a"), user("b")]));
        assert!(add(&mut json!({"apiVersion": "v1", "kind": "Pod"}), &[]).is_err());
    }
}
