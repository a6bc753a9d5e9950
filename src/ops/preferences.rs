//! The preferences file (kuberc): defaults for flags, aliases for commands, and which programs may
//! hand out credentials.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use serde::{Deserialize, Serialize};

use super::environment::Environment;
use crate::object::yaml;

/// What a preferences file holds; `v1alpha1` has other names for some of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Preferences {
    /// `kubectl.config.k8s.io/v1beta1`.
    pub api_version: String,
    /// `Preference`.
    pub kind: String,
    /// Defaults for flags.
    #[serde(alias = "overrides")]
    pub defaults: Vec<Defaults>,
    /// Names for commands.
    pub aliases: Vec<Alias>,
    /// Which programs may hand out credentials: `AllowAll` (as nothing), `DenyAll`, `Allowlist`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub credential_plugin_policy: String,
    /// The programs of `Allowlist`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_plugin_allowlist: Option<Vec<Allowed>>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            api_version: format!("{GROUP}v1beta1"),
            kind: "Preference".to_owned(),
            defaults: Vec::new(),
            aliases: Vec::new(),
            credential_plugin_policy: String::new(),
            credential_plugin_allowlist: None,
        }
    }
}

/// Defaults for the flags of one command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Defaults {
    /// The command: `get`, `set env`.
    pub command: String,
    /// The flags.
    #[serde(alias = "flags")]
    pub options: Vec<FlagDefault>,
}

/// A name for a command with arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Alias {
    /// The name: letters only.
    pub name: String,
    /// The command: `get`, `set env`.
    pub command: String,
    /// Arguments before those of the line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prepend_args: Vec<String>,
    /// Arguments after those of the line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub append_args: Vec<String>,
    /// Flags.
    #[serde(alias = "flags", skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<FlagDefault>,
}

/// A flag's name without dashes, and its value where the line gives none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlagDefault {
    /// The long name.
    pub name: String,
    /// The value.
    pub default: String,
}

/// A program that may hand out credentials: a path, or a name to look up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Allowed {
    /// The older field.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The program.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command: String,
}

const GROUP: &str = "kubectl.config.k8s.io/";

/// Where the preferences are, and whether somebody said so; `None` where they are switched off by
/// `KUBERC=off`. `flag` is `--kuberc`.
///
/// # Errors
/// A file is named although preferences are off.
pub fn location(env: &Environment, flag: Option<&str>) -> anyhow::Result<Option<(PathBuf, bool)>> {
    match (flag.filter(|file| !file.is_empty()), env.get("KUBERC")) {
        (Some(_), Some("off")) => {
            bail!("disabling kuberc via KUBERC=off and passing kuberc flag are mutually exclusive")
        }
        (None, Some("off")) => Ok(None),
        (Some(file), _) | (None, Some(file)) => Ok(Some((PathBuf::from(file), true))),
        (None, None) => Ok(env.home().map(|home| (home.join(".kube").join("kuberc"), false))),
    }
}

/// An error of the file system in Go's words.
pub fn open_error(file: &Path, error: &std::io::Error) -> anyhow::Error {
    let why = match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    anyhow!("open {}: {why}", file.display())
}

impl Preferences {
    /// The first document of the file that holds preferences; `None` for an empty file.
    ///
    /// # Errors
    /// There are documents, and none holds preferences.
    pub fn read(file: &Path, text: &[u8]) -> anyhow::Result<Option<Self>> {
        let text = String::from_utf8_lossy(text);
        let documents: Vec<&str> = text.split("\n---").filter(|document| !document.trim().is_empty()).collect();
        for document in &documents {
            let Ok(value) = yaml::parse(document.as_bytes()) else { continue };
            if value.get("kind").is_none() || value.get("apiVersion").is_none() {
                continue;
            }
            let Ok(preferences) = serde_json::from_value::<Self>(value) else { continue };
            let version = preferences.api_version.strip_prefix(GROUP).unwrap_or_default();
            if matches!(version, "v1alpha1" | "v1beta1") && preferences.kind == "Preference" {
                return Ok(Some(Self { api_version: format!("{GROUP}v1beta1"), ..preferences }));
            }
        }
        if documents.is_empty() {
            return Ok(None);
        }
        bail!("no valid preferences found in {}, use --v=5 to see details", file.display())
    }

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// kubectl's words for it.
    pub fn check(&self) -> anyhow::Result<()> {
        let options = self.aliases.iter().flat_map(|alias| &alias.options);
        for option in options.chain(self.defaults.iter().flat_map(|defaults| &defaults.options)) {
            if option.name.starts_with('-') {
                bail!("flag name {} should be in long form without dashes", option.name);
            }
        }
        for (at, alias) in self.aliases.iter().enumerate() {
            if alias.name.is_empty() || !alias.name.chars().all(|c| c.is_ascii_alphabetic()) {
                bail!("invalid alias name, can only include alphabetical characters");
            }
            if self.aliases.iter().take(at).any(|earlier| earlier.name == alias.name) {
                bail!("duplicate alias name {}", alias.name);
            }
        }
        self.check_policy()
    }

    fn check_policy(&self) -> anyhow::Result<()> {
        let policy = self.credential_plugin_policy.as_str();
        match (policy, &self.credential_plugin_allowlist) {
            ("" | "AllowAll" | "DenyAll", None) => Ok(()),
            ("" | "AllowAll" | "DenyAll", Some(_)) => {
                bail!("misconfigured credential plugin allowlist: plugin policy is {policy:?} but allowlist is non-nil")
            }
            ("Allowlist", None) => {
                bail!("credential plugin policy set to \"Allowlist\", but allowlist is unspecified")
            }
            ("Allowlist", Some(list)) if list.is_empty() => bail!(
                "credential plugin policy set to \"Allowlist\", but allowlist is empty; use \"DenyAll\" policy instead"
            ),
            ("Allowlist", Some(list)) => list.iter().enumerate().try_for_each(|(at, entry)| {
                let program = entry.program();
                let normal = clean(program);
                if program.is_empty() {
                    bail!("misconfigured credential plugin allowlist: empty allowlist entry #{}", at + 1);
                }
                if normal != program {
                    bail!("non-normalized file path: {program:?} vs {normal:?}");
                }
                Ok(())
            }),
            _ => bail!("unknown plugin policy: {policy:?}"),
        }
    }

    /// Which program is run to hand out credentials, if it may be: with an allowlist, the very file that
    /// was compared with it. Names are looked up in the folders of `path`.
    ///
    /// # Errors
    /// It may not; kubectl's words.
    pub fn allow(&self, program: &str, path: Option<&str>) -> anyhow::Result<String> {
        match self.credential_plugin_policy.as_str() {
            "DenyAll" => bail!("plugin {program:?} not allowed: policy set to \"DenyAll\""),
            "Allowlist" => {
                let list = self.credential_plugin_allowlist.iter().flatten();
                let list: Vec<&str> = list.map(Allowed::program).collect();
                let Some(found) = look_up(program, path) else {
                    if list.contains(&program) {
                        return Ok(program.to_owned());
                    }
                    let why = if program.contains('/') { "no such file or directory" } else { NOT_ON_PATH };
                    bail!(
                        "plugin path {program:?} cannot be resolved for credential plugin allowlist check: exec: {program:?}: {why}"
                    );
                };
                let spoken = found.to_string_lossy().into_owned();
                let named = list.contains(&program) || list.contains(&spoken.as_str());
                if named || list.iter().any(|entry| look_up(entry, path).as_ref() == Some(&found)) {
                    return Ok(spoken);
                }
                bail!("plugin path {spoken:?} is not permitted by the credential plugin allowlist")
            }
            _ => Ok(program.to_owned()),
        }
    }
}

impl Allowed {
    fn program(&self) -> &str {
        if self.command.is_empty() { &self.name } else { &self.command }
    }
}

/// A path without `.`, `..` and doubled slashes.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match (part, parts.last().copied()) {
            ("" | ".", _) => {}
            ("..", Some(last)) if last != ".." => {
                parts.pop();
            }
            ("..", None) if path.starts_with('/') => {}
            (part, _) => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

/// What Go says of a name that is in no folder of the path.
const NOT_ON_PATH: &str = "executable file not found in $PATH";

/// Where a program is: a path as it stands, a name in the first folder that has it as a program.
fn look_up(program: &str, path: Option<&str>) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|file| is_program(file));
    }
    std::env::split_paths(path?).map(|folder| folder.join(program)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    let Ok(about) = std::fs::metadata(file) else { return false };
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o111 == 0 {
        return false;
    }
    about.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_cannot_be_meant() {
        for (file, want) in [
            ("aliases: [{name: a-b, command: get}]", "invalid alias name, can only include alphabetical characters"),
            ("aliases: [{name: a, command: get}, {name: a, command: get}]", "duplicate alias name a"),
            (
                "defaults: [{command: get, options: [{name: --output, default: x}]}]",
                "flag name --output should be in long form without dashes",
            ),
            ("credentialPluginPolicy: Sometimes", "unknown plugin policy: \"Sometimes\""),
            (
                "credentialPluginPolicy: Allowlist",
                "credential plugin policy set to \"Allowlist\", but allowlist is unspecified",
            ),
        ] {
            let preferences: Preferences = serde_yaml::from_str(file).expect("reads");
            assert_eq!(preferences.check().expect_err(file).to_string(), want);
        }
        assert!(Preferences::read(Path::new("kuberc"), b"kind: Other\n").is_err());
        assert_eq!(Preferences::read(Path::new("kuberc"), b"\n").expect("empty"), None);
    }

    #[test]
    fn says_which_programs_may_hand_out_credentials() {
        let preferences = |text: &str| serde_yaml::from_str::<Preferences>(text).expect("reads");
        assert!(Preferences::default().allow("/bin/sh", None).is_ok());
        assert!(preferences("credentialPluginPolicy: DenyAll").allow("/bin/sh", None).is_err());
        let list = preferences("{credentialPluginPolicy: Allowlist, credentialPluginAllowlist: [{command: /bin/sh}]}");
        assert!(list.allow("/bin/sh", None).is_ok());
        assert_eq!(list.allow("sh", Some("/bin")).expect("allowed"), "/bin/sh");
        assert_eq!(
            list.allow("/bin/ls", None).expect_err("not on the list").to_string(),
            "plugin path \"/bin/ls\" is not permitted by the credential plugin allowlist"
        );
        assert_eq!(
            list.allow("nosuch", Some("/bin")).expect_err("not there").to_string(),
            "plugin path \"nosuch\" cannot be resolved for credential plugin allowlist check: exec: \"nosuch\": executable file not found in $PATH"
        );
        for (path, want) in [("/bin/../bin//sh", "/bin/sh"), ("./x", "x"), ("", "."), ("../a", "../a"), ("/../a", "/a")]
        {
            assert_eq!(clean(path), want);
        }
    }

    #[test]
    fn reads_the_older_version() {
        let text = "apiVersion: kubectl.config.k8s.io/v1alpha1\nkind: Preference\noverrides:\n- command: get\n  flags: [{name: output, default: wide}]\n";
        let preferences = Preferences::read(Path::new("kuberc"), text.as_bytes()).expect("reads").expect("some");
        assert_eq!(preferences.api_version, "kubectl.config.k8s.io/v1beta1");
        assert_eq!(preferences.defaults.first().map(|d| d.options.len()), Some(1));
    }
}
