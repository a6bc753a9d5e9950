//! Finding and merging kubeconfig files.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::Kubeconfig;
use crate::error::Many;

/// Which files count, in order of precedence: the first to name a value wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadingRules {
    /// `--kubeconfig`: only this file, and it must exist.
    pub explicit: Option<PathBuf>,
    /// Otherwise these files, as many of them as exist.
    pub precedence: Vec<PathBuf>,
}

/// Merged kubeconfig files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The merged content, its paths resolved.
    pub config: Kubeconfig,
    /// Files that are not there.
    pub missing: Vec<PathBuf>,
}

/// The file of `--kubeconfig` is not there.
#[derive(Debug)]
pub struct ConfigNotFound(pub PathBuf);

impl fmt::Display for ConfigNotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stat {}: no such file or directory", self.0.display())
    }
}

impl std::error::Error for ConfigNotFound {}

impl LoadingRules {
    /// `--kubeconfig`, else the list in `KUBECONFIG`, else `~/.kube/config`.
    pub fn new(explicit: Option<&str>, kubeconfig: Option<&str>, home: Option<&Path>) -> Self {
        let mut precedence: Vec<PathBuf> = Vec::new();
        match kubeconfig.filter(|list| !list.is_empty()) {
            Some(list) => {
                for path in std::env::split_paths(list) {
                    if !precedence.contains(&path) {
                        precedence.push(path);
                    }
                }
            }
            None => precedence.extend(home.map(|home| home.join(".kube").join("config"))),
        }
        Self { explicit: explicit.filter(|path| !path.is_empty()).map(PathBuf::from), precedence }
    }

    /// The files that are read, the explicit one alone where there is one.
    pub fn files(&self) -> Vec<PathBuf> {
        self.explicit.as_ref().map_or_else(|| self.precedence.clone(), |file| vec![file.clone()])
    }

    /// The file that new entries are written to: the explicit one, else the first that exists, else
    /// the first.
    pub fn default_file(&self) -> Option<PathBuf> {
        if self.explicit.is_some() {
            return self.explicit.clone();
        }
        self.precedence.iter().find(|file| file.exists()).or(self.precedence.first()).cloned()
    }

    /// Reads and merges the files. Fails where the explicit file is missing
    /// ([`ConfigNotFound`]) or any file cannot be read or understood.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        if let Some(explicit) = &self.explicit
            && matches!(std::fs::metadata(explicit), Err(error) if error.kind() == io::ErrorKind::NotFound)
        {
            return Err(ConfigNotFound(explicit.clone()).into());
        }
        let mut loaded = Loaded::default();
        let mut errors = Vec::new();
        for file in self.files() {
            if file.as_os_str().is_empty() {
                continue;
            }
            let fault = match std::fs::read(&file) {
                Ok(text) => match Kubeconfig::parse(&text) {
                    Ok(config) => {
                        loaded.config.merge(config.located(&file));
                        continue;
                    }
                    Err(fault) => fault,
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    loaded.missing.push(file);
                    continue;
                }
                Err(error) => go_error("open", "read", &file, &error),
            };
            errors.push(anyhow::anyhow!("error loading config file \"{}\": {fault}", file.display()));
        }
        loaded.config.resolve_paths();
        Many::collect(errors).map(|()| loaded)
    }
}

/// An error of the file system in Go's words: `open PATH: permission denied`.
pub(crate) fn go_error(open: &str, read: &str, path: &Path, error: &io::Error) -> String {
    let verb = if error.kind() == io::ErrorKind::IsADirectory { read } else { open };
    format!("{verb} {}: {}", path.display(), io_words(error))
}

/// What went wrong with a file, in Go's words: `permission denied`.
pub(crate) fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// Whether this is a pod with a service account: host and port of the API server are in the
/// environment, and there is a token in the account's folder.
pub fn in_cluster_possible(host: Option<&str>, port: Option<&str>, folder: &Path) -> bool {
    host.is_some_and(|host| !host.is_empty())
        && port.is_some_and(|port| !port.is_empty())
        && folder.join("token").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_files_in_order() {
        let home = Path::new("/home/x");
        for (explicit, variable, want) in [
            (Some("k"), Some("a:b"), vec!["k"]),
            (None, Some("a:b:a"), vec!["a", "b"]),
            (None, Some(""), vec!["/home/x/.kube/config"]),
            (Some(""), None, vec!["/home/x/.kube/config"]),
        ] {
            let rules = LoadingRules::new(explicit, variable, Some(home));
            assert_eq!(rules.files(), want.iter().map(PathBuf::from).collect::<Vec<_>>());
        }
    }

    #[test]
    fn names_the_file_at_fault() {
        let rules = LoadingRules::new(Some("/nonexistent/x"), None, None);
        assert_eq!(rules.load().expect_err("no file").to_string(), "stat /nonexistent/x: no such file or directory");
        let rules = LoadingRules::new(None, Some("/nonexistent/x"), None);
        assert_eq!(rules.load().expect("nothing").missing, [PathBuf::from("/nonexistent/x")]);
        let rules = LoadingRules::new(None, Some("/"), None);
        assert_eq!(
            rules.load().expect_err("a folder").to_string(),
            "error loading config file \"/\": read /: is a directory"
        );
    }
}
