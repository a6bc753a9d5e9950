//! `plugin list`: the arguments; the listing is the command line's, which knows the tree.

/// List the plugins on the PATH: programs whose names begin with kubectl- or kctl-.
///
/// A plugin that cannot be run, that another one hides, or whose name is that of a command of this program, is marked.
#[derive(clap::Args, Debug)]
pub struct PluginListArgs {
    /// Print the plugins' names, without the folders they are in.
    #[arg(long)]
    pub name_only: bool,
}
