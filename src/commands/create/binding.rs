//! `create rolebinding` and `create clusterrolebinding`.

use anyhow::bail;
use serde_json::json;

use super::new::{Creation, NewArgs, cluster_scoped, name};
use crate::object::{Meta, Object};
use crate::ops::context::Context;

const GROUP: &str = "rbac.authorization.k8s.io";
const API_VERSION: &str = "rbac.authorization.k8s.io/v1";

/// Who is bound.
#[derive(clap::Args, Clone, Debug)]
struct SubjectArgs {
    /// Groups to bind. May be given several times.
    #[arg(long)]
    group: Vec<String>,
    /// Service accounts to bind, as <namespace>:<name>. May be given several times.
    #[arg(long)]
    serviceaccount: Vec<String>,
    /// Users to bind. May be given several times.
    #[arg(long)]
    user: Vec<String>,
}

/// Bind a Role or ClusterRole to users, groups or service accounts in one namespace.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Users and a group may do what the ClusterRole admin allows\nkctl create rolebinding admin --clusterrole=admin --user=user1 --user=user2 --group=group1\n\n# A service account may do what the ClusterRole admin allows\nkctl create rolebinding admin-binding --clusterrole=admin --serviceaccount=namespace:monitoring"
)]
pub struct RoleBindingArgs {
    /// The ClusterRole.
    #[arg(long)]
    clusterrole: Option<String>,
    /// The Role.
    #[arg(long)]
    role: Option<String>,
    #[command(flatten)]
    subjects: SubjectArgs,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Bind a ClusterRole to users, groups or service accounts in the whole cluster.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Users and a group may do everything\nkctl create clusterrolebinding cluster-admin --clusterrole=cluster-admin --user=user1 --user=user2 --group=group1"
)]
pub struct ClusterRoleBindingArgs {
    /// The ClusterRole.
    #[arg(long, required = true)]
    clusterrole: Option<String>,
    #[command(flatten)]
    subjects: SubjectArgs,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `create rolebinding`.
///
/// # Errors
/// Flags that do not go together, and what the server refuses.
pub async fn role_binding(ctx: &Context, args: RoleBindingArgs) -> anyhow::Result<()> {
    let name = name("rolebinding", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let (role, cluster_role) = (args.role.unwrap_or_default(), args.clusterrole.unwrap_or_default());
    if role.is_empty() == cluster_role.is_empty() {
        bail!("exactly one of clusterrole or role must be specified");
    }
    let mut object = creation.namespaced(API_VERSION, "RoleBinding", name);
    let (kind, role) = if role.is_empty() { ("ClusterRole", cluster_role) } else { ("Role", role) };
    args.subjects.bind(&mut object, kind, &role)?;
    creation.finish(object, "failed to create rolebinding:").await
}

/// Runs `create clusterrolebinding`.
///
/// # Errors
/// Service accounts of another form, and what the server refuses.
pub async fn cluster_role_binding(ctx: &Context, args: ClusterRoleBindingArgs) -> anyhow::Result<()> {
    let name = name("clusterrolebinding", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let mut object = cluster_scoped(API_VERSION, "ClusterRoleBinding", name);
    args.subjects.bind(&mut object, "ClusterRole", &args.clusterrole.unwrap_or_default())?;
    creation.finish(object, "failed to create clusterrolebinding:").await
}

impl SubjectArgs {
    fn bind(&self, object: &mut Object, kind: &str, role: &str) -> anyhow::Result<()> {
        object.set_at(&["roleRef"], json!({"apiGroup": GROUP, "kind": kind, "name": role}));
        let mut subjects = Vec::new();
        for (kind, names) in [("User", &self.user), ("Group", &self.group)] {
            subjects.extend(names.iter().map(|name| json!({"kind": kind, "apiGroup": GROUP, "name": name})));
        }
        for account in &self.serviceaccount {
            let parts: Vec<&str> = account.split(':').collect();
            let [namespace, name] = parts.as_slice() else { bail!("serviceaccount must be <namespace>:<name>") };
            if namespace.is_empty() || name.is_empty() {
                bail!("serviceaccount must be <namespace>:<name>");
            }
            subjects.push(json!({"kind": "ServiceAccount", "namespace": namespace, "name": name}));
        }
        object.set_at(&["subjects"], subjects);
        Ok(())
    }
}
