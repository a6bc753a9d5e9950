//! The store: revisions, conflicts, replay, compaction, many processes, sudden ends.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::object::{Meta, Object};

fn object(namespace: &str, name: &str, value: &str) -> Object {
    json!({"metadata": {"namespace": namespace, "name": name}, "data": {"v": value}})
}

fn create(store: &Store, resource: &str, namespace: &str, name: &str, value: &str) -> Result<u64, StoreError> {
    store.transact(|tx| tx.create(resource, &mut object(namespace, name, value)))
}

fn update(store: &Store, namespace: &str, name: &str, value: &str, at: Option<u64>) -> Result<u64, StoreError> {
    store.transact(|tx| tx.update("configmaps", &mut object(namespace, name, value), at))
}

fn delete(store: &Store, namespace: &str, name: &str, at: Option<u64>) -> Result<(), StoreError> {
    store.transact(|tx| tx.delete("configmaps", namespace, name, at))
}

fn value(store: &Store, namespace: &str, name: &str) -> Option<String> {
    let stored = store.get("configmaps", namespace, name).expect("readable")?;
    Some(stored.parse().expect("JSON").str_at(&["data", "v"]).to_owned())
}

fn names(store: &Store, options: &ListOptions<'_>) -> Vec<String> {
    let page = store.list("configmaps", options).expect("a list");
    page.items.iter().map(|stored| format!("{}/{}", stored.namespace, stored.name)).collect()
}

fn small_store(kept: u64) -> Store {
    Store::with(database::memory().expect("a store"), None, kept)
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kctl-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("cluster.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn an_empty_store_is_at_revision_one_and_each_write_raises_it_by_one() {
    let store = Store::memory().expect("a store");
    assert_eq!(store.revision().expect("a revision"), 1);
    assert_eq!(create(&store, "configmaps", "a", "x", "1").expect("created"), 2);
    assert_eq!(update(&store, "a", "x", "2", None).expect("updated"), 3);
    delete(&store, "a", "x", None).expect("deleted");
    assert_eq!(store.revision().expect("a revision"), 4);
}

#[test]
fn the_revision_is_in_the_stored_bytes() {
    let store = Store::memory().expect("a store");
    let revision = create(&store, "configmaps", "a", "x", "1").expect("created");
    let stored = store.get("configmaps", "a", "x").expect("readable").expect("there");
    assert_eq!(stored.revision, revision);
    assert_eq!(stored.parse().expect("JSON").resource_version(), revision.to_string());
}

#[test]
fn get_of_what_is_not_there_is_none() {
    let store = Store::memory().expect("a store");
    create(&store, "configmaps", "a", "x", "1").expect("created");
    for (resource, namespace, name) in [("configmaps", "a", "y"), ("configmaps", "b", "x"), ("secrets", "a", "x")] {
        assert_eq!(store.get(resource, namespace, name).expect("readable"), None);
    }
}

#[test]
fn create_of_a_taken_name_fails_and_changes_nothing() {
    let store = Store::memory().expect("a store");
    create(&store, "configmaps", "a", "x", "1").expect("created");
    let error = create(&store, "configmaps", "a", "x", "2").expect_err("taken");
    assert!(matches!(error, StoreError::AlreadyExists { .. }), "{error}");
    assert_eq!(value(&store, "a", "x").as_deref(), Some("1"));
    assert_eq!(store.revision().expect("a revision"), 2);
}

#[test]
fn a_name_is_free_again_after_deletion() {
    let store = Store::memory().expect("a store");
    create(&store, "configmaps", "a", "x", "1").expect("created");
    delete(&store, "a", "x", None).expect("deleted");
    assert_eq!(value(&store, "a", "x"), None);
    create(&store, "configmaps", "a", "x", "2").expect("created again");
    assert_eq!(value(&store, "a", "x").as_deref(), Some("2"));
}

#[test]
fn update_and_delete_need_the_expected_revision() {
    let store = Store::memory().expect("a store");
    let first = create(&store, "configmaps", "a", "x", "1").expect("created");
    let second = update(&store, "a", "x", "2", Some(first)).expect("updated");
    for result in [update(&store, "a", "x", "3", Some(first)).map(drop), delete(&store, "a", "x", Some(first))] {
        assert!(matches!(result, Err(StoreError::Conflict { .. })), "{result:?}");
    }
    assert_eq!(value(&store, "a", "x").as_deref(), Some("2"));
    delete(&store, "a", "x", Some(second)).expect("deleted");
    assert_eq!(value(&store, "a", "x"), None);
}

#[test]
fn update_and_delete_of_what_is_not_there_fail() {
    let store = Store::memory().expect("a store");
    for result in [update(&store, "a", "x", "1", None).map(drop), delete(&store, "a", "x", None)] {
        assert!(matches!(result, Err(StoreError::NotFound { .. })), "{result:?}");
    }
    assert_eq!(store.revision().expect("a revision"), 1);
}

#[test]
fn a_transaction_happens_whole_or_not_at_all() {
    let store = Store::memory().expect("a store");
    let result: Result<(), StoreError> = store.transact(|tx| {
        tx.create("configmaps", &mut object("a", "x", "1"))?;
        assert!(tx.get("configmaps", "a", "x")?.is_some(), "a transaction reads its own writes");
        tx.create("configmaps", &mut object("a", "x", "2")).map(drop)
    });
    assert!(matches!(result, Err(StoreError::AlreadyExists { .. })));
    assert_eq!(value(&store, "a", "x"), None);
    assert_eq!(store.revision().expect("a revision"), 1);
    assert!(store.changes_since(1).expect("a log").is_empty());
}

#[test]
fn lists_are_sorted_and_of_one_namespace_or_all() {
    let store = Store::memory().expect("a store");
    for (namespace, name) in [("b", "y"), ("a", "z"), ("b", "x"), ("ab", "q")] {
        create(&store, "configmaps", namespace, name, "").expect("created");
    }
    create(&store, "secrets", "a", "s", "").expect("created");
    let all = ListOptions::default();
    assert_eq!(names(&store, &all), ["a/z", "ab/q", "b/x", "b/y"]);
    assert_eq!(names(&store, &ListOptions { namespace: Some("b"), ..all }), ["b/x", "b/y"]);
    assert_eq!(names(&store, &ListOptions { namespace: Some("none"), ..all }), [""; 0]);
}

#[test]
fn lists_are_as_of_an_earlier_revision() {
    let store = small_store(1_000);
    for name in ["a", "b", "d", "f"] {
        create(&store, "configmaps", "n", name, "1").expect("created");
    }
    let then = store.revision().expect("a revision");
    update(&store, "n", "a", "2", None).expect("updated");
    delete(&store, "n", "b", None).expect("deleted");
    create(&store, "configmaps", "n", "c", "1").expect("created");
    create(&store, "secrets", "n", "z", "1").expect("created");
    create(&store, "configmaps", "n", "b", "3").expect("created again");
    delete(&store, "n", "f", None).expect("deleted");
    create(&store, "configmaps", "o", "g", "1").expect("created");
    let at = |options: &ListOptions<'_>, revision| {
        let page = store.list_at("configmaps", options, revision).expect("a list");
        let shown = page.items.iter().map(|stored| {
            let value = stored.parse().expect("JSON").str_at(&["data", "v"]).to_owned();
            format!("{}={value}", stored.name)
        });
        (shown.collect::<Vec<_>>().join(" "), page.remaining, page.revision)
    };
    let all = ListOptions { namespace: Some("n"), ..ListOptions::default() };
    assert_eq!(at(&all, then), ("a=1 b=1 d=1 f=1".into(), 0, then));
    assert_eq!(at(&ListOptions { limit: 1, ..all }, then), ("a=1".into(), 3, then));
    let rest = ListOptions { after: Some(("n", "a")), limit: 2, ..all };
    assert_eq!(at(&rest, then), ("b=1 d=1".into(), 1, then));
    assert_eq!(at(&ListOptions { after: Some(("n", "d")), limit: 2, ..all }, then), ("f=1".into(), 0, then));
    let now = store.revision().expect("a revision");
    assert_eq!(at(&ListOptions::default(), now), ("a=2 b=3 c=1 d=1 g=1".into(), 0, now));
    assert!(matches!(
        small_compacted().list_at("configmaps", &all, 2),
        Err(StoreError::Compacted { requested: 2, .. })
    ));
}

/// A store whose first writes are no longer in the log.
fn small_compacted() -> Store {
    let store = small_store(1);
    for at in 0..2 * COMPACTION_STEP {
        create(&store, "configmaps", "n", &format!("c{at}"), "1").expect("created");
    }
    store
}

#[test]
fn lists_come_in_pages() {
    let store = Store::memory().expect("a store");
    for (namespace, name) in [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2"), ("c", "1")] {
        create(&store, "configmaps", namespace, name, "").expect("created");
    }
    let first = store.list("configmaps", &ListOptions { limit: 2, ..ListOptions::default() }).expect("a page");
    assert_eq!((first.items.len(), first.remaining, first.revision), (2, 3, 6));
    let after = Some(("a", "2"));
    let next = ListOptions { limit: 2, after, ..ListOptions::default() };
    assert_eq!(names(&store, &next), ["b/1", "b/2"]);
    let page = store.list("configmaps", &ListOptions { namespace: Some("b"), after: Some(("b", "1")), limit: 5 });
    let page = page.expect("a page");
    assert_eq!((page.items.len(), page.remaining), (1, 0));
}

#[test]
fn the_log_says_what_was_and_what_is() {
    let store = Store::memory().expect("a store");
    create(&store, "configmaps", "a", "x", "1").expect("created");
    update(&store, "a", "x", "2", None).expect("updated");
    delete(&store, "a", "x", None).expect("deleted");
    let changes = store.changes_since(1).expect("a log");
    let shape: Vec<_> = changes
        .iter()
        .map(|change| {
            let v = |object: &Option<Arc<Object>>| object.as_ref().map(|o| o.str_at(&["data", "v"]).to_owned());
            (change.revision, v(&change.old), v(&change.new))
        })
        .collect();
    let text = |v: &str| Some(v.to_owned());
    assert_eq!(shape, [(2, None, text("1")), (3, text("1"), text("2")), (4, text("2"), None)]);
    assert_eq!(changes[0].key.resource, "configmaps");
    assert_eq!(store.changes_since(3).expect("a log").len(), 1);
    assert!(store.changes_since(4).expect("a log").is_empty());
}

#[test]
fn the_log_can_be_read_of_one_resource() {
    let store = Store::memory().expect("a store");
    create(&store, "configmaps", "a", "x", "1").expect("created");
    create(&store, "secrets", "a", "x", "1").expect("created");
    let log = store.log_since(1, Some("secrets")).expect("a log");
    assert_eq!(log.iter().map(|logged| logged.revision).collect::<Vec<_>>(), [3]);
}

#[test]
fn replays_from_the_future_are_refused() {
    let store = Store::memory().expect("a store");
    assert!(matches!(store.changes_since(2), Err(StoreError::Future { requested: 2, current: 1 })));
}

#[test]
fn compaction_keeps_the_last_revisions_and_all_objects() {
    let store = small_store(10);
    create(&store, "configmaps", "a", "old", "1").expect("created");
    create(&store, "configmaps", "a", "x", "0").expect("created");
    for number in 1..40 {
        update(&store, "a", "x", &number.to_string(), None).expect("updated");
    }
    let oldest = store.compacted().expect("a revision");
    assert!(oldest >= 20, "{oldest}");
    assert!(matches!(store.changes_since(oldest - 1), Err(StoreError::Compacted { .. })));
    let current = store.revision().expect("a revision");
    let changes = store.changes_since(oldest).expect("a log");
    assert_eq!(changes.len() as u64, current - oldest);
    for change in changes {
        // Also where the line that says so is gone.
        let number = |object: &Object| object.str_at(&["data", "v"]).parse::<u32>().expect("a number");
        let (old, new) = (change.old.expect("was there"), change.new.expect("is there"));
        assert_eq!(number(&old) + 1, number(&new));
    }
    assert_eq!(value(&store, "a", "old").as_deref(), Some("1"));
    assert_eq!(value(&store, "a", "x").as_deref(), Some("39"));
    assert_eq!(crate::object::Status::from(StoreError::Compacted { requested: 1, oldest: 2 }).code, 410);
}

#[test]
fn meta_values_are_kept_beside_the_objects() {
    let store = Store::memory().expect("a store");
    assert_eq!(store.meta_get("settled_at").expect("readable"), None);
    store.meta_set("settled_at", "1").expect("written");
    store.meta_set("settled_at", "2").expect("written");
    assert_eq!(store.meta_get("settled_at").expect("readable").as_deref(), Some("2"));
    assert_eq!(store.revision().expect("a revision"), 1);
}

#[test]
fn a_reopened_file_has_everything() {
    let folder = Folder::new("reopen");
    {
        let store = Store::open(&folder.file()).expect("a store");
        create(&store, "configmaps", "a", "x", "1").expect("created");
        store.meta_set("seed", "7").expect("written");
    }
    let store = Store::open(&folder.file()).expect("a store");
    assert_eq!(value(&store, "a", "x").as_deref(), Some("1"));
    assert_eq!(store.revision().expect("a revision"), 2);
    assert_eq!(store.meta_get("seed").expect("readable").as_deref(), Some("7"));
    assert_eq!(store.changes_since(1).expect("a log").len(), 1);
}

#[test]
fn two_connections_see_each_other() {
    let folder = Folder::new("two");
    let one = Store::open(&folder.file()).expect("a store");
    let two = Store::open(&folder.file()).expect("a store");
    let revision = create(&one, "configmaps", "a", "x", "1").expect("created");
    update(&two, "a", "x", "2", Some(revision)).expect("updated");
    assert!(matches!(update(&one, "a", "x", "3", Some(revision)), Err(StoreError::Conflict { .. })));
    assert_eq!(value(&one, "a", "x").as_deref(), Some("2"));
    assert_eq!(one.revision().expect("a revision"), two.revision().expect("a revision"));
}

#[test]
fn threads_on_connections_of_their_own_lose_no_write() {
    let folder = Folder::new("threads");
    let path = folder.file();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let store = Store::open(path).expect("a store");
                for number in 0..50 {
                    create(&store, "configmaps", "a", &format!("{thread}-{number}"), "").expect("created");
                }
            });
        }
    });
    let store = Store::open(&path).expect("a store");
    assert_eq!(store.list("configmaps", &ListOptions::default()).expect("a list").items.len(), 200);
    let revisions: Vec<u64> = store.log_since(1, None).expect("a log").iter().map(|logged| logged.revision).collect();
    assert_eq!(revisions, (2..=201).collect::<Vec<u64>>());
}

#[test]
fn foreign_and_damaged_files_are_refused_and_left_alone() {
    let folder = Folder::new("foreign");
    let path = folder.file();
    std::fs::write(&path, "not a database, but a long enough text to have a header in it ".repeat(40)).expect("a file");
    let before = std::fs::read(&path).expect("readable");
    let error = Store::open(&path).err().expect("refused");
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("cluster.db"), "{error}");
    assert_eq!(std::fs::read(&path).expect("readable"), before);

    let other = folder.0.join("other.db");
    Connection::open(&other).expect("a database").execute_batch("CREATE TABLE t (x)").expect("a table");
    let error = Store::open(&other).err().expect("refused");
    assert!(error.to_string().contains("another program's database"), "{error}");

    let newer = folder.0.join("newer.db");
    drop(Store::open(&newer).expect("a store"));
    Connection::open(&newer).expect("a database").pragma_update(None, "user_version", 99).expect("set");
    let error = Store::open(&newer).err().expect("refused");
    assert!(error.to_string().contains("layout is 99"), "{error}");
}

#[test]
fn a_store_goes_aside_only_when_asked() {
    let folder = Folder::new("aside");
    let store = Store::open(&folder.file()).expect("a store");
    create(&store, "configmaps", "a", "x", "1").expect("created");
    drop(store);
    let aside = Store::set_aside(&folder.file()).expect("moved").expect("there was one");
    assert_eq!(value(&Store::open(&aside).expect("still a store"), "a", "x").as_deref(), Some("1"));
    assert_eq!(value(&Store::open(&folder.file()).expect("a new one"), "a", "x"), None);
    assert_eq!(Store::set_aside(&folder.0.join("none")).expect("nothing to do"), None);
}

#[tokio::test]
async fn waiters_wake_for_writes_of_this_process() {
    let store = Store::memory().expect("a store");
    let mut subscription = store.subscribe();
    let writer = store.clone();
    let task = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        create(&writer, "configmaps", "a", "x", "1").expect("created");
    });
    let revision = tokio::time::timeout(Duration::from_secs(5), subscription.after(1)).await;
    assert_eq!(revision.expect("in time").expect("a revision"), 2);
    assert_eq!(subscription.after(1).await.expect("at once"), 2);
    task.await.expect("ended");
}

#[tokio::test]
async fn waiters_wake_for_writes_of_other_connections() {
    let folder = Folder::new("wake");
    let store = Store::open(&folder.file()).expect("a store");
    let other = Store::open(&folder.file()).expect("a store");
    let mut subscription = store.subscribe();
    let none = tokio::time::timeout(Duration::from_millis(50), subscription.after(1)).await;
    assert!(none.is_err(), "nothing was written");
    create(&other, "configmaps", "a", "x", "1").expect("created");
    let revision = tokio::time::timeout(Duration::from_secs(5), subscription.after(1)).await;
    assert_eq!(revision.expect("in time").expect("a revision"), 2);
}

/// What the test below runs in another process: writes until it is killed, and says each write.
#[test]
fn child_that_writes_until_killed() {
    let Some(path) = std::env::args().find_map(|argument| argument.strip_prefix("--store=").map(PathBuf::from)) else {
        return;
    };
    let store = Store::open(&path).expect("a store");
    for number in 0_u64.. {
        create(&store, "configmaps", "a", &format!("{}-{number}", std::process::id()), "x").expect("created");
        println!("wrote {}-{number}", std::process::id());
    }
}

#[test]
fn acknowledged_writes_survive_the_end_of_their_process() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let folder = Folder::new("kill");
    let path = folder.file();
    let program = std::env::current_exe().expect("this program");
    let mut children: Vec<_> = (0..3)
        .map(|_| {
            // The argument after `--` is a filter that fits no test but is there to be read.
            Command::new(&program)
                .args(["--exact", "backend::store::tests::child_that_writes_until_killed", "--nocapture", "--skip"])
                .arg(format!("--store={}", path.display()))
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("a child")
        })
        .collect();
    let mut acknowledged = Vec::new();
    for child in &mut children {
        let output = BufReader::new(child.stdout.take().expect("an output"));
        for line in output.lines().map_while(Result::ok).filter(|line| line.contains("wrote ")).take(60) {
            acknowledged.push(line.rsplit(' ').next().unwrap_or_default().to_owned());
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
    assert_eq!(acknowledged.len(), 180);
    let store = Store::open(&path).expect("a store");
    for name in &acknowledged {
        assert_eq!(value(&store, "a", name).as_deref(), Some("x"), "{name}");
    }
    let lease = store.lock();
    let connection = lease.connection().expect("a connection");
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    drop(lease);
    assert_eq!(check, "ok");
    let log = store.log_since(store.compacted().expect("a revision").max(1), None).expect("a log");
    assert!(log.windows(2).all(|pair| pair[1].revision == pair[0].revision + 1), "no revision is missing");
}

/// A mirror that is kept by hand.
#[derive(Default)]
struct Copy(Mutex<std::collections::BTreeMap<(String, String, String), (Arc<Object>, u64)>>);

impl Copy {
    fn take_over(&self, changes: &[Change]) {
        let mut all = self.0.lock().expect("no panic");
        for change in changes {
            let key = (change.key.resource.to_owned(), change.key.namespace.clone(), change.key.name.clone());
            match &change.new {
                Some(object) => drop(all.insert(key, (Arc::clone(object), change.revision))),
                None => drop(all.remove(&key)),
            }
        }
    }
}

impl Mirror for Copy {
    fn has(&self, resource: &str) -> bool {
        resource != "events"
    }

    fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<(Arc<Object>, u64)> {
        self.0.lock().expect("no panic").get(&(resource.into(), namespace.into(), name.into())).cloned()
    }

    fn exists(&self, resource: &str, namespace: &str, name: &str) -> bool {
        self.object(resource, namespace, name).is_some()
    }

    fn each(&self, resource: &str, namespace: Option<&str>, prefix: &str, visit: &mut dyn FnMut(&Object)) {
        for ((_, own, name), (object, _)) in
            self.0.lock().expect("no panic").iter().filter(|((own, ..), _)| own == resource)
        {
            if namespace.is_none_or(|namespace| namespace == own) && name.starts_with(prefix) {
                visit(object);
            }
        }
    }
}

#[test]
fn a_batch_happens_whole_and_its_transactions_one_by_one() {
    let folder = Folder::new("batch");
    let store = Store::open(&folder.file()).expect("a store");
    let batches = store.in_batches();
    let copy = Arc::new(Copy::default());
    let other = Store::open(&folder.file()).expect("a store");
    batches.begin(copy.clone()).expect("begun");
    create(&batches, "configmaps", "a", "x", "1").expect("created");
    assert!(matches!(create(&batches, "configmaps", "a", "x", "1"), Err(StoreError::AlreadyExists { .. })));
    let undone: Result<(), StoreError> = batches.transact(|tx| {
        tx.create("configmaps", &mut object("a", "y", "1"))?;
        assert_eq!(tx.list("configmaps", Some("a"))?.len(), 2, "it reads its own writes");
        assert_eq!(tx.list_named("configmaps", "a", "y")?.len(), 1);
        Err(StoreError::NotFound { resource: "configmaps".into(), name: "z".into() })
    });
    assert!(undone.is_err());
    copy.take_over(&batches.changes_since(1).expect("changes"));
    assert_eq!(update(&batches, "a", "x", "2", Some(2)).expect("updated"), 3);
    assert!(matches!(update(&batches, "a", "x", "3", Some(2)), Err(StoreError::Conflict { .. })));
    assert_eq!(batches.revision().expect("a revision"), 3);
    assert_eq!(other.revision().expect("a revision"), 1, "nobody else sees it yet");
    let changes = batches.changes_since(2).expect("changes");
    let [change] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(change.old.as_ref().map(|old| old.str_at(&["data", "v"]).to_owned()).as_deref(), Some("1"));
    copy.take_over(&changes);
    assert!(batches.changes_since(3).expect("changes").is_empty());
    // Reading past the mirror sees it all the same.
    assert_eq!(value(&batches, "a", "x").as_deref(), Some("2"));
    batches.commit().expect("committed");
    assert_eq!(value(&other, "a", "x").as_deref(), Some("2"));
    assert_eq!(other.changes_since(1).expect("a log").len(), 2);
    batches.begin(copy).expect("begun");
    delete(&batches, "a", "x", None).expect("deleted");
    batches.abandon();
    assert_eq!(value(&store, "a", "x").as_deref(), Some("2"), "what is abandoned did not happen");
    assert_eq!(create(&store, "configmaps", "a", "z", "1").expect("created"), 4);
}

#[test]
fn a_file_of_the_layout_before_is_brought_up_to_date() {
    let folder = Folder::new("upgrade");
    let store = Store::open(&folder.file()).expect("a store");
    create(&store, "configmaps", "a", "x", "1").expect("created");
    drop(store);
    let raw = Connection::open(folder.file()).expect("a database");
    raw.execute_batch(
        "UPDATE object SET value = (SELECT value FROM log WHERE log.revision = object.revision);
         ALTER TABLE log DROP COLUMN before; PRAGMA user_version = 1",
    )
    .expect("as it was");
    drop(raw);
    let store = Store::open(&folder.file()).expect("a store");
    assert_eq!(value(&store, "a", "x").as_deref(), Some("1"));
    update(&store, "a", "x", "2", None).expect("updated");
    let changes = store.changes_since(2).expect("a log");
    let [change] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(change.old.as_ref().map(|old| old.str_at(&["data", "v"]).to_owned()).as_deref(), Some("1"));
}
