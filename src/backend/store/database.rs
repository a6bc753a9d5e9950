//! The file: opened, recognised, made.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{StoreError, intact};

/// Marks a file as a store of this program (`kctl`).
const APPLICATION_ID: i64 = 0x6b63_746c;
/// The layout of the tables below.
const LAYOUT: i64 = 3;
/// How long a write waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// How many pages SQLite's own log has before they are moved into the file: each that was written several times is
/// moved once.
const LOG_PAGES: i64 = 2000;
/// How much of the file a connection that writes keeps in memory.
const CACHE_KIBIBYTES: i64 = 16 << 10;
/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 64;

/// The log holds what objects are; `object.value` is empty then. A restored object, of which the log knows
/// nothing, has its value there.
const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE object (
        resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
        revision INTEGER NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (resource, namespace, name)
    ) WITHOUT ROWID;
    CREATE TABLE log (
        revision INTEGER PRIMARY KEY,
        resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
        value BLOB, previous BLOB, before INTEGER
    );
    INSERT INTO meta VALUES ('compacted', '0');
";

/// What earlier layouts lack, by their number: a line of the log may name the line that holds what was before;
/// from the second on nothing is missing, but every object has its value in `object`.
const UPGRADES: [(i64, &str); 2] = [(1, "ALTER TABLE log ADD COLUMN before INTEGER;"), (2, "")];

/// Opens or makes the store in a file.
pub fn open(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> Result<Connection, StoreError> {
        if let Some(folder) = path.parent() {
            make_private_folder(folder)?;
        }
        intact::before(path)?;
        make_private_file(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        prepare(path, &mut connection)?;
        Ok(connection)
    };
    open().map_err(|error| about(path, error))
}

/// Another connection to the store in a file, which only reads.
pub fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| about(path, error.into()))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Secrets are in there: nobody else may look in.
fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// In a folder that was there before, others may be at home.
fn make_private_file(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes a store in memory.
pub fn memory() -> Result<Connection, StoreError> {
    let mut connection = Connection::open_in_memory()?;
    make_tables(&mut connection)?;
    Ok(connection)
}

/// The file whose name goes on so after the store's.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether there is anything of a store: its file, or what was written of it first.
pub fn is_there(path: &Path) -> io::Result<bool> {
    Ok(path.try_exists()? || beside(path, "-wal").try_exists()?)
}

/// Renames the file and SQLite's companions; the first free number is taken.
pub fn set_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    if !is_there(path)? {
        return Ok(None);
    }
    let mut number = 1_u32;
    let aside = loop {
        let candidate = beside(path, &format!(".aside-{number}"));
        if !candidate.try_exists()? {
            break candidate;
        }
        number += 1;
    };
    for companion in ["", "-wal", "-shm"] {
        match std::fs::rename(beside(path, companion), beside(&aside, companion)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(Some(aside))
}

fn prepare(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // In one transaction, so that another process's making of the tables is seen whole or not at all.
    let transaction = connection.transaction()?;
    let layout = layout(&transaction)?;
    drop(transaction);
    intact::after(path, connection)?;
    match layout {
        Layout::Empty => {
            make_file(connection)?;
            make_tables(connection)?;
        }
        Layout::Earlier(_) => upgrade(connection)?,
        Layout::Current => {}
    }
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIBIBYTES)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

enum Layout {
    Empty,
    /// Which one.
    Earlier(i64),
    Current,
}

/// What kind of file it is; reads its head only.
fn layout(connection: &Connection) -> Result<Layout, StoreError> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (version, application) = (number("user_version")?, number("application_id")?);
    let foreign = |why: String| Err(StoreError::Foreign { path: PathBuf::new(), why });
    match (application, version) {
        (APPLICATION_ID, LAYOUT) => Ok(Layout::Current),
        (APPLICATION_ID, version) if UPGRADES.iter().any(|(from, _)| *from == version) => Ok(Layout::Earlier(version)),
        (APPLICATION_ID, _) => foreign(format!("its layout is {version}, this program knows {LAYOUT}")),
        (0, 0) => {
            let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables == 0 { Ok(Layout::Empty) } else { foreign("it is another program's database".into()) }
        }
        _ => foreign("it is another program's database".into()),
    }
}

fn make_file(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "page_size", 8192)?;
    // Several processes may make the file at once; the change of mode does not wait by itself.
    let mut attempts = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && attempts < 3000 => {
                attempts += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            other => return Ok(other?),
        }
    }
}

fn make_tables(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Layout::Empty = layout(&transaction)? {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", LAYOUT)?;
    }
    Ok(transaction.commit()?)
}

fn upgrade(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Layout::Earlier(version) = layout(&transaction)? {
        for (_, missing) in UPGRADES.iter().filter(|(from, _)| *from >= version) {
            transaction.execute_batch(missing)?;
        }
        transaction.pragma_update(None, "user_version", LAYOUT)?;
    }
    Ok(transaction.commit()?)
}

/// Says which file an error speaks of, and tells what is wrong with it by name.
pub fn about(path: &Path, error: StoreError) -> StoreError {
    let path = path.to_owned();
    match error {
        StoreError::Database(error) => match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StoreError::Foreign { path, why: "it is not a database".into() },
            // What is asked of it is right for any whole store: tables that are missing are damage, too.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) => {
                StoreError::Damaged { path, why: error.to_string() }
            }
            Some(ErrorCode::DiskFull) => StoreError::Full { path },
            Some(
                ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::SystemIoFailure
                | ErrorCode::FileLockingProtocolFailed,
            ) => StoreError::Unusable { path, why: error.to_string() },
            // An object whose line of the log is missing.
            None if matches!(
                error,
                rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..)
            ) =>
            {
                StoreError::Damaged { path, why: error.to_string() }
            }
            _ => StoreError::Database(error),
        },
        StoreError::Io(error) if error.kind() == io::ErrorKind::StorageFull => StoreError::Full { path },
        StoreError::Io(error) => StoreError::Unusable { path, why: error.to_string() },
        StoreError::Foreign { why, .. } => StoreError::Foreign { path, why },
        StoreError::Damaged { why, .. } => StoreError::Damaged { path, why },
        other => other,
    }
}
