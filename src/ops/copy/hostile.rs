//! Archives that no honest container sends: what is written of them, what is left out, and what is said.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;

use bytes::Bytes;
use tar::{EntryType, Header};

use super::unpack::{Message, Plan, unpack};

/// An entry as it stands in an archive.
struct Raw {
    header: Header,
    content: Vec<u8>,
}

fn entry(name: &str, kind: EntryType, link: &str, content: &[u8]) -> Raw {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o6755);
    header.set_size(content.len() as u64);
    for (field, text) in [(0, name), (157, link)] {
        header.as_mut_bytes()[field..field + text.len()].copy_from_slice(text.as_bytes());
    }
    Raw { header, content: content.to_vec() }
}

fn file(name: &str, content: &str) -> Raw {
    entry(name, EntryType::Regular, "", content.as_bytes())
}

fn folder(name: &str) -> Raw {
    entry(name, EntryType::Directory, "", b"")
}

fn link(name: &str, target: &str) -> Raw {
    entry(name, EntryType::Symlink, target, b"")
}

/// A file whose name stands in an entry before it, as GNU's `tar` writes long ones.
fn long_name(name: &str, content: &str) -> Vec<Raw> {
    let text = format!("{name}\0");
    vec![entry("././@LongLink", EntryType::GNULongName, "", text.as_bytes()), file("src/short", content)]
}

/// A file with attributes in an entry before it, as POSIX has them.
fn pax(attributes: &[(&str, &str)], then: Raw) -> Vec<Raw> {
    let record = |(name, value): &(&str, &str)| {
        let rest = format!(" {name}={value}\n");
        let length = (1..).find(|length| rest.len() + length.to_string().len() == *length).expect("a length");
        format!("{length}{rest}")
    };
    let text: String = attributes.iter().map(record).collect();
    vec![entry("PaxHeaders/x", EntryType::XHeader, "", text.as_bytes()), then]
}

/// An entry that says that it is longer, or shorter, than what follows it.
fn lie(name: &str, size: u64, content: &str) -> Vec<Raw> {
    let mut raw = file(name, content);
    raw.header.set_size(size);
    vec![raw]
}

/// A file with a hole of 4,096 bytes before its content; `size` is what it says of its whole length.
fn sparse(name: &str, content: &str, size: u64) -> Vec<Raw> {
    let mut raw = entry(name, EntryType::GNUSparse, "", content.as_bytes());
    let bytes = raw.header.as_mut_bytes();
    for (at, number) in [(386, 4096), (398, content.len() as u64), (483, size)] {
        bytes[at..at + 12].copy_from_slice(format!("{number:011o}\0").as_bytes());
    }
    vec![raw]
}

fn bytes(entries: Vec<Raw>, ends: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Raw { mut header, content } in entries {
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    if ends {
        bytes.resize(bytes.len() + 1024, 0);
    }
    bytes
}

/// What lies below a folder, sorted: paths, folders with a slash, files with their content.
fn tree(folder: &std::path::Path, prefix: &str, lines: &mut Vec<String>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry")).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            lines.push(format!("{path}/"));
            tree(&entry.path(), &format!("{path}/"), lines);
        } else if kind.is_file() {
            let content = fs::read(entry.path()).expect("a file");
            let shown = String::from_utf8_lossy(&content).replace(&"\0".repeat(4096), "(hole)");
            lines.push(format!("{path}={shown}"));
        } else {
            lines.push(format!("{path} is something else"));
        }
    }
}

/// Entries; whether the archive has an end; what is written; how it ends; and what is said, as far as that matters.
type Case = (&'static str, Vec<Raw>, bool, &'static [&'static str], Result<(), &'static str>, &'static [&'static str]);

fn cases() -> Vec<Case> {
    let long: &'static str = Box::leak(format!("src/{}", "n".repeat(200)).into_boxed_str());
    let written: &'static [&'static str] =
        Box::leak(vec![&*Box::leak(format!("{}=x", &long[4..]).into_boxed_str())].into_boxed_slice());
    let corrupted = Err("tar contents corrupted");
    vec![
        ("an absolute name", vec![file("src/a", "a"), file("/src/b", "b")], true, &["a=a"], corrupted, &[]),
        ("another folder's name", vec![file("srcs/a", "a")], true, &[], corrupted, &[]),
        (
            "names that lead out",
            vec![file("src/../b", "b"), file("src/x/../../../b", "b"), file("src/x/../c", "c"), folder("src/../../d")],
            true,
            &["c=c"],
            Ok(()),
            &["is outside target destination, skipping"; 3],
        ),
        ("backslashes that lead out", vec![file("src/..\\..\\b", "b")], true, &[], Ok(()), &["is outside target"]),
        (
            "a link, and a file through it",
            vec![
                link("src/l", "../.."),
                file("src/l/evil", "e"),
                link("src/m", "/etc"),
                folder("src/m"),
                file("src/m/f", "f"),
            ],
            true,
            &["l/", "l/evil=e", "m/", "m/f=f"],
            Ok(()),
            &[
                "skipping symlink: \"OUT/l\" -> \"../..\" (consider using \"advice\")",
                "skipping symlink: \"OUT/m\" -> \"/etc\"",
            ],
        ),
        (
            "hard links",
            vec![
                file("src/a", "a"),
                entry("src/b", EntryType::Link, "src/a", b""),
                entry("src/c", EntryType::Link, "/etc/passwd", b""),
                entry("src/d", EntryType::Link, "src/../../outside", b""),
                entry("src/e", EntryType::Link, "src/later", b""),
                file("src/later", "l"),
            ],
            true,
            &["a=a", "b=a", "later=l"],
            Ok(()),
            &["skipping hard link: \"OUT/c\"", "skipping hard link: \"OUT/d\"", "skipping hard link: \"OUT/e\""],
        ),
        (
            "devices, a pipe, and what nobody knows",
            vec![
                entry("src/c", EntryType::Char, "", b""),
                entry("src/b", EntryType::Block, "", b""),
                entry("src/f", EntryType::Fifo, "", b""),
                entry("src/v", EntryType::new(b'V'), "", b"v"),
                file("src/a", "a"),
            ],
            true,
            &["a=a"],
            Ok(()),
            &["it is no file, no folder and no link"; 4],
        ),
        ("a long name of GNU's", long_name(long, "x"), true, written, Ok(()), &[]),
        ("a long name that leads out", long_name("src/../../x", "x"), true, &[], Ok(()), &["is outside target"]),
        ("a long name from elsewhere", long_name("/etc/x", "x"), true, &[], corrupted, &[]),
        ("a name of POSIX's", pax(&[("path", "src/p")], file("src/short", "x")), true, &["p=x"], Ok(()), &[]),
        (
            "one that leads out",
            pax(&[("path", "src/../x")], file("src/short", "x")),
            true,
            &[],
            Ok(()),
            &["is outside"],
        ),
        ("one from elsewhere", pax(&[("path", "/x")], file("src/short", "x")), true, &[], corrupted, &[]),
        (
            "a link of POSIX's",
            pax(&[("linkpath", "/etc/passwd")], entry("src/h", EntryType::Link, "src/a", b"")),
            true,
            &[],
            Ok(()),
            &["skipping hard link: \"OUT/h\" -> \"/etc/passwd\""],
        ),
        ("a hole", sparse("src/s", "end", 4099), true, &["s=(hole)end"], Ok(()), &[]),
        (
            "a hole, cut off",
            sparse("src/s", "end", 4099)
                .into_iter()
                .map(|mut raw| {
                    raw.content.clear();
                    raw
                })
                .collect(),
            false,
            &[],
            Err("unexpected EOF"),
            &["\"OUT/s\" did not come whole and is removed"],
        ),
        ("the same name again", vec![file("src/a", "first"), file("src/a", "2")], true, &["a=2"], Ok(()), &[]),
        (
            "a file that becomes a folder",
            vec![file("src/a", "a"), file("src/a/b", "b")],
            true,
            &["a=a"],
            Err("open OUT/a/b: not a directory"),
            &[],
        ),
        (
            "a folder that becomes a file",
            vec![file("src/a/b", "b"), file("src/a", "a")],
            true,
            &["a/", "a/b=b"],
            Err("open OUT/a: is a directory"),
            &[],
        ),
        (
            "names that would steer a terminal",
            vec![file("src/a\nb\x1b[31m", "x"), link("src/l\r\x07", "\x1b]0;t\x07")],
            true,
            &["a\nb\x1b[31m=x"],
            Ok(()),
            &["skipping symlink: \"OUT/l\\r\\u{7}\" -> \"\\u{1b}]0;t\\u{7}\""],
        ),
        ("more than it says", lie("src/a", 2, "abc"), true, &["a=ab"], Ok(()), &[]),
        (
            "less than it says",
            lie("src/a", 9000, "abc"),
            true,
            &[],
            Err("unexpected EOF"),
            &["\"OUT/a\" did not come whole and is removed"],
        ),
        (
            "much less than it says",
            lie("src/a", 1 << 60, "abc"),
            true,
            &[],
            Err("unexpected EOF"),
            &["\"OUT/a\" did not come whole and is removed"],
        ),
        ("no end", vec![file("src/a", "a")], false, &["a=a"], Ok(()), &[]),
    ]
}

#[test]
fn hostile_archives_do_no_harm() {
    for (at, (what, entries, ends, written, end, said)) in cases().into_iter().enumerate() {
        let root: PathBuf = std::env::temp_dir().join(format!("kctl-hostile-{}-{at}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let out = root.join("deep/out");
        fs::create_dir_all(&out).expect("folders");
        fs::write(root.join("deep/outside"), "mine").expect("a file");
        let plan = Plan {
            prefix: "src".to_owned(),
            destination: out.to_string_lossy().into_owned(),
            advice: "advice".to_owned(),
        };
        let data = bytes(entries, ends);
        let (sender, receiver) = sync_channel(data.len() / 300 + 1);
        for piece in data.chunks(300) {
            sender.send(Message::Data(Bytes::copy_from_slice(piece))).expect("sent");
        }
        drop(sender);
        let warnings = RefCell::new(Vec::new());
        let result = unpack(&plan, receiver, &|text| warnings.borrow_mut().push(text));
        let shown = |text: &str| text.replace(&*out.to_string_lossy(), "OUT");
        let mut lines = Vec::new();
        tree(&out, "", &mut lines);
        assert_eq!(lines, written, "{what}");
        assert_eq!(result.map_err(|error| shown(&error.to_string())), end.map_err(str::to_owned), "{what}");
        let warnings: Vec<String> = warnings.into_inner().iter().map(|text| shown(text)).collect();
        assert_eq!(warnings.len(), said.len(), "{what}: {warnings:?}");
        for (warning, said) in warnings.iter().zip(said) {
            assert!(warning.contains(said), "{what}: {warning}");
            assert!(!warning.chars().any(char::is_control), "{what}: {warning:?}");
        }
        // Nothing was made or changed beside the destination, and nothing came with rights of its own.
        let mut beside = Vec::new();
        tree(&root, "", &mut beside);
        beside.retain(|line| !line.starts_with("deep/out/"));
        assert_eq!(beside, ["deep/", "deep/outside=mine"], "{what}");
        fs::remove_dir_all(&root).expect("removed");
    }
}
