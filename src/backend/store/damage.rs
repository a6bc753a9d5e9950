//! Files that are cut or damaged, at every place: what is whole stays, what is not is told, and nothing is emptied.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{ListOptions, Store, StoreError};

/// Writes, each in a transaction of its own.
const WRITES: usize = 24;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kctl-damage-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("cluster.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn log_of(path: &Path) -> PathBuf {
    path.with_file_name("cluster.db-wal")
}

/// The file and the log of a store.
#[derive(Clone)]
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Files {
    fn read(path: &Path) -> Self {
        Self { database: fs::read(path).expect("a file"), log: fs::read(log_of(path)).unwrap_or_default() }
    }

    /// Puts them into an empty folder.
    fn put(&self, path: &Path) {
        let folder = path.parent().expect("a folder");
        fs::remove_dir_all(folder).expect("removed");
        fs::create_dir_all(folder).expect("a folder");
        fs::write(path, &self.database).expect("written");
        fs::write(log_of(path), &self.log).expect("written");
    }
}

fn write(store: &Store, number: usize) -> Result<u64, StoreError> {
    let object =
        json!({"metadata": {"namespace": "a", "name": format!("n{number:03}")}, "data": {"v": "x".repeat(700)}});
    store.transact(|transaction| transaction.create("configmaps", &mut object.clone()))
}

/// A store of so many writes, and how long its log was after each of them.
fn filled(folder: &Folder, checkpoint_after: usize) -> (Files, Vec<usize>) {
    let store = Store::open(&folder.file()).expect("a store");
    let mut lengths = Vec::new();
    for number in 0..WRITES {
        write(&store, number).expect("written");
        if number + 1 == checkpoint_after {
            store.checkpoint().expect("a checkpoint");
        }
        lengths.push(fs::metadata(log_of(&folder.file())).expect("a log").len() as usize);
    }
    (Files::read(&folder.file()), lengths)
}

/// How many of the writes are there: the first ones, without a gap.
fn count(store: &Store) -> Result<usize, StoreError> {
    let page = store.list("configmaps", &ListOptions::default())?;
    for (number, stored) in page.items.iter().enumerate() {
        assert_eq!(stored.name, format!("n{number:03}"));
    }
    Ok(page.items.len())
}

#[test]
fn a_log_that_was_cut_has_what_was_whole() {
    let folder = Folder::new("cut");
    let (files, lengths) = filled(&folder, 0);
    let made = lengths[0] / 2;
    for length in (made..files.log.len()).step_by(397).chain(lengths.iter().flat_map(|at| [*at - 1, *at, *at + 1])) {
        let mut cut = files.clone();
        cut.log.truncate(length);
        cut.put(&folder.file());
        let store = match Store::open(&folder.file()) {
            Ok(store) => store,
            Err(error) => panic!("{length}: {error}"),
        };
        let whole = lengths.iter().filter(|end| **end <= length).count();
        assert_eq!(count(&store).expect("a list"), whole, "cut at {length} of {}", files.log.len());
        // It goes on from there.
        write(&store, whole).expect("written");
        drop(store);
        let store = Store::open(&folder.file()).expect("opened again");
        assert_eq!(count(&store).expect("a list"), whole + 1, "cut at {length}");
    }
}

/// What is refused names the file, says what to do, and is left as it is.
fn refused(error: &StoreError, files: &Files, path: &Path, what: &str) {
    let said = error.to_string();
    assert!(said.contains(&path.display().to_string()), "{what}: {said}");
    match error {
        StoreError::Damaged { .. } => assert!(said.contains("kctl offline reset"), "{what}: {said}"),
        StoreError::Foreign { .. } => assert!(said.contains("left as it is"), "{what}: {said}"),
        StoreError::Unusable { .. } => {}
        other => panic!("{what}: {other:?}"),
    }
    let now = Files::read(path);
    assert!(now.database == files.database, "{what}: the file was changed");
    assert!(now.log == files.log, "{what}: the log was changed");
}

#[test]
fn a_damaged_log_is_told() {
    let folder = Folder::new("log");
    let (files, lengths) = filled(&folder, 0);
    let last = lengths[WRITES - 2];
    let mut told = 0;
    for at in (0..32).step_by(3).chain((32..files.log.len()).step_by(211)) {
        for (what, length) in [("a bit", 1), ("a block", 512)] {
            let mut damaged = files.clone();
            for byte in damaged.log.iter_mut().skip(at).take(length) {
                *byte = if length == 1 { *byte ^ 0x10 } else { 0 };
            }
            if damaged.log == files.log {
                continue;
            }
            damaged.put(&folder.file());
            let what = format!("{what} at {at} of {}", files.log.len());
            match Store::open(&folder.file()) {
                Err(error) => {
                    refused(&error, &damaged, &folder.file(), &what);
                    told += 1;
                }
                // Of the last write nobody can tell whether it was ever done, nor of what the same damage reaches
                // besides.
                Ok(store) => {
                    let there = count(&store).expect("a list");
                    assert!(there + 2 >= WRITES, "{what}: {there} of {WRITES} are left, and nothing was said");
                    assert!(at + length > last || there == WRITES, "{what}: the last one is gone");
                }
            }
        }
    }
    assert!(told > 200, "{told}");
}

#[test]
fn leavings_of_a_killed_writer_are_no_damage() {
    let folder = Folder::new("leavings");
    let (files, lengths) = filled(&folder, 0);
    // A transaction of several frames that was cut off before its last one, and a short one written over its beginning.
    let store = Store::open(&folder.file()).expect("a store");
    let long = |transaction: &mut super::Transaction<'_>| -> Result<(), StoreError> {
        for number in 0..40 {
            let name = format!("z{number}");
            let object = json!({"metadata": {"namespace": "a", "name": name}, "data": {"v": "y".repeat(2000)}});
            transaction.create("secrets", &mut object.clone())?;
        }
        Ok(())
    };
    store.transact(long).expect("written");
    drop(store);
    let mut cut = Files::read(&folder.file());
    let end = cut.log.len() - 5000;
    assert!(end > lengths[WRITES - 1] + 20_000);
    cut.log.truncate(end);
    cut.put(&folder.file());
    let store = Store::open(&folder.file()).expect("opened");
    assert_eq!(count(&store).expect("a list"), WRITES);
    write(&store, WRITES).expect("written");
    drop(store);
    assert_eq!(fs::metadata(log_of(&folder.file())).expect("a log").len() as usize, end, "the rest is still there");
    let store = Store::open(&folder.file()).expect("opened again");
    assert_eq!(count(&store).expect("a list"), WRITES + 1);
    drop((store, files));
}

#[test]
fn a_damaged_file_is_told_or_whole() {
    let folder = Folder::new("file");
    let (mut files, _) = filled(&folder, WRITES);
    // All of it is in the file.
    files.log.clear();
    let page = 8192;
    assert!(files.database.len() > 4 * page);
    // The head of the file, and of each page; then cuts.
    let mut damages: Vec<Files> = Vec::new();
    let heads = (0..files.database.len()).step_by(page).flat_map(|start| (start..start + 12).step_by(2));
    for at in (0..100).step_by(3).chain(heads) {
        for length in [1, 8] {
            let mut damaged = files.clone();
            for byte in damaged.database.iter_mut().skip(at).take(length) {
                *byte = if length == 1 { *byte ^ 0x15 } else { 0xff };
            }
            damages.push(damaged);
        }
    }
    for length in (1..files.database.len()).step_by(1531) {
        let mut damaged = files.clone();
        damaged.database.truncate(length);
        damages.push(damaged);
    }
    let mut told = 0;
    for (number, damaged) in damages.iter().enumerate() {
        damaged.put(&folder.file());
        let what = format!("damage {number} of {} bytes", damaged.database.len());
        // What a page says of itself may be wrong in a way that only a look through the whole file finds.
        let result = Store::open(&folder.file()).and_then(|store| {
            let page = store.list("configmaps", &ListOptions::default())?;
            let whole = page.items.len() == WRITES
                && page.items.iter().enumerate().all(|(number, stored)| stored.name == format!("n{number:03}"));
            if whole { Ok(()) } else { store.check().map(|()| panic!("{what}: {} are there", page.items.len())) }
        });
        match result {
            Ok(()) => {}
            Err(error) => {
                refused(&error, damaged, &folder.file(), &what);
                told += 1;
            }
        }
    }
    assert!(told > damages.len() / 4, "{told} of {}", damages.len());
}

#[test]
fn a_log_without_its_file_is_kept() {
    let folder = Folder::new("alone");
    let (files, _) = filled(&folder, 0);
    for missing in [true, false] {
        let damaged = Files { database: Vec::new(), log: files.log.clone() };
        damaged.put(&folder.file());
        if missing {
            fs::remove_file(folder.file()).expect("removed");
        }
        let error = Store::open(&folder.file()).err().expect("refused");
        assert!(error.to_string().contains("its log (-wal) is not"), "{error}");
        assert!(fs::read(log_of(&folder.file())).expect("the log") == files.log);
        assert_eq!(folder.file().exists(), !missing);
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let folder = Folder::new("full");
    let store = Store::open(&folder.file()).expect("a store");
    let limit = |pages: i64| {
        let lease = store.lock();
        let connection = lease.connection().expect("a connection");
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).expect("a limit");
    };
    limit(30);
    let mut done = 0;
    let error = loop {
        match write(&store, done) {
            Ok(_) => done += 1,
            Err(error) => break error,
        }
        assert!(done < 1000);
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("cluster.db; nothing was written"), "{error}");
    // What was there is, and there is no half of what was refused.
    assert_eq!(count(&store).expect("a list"), done);
    let revision = store.revision().expect("a revision");
    assert!(write(&store, done).is_err());
    assert_eq!(store.revision().expect("a revision"), revision);
    // It goes on once there is room.
    limit(1000);
    write(&store, done).expect("written");
    drop(store);
    assert_eq!(count(&Store::open(&folder.file()).expect("opened")).expect("a list"), done + 1);
}
