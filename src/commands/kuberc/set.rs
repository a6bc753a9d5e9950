//! `kuberc set`: changes the preferences file.

use anyhow::{anyhow, bail};

use crate::error::Many;
use crate::ops::context::Context;
use crate::ops::preferences::{Alias, Allowed, Defaults, FlagDefault, Preferences};

/// Set a default or an alias in your preferences.
///
/// Section defaults gives flags of a command their values where a line does not. Section aliases gives a command with flags and arguments a name of its own. Section credentialplugin says which programs may hand out credentials.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Let get print wide tables\nkctl kuberc set --section defaults --command get --option output=wide\n\n# The same for a command of a family\nkctl kuberc set --section defaults --command \"set env\" --option output=yaml\n\n# Let getn list nodes\nkctl kuberc set --section aliases --name getn --command get --prependarg nodes --option output=wide\n\n# Allow one program to hand out credentials, and no other\nkctl kuberc set --section credentialplugin --policy Allowlist --allowlist-entry command=cloud-credential-helper"
)]
pub struct SetArgs {
    /// A program that may hand out credentials, as command=PROGRAM. May be given several times.
    #[arg(long)]
    allowlist_entry: Vec<String>,
    /// An argument after those of the line, for aliases. May be given several times.
    #[arg(long)]
    appendarg: Vec<String>,
    /// The command: 'get', 'set env'.
    #[arg(long)]
    command: Option<String>,
    /// The preferences file.
    #[arg(long)]
    kuberc: Option<String>,
    /// The alias's name.
    #[arg(long)]
    name: Option<String>,
    /// A flag and its value, FLAG=VALUE. May be given several times.
    #[arg(long)]
    option: Vec<String>,
    /// Replace what is there already.
    #[arg(long)]
    overwrite: bool,
    /// Which programs may hand out credentials: 'AllowAll', 'DenyAll' or 'Allowlist'.
    #[arg(long)]
    policy: Option<String>,
    /// An argument before those of the line, for aliases. May be given several times.
    #[arg(long)]
    prependarg: Vec<String>,
    /// What to change: 'defaults', 'aliases' or 'credentialplugin'.
    #[arg(long, required = true)]
    section: String,
}

/// Runs `kuberc set`.
///
/// # Errors
/// Flags that do not fit together, an entry that is there already, a file that cannot be written.
pub async fn run(context: &Context, args: SetArgs) -> anyhow::Result<()> {
    let (file, _) = super::file(context, args.kuberc.as_deref())?;
    check(&args)?;
    let mut preferences = super::read(&file)?.unwrap_or_default();
    let options = args.option.iter().map(|option| read_option(option)).collect::<anyhow::Result<Vec<_>>>()?;
    match args.section.as_str() {
        "defaults" => set_defaults(&mut preferences, &args, options)?,
        "aliases" => set_alias(&mut preferences, &args, options)?,
        _ => set_policy(&mut preferences, &args)?,
    }
    super::write(context, &file, &preferences)
}

fn given(flag: &Option<String>) -> &str {
    flag.as_deref().unwrap_or_default()
}

fn check(args: &SetArgs) -> anyhow::Result<()> {
    let (section, has_name) = (args.section.as_str(), !given(&args.name).is_empty());
    match section {
        "defaults" | "aliases" | "credentialplugin" => {}
        _ => bail!("--section must be \"defaults\", \"aliases\", or \"credentialplugin\", got: {section}"),
    }
    if section == "aliases" && !has_name {
        bail!("--name is required when --section=aliases");
    }
    if section == "defaults" && has_name {
        bail!("--name should not be specified when --section=defaults");
    }
    if section == "defaults" && !(args.prependarg.is_empty() && args.appendarg.is_empty()) {
        bail!("--prependarg and --appendarg are only valid for --section=aliases");
    }
    if section != "credentialplugin" {
        if given(&args.command).is_empty() {
            bail!("--command is required when --section=aliases or --section=defaults");
        }
        return Ok(());
    }
    match (given(&args.policy), args.allowlist_entry.is_empty()) {
        ("", _) => bail!("--policy is required when --section=credentialplugin"),
        ("AllowAll" | "DenyAll", false) => {
            bail!("--allowlist-entry may only be used when --section=credentialplugin and --policy=Allowlist")
        }
        ("Allowlist", true) => {
            bail!("--allowlist-entry is required when --section=credentialplugin and --policy=Allowlist")
        }
        ("AllowAll" | "DenyAll" | "Allowlist", _) => Ok(()),
        (other, _) => bail!(" --policy must be  \"AllowAll\", \"DenyAll\", or \"Allowlist\", got: {other}"),
    }
}

fn read_option(option: &str) -> anyhow::Result<FlagDefault> {
    let (name, default) =
        option.split_once('=').ok_or_else(|| anyhow!("invalid option format {option:?}, expected flag=value"))?;
    Ok(FlagDefault { name: name.trim_start_matches('-').to_owned(), default: default.to_owned() })
}

/// What is given, or what was there where nothing is.
fn or_kept<T>(new: Vec<T>, old: Vec<T>) -> Vec<T> {
    if new.is_empty() { old } else { new }
}

fn set_defaults(preferences: &mut Preferences, args: &SetArgs, options: Vec<FlagDefault>) -> anyhow::Result<()> {
    let command = given(&args.command);
    match preferences.defaults.iter_mut().find(|defaults| defaults.command == command) {
        Some(_) if !args.overwrite => {
            bail!("defaults for command {command:?} already exist, use --overwrite to replace")
        }
        Some(old) => old.options = or_kept(options, std::mem::take(&mut old.options)),
        None => preferences.defaults.push(Defaults { command: command.to_owned(), options }),
    }
    Ok(())
}

fn set_alias(preferences: &mut Preferences, args: &SetArgs, options: Vec<FlagDefault>) -> anyhow::Result<()> {
    let name = given(&args.name);
    let new = Alias {
        name: name.to_owned(),
        command: given(&args.command).to_owned(),
        prepend_args: args.prependarg.clone(),
        append_args: args.appendarg.clone(),
        options,
    };
    match preferences.aliases.iter_mut().find(|alias| alias.name == name) {
        Some(_) if !args.overwrite => bail!("alias {name:?} already exists, use --overwrite to replace"),
        Some(alias) => {
            let old = std::mem::take(alias);
            *alias = Alias {
                prepend_args: or_kept(new.prepend_args, old.prepend_args),
                append_args: or_kept(new.append_args, old.append_args),
                options: or_kept(new.options, old.options),
                ..new
            };
        }
        None => preferences.aliases.push(new),
    }
    Ok(())
}

fn set_policy(preferences: &mut Preferences, args: &SetArgs) -> anyhow::Result<()> {
    let policy = given(&args.policy);
    // A list without the policy that reads it would make the file useless.
    preferences.credential_plugin_allowlist = None;
    if policy == "Allowlist" {
        let mut errors = Vec::new();
        let mut entries = Vec::new();
        for entry in args.allowlist_entry.iter().flat_map(|entries| entries.split(',')) {
            match entry.split_once('=') {
                None => errors.push(anyhow!("improperly formatted allowlist entry: {entry:?}")),
                Some(("name", _)) => {
                    errors.push(anyhow!("allowlist entry field \"name\" is deprecated, use \"command\" instead"));
                }
                Some(("command", value)) if value.trim().is_empty() => {
                    errors.push(anyhow!("empty value in allowlist entry for field \"command\""));
                }
                Some(("command", value)) => {
                    entries.push(Allowed { command: value.to_owned(), ..Allowed::default() });
                }
                Some((field, _)) => errors.push(anyhow!("unrecognized allowlist entry field: {field:?}")),
            }
        }
        Many::collect(errors)?;
        preferences.credential_plugin_allowlist = Some(entries);
    }
    policy.clone_into(&mut preferences.credential_plugin_policy);
    Ok(())
}
