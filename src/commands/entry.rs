//! What the command line knows of a command before any of its flags is built.

use std::future::Future;
use std::pin::Pin;

use clap::ArgMatches;

use crate::ops::context::Context;

/// A command at work.
pub type Running<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

/// The heading under which the root's help lists a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Basic Commands (Beginner)
    Beginner,
    /// Basic Commands (Intermediate)
    Intermediate,
    /// Deploy Commands
    Deploy,
    /// Cluster Management Commands
    Cluster,
    /// Troubleshooting and Debugging Commands
    Troubleshooting,
    /// Advanced Commands
    Advanced,
    /// Settings Commands
    Settings,
    /// Other Commands
    Other,
    /// Not listed.
    Hidden,
}

impl Group {
    /// The groups that the root's help shows, in its order.
    pub const LISTED: [Self; 8] = [
        Self::Beginner,
        Self::Intermediate,
        Self::Deploy,
        Self::Cluster,
        Self::Troubleshooting,
        Self::Advanced,
        Self::Settings,
        Self::Other,
    ];

    /// The heading, as kubectl words it.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Beginner => "Basic Commands (Beginner):",
            Self::Intermediate => "Basic Commands (Intermediate):",
            Self::Deploy => "Deploy Commands:",
            Self::Cluster => "Cluster Management Commands:",
            Self::Troubleshooting => "Troubleshooting and Debugging Commands:",
            Self::Advanced => "Advanced Commands:",
            Self::Settings => "Settings Commands:",
            Self::Other | Self::Hidden => "Other Commands:",
        }
    }
}

/// The flag that keeps the command line in what is changed.
pub const RECORD: &str = "record";

/// What a command does when it is named.
#[derive(Clone, Copy)]
pub enum Action {
    /// Reads its arguments and works; the future needs a runtime.
    Run {
        /// Adds the command's flags and arguments to an empty command.
        augment: fn(clap::Command) -> clap::Command,
        /// Starts the command with the parsed arguments.
        run: for<'a> fn(&'a Context, ArgMatches) -> Running<'a>,
    },
    /// Reads its arguments and works without waiting for anything.
    Call {
        /// Adds the command's flags and arguments to an empty command.
        augment: fn(clap::Command) -> clap::Command,
        /// Runs the command with the parsed arguments.
        call: fn(&Context, &ArgMatches) -> anyhow::Result<()>,
    },
    /// Answered by the command line itself, which alone knows the tree.
    Builtin(Builtin),
    /// Only a family of commands: alone it prints its help as an error.
    Family,
    /// Known by name, not there yet: says so and fails.
    Absent,
}

/// The commands that speak of the command tree itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// `options`
    Options,
    /// `help`
    Help,
    /// `completion`
    Completion,
    /// `alpha`
    Alpha,
    /// `plugin list`
    PluginList,
}

/// How a command's positional arguments are completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completes {
    /// Not at all.
    Nothing,
    /// As file names, by the shell.
    Files,
    /// As folders, by the shell.
    Folders,
    /// What `cp` takes: files here, and `[NAMESPACE/]POD:PATH`.
    Copies,
    /// One of these words, once.
    Words(&'static [&'static str]),
    /// Types, then names of that type; or `TYPE/NAME` again and again.
    Resources,
    /// As [`Completes::Resources`], of these types only, and only one object.
    OneOf(&'static [&'static str]),
    /// As [`Completes::Resources`], of these types only.
    AnyOf(&'static [&'static str]),
    /// Types only.
    Types,
    /// One name of this type.
    Name(&'static str),
    /// A pod, or `TYPE/NAME` of something that has pods.
    Pods,
    /// As [`Completes::Pods`], then one of its containers.
    PodsAndContainers,
    /// As [`Completes::Pods`], then one of its ports.
    PodsAndPorts,
    /// A context of the kubeconfig.
    Contexts,
    /// A cluster of the kubeconfig.
    Clusters,
    /// A user of the kubeconfig.
    Users,
}

/// One command, or one family of commands.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The word that names it.
    pub name: &'static str,
    /// Other words for it.
    pub aliases: &'static [&'static str],
    /// Where the root's help lists it.
    pub group: Group,
    /// One line, without a full stop.
    pub short: &'static str,
    /// Paragraphs for the help; empty for those of the arguments' documentation, or `short`.
    pub long: &'static str,
    /// Examples for the help, one comment and command each; `kctl` stands for the program.
    pub examples: &'static str,
    /// What follows the command's path in the usage line; `[options]` is added where it is missing.
    pub usage: &'static str,
    /// What it does.
    pub action: Action,
    /// How its arguments are completed.
    pub completes: Completes,
    /// The exit code of its errors; `diff` keeps 1 for differences.
    pub failure: u8,
    /// Whether it takes `--record`.
    pub records: bool,
    /// Its commands.
    pub children: &'static [Entry],
}

impl Entry {
    /// A command that is not there yet.
    pub const fn new(name: &'static str, usage: &'static str, short: &'static str) -> Self {
        Self {
            name,
            aliases: &[],
            group: Group::Other,
            short,
            long: "",
            examples: "",
            usage,
            action: Action::Absent,
            completes: Completes::Nothing,
            failure: 1,
            records: false,
            children: &[],
        }
    }

    /// A family of commands that does nothing by itself.
    pub const fn family(
        name: &'static str,
        usage: &'static str,
        short: &'static str,
        children: &'static [Self],
    ) -> Self {
        let mut entry = Self::new(name, usage, short);
        entry.action = Action::Family;
        entry.children = children;
        entry
    }

    /// Lists the command under a heading of the root's help.
    pub const fn group(mut self, group: Group) -> Self {
        self.group = group;
        self
    }

    /// Sets other names.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Sets what it does.
    pub const fn action(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    /// Sets how its arguments are completed.
    pub const fn completes(mut self, completes: Completes) -> Self {
        self.completes = completes;
        self
    }

    /// Sets the help's paragraphs.
    pub const fn long(mut self, long: &'static str) -> Self {
        self.long = long;
        self
    }

    /// Sets the help's examples.
    pub const fn examples(mut self, examples: &'static str) -> Self {
        self.examples = examples;
        self
    }

    /// Sets the exit code of its errors.
    pub const fn failure(mut self, code: u8) -> Self {
        self.failure = code;
        self
    }

    /// Gives it `--record`.
    pub const fn records(mut self) -> Self {
        self.records = true;
        self
    }

    /// Sets its commands.
    pub const fn children(mut self, children: &'static [Self]) -> Self {
        self.children = children;
        self
    }

    /// Whether this word names the command.
    pub fn is_called(&self, word: &str) -> bool {
        self.name == word || self.aliases.contains(&word)
    }

    /// Whether help and completion show it.
    pub fn is_listed(&self) -> bool {
        self.group != Group::Hidden
    }

    /// The command with this name or alias.
    pub fn child(&self, word: &str) -> Option<&'static Entry> {
        self.children.iter().find(|child| child.is_called(word))
    }

    /// An empty command with this command's flags and arguments added; `None` where it has none of
    /// its own (families, and commands that are not there yet).
    pub fn flags(&self) -> Option<clap::Command> {
        let command = self.own_flags()?;
        Some(if self.records { command.arg(record()) } else { command })
    }

    fn own_flags(&self) -> Option<clap::Command> {
        match self.action {
            Action::Run { augment, .. } | Action::Call { augment, .. } => Some(augment(bare(self.name))),
            Action::Builtin(Builtin::PluginList) => {
                Some(<super::plugin::PluginListArgs as clap::Args>::augment_args(bare(self.name)))
            }
            Action::Builtin(_) | Action::Family | Action::Absent => None,
        }
    }
}

/// `--record`, which commands have in common that change objects.
fn record() -> clap::Arg {
    clap::Arg::new(RECORD)
        .long(RECORD)
        .hide(true)
        .action(clap::ArgAction::SetTrue)
        .help("Keep this command line in an annotation of the objects, where \"rollout history\" shows it")
}

/// A clap command that parses exactly what it is given: the program scans, checks and normalises
/// the arguments first.
pub fn bare(name: &'static str) -> clap::Command {
    clap::Command::new(name).no_binary_name(true).disable_help_flag(true).disable_version_flag(true)
}

/// [`Action::Run`] for a module's `Args` and its `async fn run(&Context, Args)`.
#[macro_export]
macro_rules! run {
    ($args:ty, $run:path) => {
        $crate::commands::entry::Action::Run {
            augment: <$args as clap::Args>::augment_args,
            run: |context, matches| {
                Box::pin(
                    async move { $run(context, <$args as clap::FromArgMatches>::from_arg_matches(&matches)?).await },
                )
            },
        }
    };
}

/// [`Action::Call`] for a module's `Args` and its `fn run(&Context, Args)`.
#[macro_export]
macro_rules! call {
    ($args:ty, $run:path) => {
        $crate::commands::entry::Action::Call {
            augment: <$args as clap::Args>::augment_args,
            call: |context, matches| $run(context, <$args as clap::FromArgMatches>::from_arg_matches(matches)?),
        }
    };
}
