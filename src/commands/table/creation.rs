//! What `create` makes from flags.

use super::super::create;
use crate::commands::entry::{Completes::Name, Entry};
use crate::run;

/// `create` KIND.
pub static CREATE: &[Entry] = &[
    Entry::new(
        "clusterrole",
        "NAME --verb=verb --resource=resource.group [--resource-name=resourcename] [--dry-run=server|client|none]",
        "Create a ClusterRole",
    )
    .action(run!(create::role::ClusterRoleArgs, create::role::cluster_role)),
    Entry::new(
        "clusterrolebinding",
        "NAME --clusterrole=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
        "Bind a ClusterRole to users, groups or service accounts in the whole cluster",
    )
    .action(run!(create::binding::ClusterRoleBindingArgs, create::binding::cluster_role_binding)),
    Entry::new(
        "configmap",
        "NAME [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
        "Create a ConfigMap from files, folders or literal values",
    )
    .action(run!(create::configmap::ConfigMapArgs, create::configmap::run))
    .aliases(&["cm"]),
    Entry::new(
        "cronjob",
        "NAME --image=image --schedule='0/5 * * * ?' -- [COMMAND] [args...] [flags]",
        "Create a CronJob",
    )
    .action(run!(create::cronjob::CronJobArgs, create::cronjob::run))
    .aliases(&["cj"]),
    Entry::new("deployment", "NAME --image=image -- [COMMAND] [args...]", "Create a Deployment")
        .action(run!(create::deployment::DeploymentArgs, create::deployment::run))
        .aliases(&["deploy"]),
    Entry::new("ingress", "NAME --rule=host/path=service:port[,tls[=secret]] ", "Create an Ingress")
    .action(run!(create::ingress::IngressArgs, create::ingress::run)).aliases(&["ing"]),
    Entry::new(
        "job",
        "NAME --image=image [--from=cronjob/name] -- [COMMAND] [args...]",
        "Create a Job, from an image or from a CronJob",
    )
    .action(run!(create::job::JobArgs, create::job::run)),
    Entry::new("namespace", "NAME [--dry-run=server|client|none]", "Create a namespace")
        .action(run!(create::namespace::NamespaceArgs, create::namespace::run))
        .aliases(&["ns"]),
    Entry::new(
        "poddisruptionbudget",
        "NAME --selector=SELECTOR --min-available=N [--dry-run=server|client|none]",
        "Create a PodDisruptionBudget",
    )
    .action(run!(create::poddisruptionbudget::PodDisruptionBudgetArgs, create::poddisruptionbudget::run))
    .aliases(&["pdb"]),
    Entry::new(
        "priorityclass",
        "NAME --value=VALUE --global-default=BOOL [--dry-run=server|client|none]",
        "Create a PriorityClass",
    )
    .action(run!(create::priorityclass::PriorityClassArgs, create::priorityclass::run))
    .aliases(&["pc"]),
    Entry::new(
        "quota",
        "NAME [--hard=key1=value1,key2=value2] [--scopes=Scope1,Scope2] [--dry-run=server|client|none]",
        "Create a ResourceQuota",
    )
    .action(run!(create::quota::QuotaArgs, create::quota::run))
    .aliases(&["resourcequota"]),
    Entry::new(
        "role",
        "NAME --verb=verb --resource=resource.group/subresource [--resource-name=resourcename] [--dry-run=server|client|none]",
        "Create a Role",
    )
    .action(run!(create::role::RoleArgs, create::role::role)),
    Entry::new(
        "rolebinding",
        "NAME --clusterrole=NAME|--role=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
        "Bind a Role or ClusterRole to users, groups or service accounts in one namespace",
    )
    .action(run!(create::binding::RoleBindingArgs, create::binding::role_binding)),
    Entry::family("secret", "(docker-registry | generic | tls)", "Create a Secret", CREATE_SECRET),
    Entry::family("service", "[flags]", "Create a Service", CREATE_SERVICE).aliases(&["svc"]),
    Entry::new("serviceaccount", "NAME [--dry-run=server|client|none]", "Create a ServiceAccount")
    .action(run!(create::serviceaccount::ServiceAccountArgs, create::serviceaccount::run)).aliases(&["sa"]),
    Entry::new("token", "SERVICE_ACCOUNT_NAME", "Request a token for a service account")
    .action(run!(create::token::TokenArgs, create::token::run))
        .completes(Name("serviceaccount")),
];

/// `create secret` TYPE.
static CREATE_SECRET: &[Entry] = &[
    Entry::new(
        "docker-registry",
        "NAME --docker-username=user --docker-password=password --docker-email=email [--docker-server=string] [--from-file=[key=]source] [--dry-run=server|client|none]",
        "Create a Secret with credentials for a container registry",
    )
    .action(run!(create::secret::DockerArgs, create::secret::docker)),
    Entry::new(
        "generic",
        "NAME [--type=string] [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
        "Create a Secret from files, folders or literal values",
    )
    .action(run!(create::secret::GenericArgs, create::secret::generic)),
    Entry::new(
        "tls",
        "NAME --cert=path/to/cert/file --key=path/to/key/file [--dry-run=server|client|none]",
        "Create a Secret with a certificate and its key",
    )
    .action(run!(create::secret::TlsArgs, create::secret::tls)),
];

/// `create service` TYPE.
static CREATE_SERVICE: &[Entry] = &[
    Entry::new(
        "clusterip",
        "NAME [--tcp=<port>:<targetPort>] [--dry-run=server|client|none]",
        "Create a Service with an address inside the cluster",
    )
    .action(run!(create::service::ClusterIpArgs, create::service::cluster_ip)),
    Entry::new(
        "externalname",
        "NAME --external-name external.name [--dry-run=server|client|none]",
        "Create a Service that is another name for a host outside the cluster",
    )
    .action(run!(create::service::ExternalNameArgs, create::service::external_name)),
    Entry::new(
        "loadbalancer",
        "NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
        "Create a Service behind a load balancer of the cloud",
    )
    .action(run!(create::service::LoadBalancerArgs, create::service::load_balancer)),
    Entry::new(
        "nodeport",
        "NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
        "Create a Service that every node answers on a port of its own",
    )
    .action(run!(create::service::NodePortArgs, create::service::node_port)),
];
