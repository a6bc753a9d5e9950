//! The command tree as data: every command's names, usage line and one-line description. What stands below
//! the first level is in a file for each subject.

mod cluster;
mod creation;
mod offline_cluster;
mod settings;
mod workloads;

use super::entry::{Action, Builtin, Completes, Entry, Group};
use super::{
    annotate, api_resources, api_versions, apply, attach, autoscale, cluster_info, cordon, cp, create, debug, delete,
    describe, diff, drain, edit, events, exec, explain, expose, get, kustomize, label, logs, patch, port_forward,
    proxy, replace, run, scale, taint, uncordon, version, wait,
};
use crate::{call, run};

use Completes::{AnyOf, Copies, Folders, Name, OneOf, Pods, PodsAndContainers, PodsAndPorts, Resources, Types, Words};
use Group::{Advanced, Beginner, Cluster, Deploy, Hidden, Intermediate, Other, Settings, Troubleshooting};
use cluster::{AUTH, CERTIFICATE, CLUSTER_INFO, TOP};
use creation::CREATE;
use offline_cluster::OFFLINE;
use settings::{CONFIG, KUBERC, PLUGIN, PLUGIN_EXAMPLES};
use workloads::{APPLY, ROLLOUT, SET};

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
