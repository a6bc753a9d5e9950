//! The flags that every command takes.

use clap::FromArgMatches;
use jiff::SignedDuration;

use super::scan::{Given, parse};
use crate::client::config::Overrides;
use crate::client::log::Verbosity;
use crate::commands::entry::bare;

/// The global flags.
#[derive(clap::Args, Debug)]
pub struct GlobalArgs {
    /// Act as this user. It may be a person or a service account in a namespace.
    #[arg(long = "as")]
    as_user: Option<String>,
    /// Act as a member of this group. May be given several times.
    #[arg(long = "as-group")]
    as_groups: Vec<String>,
    /// Act as the user with this UID.
    #[arg(long)]
    as_uid: Option<String>,
    /// Act as a user with this extra attribute, KEY=VALUE. May be given several times.
    #[arg(long)]
    as_user_extra: Vec<String>,
    /// The folder in which discovery is cached.
    #[arg(long)]
    cache_dir: Option<String>,
    /// A file with the certificate of the authority that signed the server's certificate.
    #[arg(long)]
    certificate_authority: Option<String>,
    /// A file with the certificate that shows who you are.
    #[arg(long)]
    client_certificate: Option<String>,
    /// A file with the key of the client certificate.
    #[arg(long)]
    client_key: Option<String>,
    /// Use this cluster of the kubeconfig.
    #[arg(long)]
    cluster: Option<String>,
    /// Use this context of the kubeconfig. The name offline means the bundled cluster, unless the kubeconfig has a context of that name.
    #[arg(long)]
    context: Option<String>,
    /// Ask the server not to compress what it sends.
    #[arg(long)]
    disable_compression: bool,
    /// Do not check the server's certificate. Whoever sits between you and the server can then read and change everything.
    #[arg(long)]
    insecure_skip_tls_verify: bool,
    /// Read the configuration from this file only.
    #[arg(long)]
    kubeconfig: Option<String>,
    /// Read your preferences from this file. KUBECTL_KUBERC=false in the environment, or KUBERC=off, switches preferences off.
    #[arg(long)]
    kuberc: Option<String>,
    /// The longest time between two flushes of the log.
    #[arg(long, default_value = "5s")]
    log_flush_frequency: SignedDuration,
    /// Fail where the server's version is not the client's.
    #[arg(long)]
    match_server_version: bool,
    /// Work in this namespace.
    #[arg(long, short)]
    namespace: Option<String>,
    /// The password for basic authentication.
    #[arg(long)]
    password: Option<String>,
    /// Record a profile of this kind. One of (none|cpu|heap|goroutine|threadcreate|block|mutex|trace)
    #[arg(long, default_value = "none")]
    profile: String,
    /// The file to which the profile goes.
    #[arg(long, default_value = "profile.pprof")]
    profile_output: String,
    /// Give up on a request after this time (1s, 2m, 3h). 0 means never.
    #[arg(long, default_value = "0")]
    request_timeout: String,
    /// The address and port of the API server.
    #[arg(long, short)]
    server: Option<String>,
    /// The name that the server's certificate must carry, where it is not the host's.
    #[arg(long)]
    tls_server_name: Option<String>,
    /// The bearer token that shows who you are.
    #[arg(long)]
    token: Option<String>,
    /// Use this user of the kubeconfig.
    #[arg(long)]
    user: Option<String>,
    /// The name for basic authentication.
    #[arg(long)]
    username: Option<String>,
    /// How much to log, from 0 to 10.
    #[arg(long = "v", short = 'v', default_value_t = 0)]
    verbosity: i32,
    /// How much to log for single source files: PATTERN=LEVEL, separated by commas.
    #[arg(long, default_value = "", value_parser = parse_vmodule)]
    vmodule: Vmodule,
    /// Fail where the server sent warnings.
    #[arg(long)]
    warnings_as_errors: bool,
}

/// The value of `--vmodule`: names of client-go's source files, each with its level.
#[derive(Clone, Debug)]
struct Vmodule(Vec<(String, u8)>);

fn parse_vmodule(text: &str) -> Result<Vmodule, String> {
    const WRONG: &str = "syntax error: expect comma-separated list of filename=N";
    let mut files = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (pattern, level) = part.split_once('=').filter(|(pattern, _)| !pattern.is_empty()).ok_or(WRONG)?;
        let level = super::values::parse_int(level, 32).map_err(|_| WRONG)?;
        if level < 0 {
            return Err("negative value for vmodule level".to_owned());
        }
        // As in klog: what nothing is logged for is not kept.
        if level > 0 {
            files.push((pattern.to_owned(), u8::try_from(level).unwrap_or(u8::MAX)));
        }
    }
    Ok(Vmodule(files))
}

/// An empty command with the global flags.
pub fn command() -> clap::Command {
    <GlobalArgs as clap::Args>::augment_args(bare("options"))
}

/// The kind of profile to record and the file for it, where one is asked for.
///
/// # Errors
/// Words for a value that is refused.
pub fn profile(given: &[(String, Given)]) -> Result<Option<(String, String)>, String> {
    if !given.iter().any(|(name, _)| name == "profile") {
        return Ok(None);
    }
    let matches = parse(command(), given, &[], None)?;
    let args = GlobalArgs::from_arg_matches(&matches).map_err(|error| error.to_string())?;
    Ok(Some((args.profile, args.profile_output)))
}

/// Turns the global flags given into [`Overrides`].
///
/// # Errors
/// Words for a value that is refused.
pub fn overrides(given: &[(String, Given)]) -> Result<Overrides, String> {
    if given.is_empty() {
        return Ok(Overrides::default());
    }
    let matches = parse(command(), given, &[], None)?;
    let timed = given.iter().any(|(name, _)| name == "request-timeout");
    let args = GlobalArgs::from_arg_matches(&matches).map_err(|error| error.to_string())?;
    Ok(Overrides {
        kubeconfig: args.kubeconfig,
        context: args.context,
        cluster: args.cluster,
        user: args.user,
        namespace: args.namespace,
        server: args.server,
        token: args.token,
        username: args.username,
        password: args.password,
        certificate_authority: args.certificate_authority,
        client_certificate: args.client_certificate,
        client_key: args.client_key,
        tls_server_name: args.tls_server_name,
        insecure_skip_tls_verify: args.insecure_skip_tls_verify,
        request_timeout: timed.then_some(args.request_timeout),
        as_user: args.as_user,
        as_uid: args.as_uid,
        as_groups: args.as_groups,
        as_user_extra: args.as_user_extra,
        disable_compression: args.disable_compression,
        match_server_version: args.match_server_version,
        cache_dir: args.cache_dir,
        verbosity: Verbosity {
            level: u8::try_from(args.verbosity.clamp(0, 255)).unwrap_or(u8::MAX),
            files: args.vmodule.0,
        },
        warnings_as_errors: args.warnings_as_errors,
    })
}
