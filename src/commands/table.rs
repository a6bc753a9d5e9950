//! The command tree as data: every command's names, usage line and one-line description.

use super::config::{clusters, contexts, property, users, view};
use super::entry::{Action, Builtin, Completes, Entry, Group};
use super::{
    annotate, api_resources, api_versions, apply, attach, auth, autoscale, certificate, cluster_info, cordon, cp,
    create, debug, delete, describe, diff, drain, edit, events, exec, explain, expose, get, kuberc, kustomize, label,
    logs, offline, patch, port_forward, proxy, replace, rollout, run, scale, set, taint, top, uncordon, version, wait,
};
use crate::{call, run};

use Completes::{
    AnyOf, Clusters, Contexts, Copies, Files, Folders, Name, OneOf, Pods, PodsAndContainers, PodsAndPorts, Resources,
    Types, Users, Words,
};
use Group::{Advanced, Beginner, Cluster, Deploy, Hidden, Intermediate, Other, Settings, Troubleshooting};

/// What `rollout` works on.
const ROLLOUTS: &[&str] = &["deployment", "daemonset", "statefulset"];
/// What has a pod template.
const TEMPLATES: &[&str] = &["deployment", "daemonset", "statefulset", "replicaset", "cronjob", "job", "pod"];

/// The top of the tree, in the order of the root's help.
pub static COMMANDS: &[Entry] = &[
    // Basic commands for beginners.
    Entry::new("create", "-f FILENAME", "Create objects from files, from standard input, or from flags")
        .group(Beginner)
        .action(run!(create::CreateArgs, create::run)).records()
        .children(CREATE),
    Entry::new(
        "expose",
        "(-f FILENAME | TYPE NAME) [--port=port] [--protocol=TCP|UDP|SCTP] [--target-port=number-or-name] [--name=name] [--external-ip=external-ip-of-service] [--type=type]",
        "Put a Service in front of a workload, a pod or another Service",
    )
    .group(Beginner)
    .action(run!(expose::ExposeArgs, expose::run)).records()
    .completes(OneOf(&["deployment", "pod", "replicaset", "replicationcontroller", "service"])),
    Entry::new(
        "run",
        "NAME --image=image [--env=\"key=value\"] [--port=port] [--dry-run=server|client] [--overrides=inline-json] [--command] -- [COMMAND] [args...]",
        "Run an image on the cluster",
    )
    .group(Beginner)
    .action(run!(run::RunArgs, run::run)).records(),
    Entry::family("set", "SUBCOMMAND", "Change one particular field of objects", SET)
        .group(Beginner)
        .long("Change one particular field of objects that already exist: images, environment, resources, selectors and subjects."),
    // Basic commands, next step.
    Entry::new(
        "explain",
        "TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group] [-o|--output=plaintext|plaintext-openapiv2]",
        "Describe the fields of a resource type",
    )
    .group(Intermediate)
    .action(run!(explain::ExplainArgs, explain::run))
    .completes(Types),
    Entry::new(
        "get",
        "[(-o|--output=)json|yaml|kyaml|name|go-template|go-template-file|template|templatefile|jsonpath|jsonpath-as-json|jsonpath-file|custom-columns|custom-columns-file|wide] (TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags]",
        "List objects, or show some of them",
    )
    .group(Intermediate)
    .action(run!(get::GetArgs, get::run))
    .completes(Resources),
    Entry::new("edit", "(RESOURCE/NAME | -f FILENAME)", "Change an object in your editor")
        .group(Intermediate)
        .action(run!(edit::EditArgs, edit::run)).records()
        .completes(Resources),
    Entry::new(
        "delete",
        "([-f FILENAME] | [-k DIRECTORY] | TYPE [(NAME | -l label | --all)])",
        "Delete objects by name, by file, by label, or all of a type",
    )
    .group(Intermediate)
    .action(run!(delete::DeleteArgs, delete::run))
    .completes(Resources),
    // Deploying.
    Entry::family("rollout", "SUBCOMMAND", "Watch, pause, restart and undo the rollout of a workload", ROLLOUT)
        .group(Deploy)
        .long("Watch, pause, restart and undo rollouts. They exist for Deployments, DaemonSets and StatefulSets.")
        .examples("# Go back to the revision before the present one\nkctl rollout undo deployment/web\n\n# Wait until the rollout is complete\nkctl rollout status daemonset/agent\n\n# Restart all pods of a Deployment, a few at a time\nkctl rollout restart deployment/web"),
    Entry::new(
        "scale",
        "[--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME)",
        "Set how many replicas a workload has",
    )
    .group(Deploy)
    .action(run!(scale::ScaleArgs, scale::run)).records()
    .completes(AnyOf(&["deployment", "replicaset", "replicationcontroller", "statefulset"])),
    Entry::new(
        "autoscale",
        "(-f FILENAME | TYPE NAME | TYPE/NAME) [--min=MINPODS] --max=MAXPODS [--cpu=CPU] [--memory=MEMORY]",
        "Let a workload's number of replicas follow its load",
    )
    .group(Deploy)
    .action(run!(autoscale::AutoscaleArgs, autoscale::run)).records()
    .completes(OneOf(&["deployment", "replicaset", "replicationcontroller", "statefulset"])),
    // Looking after the cluster.
    Entry::family("certificate", "SUBCOMMAND", "Approve or deny requests for certificates", CERTIFICATE).group(Cluster),
    Entry::new("cluster-info", "[flags]", "Show the addresses of the control plane and of cluster services")
        .group(Cluster)
        .action(run!(cluster_info::ClusterInfoArgs, cluster_info::run))
        .children(CLUSTER_INFO),
    Entry::family("top", "[flags]", "Show how much CPU and memory nodes and pods use", TOP).group(Cluster).long(
        "Show how much CPU and memory nodes and pods use at present, as the cluster's metrics server measured it.",
    ),
    Entry::new("cordon", "NODE", "Keep new pods away from a node").group(Cluster).action(run!(cordon::CordonArgs, cordon::run)).completes(Name("node")),
    Entry::new("uncordon", "NODE", "Let new pods onto a node again").group(Cluster).action(run!(uncordon::UncordonArgs, uncordon::run)).completes(Name("node")),
    Entry::new("drain", "NODE", "Empty a node before maintenance").group(Cluster).action(run!(drain::DrainArgs, drain::run)).completes(Name("node")),
    Entry::new(
        "taint",
        "NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N",
        "Add taints to nodes, or remove them",
    )
    .group(Cluster)
    .action(run!(taint::TaintArgs, taint::run)).completes(AnyOf(&["node"])),
    // Finding out what is wrong.
    Entry::new(
        "describe",
        "(-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)",
        "Show an object in detail, with what belongs to it",
    )
    .group(Troubleshooting)
    .action(run!(describe::DescribeArgs, describe::run))
    .completes(Resources),
    Entry::new("logs", "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]", "Print what a pod's container wrote")
        .action(run!(logs::LogsArgs, logs::run))
        .group(Troubleshooting)
        .completes(PodsAndContainers),
    Entry::new("attach", "(POD | TYPE/NAME) -c CONTAINER", "Connect to a process that runs in a container")
        .action(run!(attach::AttachArgs, attach::run))
        .group(Troubleshooting)
        .completes(Pods),
    Entry::new("exec", "(POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]", "Run a command in a container")
        .action(run!(exec::ExecArgs, exec::run))
        .group(Troubleshooting)
        .completes(Pods),
    Entry::new(
        "port-forward",
        "TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
        "Forward local ports to a pod",
    )
    .action(run!(port_forward::PortForwardArgs, port_forward::run))
    .group(Troubleshooting)
    .completes(PodsAndPorts),
    Entry::new(
        "proxy",
        "[--port=PORT] [--www=static-dir] [--www-prefix=prefix] [--api-prefix=prefix]",
        "Serve the API server on a local port, with your credentials",
    )
    .action(run!(proxy::ProxyArgs, proxy::run))
    .group(Troubleshooting),
    Entry::new("cp", "<file-spec-src> <file-spec-dest>", "Copy files to and from containers")
        .action(run!(cp::CpArgs, cp::run))
        .group(Troubleshooting)
        .completes(Copies),
    Entry::family("auth", "[flags]", "Ask what may be done, and as whom", AUTH).group(Troubleshooting),
    Entry::new(
        "debug",
        "(POD | TYPE[[.VERSION].GROUP]/NAME) [ -- COMMAND [args...] ]",
        "Start a container or a pod to look into another pod or a node",
    )
    .action(run!(debug::DebugArgs, debug::run))
    .group(Troubleshooting)
    .completes(Resources),
    Entry::new(
        "events",
        "[(-o|--output=)json|yaml|kyaml|name|go-template|go-template-file|template|templatefile|jsonpath|jsonpath-as-json|jsonpath-file] [--for TYPE/NAME] [--watch] [--types=Normal,Warning]",
        "List events, oldest first",
    )
    .group(Troubleshooting)
    .action(run!(events::EventsArgs, events::run)),
    // Advanced.
    Entry::new("diff", "-f FILENAME", "Show what applying files would change")
        .group(Advanced)
        .action(run!(diff::DiffArgs, diff::run))
        .failure(2),
    Entry::new("apply", "(-f FILENAME | -k DIRECTORY)", "Bring objects to the state that files declare")
        .group(Advanced)
        .action(run!(apply::ApplyArgs, apply::run)).records()
        .children(APPLY),
    Entry::new("patch", "(-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE]", "Change some fields of an object")
        .group(Advanced)
        .action(run!(patch::PatchArgs, patch::run)).records()
        .completes(Resources),
    Entry::new("replace", "-f FILENAME", "Replace objects by those in files")
        .group(Advanced)
        .action(run!(replace::ReplaceArgs, replace::run)),
    Entry::new(
        "wait",
        "([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)]) [--for=create|--for=delete|--for condition=available|--for=jsonpath='{}'[=value]]",
        "Wait until objects meet a condition",
    )
    .group(Advanced)
    .action(run!(wait::WaitArgs, wait::run)).completes(Resources),
    Entry::new("kustomize", "DIR [flags]", "Build a kustomization and print the result")
        .group(Advanced)
        .action(call!(kustomize::KustomizeArgs, kustomize::run))
        .completes(Folders),
    // Settings.
    Entry::new(
        "label",
        "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
        "Change the labels of objects",
    )
    .group(Settings)
    .action(run!(label::LabelArgs, label::run)).records()
    .completes(Resources),
    Entry::new(
        "annotate",
        "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
        "Change the annotations of objects",
    )
    .group(Settings)
    .action(run!(annotate::AnnotateArgs, annotate::run)).records()
    .completes(Resources),
    Entry::new("completion", "SHELL", "Print the script that completes commands in your shell")
        .group(Settings)
        .action(Action::Builtin(Builtin::Completion))
        .completes(Words(&["bash", "zsh", "fish", "powershell"]))
        .long(
            "Print the script that lets a shell complete kctl's commands, flags, and the names of objects in the cluster.\n\nThe script asks kctl itself for the candidates, so it need not be renewed when kctl is. Called as kubectl, or with KCTL_COMPAT=kubectl, it completes that name.",
        )
        .examples(
            "# Complete in this bash\nsource <(kctl completion bash)\n\n# Complete in every bash from now on\nkctl completion bash > ~/.local/share/bash-completion/completions/kctl\n\n# Complete in every zsh from now on\nkctl completion zsh > \"${fpath[1]}/_kctl\"\n\n# Complete in every fish from now on\nkctl completion fish > ~/.config/fish/completions/kctl.fish\n\n# Complete in this PowerShell\nkctl completion powershell | Out-String | Invoke-Expression",
        ),
    // The rest.
    Entry::new("alpha", "", "Commands that are being tried out").group(Hidden).action(Action::Builtin(Builtin::Alpha)),
    Entry::new("api-resources", "[flags]", "List the resource types that the server knows")
        .action(run!(api_resources::ApiResourcesArgs, api_resources::run)),
    Entry::new("api-versions", "", "List the API versions that the server knows")
        .action(run!(api_versions::ApiVersionsArgs, api_versions::run)),
    Entry::family("config", "SUBCOMMAND", "Show and change kubeconfig files", CONFIG).group(Other).long(
        "Show and change kubeconfig files.\n\nThe file is the one that --kubeconfig names; without that flag, those that the variable KUBECONFIG lists; without either, ${HOME}/.kube/config. Of several files, a new entry goes to the first one that exists, and a changed entry stays in its file.",
    ),
    Entry::new("help", "[command]", "Show how a command is used").group(Hidden).action(Action::Builtin(Builtin::Help)),
    Entry::family("kuberc", "SUBCOMMAND", "Show and change your preferences file", KUBERC),
    Entry::new("options", "", "List the flags that every command takes")
        .group(Hidden)
        .action(Action::Builtin(Builtin::Options))
        .examples("# List the flags that every command takes\nkctl options"),
    Entry::family("offline", "SUBCOMMAND", "Look after the cluster that kctl brings itself", OFFLINE).long(
        "Look after the cluster that kctl brings itself: the offline cluster.\n\nIt is used where no cluster is configured, with --context offline, and with KCTL_OFFLINE=1. It lives in one folder, which the variable KCTL_OFFLINE_DIR names; usually that is ${HOME}/.local/state/kctl.",
    ),
    Entry::family("plugin", "[flags]", "Find plugins", PLUGIN)
        .long(
            "Find plugins.\n\nA plugin is a program on the PATH whose name begins with kubectl- (or kctl-): kubectl-tree runs as `kctl tree`, kubectl-cert-manager as `kctl cert manager`. Commands of kctl itself cannot be replaced by a plugin.",
        )
        .examples(PLUGIN_EXAMPLES),
    Entry::new("version", "[flags]", "Print the version of this program and of the server")
        .action(run!(version::VersionArgs, version::run)),
];

const PLUGIN_EXAMPLES: &str = "# List the plugins that can be called\nkctl plugin list\n\n# Only their names, not where they are\nkctl plugin list --name-only";

static PLUGIN: &[Entry] = &[Entry::new("list", "[flags]", "List the plugins on the PATH")
    .action(Action::Builtin(Builtin::PluginList))
    .examples(PLUGIN_EXAMPLES)];

static CREATE: &[Entry] = &[
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

static SET: &[Entry] = &[
    Entry::new("env", "RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N", "Change environment variables of a pod template")
        .action(run!(set::env::EnvArgs, set::env::run)).completes(AnyOf(TEMPLATES)),
    Entry::new(
        "image",
        "(-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N",
        "Change the images of a pod template",
    )
    .action(run!(set::image::ImageArgs, set::image::run)).records().completes(AnyOf(TEMPLATES)),
    Entry::new(
        "resources",
        "(-f FILENAME | TYPE NAME)  ([--limits=LIMITS & --requests=REQUESTS]",
        "Change the resource requests and limits of a pod template",
    )
    .action(run!(set::resources::ResourcesArgs, set::resources::run)).records().completes(AnyOf(TEMPLATES)),
    Entry::new(
        "selector",
        "(-f FILENAME | TYPE NAME) EXPRESSIONS [--resource-version=version]",
        "Replace the selector of a Service",
    )
    .action(run!(set::selector::SelectorArgs, set::selector::run)).records().completes(AnyOf(&["service"])),
    Entry::new("serviceaccount", "(-f FILENAME | TYPE NAME) SERVICE_ACCOUNT", "Change the service account of a pod template")
        .action(run!(set::serviceaccount::ServiceAccountArgs, set::serviceaccount::run)).records().aliases(&["sa"])
        .completes(AnyOf(TEMPLATES)),
    Entry::new(
        "subject",
        "(-f FILENAME | TYPE NAME) [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
        "Add users, groups or service accounts to role bindings",
    )
    .action(run!(set::subject::SubjectArgs, set::subject::run)).completes(AnyOf(&["rolebinding", "clusterrolebinding"])),
];

static ROLLOUT: &[Entry] = &[
    Entry::new("history", "(TYPE NAME | TYPE/NAME) [flags]", "List the revisions of a workload")
        .action(run!(rollout::history::HistoryArgs, rollout::history::run))
        .completes(AnyOf(ROLLOUTS)),
    Entry::new("pause", "RESOURCE", "Hold a rollout back")
        .action(run!(rollout::pause::PauseArgs, rollout::pause::run))
        .completes(AnyOf(&["deployment"])),
    Entry::new("restart", "RESOURCE", "Replace all pods of a workload, a few at a time")
        .action(run!(rollout::restart::RestartArgs, rollout::restart::run))
        .completes(AnyOf(ROLLOUTS)),
    Entry::new("resume", "RESOURCE", "Let a paused rollout go on")
        .action(run!(rollout::resume::ResumeArgs, rollout::resume::run))
        .completes(AnyOf(&["deployment"])),
    Entry::new("status", "(TYPE NAME | TYPE/NAME) [flags]", "Follow a rollout until it is complete")
        .action(run!(rollout::status::StatusArgs, rollout::status::run))
        .completes(OneOf(ROLLOUTS)),
    Entry::new("undo", "(TYPE NAME | TYPE/NAME) [flags]", "Go back to an earlier revision")
        .action(run!(rollout::undo::UndoArgs, rollout::undo::run))
        .completes(AnyOf(ROLLOUTS)),
];

static CERTIFICATE: &[Entry] = &[
    Entry::new("approve", "(-f FILENAME | NAME)", "Approve a request for a certificate")
        .action(run!(certificate::ApproveArgs, certificate::approve))
        .completes(Name("certificatesigningrequest")),
    Entry::new("deny", "(-f FILENAME | NAME)", "Deny a request for a certificate")
        .action(run!(certificate::DenyArgs, certificate::deny))
        .completes(Name("certificatesigningrequest")),
];

static CLUSTER_INFO: &[Entry] =
    &[Entry::new("dump", "[flags]", "Collect what is needed to find out what is wrong with a cluster")
        .action(run!(cluster_info::dump::DumpArgs, cluster_info::dump::run))];

static TOP: &[Entry] = &[
    Entry::new("node", "[NAME | -l label]", "Show how much CPU and memory nodes use")
        .action(run!(top::node::NodeArgs, top::node::run))
        .aliases(&["nodes", "no"])
        .completes(Name("node")),
    Entry::new("pod", "[NAME | -l label]", "Show how much CPU and memory pods use")
        .action(run!(top::pod::PodArgs, top::pod::run))
        .aliases(&["pods", "po"])
        .completes(Name("pod")),
];

static AUTH: &[Entry] = &[
    Entry::new("can-i", "VERB [TYPE | TYPE/NAME | NONRESOURCEURL]", "Ask whether an action is allowed")
        .action(run!(auth::can_i::CanIArgs, auth::can_i::run)),
    Entry::new("reconcile", "-f FILENAME", "Make roles and bindings grant at least what files declare")
        .action(run!(auth::reconcile::ReconcileArgs, auth::reconcile::run)),
    Entry::new("whoami", "", "Show as whom the server knows you")
        .action(run!(auth::whoami::WhoamiArgs, auth::whoami::run)),
];

static APPLY: &[Entry] = &[
    Entry::new(
        "edit-last-applied",
        "(RESOURCE/NAME | -f FILENAME)",
        "Change the last applied configuration in your editor",
    )
    .action(run!(apply::edit::EditArgs, apply::edit::run))
    .records()
    .completes(Resources),
    Entry::new("set-last-applied", "-f FILENAME", "Record a file as the last applied configuration")
        .action(run!(apply::last_applied::SetArgs, apply::last_applied::set)),
    Entry::new(
        "view-last-applied",
        "(TYPE [NAME | -l label] | TYPE/NAME | -f FILENAME)",
        "Show the last applied configuration",
    )
    .action(run!(apply::last_applied::ViewArgs, apply::last_applied::view))
    .completes(Resources),
];

static CONFIG: &[Entry] = &[
    Entry::new("current-context", "[flags]", "Print the name of the current context").action(run!(contexts::CurrentArgs, contexts::current)),
    Entry::new("delete-cluster", "NAME", "Remove a cluster from the kubeconfig").action(run!(clusters::DeleteArgs, clusters::delete)).completes(Clusters),
    Entry::new("delete-context", "NAME", "Remove a context from the kubeconfig").action(run!(contexts::DeleteArgs, contexts::delete)).completes(Contexts),
    Entry::new("delete-user", "NAME", "Remove a user from the kubeconfig").action(run!(users::DeleteArgs, users::delete)).completes(Users),
    Entry::new("get-clusters", "[flags]", "List the clusters of the kubeconfig").action(run!(clusters::GetArgs, clusters::get)),
    Entry::new("get-contexts", "[(-o|--output=)name)]", "List the contexts of the kubeconfig").action(run!(contexts::GetArgs, contexts::get)).completes(Contexts),
    Entry::new("get-users", "[flags]", "List the users of the kubeconfig").action(run!(users::GetArgs, users::get)),
    Entry::new("rename-context", "CONTEXT_NAME NEW_NAME", "Give a context another name").action(run!(contexts::RenameArgs, contexts::rename)).completes(Contexts),
    Entry::new("set", "PROPERTY_NAME PROPERTY_VALUE", "Set a single value in the kubeconfig").action(run!(property::SetArgs, property::set)),
    Entry::new(
        "set-cluster",
        "NAME [--server=server] [--certificate-authority=path/to/certificate/authority] [--insecure-skip-tls-verify=true] [--tls-server-name=example.com]",
        "Add a cluster to the kubeconfig, or change one",
    ).action(run!(clusters::SetArgs, clusters::set))
    .completes(Clusters),
    Entry::new(
        "set-context",
        "[NAME | --current] [--cluster=cluster_nickname] [--user=user_nickname] [--namespace=namespace]",
        "Add a context to the kubeconfig, or change one",
    ).action(run!(contexts::SetArgs, contexts::set))
    .completes(Contexts),
    Entry::new(
        "set-credentials",
        "NAME [--client-certificate=path/to/certfile] [--client-key=path/to/keyfile] [--token=bearer_token] [--username=basic_user] [--password=basic_password] [--auth-provider=provider_name] [--auth-provider-arg=key=value] [--exec-command=exec_command] [--exec-api-version=exec_api_version] [--exec-arg=arg] [--exec-env=key=value]",
        "Add a user to the kubeconfig, or change one",
    ).action(run!(users::SetArgs, users::set))
    .completes(Users),
    Entry::new("unset", "PROPERTY_NAME", "Remove a single value from the kubeconfig").action(run!(property::UnsetArgs, property::unset)),
    Entry::new("use-context", "CONTEXT_NAME", "Make a context the current one").action(run!(contexts::UseArgs, contexts::use_context)).aliases(&["use"]).completes(Contexts),
    Entry::new("view", "[flags]", "Show the kubeconfig, all files merged").action(run!(view::ViewArgs, view::run)),
];

static OFFLINE: &[Entry] = &[
    Entry::new("export", "[(-o|--output=)json|yaml]", "Print everything in the offline cluster")
        .action(run!(offline::content::ExportArgs, offline::content::export)),
    Entry::new("import", "FILE [--paused]", "Take objects of another cluster over as they are")
        .action(run!(offline::content::ImportArgs, offline::content::import))
        .completes(Files),
    Entry::family("node", "SUBCOMMAND", "Add nodes to the offline cluster, remove them, take them down", OFFLINE_NODE),
    Entry::new("reset", "[-y]", "Throw the offline cluster away")
        .action(run!(offline::state::ResetArgs, offline::state::reset)),
    Entry::new("resume", "", "Let a paused cluster go on")
        .action(run!(offline::state::ResumeArgs, offline::state::resume)),
    Entry::new("serve", "[flags]", "Serve the offline cluster over TLS")
        .action(run!(offline::serve::ServeArgs, offline::serve::run)),
    Entry::new("status", "", "Show what the offline cluster is and does")
        .action(run!(offline::state::StatusArgs, offline::state::status)),
];

static OFFLINE_NODE: &[Entry] = &[
    Entry::new("add", "[NAME...]", "Add nodes").action(run!(offline::node::AddArgs, offline::node::add)),
    Entry::new("fail", "NAME...", "Take nodes down")
        .action(run!(offline::node::FailArgs, offline::node::fail))
        .completes(Name("node")),
    Entry::new("recover", "NAME...", "Bring nodes back that were taken down")
        .action(run!(offline::node::RecoverArgs, offline::node::recover))
        .completes(Name("node")),
    Entry::new("remove", "NAME...", "Remove nodes")
        .action(run!(offline::node::RemoveArgs, offline::node::remove))
        .completes(Name("node")),
];

static KUBERC: &[Entry] = &[
    Entry::new(
        "set",
        "--section (defaults|aliases) --command COMMAND",
        "Set a default or an alias in your preferences",
    )
    .action(run!(kuberc::set::SetArgs, kuberc::set::run)),
    Entry::new("view", "", "Show your preferences").action(run!(kuberc::view::ViewArgs, kuberc::view::run)),
];
