//! Reading kubeconfig files as they are written, and changing them entry by entry, each in the file
//! it came from (client-go's `PathOptions` and `ModifyConfig`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use crate::client::config::kubeconfig::{Cluster, Context as Entry, User};
use crate::client::config::{Kubeconfig, LoadingRules};
use crate::error::Many;
use crate::ops::context::Context;
use crate::ops::kubeconfig::{Lock, read, write};

/// The kubeconfig files that a command line means.
pub(super) struct Store {
    rules: LoadingRules,
}

impl Store {
    pub(super) fn new(context: &Context) -> Self {
        Self { rules: context.loading_rules() }
    }

    /// Whether `--kubeconfig` names the file.
    pub(super) fn is_explicit(&self) -> bool {
        self.rules.explicit.is_some()
    }

    /// All files merged, paths as they are written. A file that is not there is an empty one.
    pub(super) fn load(&self) -> anyhow::Result<Kubeconfig> {
        let mut merged = Kubeconfig::default();
        let mut errors = Vec::new();
        for file in self.rules.files().iter().filter(|file| !file.as_os_str().is_empty()) {
            match read(file) {
                Ok(config) => merged.merge(config.located(file)),
                Err(error) => errors.push(error),
            }
        }
        Many::collect(errors).map(|()| merged)
    }

    /// The file that new entries go to: the only one, else the first that exists, else the last.
    pub(super) fn file(&self) -> PathBuf {
        let files = self.rules.files();
        let existing = files.iter().find(|file| file.exists());
        existing.or(files.last()).cloned().unwrap_or_default()
    }

    /// Writes what differs between `old`, as it was loaded, and `new`.
    pub(super) fn save(&self, old: &Kubeconfig, new: &Kubeconfig) -> anyhow::Result<()> {
        let mut sorted: Vec<PathBuf> = self.rules.files();
        sorted.retain(|file| !file.as_os_str().is_empty());
        sorted.sort();
        let _locks = sorted.iter().map(|file| Lock::take(file)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut files = Files::default();
        self.save_current(old, new, &mut files)?;
        let default = self.file();
        save_entries(&old.clusters, &new.clusters, &default, &mut files, |config| &mut config.clusters)?;
        save_entries(&old.contexts, &new.contexts, &default, &mut files, |config| &mut config.contexts)?;
        save_entries(&old.users, &new.users, &default, &mut files, |config| &mut config.users)?;
        files.write()
    }

    fn save_current(&self, old: &Kubeconfig, new: &Kubeconfig, files: &mut Files) -> anyhow::Result<()> {
        if old.current_context == new.current_context {
            return Ok(());
        }
        if self.is_explicit() || !new.current_context.is_empty() {
            files.get(&self.file())?.current_context.clone_from(&new.current_context);
            return Ok(());
        }
        // It is cleared in the file that sets it.
        for file in self.rules.files().iter().filter(|file| file.exists()) {
            let config = files.get(file)?;
            if config.current_context == old.current_context {
                config.current_context.clear();
                return Ok(());
            }
        }
        Err(anyhow!("no config found to write context"))
    }
}

/// Files that are being changed.
#[derive(Default)]
struct Files(BTreeMap<PathBuf, Kubeconfig>);

impl Files {
    fn get(&mut self, file: &Path) -> anyhow::Result<&mut Kubeconfig> {
        if !self.0.contains_key(file) {
            self.0.insert(file.to_owned(), read(file)?);
        }
        self.0.get_mut(file).context("a file that was just read")
    }

    fn write(&self) -> anyhow::Result<()> {
        self.0.iter().try_for_each(|(file, config)| write(file, config))
    }
}

/// Entries that say where they come from and hold paths.
pub(super) trait Located: Clone + PartialEq {
    fn location(&self) -> Option<&Path>;
    fn paths(&mut self) -> Vec<&mut String>;
}

impl Located for Cluster {
    fn location(&self) -> Option<&Path> {
        self.location.as_deref()
    }
    fn paths(&mut self) -> Vec<&mut String> {
        vec![&mut self.certificate_authority]
    }
}

impl Located for Entry {
    fn location(&self) -> Option<&Path> {
        self.location.as_deref()
    }
    fn paths(&mut self) -> Vec<&mut String> {
        Vec::new()
    }
}

impl Located for User {
    fn location(&self) -> Option<&Path> {
        self.location.as_deref()
    }
    fn paths(&mut self) -> Vec<&mut String> {
        vec![&mut self.client_certificate, &mut self.client_key, &mut self.token_file]
    }
}

fn save_entries<T: Located>(
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
    default: &Path,
    files: &mut Files,
    of: impl Fn(&mut Kubeconfig) -> &mut BTreeMap<String, T>,
) -> anyhow::Result<()> {
    for (name, entry) in new.iter().filter(|(name, entry)| old.get(*name) != Some(entry)) {
        let file = entry.location().unwrap_or(default);
        let mut entry = entry.clone();
        for path in entry.paths() {
            make_relative(path, file);
        }
        let file = file.to_owned();
        of(files.get(&file)?).insert(name.clone(), entry);
    }
    for (name, entry) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        of(files.get(entry.location().unwrap_or(default))?).remove(name);
    }
    Ok(())
}

/// A path below the file's folder is written relative to it.
fn make_relative(path: &mut String, file: &Path) {
    let folder = super::absolute(&file.parent().unwrap_or(Path::new("")).to_string_lossy());
    if let Ok(below) = Path::new(path.as_str()).strip_prefix(folder) {
        *path = below.to_string_lossy().into_owned();
    }
}
