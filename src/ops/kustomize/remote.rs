//! What a kustomization names that is not on this machine: files behind URLs, and folders in git
//! repositories, which the program `git` fetches.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::config::ClientConfig;
use crate::client::transport::http::download;

/// How long one step of git may take unless the URL says otherwise.
const PATIENCE: Duration = Duration::from_secs(27);
/// How often it is looked whether git is done.
const PAUSE: Duration = Duration::from_millis(10);

/// A folder in a repository, as a URL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The URL as it was given.
    pub url: String,
    /// What git is told to fetch.
    pub clone: String,
    /// The folder in the repository; empty for its root.
    pub folder: String,
    /// A branch, tag or commit; empty for the default branch.
    pub reference: String,
    /// How long a step may take.
    pub patience: Duration,
    /// Whether submodules are fetched.
    pub submodules: bool,
}

/// Takes a beginning off a text, whatever the case of its letters.
fn without<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

impl Repository {
    /// Reads a URL; none where it names no repository.
    pub fn parse(url: &str) -> Option<Self> {
        if url.starts_with('/') {
            return None;
        }
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let place = without(place, "git::").unwrap_or(place);
        let (host, path) = host(place)?;
        let (repository, folder) = split(path, host.starts_with("file://"))?;
        let folder = folder.trim_start_matches('/');
        let leaves = super::loader::clean(folder).split('/').next() == Some("..");
        if repository.is_empty() || leaves {
            return None;
        }
        let mut found = Self {
            url: url.to_owned(),
            clone: format!("{host}{repository}"),
            folder: folder.to_owned(),
            reference: String::new(),
            patience: PATIENCE,
            submodules: true,
        };
        found.read_query(query);
        Some(found)
    }

    fn read_query(&mut self, query: &str) {
        let get = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.into_iter().find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value)
        };
        if let Some(reference) = get("ref").or_else(|| get("version")) {
            reference.clone_into(&mut self.reference);
        }
        let seconds = get("timeout").and_then(|text| text.trim_end_matches('s').parse::<u64>().ok());
        if let Some(seconds) = seconds.filter(|seconds| *seconds > 0) {
            self.patience = Duration::from_secs(seconds);
        }
        if let Some(text) = get("submodules") {
            self.submodules = !matches!(text, "0" | "f" | "F" | "false" | "FALSE" | "False");
        }
    }

    /// Fetches the repository into a folder of its own.
    ///
    /// # Errors
    /// There is no git, or it fails; then what it said.
    pub fn fetch(&self) -> anyhow::Result<Checkout> {
        let checkout = Checkout::new()?;
        let reference = if self.reference.is_empty() { "HEAD" } else { &self.reference };
        let git = |words: &[&str]| self.git(checkout.path(), words);
        git(&["init"])?;
        git(&["remote", "add", "origin", &self.clone])?;
        git(&["fetch", "--depth=1", &self.clone, reference])?;
        git(&["checkout", "FETCH_HEAD"])?;
        if self.submodules {
            git(&["submodule", "update", "--init", "--recursive"])?;
        }
        Ok(checkout)
    }

    fn git(&self, folder: &Path, words: &[&str]) -> anyhow::Result<()> {
        let line = format!("git {}", words.join(" "));
        let said = folder.with_extension("said");
        let output = fs::File::create(&said)?;
        let spawned = Command::new("git")
            .args(words)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn();
        let mut child = spawned.map_err(|error| anyhow::anyhow!("no 'git' program on path: {error}"))?;
        let start = Instant::now();
        let status = loop {
            match child.try_wait()? {
                Some(status) => break Some(status),
                None if start.elapsed() > self.patience => break None,
                None => std::thread::sleep(PAUSE),
            }
        };
        let text = fs::read(&said).unwrap_or_default();
        let _ = fs::remove_file(&said);
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => {
                let text = String::from_utf8_lossy(&text);
                let code = status.code().map_or_else(|| status.to_string(), |code| format!("exit status {code}"));
                anyhow::bail!("failed to run '{line}': {text}: {code}")
            }
            None => {
                let _ = child.kill();
                let _ = child.wait();
                anyhow::bail!("hit {}s timeout running '{line}'", self.patience.as_secs())
            }
        }
    }
}

/// The host with what stands before it, as git wants it, and the rest.
fn host(place: &str) -> Option<(String, &str)> {
    const SCHEMES: [&str; 4] = ["ssh://", "https://", "http://", "file://"];
    let scheme = SCHEMES.into_iter().find(|scheme| without(place, scheme).is_some()).unwrap_or_default();
    let rest = without(place, scheme)?;
    let user = rest.split_once('@').map(|(user, _)| user).filter(|user| {
        user.starts_with(|c: char| c.is_ascii_alphabetic())
            && user.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    });
    let after = user.map_or(rest, |user| rest.get(user.len() + 1..).unwrap_or_default());
    let github = ["github.com/", "github.com:"].iter().any(|host| without(after, host).is_some());
    let like_scp = scheme.is_empty() && (user.is_some() || github);
    if scheme.is_empty() && !like_scp {
        return None;
    }
    if scheme == "file://" {
        return Some((scheme.to_owned(), rest));
    }
    let slash = after.find('/');
    let colon = after.find(':').filter(|colon| like_scp && *colon > 0 && slash.is_none_or(|slash| *colon < slash));
    let end = colon.or(slash)? + 1;
    let (host, path) = after.split_at_checked(end)?;
    let user_part = user.map(|user| format!("{user}@")).unwrap_or_default();
    let host = match (github, scheme == "ssh://" || user.is_some()) {
        (true, true) => format!("{user_part}github.com:"),
        (true, false) => "https://github.com/".to_owned(),
        (false, _) => format!("{scheme}{user_part}{host}"),
    };
    Some((host, path))
}

/// The repository and the folder in it.
fn split(path: &str, whole: bool) -> Option<(&str, &str)> {
    const MARK: &str = "_git/";
    if let Some(at) = path.find(MARK) {
        let begin = at + MARK.len();
        let end = path.get(begin..)?.find('/').map_or(path.len(), |slash| begin + slash);
        return path.split_at_checked(end);
    }
    if let Some(parts) = path.split_once("//") {
        return Some(parts);
    }
    if let Some(at) = path.find(".git") {
        return path.split_at_checked(at + ".git".len());
    }
    if whole {
        return Some((path, ""));
    }
    // ORGANISATION/REPOSITORY, then the folder.
    let mut slashes = path.match_indices('/').map(|(at, _)| at);
    slashes.next()?;
    match slashes.next() {
        Some(end) => path.split_at_checked(end),
        None => Some((path, "")),
    }
}

/// A folder with what was fetched, which goes away with this.
#[derive(Debug)]
pub struct Checkout(PathBuf);

impl Checkout {
    fn new() -> anyhow::Result<Self> {
        loop {
            let path = std::env::temp_dir().join(format!("kustomize-{}", fastrand::u32(..)));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether a path is a file behind a URL.
pub fn is_url(path: &str) -> bool {
    path.starts_with("http://") || path.starts_with("https://")
}

/// The content of a file behind a URL.
///
/// # Errors
/// What keeps it from being read.
pub fn read(url: &str, way_out: &ClientConfig) -> anyhow::Result<Vec<u8>> {
    // A build may be a step of a command that has a runtime already: the request gets one of its own.
    let read = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(download(url, way_out))
        });
        thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("reading {url} failed")))
    });
    match read {
        Err(_) if Repository::parse(url).is_some() => Err(anyhow::anyhow!("URL is a git repository")),
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_name_repositories() {
        for (url, want) in [
            ("https://github.com/org/repo?ref=v1", Some(("https://github.com/org/repo", "", "v1"))),
            ("https://github.com/org/repo/a/b", Some(("https://github.com/org/repo", "a/b", ""))),
            ("github.com/org/repo//deep/er?version=2", Some(("https://github.com/org/repo", "deep/er", "2"))),
            ("git@github.com:org/repo.git/x", Some(("git@github.com:org/repo.git", "x", ""))),
            ("ssh://git@example.org/org/repo", Some(("ssh://git@example.org/org/repo", "", ""))),
            ("git@example.org:org/repo//x", Some(("git@example.org:org/repo", "x", ""))),
            ("https://dev.example.org/o/p/_git/r/x", Some(("https://dev.example.org/o/p/_git/r", "x", ""))),
            ("file:///srv/repo.git//x?ref=b", Some(("file:///srv/repo.git", "x", "b"))),
            ("file:///srv/repo", Some(("file:///srv/repo", "", ""))),
            ("git::https://example.org/o/r", Some(("https://example.org/o/r", "", ""))),
            ("https://example.org/x.yaml", None),
            ("https://github.com/org/repo/../../..", None),
            ("../base", None),
            ("base/dir", None),
            ("/abs", None),
            ("", None),
        ] {
            let found = Repository::parse(url);
            let found = found.as_ref().map(|found| (&*found.clone, &*found.folder, &*found.reference));
            assert_eq!(found, want, "{url}");
        }
        let found = Repository::parse("https://h/o/r?timeout=5s&submodules=false").expect("a repository");
        assert_eq!((found.patience, found.submodules), (Duration::from_secs(5), false));
    }

    proptest! {
        #[test]
        fn reading_never_panics(url in "(git::|https://|ssh://|file://|git@)?(github.com)?[a-z./:@?=é_-]{0,20}") {
            let _ = Repository::parse(&url);
        }
    }
}
