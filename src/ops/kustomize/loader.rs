//! Files of a kustomization: read from its folder or below it.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::remote::{self, Checkout, Repository};
use super::schemas::Chosen;
use crate::client::config::{ClientConfig, go_error};

const NOT_A_FOLDER: &str = "must build at directory";

/// Where a kustomization reads its files.
#[derive(Clone, Debug)]
pub struct Loader {
    /// The folder, absolute and without links.
    pub root: PathBuf,
    /// The folders of the kustomizations that led here.
    referrers: Vec<PathBuf>,
    /// Whether files must be in the folder or below it.
    restricted: bool,
    /// The repository that the folder is in, until the last loader of it is gone.
    checkout: Option<Rc<Checkout>>,
    /// The URLs of the repositories that led here.
    repositories: Vec<String>,
    /// How files behind URLs are reached.
    way_out: Rc<ClientConfig>,
    /// The schemas of the whole build.
    pub schemas: Chosen,
}

impl Loader {
    /// For the folder where a build starts.
    ///
    /// # Errors
    /// It is no folder.
    pub fn new(target: &str, restricted: bool, way_out: &Rc<ClientConfig>) -> anyhow::Result<Self> {
        let way_out = Rc::clone(way_out);
        if let Some(repository) = Repository::parse(target) {
            return Self::fetched(&repository, &[], way_out, Chosen::default());
        }
        let root = folder(target).map_err(|error| anyhow::anyhow!("{NOT_A_FOLDER}: {error}"))?;
        let (referrers, repositories, schemas) = (Vec::new(), Vec::new(), Chosen::default());
        Ok(Self { root, referrers, restricted, checkout: None, repositories, way_out, schemas })
    }

    /// For a folder in a repository. What is read there stays there.
    fn fetched(
        repository: &Repository,
        before: &[String],
        way_out: Rc<ClientConfig>,
        schemas: Chosen,
    ) -> anyhow::Result<Self> {
        let checkout = repository.fetch()?;
        let place = checkout.path().join(&repository.folder);
        let (root, file) = clean_absolute(&place.to_string_lossy())?;
        if let Some(file) = file {
            let (root, file) = (root.display(), file.display());
            anyhow::bail!("'{root}' refers to file '{file}'; expecting directory");
        }
        let whole = fs::canonicalize(checkout.path())?;
        anyhow::ensure!(
            root.starts_with(&whole),
            "{:?} refers to directory outside of repo {:?}",
            place.display().to_string(),
            whole.display().to_string()
        );
        let repositories = before.iter().chain([&repository.url]).cloned().collect();
        let checkout = Some(Rc::new(checkout));
        Ok(Self { root, referrers: Vec::new(), restricted: true, checkout, repositories, way_out, schemas })
    }

    /// For a folder that the kustomization names.
    ///
    /// # Errors
    /// It is no folder, or one that led here.
    pub fn enter(&self, path: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(!path.is_empty(), "new root cannot be empty");
        if let Some(repository) = Repository::parse(path) {
            anyhow::ensure!(
                !self.repositories.contains(&repository.url),
                "cycle detected: URI '{path}' referenced by previous URI '{path}'"
            );
            let (way_out, schemas) = (Rc::clone(&self.way_out), Rc::clone(&self.schemas));
            return Self::fetched(&repository, &self.repositories, way_out, schemas);
        }
        anyhow::ensure!(!path.starts_with('/'), "new root '{path}' cannot be absolute");
        let root = folder(&self.join(path)).map_err(|error| anyhow::anyhow!("{NOT_A_FOLDER}: {error}"))?;
        for visited in std::iter::once(&self.root).chain(self.referrers.iter().rev()) {
            anyhow::ensure!(
                !visited.starts_with(&root),
                "cycle detected: candidate root '{}' contains visited root '{}'",
                root.display(),
                visited.display()
            );
        }
        let mut referrers = self.referrers.clone();
        referrers.push(self.root.clone());
        let (checkout, repositories) = (self.checkout.clone(), self.repositories.clone());
        let (way_out, schemas) = (Rc::clone(&self.way_out), Rc::clone(&self.schemas));
        Ok(Self { root, referrers, restricted: self.restricted, checkout, repositories, way_out, schemas })
    }

    fn join(&self, path: &str) -> String {
        clean(&format!("{}/{path}", self.root.display()))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is not there, or not where it may be.
    pub fn load(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        if remote::is_url(path) {
            return remote::read(path, &self.way_out);
        }
        let path = if path.starts_with('/') { path.to_owned() } else { self.join(path) };
        if !self.restricted {
            return read(Path::new(&path));
        }
        let (folder, file) = clean_absolute(&path)?;
        let Some(file) = file else { anyhow::bail!("'{path}' must resolve to a file") };
        anyhow::ensure!(
            folder.starts_with(&self.root),
            "security; file '{path}' is not in or below '{}'",
            self.root.display()
        );
        read(&folder.join(file))
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).map_err(|error| anyhow::anyhow!(go_error("open", "read", path, &error)))
}

fn folder(path: &str) -> anyhow::Result<PathBuf> {
    anyhow::ensure!(!path.is_empty(), "directory path cannot be empty");
    let (folder, file) = clean_absolute(path).map_err(|error| anyhow::anyhow!("not a valid directory: {error}"))?;
    anyhow::ensure!(file.is_none(), "'{path}': file is not directory");
    Ok(folder)
}

/// The folder behind a path, links followed, and the file in it, if it is one.
fn clean_absolute(path: &str) -> anyhow::Result<(PathBuf, Option<PathBuf>)> {
    let absolute =
        std::path::absolute(path).map_err(|error| anyhow::anyhow!("abs path error on '{path}' : {error}"))?;
    let absolute = PathBuf::from(clean(&absolute.to_string_lossy()));
    let real = fs::canonicalize(&absolute).map_err(|error| {
        let culprit = first_missing(&absolute);
        let said = go_error("lstat", "lstat", &culprit, &error);
        anyhow::anyhow!("evalsymlink failure on '{path}' : {said}")
    })?;
    if real.is_dir() {
        return Ok((real, None));
    }
    match (real.parent(), real.file_name()) {
        (Some(parent), Some(name)) => Ok((parent.to_owned(), Some(PathBuf::from(name)))),
        _ => anyhow::bail!("first part of '{path}' not a directory"),
    }
}

/// The first part of a path that is not there.
fn first_missing(path: &Path) -> PathBuf {
    let mut ancestors: Vec<&Path> = path.ancestors().collect();
    ancestors.reverse();
    ancestors.into_iter().find(|part| fs::symlink_metadata(part).is_err()).unwrap_or(path).to_owned()
}

/// A path without `.`, and without `..` where that can be told.
pub fn clean(path: &str) -> String {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in Path::new(path).components() {
        match (part, parts.last()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let cleaned: PathBuf = parts.iter().collect();
    if parts.is_empty() { ".".to_owned() } else { cleaned.to_string_lossy().into_owned() }
}
