//! An archive that a container sent, written to this machine. The container may be hostile: no name leads
//! out of the destination, no link is made or followed, and nothing but files and folders is written.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::sync::mpsc::{Receiver, SyncSender};

use bytes::{Buf, Bytes};
use tar::{Archive, Entry};

use super::beneath::Destination;
use super::path::{self, Inside};

/// Bytes that are looked at together: a hole, or none.
const HOLE: usize = 64 * 1024;

/// What comes from the container.
pub enum Message {
    /// The next bytes of the archive.
    Data(Bytes),
    /// Asks whether the archive is complete.
    Ask(SyncSender<bool>),
}

/// Where an archive goes, and how it is spoken of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What all names in it begin with.
    pub prefix: String,
    /// The destination, as it was typed.
    pub destination: String,
    /// What to advise for links, once: a command line.
    pub advice: String,
}

/// Writes an archive's files; `warn` hears of what is left out.
///
/// # Errors
/// An archive that is broken or was meddled with, and files that cannot be written.
pub fn unpack(plan: &Plan, messages: Receiver<Message>, warn: &dyn Fn(String)) -> anyhow::Result<()> {
    let mut archive = Archive::new(Pieces { messages, piece: Bytes::new() });
    entries(&mut archive, plan, warn)?;
    // What follows the archive is its padding.
    let Pieces { messages, .. } = archive.into_inner();
    for message in messages {
        if let Message::Ask(answer) = message {
            let _ = answer.send(true);
        }
    }
    Ok(())
}

fn entries(archive: &mut Archive<Pieces>, plan: &Plan, warn: &dyn Fn(String)) -> anyhow::Result<()> {
    let destination = Destination::new(&plan.destination);
    let mut written: HashSet<Vec<String>> = HashSet::new();
    let mut advised = false;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let parts = match path::place(&plan.prefix, &name) {
            Inside::At(parts) => parts,
            Inside::Foreign => anyhow::bail!("tar contents corrupted"),
            Inside::Outside => {
                let rest = name.strip_prefix(&plan.prefix).unwrap_or(&name);
                let place = path::join(&plan.destination, rest);
                warn(format!("warning: file {place:?} is outside target destination, skipping"));
                continue;
            }
        };
        let place = path::join(&plan.destination, &parts.join("/"));
        if kind.is_dir() {
            destination.folder(&parts)?;
        } else if kind.is_symlink() {
            let advice = if advised || plan.advice.is_empty() {
                String::new()
            } else {
                format!(" (consider using \"{}\")", plan.advice)
            };
            advised = true;
            warn(format!("warning: skipping symlink: {place:?} -> {:?}{advice}", target(&entry)));
        } else if kind.is_hard_link() {
            // Another name of a file that came before: its content is had from there.
            match path::place(&plan.prefix, &target(&entry)) {
                Inside::At(source) if written.contains(&source) => {
                    let mut source = destination.open(&source)?;
                    io::copy(&mut source, &mut destination.create(&parts)?)?;
                }
                _ => warn(format!("warning: skipping hard link: {place:?} -> {:?}", target(&entry))),
            }
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            let mut file = destination.create(&parts)?;
            if let Err(error) = whole(&mut entry, &mut file) {
                drop(file);
                // Half a file must not pass for one.
                destination.remove(&parts);
                warn(format!("warning: {place:?} did not come whole and is removed"));
                return Err(error.into());
            }
            written.insert(parts);
        } else {
            warn(format!("warning: skipping {place:?}: it is no file, no folder and no link"));
        }
    }
    Ok(())
}

/// Copies all of an entry.
fn whole(entry: &mut Entry<'_, impl Read>, file: &mut File) -> io::Result<()> {
    let has_holes = entry.header().entry_type().is_gnu_sparse() && file.metadata()?.is_file();
    let count = if has_holes { with_holes(entry, file)? } else { io::copy(entry, file)? };
    if entry.size() != count {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "unexpected EOF"));
    }
    Ok(())
}

/// Copies to an empty file and leaves holes where there is nothing but zeros: few bytes of an archive may stand for
/// more than a disk holds. Returns how long the file is.
fn with_holes(from: &mut impl Read, file: &mut File) -> io::Result<u64> {
    let mut buffer = vec![0; HOLE];
    let mut length = 0;
    loop {
        let piece = match from.read(&mut buffer)? {
            0 => break,
            count => buffer.get(..count).unwrap_or_default(),
        };
        length += piece.len() as u64;
        if piece.iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Start(length))?;
        } else {
            file.write_all(piece)?;
        }
    }
    file.set_len(length)?;
    Ok(length)
}

fn target(entry: &Entry<'_, impl Read>) -> String {
    entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default()
}

/// Reads what comes, as one stream.
struct Pieces {
    messages: Receiver<Message>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.piece.has_remaining() {
            match self.messages.recv() {
                Ok(Message::Data(data)) => self.piece = data,
                Ok(Message::Ask(answer)) => {
                    let _ = answer.send(false);
                }
                Err(_) => return Ok(0),
            }
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::cell::RefCell;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::mpsc::sync_channel;

    use proptest::prelude::*;
    use tar::{Builder, EntryType, Header};

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("kctl-unpack-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("a folder");
            Self(folder)
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.join(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// An archive of entries: name, kind, where a link leads, or content.
    fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, text) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            let content = if kind.is_file() { text.as_bytes() } else { b"" };
            header.set_size(content.len() as u64);
            // As it is: the library refuses such names.
            for (field, text) in [(0, *name), (157, if kind.is_file() { "" } else { *text })] {
                let bytes = header.as_mut_bytes();
                bytes[field..field + text.len()].copy_from_slice(text.as_bytes());
            }
            header.set_cksum();
            builder.append(&header, content).expect("appended");
        }
        builder.into_inner().expect("an archive")
    }

    fn run(destination: &Path, prefix: &str, data: &[u8]) -> (Result<(), String>, Vec<String>) {
        let plan = Plan {
            prefix: prefix.to_owned(),
            destination: destination.to_string_lossy().into_owned(),
            advice: "advice".to_owned(),
        };
        let (sender, receiver) = sync_channel(data.len() / 100 + 1);
        for piece in data.chunks(100) {
            sender.send(Message::Data(Bytes::copy_from_slice(piece))).expect("sent");
        }
        drop(sender);
        let warnings = RefCell::new(Vec::new());
        let result = unpack(&plan, receiver, &|text| warnings.borrow_mut().push(text));
        (result.map_err(|error| error.to_string()), warnings.into_inner())
    }

    #[test]
    fn writes_files_and_folders() {
        let folder = Folder::new("files");
        let data = archive(&[
            ("src", EntryType::Directory, ""),
            ("src/a", EntryType::Regular, "one"),
            ("src/deep/er/b", EntryType::Regular, "two"),
            ("src/empty/", EntryType::Directory, ""),
            ("src/hard", EntryType::Link, "src/a"),
        ]);
        assert_eq!(run(&folder.at("out"), "src", &data), (Ok(()), Vec::new()));
        let read = |path: &str| fs::read_to_string(folder.at(path)).expect("a file");
        assert_eq!(
            (read("out/a"), read("out/deep/er/b"), read("out/hard")),
            ("one".into(), "two".into(), "one".into())
        );
        assert!(folder.at("out/empty").is_dir());
        let one = archive(&[("etc/motd", EntryType::Regular, "hello")]);
        assert_eq!(run(&folder.at("new/motd"), "etc/motd", &one), (Ok(()), Vec::new()));
        assert_eq!(read("new/motd"), "hello");
    }

    #[test]
    fn cve_2018_1002100_names_stay_inside() {
        let folder = Folder::new("names");
        let data = archive(&[("src/../../x", EntryType::Regular, "bad"), ("src/a", EntryType::Regular, "good")]);
        let (result, warnings) = run(&folder.at("out"), "src", &data);
        assert_eq!(result, Ok(()));
        let place = path::clean(&folder.at("out/../../x").to_string_lossy());
        assert_eq!(warnings, [format!("warning: file {place:?} is outside target destination, skipping")]);
        assert!(folder.at("out/a").exists() && !Path::new(&place).exists());
        for name in ["other/a", "/src/a", "srcs/a"] {
            let (result, _) = run(&folder.at("out"), "src", &archive(&[(name, EntryType::Regular, "bad")]));
            assert_eq!(result, Err("tar contents corrupted".to_owned()), "{name}");
        }
    }

    #[test]
    fn cve_2019_11246_links_are_not_made() {
        let folder = Folder::new("links");
        let outside = folder.at("outside").to_string_lossy().into_owned();
        fs::create_dir(&outside).expect("a folder");
        let data = archive(&[
            ("src/link", EntryType::Symlink, &outside),
            ("src/again", EntryType::Symlink, "link"),
            ("src/link/evil", EntryType::Regular, "bad"),
            ("src/hard", EntryType::Link, "/etc/passwd"),
            ("src/pipe", EntryType::Fifo, ""),
        ]);
        let (result, warnings) = run(&folder.at("out"), "src", &data);
        assert_eq!(result, Ok(()));
        let place = |name: &str| folder.at(name).to_string_lossy().into_owned();
        assert_eq!(
            warnings,
            [
                format!(
                    "warning: skipping symlink: {:?} -> {outside:?} (consider using \"advice\")",
                    place("out/link")
                ),
                format!("warning: skipping symlink: {:?} -> \"link\"", place("out/again")),
                format!("warning: skipping hard link: {:?} -> \"/etc/passwd\"", place("out/hard")),
                format!("warning: skipping {:?}: it is no file, no folder and no link", place("out/pipe")),
            ]
        );
        assert!(!folder.at("outside/evil").exists());
        assert_eq!(fs::read_to_string(folder.at("out/link/evil")).expect("a plain folder"), "bad");
    }

    #[test]
    fn cve_2019_11251_links_on_disk_are_not_followed() {
        let folder = Folder::new("disk");
        for made in ["outside", "out"] {
            fs::create_dir(folder.at(made)).expect("a folder");
        }
        fs::write(folder.at("victim"), "mine").expect("a file");
        std::os::unix::fs::symlink(folder.at("outside"), folder.at("out/dir")).expect("a link");
        std::os::unix::fs::symlink(folder.at("victim"), folder.at("out/file")).expect("a link");
        for name in ["src/dir/evil", "src/file", "src/dir/deep/evil"] {
            let (result, _) = run(&folder.at("out"), "src", &archive(&[(name, EntryType::Regular, "bad")]));
            assert!(result.is_err(), "{name}");
        }
        assert_eq!(fs::read_to_string(folder.at("victim")).expect("a file"), "mine");
        assert_eq!(fs::read_dir(folder.at("outside")).expect("a folder").count(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn never_panics(noise in proptest::collection::vec((0..1536usize, any::<u8>()), 0..8)) {
            let folder = Folder::new("noise");
            let mut data = archive(&[("src/a", EntryType::Regular, "one"), ("src/b", EntryType::Symlink, "x")]);
            for (at, byte) in noise {
                if let Some(place) = data.get_mut(at) {
                    *place = byte;
                }
            }
            let _ = run(&folder.at("out"), "src", &data);
            prop_assert!(fs::read_dir(&folder.0).expect("a folder").all(|entry| entry.expect("one").file_name() == "out"));
        }
    }
}
