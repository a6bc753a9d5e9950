//! What a server serves, remembered on disk: custom resources are found without asking again.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::catalog::Catalog;
use crate::object::Timestamp;
use crate::object::clock::Clock;

/// How long a list is believed, in seconds; kubectl's six hours.
const BELIEVED: i64 = 6 * 60 * 60;
/// The form of the file; another one is not read.
const FORM: u32 = 1;

#[derive(Deserialize)]
struct Stored {
    form: u32,
    catalog: Catalog,
}

#[derive(Serialize)]
struct Storing<'a> {
    form: u32,
    catalog: &'a Catalog,
}

/// The remembered list of one server.
#[derive(Clone, Debug)]
pub struct Cache {
    file: PathBuf,
    clock: Clock,
}

impl Cache {
    /// The list of `server` (host and port) below the cache folder, beside kubectl's own.
    pub fn new(folder: &Path, server: &str, clock: Clock) -> Self {
        let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
        let server: String = server.chars().map(safe).collect();
        Self { file: folder.join("discovery").join(server).join("kctl.json"), clock }
    }

    /// The list, unless there is none, or it is old, or it cannot be read.
    pub(super) fn load(&self) -> Option<Catalog> {
        let about = fs::metadata(&self.file).ok()?;
        if !is_own(&about) {
            return None;
        }
        let written = Timestamp::try_from(about.modified().ok()?).ok()?;
        if self.clock.now().as_second() - written.as_second() > BELIEVED {
            return None;
        }
        let stored: Stored = serde_json::from_slice(&fs::read(&self.file).ok()?).ok()?;
        (stored.form == FORM).then_some(stored.catalog)
    }

    /// Forgets the list.
    pub(super) fn forget(&self) {
        let _ = fs::remove_file(&self.file);
    }

    /// Remembers a list. Whatever fails, the next command asks the server again.
    pub(super) fn store(&self, catalog: &Catalog) {
        let (Some(folder), Ok(text)) = (self.file.parent(), serde_json::to_vec(&Storing { form: FORM, catalog }))
        else {
            return;
        };
        // Another process may read at any time: the file is there whole or not at all.
        let draft = self.file.with_extension(format!("{}.tmp", std::process::id()));
        let written = make_folder(folder)
            .and_then(|()| create(&draft)?.write_all(&text))
            .and_then(|()| fs::rename(&draft, &self.file));
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
    }
}

/// Whether a file is this user's, and nobody else may have written it: what another put there is not
/// believed.
#[cfg(unix)]
fn is_own(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    about.uid() == rustix::process::geteuid().as_raw() && about.mode() & 0o022 == 0
}

#[cfg(not(unix))]
fn is_own(_about: &fs::Metadata) -> bool {
    true
}

/// Makes a folder that is this user's alone, whatever the umask.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a file that is this user's alone, whatever the umask.
fn create(file: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::discovery::Entry;
    use crate::object::{GroupVersionKind, GroupVersionResource};

    #[test]
    fn remembers_for_six_hours() {
        let folder = std::env::temp_dir().join(format!("kctl-cache-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let clock = Clock::System;
        let cache = Cache::new(&folder, "127.0.0.1:6443/x", clock.clone());
        assert!(cache.load().is_none());
        let entry = Entry {
            resource: GroupVersionResource::new("g", "v1", "things"),
            kind: GroupVersionKind::new("g", "v1", "Thing"),
            namespaced: true,
            short_names: vec!["th".into()],
            ..Entry::default()
        };
        cache.store(&Catalog { entries: vec![entry], ..Catalog::default() });
        assert!(folder.join("discovery/127.0.0.1_6443_x/kctl.json").exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let file = folder.join("discovery/127.0.0.1_6443_x/kctl.json");
            let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
            assert_eq!((mode(&file), mode(file.parent().expect("a folder"))), (0o600, 0o700));
            fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("changed");
            assert!(cache.load().is_none(), "anybody may have written it");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("changed");
        }
        let found = cache.load().expect("remembered").find("th").expect("known");
        assert_eq!(found.resource.resource, "things");
        let seconds = clock.now().as_second() + BELIEVED + 60;
        let later = Clock::manual(Timestamp::from_second(seconds).expect("a time"));
        assert!(Cache::new(&folder, "127.0.0.1:6443/x", later).load().is_none());
        fs::write(folder.join("discovery/127.0.0.1_6443_x/kctl.json"), "{").expect("written");
        assert!(cache.load().is_none());
        fs::remove_dir_all(&folder).expect("removed");
    }
}
