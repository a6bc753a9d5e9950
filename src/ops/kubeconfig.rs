//! Reading and writing single kubeconfig files. Whoever writes one holds its lock (`FILE.lock`, which
//! client-go takes, too), and no reader ever sees half of it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::client::config::{Kubeconfig, io_words};
use crate::object::Object;
use crate::output::yaml;

/// A file's lock; given back when it is dropped.
pub struct Lock(PathBuf);

impl Lock {
    /// Takes a file's lock, and makes the file's folder where there is none.
    ///
    /// # Errors
    /// Somebody else has it; kubectl's words.
    pub fn take(file: &Path) -> anyhow::Result<Self> {
        let wrong = |path: &Path, error: &io::Error| {
            let why = if error.kind() == io::ErrorKind::AlreadyExists { "file exists".into() } else { io_words(error) };
            anyhow!("open {}: {why}", path.display())
        };
        make_folder(file).map_err(|error| wrong(file, &error))?;
        let mut path = file.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0);
        options.open(&path).map_err(|error| wrong(&path, &error))?;
        Ok(Self(path))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A folder for a file that holds secrets: a new one is its owner's alone.
fn make_folder(file: &Path) -> io::Result<()> {
    let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) else {
        return Ok(());
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// One file; an empty kubeconfig where there is none.
///
/// # Errors
/// It cannot be read or understood.
pub fn read(file: &Path) -> anyhow::Result<Kubeconfig> {
    match std::fs::read(file) {
        Ok(text) => Kubeconfig::parse(&text)
            .map_err(|fault| anyhow!("error loading config file \"{}\": {fault}", file.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kubeconfig::default()),
        Err(error) => {
            let shown = file.display();
            Err(anyhow!("error loading config file \"{shown}\": open {shown}: {}", io_words(&error)))
        }
    }
}

/// Writes a file as a whole: a new one is its owner's alone, one that is there keeps its mode, and a link
/// leads where it did.
///
/// # Errors
/// It cannot be written.
pub fn write(file: &Path, config: &Kubeconfig) -> anyhow::Result<()> {
    let text = yaml::to_string(&document(config))?;
    replace(file, text.as_bytes()).map_err(|error| anyhow!("open {}: {}", file.display(), io_words(&error)))
}

fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    make_folder(file)?;
    let file = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let old = std::fs::metadata(&file).ok();
    if old.as_ref().is_some_and(|old| old.permissions().readonly()) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut draft = file.as_os_str().to_owned();
    draft.push(format!(".{}.tmp", std::process::id()));
    let draft = PathBuf::from(draft);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let Ok(mut drafted) = options.open(&draft) else {
        // A folder in which nothing can be made may still hold a file that can be written.
        let mut options = std::fs::OpenOptions::new();
        return io::Write::write_all(&mut options.write(true).truncate(true).open(&file)?, text);
    };
    let written = io::Write::write_all(&mut drafted, text)
        .and_then(|()| old.map_or(Ok(()), |old| std::fs::set_permissions(&draft, old.permissions())))
        .and_then(|()| drafted.sync_all())
        .and_then(|()| std::fs::rename(&draft, &file));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}

/// Puts an identity provider's settings into the file that holds its user.
///
/// # Errors
/// The file cannot be read or written, or somebody else has its lock.
pub fn keep_provider(file: &Path, user: &str, settings: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let _lock = Lock::take(file)?;
    let mut config = read(file)?;
    let provider = config.users.get_mut(user).and_then(|user| user.auth_provider.as_mut());
    if let Some(fields) = provider.and_then(Object::as_object_mut) {
        fields.insert("config".to_owned(), serde_json::to_value(settings)?);
    }
    write(file, &config)
}

/// The document as kubectl writes it: an empty list is null, empty preferences are left out.
pub fn document(config: &Kubeconfig) -> Object {
    let mut document = config.to_object();
    let Some(fields) = document.as_object_mut() else { return document };
    fields.retain(|name, value| {
        name != "preferences" || value.as_object().is_some_and(|preferences| !preferences.is_empty())
    });
    for list in ["clusters", "contexts", "users"] {
        if let Some(value) = fields.get_mut(list)
            && value.as_array().is_some_and(Vec::is_empty)
        {
            *value = Object::Null;
        }
    }
    for user in fields.get_mut("users").and_then(Object::as_array_mut).into_iter().flatten() {
        let exec = user.get_mut("user").and_then(|user| user.get_mut("exec")).and_then(Object::as_object_mut);
        for (name, value) in exec.into_iter().flatten() {
            if matches!(name.as_str(), "args" | "env") && value.as_array().is_some_and(Vec::is_empty) {
                *value = Object::Null;
            }
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn keeps_modes_and_gives_locks_back() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("kctl-kubeconfig-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let file = folder.join("deep").join("config");
        let text =
            b"{x-tool: keep, users: [{name: ann, user: {auth-provider: {name: oidc, config: {id-token: old}}}}]}";
        {
            let _lock = Lock::take(&file).expect("a lock");
            let error = Lock::take(&file).map(drop).expect_err("taken").to_string();
            assert_eq!(error, format!("open {}.lock: file exists", file.display()));
            write(&file, &Kubeconfig::parse(text).expect("a kubeconfig")).expect("written");
        }
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(&folder)), (0o600, 0o700));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("changed");
        keep_provider(&file, "ann", &BTreeMap::from([("id-token".to_owned(), "new".to_owned())])).expect("kept");
        assert_eq!(mode(&file), 0o640);
        let config = read(&file).expect("a kubeconfig");
        assert_eq!(config.extra["x-tool"], "keep");
        assert_eq!(config.users["ann"].auth_provider.as_ref().expect("kept")["config"]["id-token"], "new");
        assert_eq!(std::fs::read_dir(file.parent().expect("a folder")).expect("there").count(), 1, "nothing is left");
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
