//! What `create configmap` and `create secret` read their entries from: files, folders, literals, files
//! of environment variables.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::client::config::{go_error, io_words};
use crate::object::names;
use crate::ops::context::Context;
use crate::ops::manifests::read_file;

/// The flags that name sources.
#[derive(clap::Args, Clone, Debug)]
pub struct SourceArgs {
    /// A file with lines of KEY=VALUE, each an entry. A key without a value is looked up in the environment.
    #[arg(long, value_delimiter = ',')]
    pub from_env_file: Vec<String>,
    /// A file, its key its name or the one before '='; or a folder, each file in it whose name is a possible key an entry.
    #[arg(long, value_delimiter = ',')]
    pub from_file: Vec<String>,
    /// A key and its value (mykey=somevalue).
    #[arg(long)]
    pub from_literal: Vec<String>,
}

/// How a kind words what is wrong with an entry.
pub struct Words {
    /// Whether the kind is a Secret, whose words differ from a ConfigMap's.
    pub secret: bool,
    /// The object's name.
    pub name: String,
}

/// Entries by key.
pub struct Entries {
    words: Words,
    /// The values.
    pub entries: BTreeMap<String, Vec<u8>>,
}

impl Entries {
    /// None yet.
    pub fn new(words: Words) -> Self {
        Self { words, entries: BTreeMap::new() }
    }

    /// Adds all that the flags name.
    ///
    /// # Errors
    /// Sources that cannot be read, and keys that cannot be or are there twice.
    pub fn read(mut self, ctx: &Context, sources: &SourceArgs) -> anyhow::Result<Self> {
        let others = !sources.from_file.is_empty() || !sources.from_literal.is_empty();
        if others && !sources.from_env_file.is_empty() {
            bail!("from-env-file cannot be combined with from-file or from-literal");
        }
        for source in &sources.from_file {
            self.file_or_folder(source)?;
        }
        for literal in &sources.from_literal {
            let Some((key, value)) = literal.split_once('=').filter(|(key, _)| !key.is_empty()) else {
                bail!("invalid literal source {literal}, expected key=value");
            };
            self.add(key, value.into())?;
        }
        for file in &sources.from_env_file {
            self.env_file(ctx, file)?;
        }
        Ok(self)
    }

    /// Adds a file or the files of a folder.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn file_or_folder(&mut self, source: &str) -> anyhow::Result<()> {
        let (key, path) = file_source(source)?;
        let metadata = fs::metadata(path).map_err(|error| anyhow!("error reading {path}: {}", io_words(&error)))?;
        if !metadata.is_dir() {
            return self.add(key, read_file(Path::new(path))?);
        }
        if source.contains('=') {
            bail!("cannot give a key name for a directory path");
        }
        let listing = |error: std::io::Error| {
            anyhow!("error listing files in {path}: {}", go_error("open", "readdirent", Path::new(path), &error))
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(listing)? {
            let entry = entry.map_err(listing)?;
            if entry.file_type().map_err(listing)?.is_file() {
                files.push(entry.path());
            }
        }
        files.sort();
        for file in files {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            self.add(&name, read_file(&file)?)?;
        }
        Ok(())
    }

    fn env_file(&mut self, ctx: &Context, file: &str) -> anyhow::Result<()> {
        let metadata = fs::metadata(file).map_err(|error| anyhow!("error reading {file}: {}", io_words(&error)))?;
        if metadata.is_dir() {
            bail!("env {} file cannot be a directory", if self.words.secret { "secret" } else { "config" });
        }
        let text = read_file(Path::new(file))?;
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text);
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let Ok(line) = std::str::from_utf8(line) else {
                bail!("env file {file} contains invalid utf8 bytes at line {}: {}", number + 1, go_bytes(line));
            };
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = match line.split_once('=') {
                Some((key, value)) => (key, value.to_owned()),
                None => (line, ctx.env.get(line).unwrap_or_default().to_owned()),
            };
            let faults = names::env_var_name(key);
            if !faults.is_empty() {
                bail!("{key:?} is not a valid key name: {}", faults.join(";"));
            }
            self.add(key, value.into_bytes())?;
        }
        Ok(())
    }

    fn add(&mut self, key: &str, value: Vec<u8>) -> anyhow::Result<()> {
        let faults = names::config_key(key);
        if !faults.is_empty() {
            match self.words.secret {
                true => bail!("{key:?} is not valid key name for a Secret {}", faults.join(";")),
                false => bail!("{key:?} is not a valid key name for a ConfigMap: {}", faults.join(",")),
            }
        }
        if let Some(present) = self.entries.get(key) {
            if self.words.secret {
                bail!("cannot add key {key}, another key by that name already exists");
            }
            let place = if std::str::from_utf8(present).is_ok() { "Data" } else { "BinaryData" };
            let name = &self.words.name;
            bail!("cannot add key {key:?}, another key by that name already exists in {place} for ConfigMap {name:?}");
        }
        self.entries.insert(key.to_owned(), value);
        Ok(())
    }

    /// The entries in base64, as Secrets have all of them.
    pub fn encoded(&self) -> BTreeMap<&str, String> {
        self.entries.iter().map(|(key, value)| (key.as_str(), STANDARD.encode(value))).collect()
    }
}

/// Bytes as Go's `%v` shows them.
fn go_bytes(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(ToString::to_string).collect();
    format!("[{}]", bytes.join(" "))
}

/// The key and the path of `[KEY=]PATH`.
fn file_source(source: &str) -> anyhow::Result<(&str, &str)> {
    match source.matches('=').count() {
        0 => {
            let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            Ok((if name.is_empty() { "." } else { name }, source))
        }
        1 => match source.split_once('=') {
            Some(("", path)) => bail!("key name for file path {path} missing"),
            Some((key, "")) => bail!("file path for key name {key} missing"),
            Some((key, path)) => Ok((key, path)),
            None => Ok((source, source)),
        },
        _ => bail!("key names or file paths cannot contain '='"),
    }
}

/// The short hash of an object that `--append-hash` adds to its name: of its content as compact JSON.
pub fn hash(content: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, content.as_bytes());
    let hex: String = digest.as_ref().iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    // Letters that make no words, and no digits that look like letters.
    hex.chars()
        .map(|c| match c {
            '0' => 'g',
            '1' => 'h',
            '3' => 'k',
            'a' => 'm',
            'e' => 't',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_sources_of_files() {
        for (source, want) in [
            ("a/b.txt", Ok(("b.txt", "a/b.txt"))),
            ("dir/", Ok(("dir", "dir/"))),
            ("k=a/b", Ok(("k", "a/b"))),
            ("=x", Err("key name for file path x missing")),
            ("k=", Err("file path for key name k missing")),
            ("a=b=c", Err("key names or file paths cannot contain '='")),
        ] {
            let read = file_source(source).map_err(|error| error.to_string());
            assert_eq!(read, want.map_err(str::to_owned), "{source}");
        }
    }

    #[test]
    fn hashes_are_kubernetes_own() {
        assert_eq!(hash(r#"{"data":{"a":"2","z":"1"},"kind":"ConfigMap","name":"c1"}"#), "646mmg8fg8");
    }

    #[test]
    fn keys_are_checked() {
        let mut map = Entries::new(Words { secret: false, name: "c".into() });
        map.add("a", b"1".to_vec()).expect("added");
        assert_eq!(
            map.add("a", b"2".to_vec()).expect_err("refused").to_string(),
            "cannot add key \"a\", another key by that name already exists in Data for ConfigMap \"c\""
        );
        let mut secret = Entries::new(Words { secret: true, name: "s".into() });
        let error = secret.add("a b", Vec::new()).expect_err("refused").to_string();
        assert!(error.starts_with("\"a b\" is not valid key name for a Secret a valid config key must"), "{error}");
    }

    proptest! {
        #[test]
        fn never_panics(source in "[a/=]{0,6}") {
            let _ = file_source(&source);
        }
    }
}
