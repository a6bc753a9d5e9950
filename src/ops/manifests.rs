//! Reading manifests: `-f` with files, folders, patterns, URLs and standard input.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::kustomize;
use crate::client::config::ClientConfig;
use crate::client::config::go_error;
use crate::object::{Object, yaml};

/// How standard input is called as a source.
pub const STDIN: &str = "STDIN";
/// What a folder's files must end in.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// The flags `-f`, `-k` and `-R`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilenameOptions {
    /// `-f`, as often as given.
    pub filenames: Vec<String>,
    /// `-k`; empty for none.
    pub kustomize: String,
    /// `-R`.
    pub recursive: bool,
}

impl FilenameOptions {
    /// Whether neither `-f` nor `-k` is given.
    pub fn is_empty(&self) -> bool {
        self.filenames.is_empty() && self.kustomize.is_empty()
    }

    /// Refuses flags that do not go together.
    pub fn validate(&self) -> Vec<anyhow::Error> {
        let mut errors = Vec::new();
        if !self.filenames.is_empty() && !self.kustomize.is_empty() {
            errors.push(anyhow::anyhow!("only one of -f or -k can be specified"));
        }
        if !self.kustomize.is_empty() && self.recursive {
            errors.push(anyhow::anyhow!("the -k flag can't be used with -f or -R"));
        }
        errors
    }

    /// Refuses the absence of both, as commands do that take nothing else.
    pub fn require(&self) -> anyhow::Result<()> {
        if self.is_empty() {
            anyhow::bail!("must specify one of -f and -k");
        }
        Ok(())
    }
}

/// One place that manifests are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// An `http` or `https` URL.
    Url(String),
    /// A folder with a kustomization.
    Kustomization(String),
}

impl Place {
    /// How messages name it.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => STDIN.to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Url(url) => url.clone(),
            Self::Kustomization(folder) => folder.clone(),
        }
    }
}

/// The places that `-f` names, in order, and what else follows from how they are named.
#[derive(Debug, Default)]
pub struct Places {
    /// The places.
    pub places: Vec<Place>,
    /// Whether one file is meant, so that one object is not shown as a list.
    pub single: bool,
    /// What is wrong with the names.
    pub errors: Vec<anyhow::Error>,
}

impl Places {
    /// Finds the files behind `-f` (without reading them). `input_taken` says whether something else has
    /// read standard input already.
    pub fn find(options: &FilenameOptions, input_taken: bool) -> Self {
        let mut found = Self { errors: options.validate(), ..Self::default() };
        if !found.errors.is_empty() {
            return found;
        }
        let (mut folder, mut stream) = (false, false);
        for name in &options.filenames {
            if name == "-" {
                if stream || input_taken {
                    found.errors.push(anyhow::anyhow!("standard input cannot be used for multiple arguments"));
                }
                stream = true;
                found.places.push(Place::Stdin);
            } else if name.starts_with("http://") || name.starts_with("https://") {
                match name.parse::<http::Uri>() {
                    Ok(_) => found.places.push(Place::Url(name.clone())),
                    Err(error) => {
                        found.errors.push(anyhow::anyhow!("the URL passed to filename {name:?} is not valid: {error}"))
                    }
                }
            } else {
                found.add_pattern(name, options.recursive, &mut folder);
            }
        }
        if !options.kustomize.is_empty() {
            found.places.push(Place::Kustomization(options.kustomize.clone()));
        }
        found.single = !folder && !stream && found.places.len() == 1;
        found
    }

    fn add_pattern(&mut self, name: &str, recursive: bool, folder: &mut bool) {
        let paths = match fs::metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_malformed(name) => {
                self.errors.push(anyhow::anyhow!("pattern {name:?} is not valid: syntax error in pattern"));
                return;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => glob(name),
            _ => vec![PathBuf::from(name)],
        };
        if paths.is_empty() {
            self.errors.push(anyhow::anyhow!("the path {name:?} does not exist"));
            return;
        }
        for path in &paths {
            let shown = path.display().to_string();
            match fs::metadata(path) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.errors.push(anyhow::anyhow!("the path {shown:?} does not exist"));
                    continue;
                }
                Err(error) => {
                    let error = go_error("stat", "stat", path, &error);
                    self.errors.push(anyhow::anyhow!("the path {shown:?} cannot be accessed: {error}"));
                    continue;
                }
            }
            let mut files = Vec::new();
            if let Err(error) = walk(path, recursive, &mut files) {
                self.errors.push(anyhow::anyhow!("error reading {shown:?}: {error}"));
            }
            *folder |= files.len() > 1;
            self.places.extend(files.into_iter().map(Place::File));
        }
        if self.places.is_empty() && self.errors.is_empty() {
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            self.errors.push(anyhow::anyhow!(
                "error reading [{}]: recognized file extensions are [.json .yaml .yml]",
                paths.join(" ")
            ));
        }
    }
}

/// The files of a folder in lexical order, of folders below it too where `recursive`; a file is itself
/// whatever its extension.
fn walk(root: &Path, recursive: bool, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let said = |path: &Path, error: io::Error| go_error("open", "read", path, &error);
    if !fs::symlink_metadata(root).map_err(|error| said(root, error))?.is_dir() {
        files.push(root.to_owned());
        return Ok(());
    }
    // A stack instead of recursion: folders may be nested as deep as anyone likes.
    let mut pending = vec![(root.to_owned(), true)];
    while let Some((path, is_dir)) = pending.pop() {
        if !is_dir {
            files.push(path);
            continue;
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(&path).map_err(|error| said(&path, error))? {
            let entry = entry.map_err(|error| said(&path, error))?;
            let is_dir = entry.file_type().map_err(|error| said(&path, error))?.is_dir();
            // As Go joins paths: `.` and `x` are `x`.
            let file: PathBuf = entry.path().components().filter(|part| *part != Component::CurDir).collect();
            let wanted = file.extension().is_some_and(|have| EXTENSIONS.iter().any(|want| have == *want));
            if if is_dir { recursive } else { wanted } {
                entries.push((file, is_dir));
            }
        }
        entries.sort_by(|(a, _), (b, _)| b.cmp(a));
        pending.append(&mut entries);
    }
    Ok(())
}

/// The paths that match a shell pattern, in lexical order; none where it is no pattern.
fn glob(pattern: &str) -> Vec<PathBuf> {
    if !pattern.contains(['*', '?', '[']) {
        return Vec::new();
    }
    let mut found = vec![if pattern.starts_with('/') { PathBuf::from("/") } else { PathBuf::new() }];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for base in found {
            if !part.contains(['*', '?', '[']) {
                let path = base.join(part);
                if fs::symlink_metadata(&path).is_ok() {
                    next.push(path);
                }
                continue;
            }
            let folder = if base.as_os_str().is_empty() { Path::new(".") } else { &base };
            let mut names: Vec<String> = fs::read_dir(folder)
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter(|name| matches(part, name))
                .collect();
            names.sort();
            next.extend(names.into_iter().map(|name| base.join(name)));
        }
        found = next;
    }
    found
}

/// Whether a pattern is none: a bracket or a range without its end, or a backslash at the end (Go's
/// `filepath.Match`).
fn is_malformed(pattern: &str) -> bool {
    let mut rest = pattern.chars().peekable();
    // One character of a bracket; none where something else stands there.
    fn member(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
        match rest.next()? {
            '-' | ']' => None,
            '\\' => rest.next(),
            other => Some(other),
        }
    }
    while let Some(character) = rest.next() {
        match character {
            '\\' if rest.next().is_none() => return true,
            '[' => {
                rest.next_if_eq(&'^');
                let mut members = 0;
                while members == 0 || rest.peek() != Some(&']') {
                    if member(&mut rest).is_none() || rest.next_if_eq(&'-').is_some() && member(&mut rest).is_none() {
                        return true;
                    }
                    members += 1;
                }
                rest.next();
            }
            _ => {}
        }
    }
    false
}

/// Whether a name matches a pattern of `*`, `?` and `[a-z]`.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where to take up again: after the last star, one character further each time.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            (Some(_), Some(c)) => match_one(pattern.get(p..).unwrap_or_default(), *c),
            _ => None,
        };
        match (step, &mut star) {
            (Some(width), _) => (p, n) = (p + width, n + 1),
            (None, Some((after, from))) if *from < name.len() => {
                *from += 1;
                (p, n) = (*after, *from);
            }
            _ => return false,
        }
    }
}

/// How many characters of the pattern match this one, if they do.
fn match_one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => {
            let end = 1 + pattern.iter().skip(1).position(|p| *p == ']')?;
            let inner = pattern.get(1..end)?;
            let (negated, inner) = match inner.split_first() {
                Some(('^', rest)) => (true, rest),
                _ => (false, inner),
            };
            let mut hit = false;
            let mut rest = inner;
            while let Some((low, tail)) = rest.split_first() {
                let (high, tail) = match tail {
                    ['-', high, tail @ ..] => (high, tail),
                    _ => (low, tail),
                };
                hit |= (*low..=*high).contains(&c);
                rest = tail;
            }
            (hit != negated).then_some(end + 1)
        }
        '\\' => (pattern.get(1) == Some(&c)).then_some(2),
        p => (*p == c).then_some(1),
    }
}

/// The text of a file. Errors as Go words them.
pub fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).map_err(|error| anyhow::anyhow!(go_error("open", "read", path, &error)))
}

/// What a kustomization declares, as documents. Warnings go to `err`.
pub fn build(folder: &str, way_out: ClientConfig, err: &mut dyn io::Write) -> anyhow::Result<Vec<u8>> {
    let mut warnings = Vec::new();
    let options = kustomize::Options { way_out: way_out.into(), ..kustomize::Options::default() };
    let built = kustomize::build(folder, &options, &mut warnings);
    for warning in warnings {
        writeln!(err, "{warning}")?;
    }
    let mut text = Vec::new();
    for object in built? {
        text.extend_from_slice(b"---\n");
        text.extend_from_slice(crate::output::yaml::to_string(&object)?.as_bytes());
    }
    Ok(text)
}

/// The documents in a manifest. An error ends them; it reads `error parsing SOURCE: …`.
pub fn documents(text: &[u8], source: &str) -> Vec<anyhow::Result<Object>> {
    let parsing = |error| anyhow::anyhow!("error parsing {source}: {error}");
    yaml::documents(&decode(text)).map(|document| document.map_err(parsing)).collect()
}

/// Text as UTF-8: a byte order mark says which other encoding it has.
fn decode(text: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let wide = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units).into_bytes()
    };
    match text {
        [0xEF, 0xBB, 0xBF, rest @ ..] => rest.into(),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes).into(),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes).into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("kctl-manifests-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("sub")).expect("a folder");
        for file in ["b.yaml", "a.json", "c.txt", "sub/d.yml", "b2.yaml"] {
            fs::write(folder.join(file), "{}").expect("a file");
        }
        folder
    }

    fn find(names: &[String], recursive: bool, folder: &Path) -> (Vec<String>, Vec<String>, bool) {
        let options = FilenameOptions { filenames: names.to_vec(), recursive, ..FilenameOptions::default() };
        let found = Places::find(&options, false);
        let short = |text: String| text.replace(&format!("{}/", folder.display()), "");
        (
            found.places.iter().map(|place| short(place.name())).collect(),
            found.errors.iter().map(|error| short(error.to_string())).collect(),
            found.single,
        )
    }

    #[test]
    fn finds_files_folders_and_patterns() {
        let folder = folder("find");
        let at = |name: &str| folder.join(name).display().to_string();
        let root = folder.display().to_string();
        for (names, recursive, want, single) in [
            (vec![at("c.txt")], false, vec!["c.txt"], true),
            (vec![root.clone()], false, vec!["a.json", "b.yaml", "b2.yaml"], false),
            (vec![root], true, vec!["a.json", "b.yaml", "b2.yaml", "sub/d.yml"], false),
            (vec![at("b*.yaml")], false, vec!["b.yaml", "b2.yaml"], false),
            (vec![at("*/d.y?l")], false, vec!["sub/d.yml"], true),
            (vec![at("[ac].*")], false, vec!["a.json", "c.txt"], false),
            (vec!["-".into(), "https://x/y.yaml".into()], false, vec!["STDIN", "https://x/y.yaml"], false),
        ] {
            let (places, errors, is_single) = find(&names, recursive, &folder);
            assert_eq!((places, errors, is_single), (want.iter().map(|s| (*s).to_owned()).collect(), vec![], single));
        }
        fs::create_dir(folder.join("empty")).expect("a folder");
        for (names, want) in [
            (vec![at("nosuch")], "the path \"nosuch\" does not exist"),
            (vec![at("nosuch*")], "the path \"nosuch*\" does not exist"),
            (vec![at("[]")], "pattern \"[]\" is not valid: syntax error in pattern"),
            (vec![at("[a-]")], "pattern \"[a-]\" is not valid: syntax error in pattern"),
            (vec![at("[^a-z]x[")], "pattern \"[^a-z]x[\" is not valid: syntax error in pattern"),
            (vec![at("[^a-z]\\[")], "the path \"[^a-z]\\\\[\" does not exist"),
            (vec![at("empty")], "error reading [empty]: recognized file extensions are [.json .yaml .yml]"),
            (vec!["-".into(), "-".into()], "standard input cannot be used for multiple arguments"),
        ] {
            assert_eq!(find(&names, false, &folder).1, [want]);
        }
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn reads_documents() {
        let names = |text: &[u8]| -> Vec<String> {
            let name = |document: anyhow::Result<Object>| match document {
                Ok(document) => document["k"].to_string(),
                Err(error) => format!("!{}", error.to_string().split(": ").next().unwrap_or_default()),
            };
            documents(text, "f").into_iter().map(name).collect()
        };
        for (text, want) in [
            (&b"k: 1\n---\n# nothing\n---\nk: 2\n"[..], vec!["1", "2"]),
            (b"---\nk: 1\n--- \nk: |\n  --- x\n", vec!["1", "\"--- x\\n\""]),
            (b"{\"k\": 1}\n{\"k\": 2}", vec!["1", "2"]),
            (b"\xEF\xBB\xBFk: 1", vec!["1"]),
            (b"\xFF\xFEk\0:\0 \x001\0", vec!["1"]),
            (b"k: 1\n---\nk: [\n---\nk: 2\n", vec!["1", "!error parsing f"]),
            (b"", vec![]),
            (b"# only words\n", vec![]),
        ] {
            assert_eq!(names(text), want, "{}", String::from_utf8_lossy(text));
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..120), pattern in "[a\\[\\]*?^-]{0,8}", name in "[ab]{0,6}") {
            let _ = documents(&text, "f");
            let _ = matches(&pattern, &name);
        }
    }
}
