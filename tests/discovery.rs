//! How words become resources on servers of several generations, what is said where a part of a server
//! fails, and what is remembered on disk: against small servers, in the words of kubectl 1.36.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads the environment of its own"
)]
#![cfg(unix)]

mod servers;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use servers::api::{Kind, Style, document};
use servers::{Outcome, Place, Server, answer, answer_json, finish};

const fn kind(group: &'static str, version: &'static str, plural: &'static str, kind: &'static str) -> Kind {
    Kind { group, version, plural, kind, namespaced: true, short: &[], categories: &[] }
}

const PODS: Kind = Kind { short: &["po"], categories: &["all"], ..kind("", "v1", "pods", "Pod") };
const BEACONS: Kind =
    Kind { short: &["bcn"], categories: &["all", "sea"], ..kind("sea.example.org", "v1", "beacons", "Beacon") };
const OLD_BEACONS: Kind = Kind { version: "v1alpha1", ..BEACONS };
const SHIPS: Kind = Kind { namespaced: false, categories: &["sea"], ..kind("sea.example.org", "v1", "ships", "Ship") };
const RAFTS: Kind = kind("sea.example.org", "v1alpha1", "rafts", "Raft");
const SKY_BEACONS: Kind = Kind { short: &["bcn"], ..kind("sky.example.org", "v1", "beacons", "Beacon") };
const KITES: Kind = kind("sky.example.org", "v1", "kites", "Kite");
const ALL: [Kind; 7] = [PODS, BEACONS, SHIPS, OLD_BEACONS, RAFTS, SKY_BEACONS, KITES];

/// What a server does that is of interest.
#[derive(Clone)]
struct Behaviour {
    style: Style,
    kinds: Vec<Kind>,
    stale: Vec<&'static str>,
    /// Paths that answer otherwise: status line, media type, body.
    other: Vec<(&'static str, &'static str, &'static str, String)>,
}

impl Behaviour {
    fn new(style: Style, kinds: &[Kind]) -> Self {
        Self { style, kinds: kinds.to_vec(), stale: Vec::new(), other: Vec::new() }
    }

    fn with(mut self, path: &'static str, status: &'static str, media: &'static str, body: &str) -> Self {
        self.other.push((path, status, media, body.to_owned()));
        self
    }
}

/// A server, what it does now, and a place to run commands from.
struct World {
    server: Server,
    behaviour: Arc<Mutex<Behaviour>>,
    place: Place,
}

impl World {
    fn new(behaviour: Behaviour) -> Self {
        let behaviour = Arc::new(Mutex::new(behaviour));
        let now = Arc::clone(&behaviour);
        let server = Server::plain(move |head, stream| {
            let target = head.split(' ').nth(1).unwrap_or_default();
            let path = target.split('?').next().unwrap_or_default();
            let behaviour = now.lock().expect("no panic").clone();
            if let Some((_, status, media, body)) = behaviour.other.iter().find(|(other, ..)| *other == path) {
                return answer(stream, status, &format!("Content-Type: {media}\r\n"), body);
            }
            if let Some((media, document)) = document(behaviour.style, &behaviour.kinds, &behaviour.stale, path) {
                return answer(stream, "200 OK", &format!("Content-Type: {media}\r\n"), &document.to_string());
            }
            match objects(&behaviour.kinds, head, path) {
                Some((status, body)) => answer_json(stream, status, &body),
                None => answer(stream, "404 Not Found", "Content-Type: text/plain\r\n", "404 page not found\n"),
            }
        });
        let place = Place::new();
        place.config(&json!({"server": server.url()}), &json!({}));
        Self { server, behaviour, place }
    }

    fn run(&self, line: &str) -> Outcome {
        self.place.run(&line.split(' ').collect::<Vec<_>>())
    }

    /// Runs a command; what it asked for.
    fn asked(&self, line: &str) -> (Outcome, Vec<String>) {
        let before = self.server.seen().len();
        let run = self.run(line);
        let seen = self.server.seen();
        let target = |head: &String| head.split([' ', '?']).nth(1).unwrap_or_default().to_owned();
        (run, seen.iter().skip(before).map(target).collect())
    }

    fn serve(&self, kinds: &[Kind]) {
        self.behaviour.lock().expect("no panic").kinds = kinds.to_vec();
    }

    fn file(&self) -> PathBuf {
        self.place.0.join(format!(".kube/cache/discovery/127.0.0.1_{}/kctl.json", self.server.port))
    }
}

/// Every resource has one object, `one`.
fn objects(kinds: &[Kind], head: &str, path: &str) -> Option<(&'static str, Value)> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let rest = if let ["namespaces", _, rest @ ..] = rest { rest } else { rest };
    let (plural, name) = (rest.first()?, rest.get(1));
    let kind = kinds.iter().find(|kind| (kind.group, kind.version, kind.plural) == (group, version, *plural))?;
    let api_version = servers::api::group_version(group, version);
    let metadata = json!({"name": "one", "namespace": if kind.namespaced { "default" } else { "" }});
    let object = json!({"apiVersion": api_version, "kind": kind.kind, "metadata": metadata});
    if name.is_some_and(|name| *name != "one") {
        let message = format!("{plural}.{group} {:?} not found", name?);
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
            "code": 404, "message": message});
        return Some(("404 Not Found", status));
    }
    if head.starts_with("DELETE") {
        return Some(("200 OK", json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})));
    }
    if head.contains("as=Table") {
        let table = json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "5"},
            "columnDefinitions": [{"name": "Name", "type": "string", "format": "name"}],
            "rows": [{"cells": ["one"], "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}}]});
        return Some(("200 OK", table));
    }
    if name.is_some() {
        return Some(("200 OK", object));
    }
    let list =
        json!({"kind": format!("{}List", kind.kind), "apiVersion": api_version, "metadata": {}, "items": [object]});
    Some(("200 OK", list))
}

#[test]
fn every_generation_of_servers_says_the_same() {
    for style in [Style::V2, Style::V2Beta1, Style::Legacy] {
        let world = World::new(Behaviour::new(style, &ALL));
        let run = world.run("api-versions");
        assert_eq!(run.stdout, "sea.example.org/v1\nsea.example.org/v1alpha1\nsky.example.org/v1\nv1\n", "{style:?}");
        let run = world.run("api-resources -o wide");
        let want = "\
NAME      SHORTNAMES   APIVERSION                 NAMESPACED   KIND     VERBS                   CATEGORIES
pods      po           v1                         true         Pod      delete,get,list,watch   all
beacons   bcn          sea.example.org/v1         true         Beacon   delete,get,list,watch   all,sea
rafts                  sea.example.org/v1alpha1   true         Raft     delete,get,list,watch   
ships                  sea.example.org/v1         false        Ship     delete,get,list,watch   sea
beacons   bcn          sky.example.org/v1         true         Beacon   delete,get,list,watch   
kites                  sky.example.org/v1         true         Kite     delete,get,list,watch   
";
        assert_eq!((run.stdout.as_str(), run.code), (want, 0), "{style:?}");
        let (run, asked) = world.asked("get raft/one");
        assert_eq!((run.stdout.as_str(), run.code), ("NAME\none\n", 0), "{style:?}: {}", run.stderr);
        assert_eq!(
            asked.last().map(String::as_str),
            Some("/apis/sea.example.org/v1alpha1/namespaces/default/rafts/one")
        );
    }
}

#[test]
fn lists_of_types_are_narrowed_sorted_and_printed() {
    let world = World::new(Behaviour::new(Style::V2, &ALL));
    for (flags, want) in [
        (
            "",
            "pods beacons.sea.example.org rafts.sea.example.org ships.sea.example.org beacons.sky.example.org kites.sky.example.org",
        ),
        ("--api-group=sky.example.org", "beacons.sky.example.org kites.sky.example.org"),
        ("--api-group=", "pods"),
        ("--api-group=none", ""),
        ("--namespaced=false", "ships.sea.example.org"),
        ("--categories=sea,all", "beacons.sea.example.org"),
        ("--verbs=get,patch", ""),
        (
            "--sort-by=name",
            "beacons.sea.example.org beacons.sky.example.org kites.sky.example.org pods rafts.sea.example.org ships.sea.example.org",
        ),
        (
            "--cached",
            "pods beacons.sea.example.org rafts.sea.example.org ships.sea.example.org beacons.sky.example.org kites.sky.example.org",
        ),
    ] {
        let run = world.run(format!("api-resources -o name {flags}").trim());
        let names: Vec<&str> = run.stdout.lines().collect();
        assert_eq!((names.join(" ").as_str(), run.stderr.as_str(), run.code), (want, "", 0), "{flags}");
    }
    let run = world.run("api-resources --sort-by=age");
    assert_eq!((run.stderr.as_str(), run.code), ("error: --sort-by accepts only name or kind\n", 1));
}

#[test]
fn words_mean_resources() {
    let world = World::new(Behaviour::new(Style::V2, &ALL));
    let sea = "/apis/sea.example.org/v1/namespaces/default/beacons";
    let old = "/apis/sea.example.org/v1alpha1/namespaces/default/beacons";
    let sky = "/apis/sky.example.org/v1/namespaces/default/beacons";
    let other = "Warning: short name \"bcn\" could also match lower priority resource beacons.sky.example.org\n";
    for (word, path, warning) in [
        ("beacons", sea, ""),
        ("beacon", sea, ""),
        ("BEACON", sea, ""),
        ("bcn", sea, other),
        ("bcn.v1.", sea, other),
        ("bcn.sky.example.org", sky, ""),
        ("bcn.sky", sky, ""),
        ("bcn.v1alpha1.sea.example.org", sea, ""),
        ("beacons.sky", sky, ""),
        ("beacons.s", sea, ""),
        ("beacons.v1.sky.example.org", sky, ""),
        ("beacons.v1alpha1.sea.example.org", old, ""),
        ("Beacon.v1alpha1.sea.example.org", old, ""),
        ("ships", "/apis/sea.example.org/v1/ships", ""),
    ] {
        let (run, asked) = world.asked(&format!("get {word}"));
        assert_eq!(
            (asked.last().map(String::as_str), run.stderr.as_str(), run.code),
            (Some(path), warning, 0),
            "{word}"
        );
    }
    for (word, named) in [
        ("foo", "foo"),
        ("BCN", "BCN"),
        ("foo.v1.sea.example.org", "foo"),
        ("beacons.v2.sea.example.org", "beacons"),
        ("beacons.v1", "beacons"),
        (".sea", ""),
        ("foo/one", "foo"),
        ("beacons/one,foo/one", "beacons"),
    ] {
        let run = world.run(&format!("get {word}"));
        let want = if word.contains(',') {
            "error: arguments in resource/name form may not have more than one slash\n".to_owned()
        } else {
            format!("error: the server doesn't have a resource type {named:?}\n")
        };
        assert_eq!((run.stderr.as_str(), run.code), (want.as_str(), 1), "{word}");
    }
    for (line, out, err) in [
        ("get beacons/one ships/one -o name", "beacon.sea.example.org/one\nship.sea.example.org/one\n", ""),
        ("get sea -o name", "beacon.sea.example.org/one\nship.sea.example.org/one\n", ""),
        ("get all -o name", "pod/one\nbeacon.sea.example.org/one\n", ""),
        (
            "get sea,kites -o name",
            "beacon.sea.example.org/one\nship.sea.example.org/one\nkite.sky.example.org/one\n",
            "",
        ),
        ("get sea one", "", "error: you must specify only one resource\n"),
        ("delete foo --all", "", "error: the server doesn't have a resource type \"foo\"\n"),
        (
            "delete bcn/one kites/one",
            "beacon.sea.example.org \"one\" deleted from default namespace\nkite.sky.example.org \"one\" deleted from default namespace\n",
            other,
        ),
    ] {
        let run = world.run(line);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (out, err), "{line}");
    }
}

#[test]
fn a_part_that_fails_does_not_hide_the_rest() {
    let down = "503 Service Unavailable";
    let text = "text/plain";
    let names = "pods beacons.sea.example.org rafts.sea.example.org ships.sea.example.org";
    let listed = |reason: &str| {
        format!("error: unable to retrieve the complete list of server APIs: sky.example.org/v1: {reason}\n")
    };
    let legacy = || Behaviour::new(Style::Legacy, &ALL);
    let sky = "/apis/sky.example.org/v1";
    let empty = r#"{"kind":"APIResourceList","groupVersion":"sky.example.org/v1","resources":[]}"#;
    let forbidden = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"no entry"}"#;
    for (behaviour, error, code) in [
        (legacy().with(sky, down, text, "busy"), listed("the server is currently unable to handle the request"), 1),
        (
            legacy().with(sky, "404 Not Found", text, "404"),
            listed("the server could not find the requested resource"),
            1,
        ),
        (legacy().with(sky, "403 Forbidden", "application/json", forbidden), listed("no entry"), 1),
        (
            legacy().with(sky, "200 OK", "application/json", empty),
            listed("received empty response for: sky.example.org/v1"),
            1,
        ),
        (Behaviour { stale: vec!["sky.example.org/v1"], ..Behaviour::new(Style::V2, &ALL) }, String::new(), 0),
    ] {
        let stale = !behaviour.stale.is_empty();
        let world = World::new(behaviour);
        let run = world.run("api-resources -o name");
        let found: Vec<&str> = run.stdout.lines().collect();
        assert_eq!((found.join(" ").as_str(), run.stderr.as_str(), run.code), (names, error.as_str(), code));
        let run = world.run("api-versions");
        assert_eq!((run.stdout.contains("sky.example.org"), run.code), (!stale, 0), "{error}");
        for (word, want) in
            [("beacons", ""), ("sea", ""), ("kites", "error: the server doesn't have a resource type \"kites\"\n")]
        {
            let run = world.run(&format!("get {word} -o name"));
            assert_eq!(run.stderr, want, "{error}");
        }
        assert!(!world.file().exists(), "what is not whole is not remembered");
    }
}

#[test]
fn refusals_of_discovery_are_worded_in_general() {
    let text = "text/plain";
    let json = "application/json";
    let status = |code: u16, reason: &str| {
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": "its own words"})
            .to_string()
    };
    for (path, line, media, body, want) in [
        (
            "/apis",
            "401 Unauthorized",
            json,
            status(401, "Unauthorized"),
            "error: You must be logged in to the server (the server has asked for the client to provide credentials)\n",
        ),
        ("/apis", "403 Forbidden", json, status(403, "Forbidden"), "Error from server (Forbidden): unknown\n"),
        ("/apis", "403 Forbidden", text, "go away".to_owned(), "Error from server (Forbidden): go away\n"),
        (
            "/apis",
            "404 Not Found",
            text,
            String::new(),
            "Error from server (NotFound): the server could not find the requested resource\n",
        ),
        (
            "/api",
            "406 Not Acceptable",
            json,
            status(406, "NotAcceptable"),
            "Error from server (NotAcceptable): the server was unable to respond with a content type that the client supports\n",
        ),
        (
            "/api",
            "503 Service Unavailable",
            text,
            String::new(),
            "Error from server (ServiceUnavailable): the server is currently unable to handle the request\n",
        ),
        (
            "/apis",
            "200 OK",
            "text/html",
            "<html>".to_owned(),
            "error: invalid character '<' looking for beginning of value\n",
        ),
    ] {
        let world = World::new(Behaviour::new(Style::V2, &ALL).with(path, line, media, &body));
        for command in ["get foo", "api-resources"] {
            let run = world.run(command);
            assert_eq!((run.stdout.as_str(), run.stderr.as_str(), run.code), ("", want, 1), "{command}, {line}");
        }
    }
    // A server that only adds to others has no core group.
    for style in [Style::V2, Style::Legacy] {
        let world = World::new(Behaviour::new(style, &ALL[1..]).with("/api", "404 Not Found", text, ""));
        let run = world.run("api-versions");
        assert_eq!(run.stdout, "sea.example.org/v1\nsea.example.org/v1alpha1\nsky.example.org/v1\n", "{}", run.stderr);
    }
}

#[test]
fn custom_resources_come_and_go() {
    let world = World::new(Behaviour::new(Style::V2, &[PODS, KITES]));
    let documents = ["/api", "/apis"];
    let is_document = |path: &&String| documents.contains(&path.as_str());
    let (run, asked) = world.asked("get kites -o name");
    assert_eq!((run.stdout.as_str(), asked.iter().filter(is_document).count()), ("kite.sky.example.org/one\n", 2));
    let (_, asked) = world.asked("get kites -o name");
    assert_eq!(asked.len(), 1, "it is remembered: {asked:?}");
    // New: found at once, and after one question known.
    world.serve(&ALL);
    for (line, questions) in [("get bcn/one -o name", 2), ("get ships -o name", 0)] {
        let (run, asked) = world.asked(line);
        assert_eq!((run.code, asked.iter().filter(is_document).count()), (0, questions), "{line}: {}", run.stderr);
    }
    // Unknown: asked for each time.
    let (run, asked) = world.asked("get foo");
    assert_eq!((run.code, asked.len()), (1, 2));
    // Gone: its path is what the server does not find, and the next command knows.
    world.serve(&[PODS, KITES]);
    let run = world.run("get beacons");
    let want = "Error from server (NotFound): Unable to list \"sea.example.org/v1, Resource=beacons\": the server could not find the requested resource (get beacons.sea.example.org)\n";
    assert_eq!((run.stderr.as_str(), run.code), (want, 1));
    let run = world.run("get beacons");
    assert_eq!(run.stderr, "error: the server doesn't have a resource type \"beacons\"\n");
    let run = world.run("get all -o name");
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("pod/one\n", ""));
    // Another object that is missing is no reason to doubt.
    let (_, asked) = world.asked("get kite/two");
    assert_eq!(asked.len(), 1);
    let (_, asked) = world.asked("get kite/one");
    assert_eq!(asked.len(), 1);
}

#[test]
fn the_memory_is_one_private_file() {
    let world = World::new(Behaviour::new(Style::V2, &ALL));
    let file = world.file();
    assert_eq!(world.run("get kites").code, 0);
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let beside: Vec<_> = std::fs::read_dir(file.parent().expect("a folder")).expect("readable").collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
    // Damage is not believed, and mended.
    for damage in ["", "{\"form\":1,\"catalog\":{\"entries\":[", "[]", "\u{0}\u{1}"] {
        std::fs::write(&file, damage).expect("written");
        assert_eq!(world.asked("get kites").1.len(), 3, "{damage:?}");
        assert_eq!(world.asked("get kites").1.len(), 1, "{damage:?}");
    }
    // Other places, and none.
    let elsewhere = world.place.0.join("elsewhere");
    let flag = format!("--cache-dir={}", elsewhere.display());
    assert_eq!(world.place.run(&["get", "kites", &flag]).code, 0);
    assert!(elsewhere.join("discovery").is_dir());
    let mut command = world.place.command(&["get", "kites"]);
    command.env("KUBECACHEDIR", world.place.0.join("third"));
    assert_eq!(finish(command).code, 0);
    assert!(world.place.0.join("third/discovery").is_dir());
    for home in ["/dev/null", "/proc"] {
        let mut command = world.place.command(&["get", "kites"]);
        command.env("HOME", home).env("KUBERC", "off");
        let run = finish(command);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str(), run.code), ("NAME\none\n", "", 0), "{home}");
    }
}

#[test]
fn many_at_once_share_the_memory() {
    let world = World::new(Behaviour::new(Style::V2, &ALL));
    let children: Vec<_> =
        (0..40).map(|_| world.place.command(&["get", "kites", "-o", "name"]).spawn().expect("it starts")).collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "kite.sky.example.org/one\n");
    }
    assert_eq!(world.asked("get kites").1.len(), 1);
    let folder = world.file().parent().map(std::fs::read_dir).expect("a folder").expect("readable");
    assert_eq!(folder.count(), 1, "no drafts are left");
}
