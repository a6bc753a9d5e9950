//! `cp` from a hostile container: any archive leaves nothing but files and folders, all below the destination.

#![no_main]

use std::fs;
use std::path::Path;

use bytes::Bytes;
use kctl::ops::copy::unpack::{Message, Plan, unpack};
use kctl_fuzz::Folder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let folder = Folder::new();
    let outside = folder.path().join("outside");
    let inside = folder.path().join("inside");
    fs::create_dir(&inside).expect("a folder");
    fs::write(&outside, "untouched").expect("a file");
    let plan =
        Plan { prefix: "a".to_owned(), destination: inside.join("a").display().to_string(), advice: String::new() };
    let (sender, messages) = std::sync::mpsc::channel();
    for piece in input.chunks(1000) {
        let _ = sender.send(Message::Data(Bytes::copy_from_slice(piece)));
    }
    drop(sender);
    let _ = unpack(&plan, messages, &|_| ());
    let names: Vec<_> =
        fs::read_dir(folder.path()).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(fs::read(&outside).expect("the file"), b"untouched");
    only_files(&inside);
});

fn only_files(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("a type");
        assert!(kind.is_dir() || kind.is_file(), "{:?}", entry.path());
        if kind.is_dir() {
            only_files(&entry.path());
        }
    }
}
