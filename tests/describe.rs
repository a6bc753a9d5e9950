//! Descriptions against those that real kubectl 1.36 printed of the same objects, once by the printers
//! alone and once by the whole program against a small server.
//!
//! `data/describe/cases.jsonl` holds one command line a line, with the moment at which it ran and what
//! it printed. The objects come from `data/golden/cluster.json`. `data/describe/objects.jsonl` holds
//! further objects, one a line, with what kubectl printed of them without events: every type of volume,
//! every kind of metric and probe.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use jiff::tz::TimeZone;
use kctl::cli;
use kctl::object::builtin;
use kctl::object::fields::FieldSelector;
use kctl::object::labels::Selector;
use kctl::object::{GroupKind, Meta, Object, Status, time};
use kctl::ops::Environment;
use kctl::output::describe::{self, Description, Need, Related, Resource};
use kctl::terminal::Streams;
use proptest::prelude::*;
use proptest::sample::Index;

struct Cluster(Vec<Object>);

impl Cluster {
    fn load() -> Self {
        let list: Object = serde_json::from_str(include_str!("data/golden/cluster.json")).expect("a list");
        Self(list.list_at(&["items"]).to_vec())
    }

    /// The objects of a kind, where it has a namespace in that one (`None` for all), in the server's order.
    fn of_kind(&self, kind: &GroupKind, namespace: Option<&str>) -> Vec<&Object> {
        let fits = |object: &&Object| {
            object.gvk().group_kind() == *kind
                && namespace.is_none_or(|namespace| object.namespace().is_empty() || object.namespace() == namespace)
        };
        let mut found: Vec<&Object> = self.0.iter().filter(fits).collect();
        found.sort_by_key(|object| (object.namespace(), object.name()));
        found
    }

    fn fetch(&self, need: &Need) -> anyhow::Result<Vec<Object>> {
        let kind = |resource: &Resource| kind_of(resource.plural, resource.group);
        let cloned = |found: Vec<&Object>| found.into_iter().cloned().collect();
        match need {
            Need::Events { namespace, field_selector } => {
                let selector = FieldSelector::parse(field_selector)?;
                let namespace = Some(namespace.as_str()).filter(|namespace| !namespace.is_empty());
                let mut found = self.of_kind(&GroupKind { group: String::new(), kind: "Event".into() }, namespace);
                found.retain(|event| selector.matches(|field| field_of(event, field)));
                Ok(cloned(found))
            }
            Need::List { resource, namespace, label_selector, field_selector, .. } => {
                let (labels, fields) = (Selector::parse(label_selector)?, FieldSelector::parse(field_selector)?);
                let mut found = self.of_kind(&kind(resource), namespace.as_deref());
                found.retain(|object| labels.matches(object) && fields.matches(|field| field_of(object, field)));
                Ok(cloned(found))
            }
            Need::Get { resource, namespace, name } => {
                let found = self.of_kind(&kind(resource), namespace.as_deref());
                match found.into_iter().find(|object| object.name() == name) {
                    Some(object) => Ok(vec![object.clone()]),
                    None => Err(Status::not_found(&resource.gvr().group_resource(), name).into()),
                }
            }
        }
    }

    fn describe(&self, object: &Object, events: bool, now: &str) -> String {
        let describer = describe::for_kind(&object.gvk().group_kind());
        let mut related = Related::new();
        for need in (describer.needs)(object) {
            if events || !matches!(need, Need::Events { .. }) {
                let answer = self.fetch(&need);
                related.insert(need, answer);
            }
        }
        let mut d = Description::new(time::parse_rfc3339(now).expect("a time"), TimeZone::UTC);
        (describer.describe)(&mut d, object, &related).expect("a description");
        d.finish()
    }
}

fn field_of<'a>(object: &'a Object, field: &str) -> std::borrow::Cow<'a, str> {
    let path: Vec<&str> = field.split('.').collect();
    object.str_at(&path).into()
}

fn kind_of(plural: &str, group: &str) -> GroupKind {
    let known = builtin::resources().iter().find(|known| known.plural == plural && known.group == group);
    GroupKind { group: group.to_owned(), kind: known.expect("a built-in resource").kind.to_owned() }
}

/// The kind that a word of a command line means: of the built-in ones, or of the two custom ones.
fn kind_of_word(word: &str) -> GroupKind {
    if let Some(kind) = [("beacon", "Beacon"), ("atlas", "Atlas")].iter().find(|(name, _)| *name == word) {
        return GroupKind { group: "sea.example.org".into(), kind: kind.1.into() };
    }
    if word == "crd" {
        return GroupKind { group: "apiextensions.k8s.io".into(), kind: "CustomResourceDefinition".into() };
    }
    let known = builtin::resources()
        .iter()
        .find(|known| known.plural == word || known.singular == word || known.short_names.contains(&word))
        .unwrap_or_else(|| panic!("the type {word}"));
    GroupKind { group: known.group.to_string(), kind: known.kind.to_string() }
}

/// The parts of a command line that these cases have.
#[derive(Default)]
struct Line {
    words: Vec<String>,
    flags: BTreeMap<String, String>,
}

impl Line {
    fn parse(args: &[Object]) -> Self {
        let mut line = Self::default();
        let mut args = args.iter().filter_map(Object::as_str).skip(1);
        while let Some(arg) = args.next() {
            match arg.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => {
                    line.flags.insert(flag.into(), value.into());
                }
                _ if arg.starts_with('-') => {
                    line.flags.insert(arg.into(), args.next().unwrap_or("").into());
                }
                _ => line.words.push(arg.into()),
            }
        }
        line
    }
}

#[test]
fn descriptions_are_those_of_kubectl() {
    let cluster = Cluster::load();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for case in include_str!("data/describe/cases.jsonl").lines() {
        let case: Object = serde_json::from_str(case).expect("a case");
        let (want, now) = (case.str_at(&["stdout"]), case.str_at(&["now"]));
        let line = Line::parse(case.list_at(&["args"]));
        let Some((word, names)) = line.words.split_first() else { continue };
        if want.is_empty() {
            continue;
        }
        let namespace = line.flags.get("-n").map_or("default", String::as_str);
        let all = cluster.of_kind(&kind_of_word(word), Some(namespace));
        let labels = Selector::parse(line.flags.get("-l").map_or("", String::as_str)).expect("a selector");
        let named = |name: &String| all.iter().copied().find(|object| object.name() == name);
        let exact: Vec<&Object> = names.iter().filter_map(named).collect();
        let prefix = exact.is_empty() && names.len() == 1;
        let objects: Vec<&Object> = match names {
            [] => all.iter().copied().filter(|object| labels.matches(object)).collect(),
            [name] if prefix => all.iter().copied().filter(|object| object.name().starts_with(name.as_str())).collect(),
            _ => exact,
        };
        // Events come with a single object, unless another one was not found.
        let single = objects.len() == 1 && names.len() <= 1 && !prefix;
        let events = line.flags.get("--show-events").map_or(single, |value| value == "true");
        let texts: Vec<String> = objects.iter().map(|object| cluster.describe(object, events, now)).collect();
        let got = if prefix { texts.iter().map(|text| format!("{text}\n")).collect() } else { texts.join("\n\n") };
        checked += 1;
        if got != want {
            wrong.push(format!("==== {:?}\n---- got\n{got}\n---- want\n{want}", line.words));
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 80, "only {checked} cases");
}

#[test]
fn every_part_is_described_as_kubectl_does() {
    let mut checked = 0;
    for line in include_str!("data/describe/objects.jsonl").lines() {
        let line: Object = serde_json::from_str(line).expect("an object");
        let object = &line["object"];
        let text = Cluster(Vec::new()).describe(object, false, "2026-11-24T00:00:00Z");
        assert_eq!(text, line.str_at(&["stdout"]), "{}", object.name());
        checked += 1;
    }
    assert!(checked > 30, "only {checked} objects");
}

/// A server that answers lists and gets from the recorded objects, and nothing else.
fn serve(cluster: &Cluster, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    reader.read_line(&mut head)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
    }
    let target = head.split(' ').nth(1).unwrap_or("");
    let (code, body) = answer(cluster, target);
    let text = body.to_string();
    // As the real server: the type is there still, but not for long.
    let warning = match target.starts_with("/api/v1/") && target.contains("/endpoints") {
        true => "Warning: 299 - \"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\"\r\n",
        false => "",
    };
    write!(
        reader.get_mut(),
        "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{warning}Connection: close\r\n\r\n{text}",
        text.len()
    )
}

fn answer(cluster: &Cluster, target: &str) -> (u16, Object) {
    let url = reqwest::Url::parse(&format!("http://x{target}")).expect("a URL");
    let query =
        |key: &str| url.query_pairs().find(|(known, _)| known == key).map_or(String::new(), |(_, value)| value.into());
    let parts: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
    let (group, rest) = match parts.as_slice() {
        ["api"] | ["apis"] => return (200, discovery(url.path())),
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => (" ", [].as_slice()),
    };
    let (namespace, plural, name) = match rest {
        ["namespaces", namespace, plural, name @ ..] => (Some(*namespace), *plural, name.first()),
        [plural, name @ ..] => (None, *plural, name.first()),
        [] => (None, "", None),
    };
    let kind = match (group, plural) {
        ("sea.example.org", "beacons") => "Beacon",
        ("sea.example.org", "atlases") => "Atlas",
        ("apiextensions.k8s.io", "customresourcedefinitions") => "CustomResourceDefinition",
        _ => match builtin::resources().iter().find(|known| known.plural == plural && known.group == group) {
            Some(known) => known.kind,
            None => {
                return refused(&Status::failure(404, "NotFound", "the server could not find the requested resource"));
            }
        },
    };
    let kind = GroupKind { group: group.to_owned(), kind: kind.to_owned() };
    let mut found = cluster.of_kind(&kind, namespace);
    if let Some(name) = name {
        let resource = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        return match found.into_iter().find(|object| object.name() == *name) {
            Some(object) => (200, object.clone()),
            None => refused(&Status::not_found(&resource, name)),
        };
    }
    let labels = Selector::parse(&query("labelSelector")).expect("a selector");
    let fields = FieldSelector::parse(&query("fieldSelector")).expect("a selector");
    found.retain(|object| labels.matches(object) && fields.matches(|field| field_of(object, field)));
    let version = found.first().map_or("v1", |object| object.api_version());
    (
        200,
        serde_json::json!({"kind": format!("{}List", kind.kind), "apiVersion": version, "metadata": {}, "items": found}),
    )
}

fn refused(status: &Status) -> (u16, Object) {
    let mut object = serde_json::to_value(status).expect("JSON");
    object["kind"] = "Status".into();
    object["apiVersion"] = "v1".into();
    (status.code, object)
}

/// The built-in types and the two custom ones, as aggregated discovery has them.
fn discovery(path: &str) -> Object {
    let resource =
        |(group, version, kind): (&str, &str, &str), plural: &str, singular: &str, short: &[&str], namespaced: bool| {
            let scope = if namespaced { "Namespaced" } else { "Cluster" };
            serde_json::json!({"resource": plural, "singularResource": singular, "scope": scope, "shortNames": short,
            "verbs": ["get", "list"], "responseKind": {"group": group, "version": version, "kind": kind}})
        };
    let mut groups: Vec<(&str, Vec<(&str, Vec<Object>)>)> = Vec::new();
    let mut add = |group: &'static str, version: &'static str, resource: Object| {
        if groups.last().is_none_or(|(last, _)| *last != group) {
            groups.push((group, Vec::new()));
        }
        let Some((_, versions)) = groups.last_mut() else { return };
        if versions.last().is_none_or(|(last, _)| *last != version) {
            versions.push((version, Vec::new()));
        }
        versions.last_mut().expect("a version").1.push(resource);
    };
    for known in builtin::resources() {
        let kind = (known.group, known.version, known.kind);
        add(
            known.group,
            known.version,
            resource(kind, known.plural, known.singular, &known.short_names, known.namespaced),
        );
    }
    const SEA: &str = "sea.example.org";
    add(SEA, "v1", resource((SEA, "v1", "Beacon"), "beacons", "beacon", &["bcn"], true));
    add(SEA, "v2beta1", resource((SEA, "v2beta1", "Atlas"), "atlases", "atlas", &[], false));
    let items: Vec<Object> = groups
        .into_iter()
        .filter(|(group, _)| group.is_empty() == (path == "/api"))
        .map(|(group, versions)| {
            let versions: Vec<Object> = versions
                .into_iter()
                .map(|(version, resources)| {
                    serde_json::json!({"version": version, "freshness": "Current", "resources": resources})
                })
                .collect();
            serde_json::json!({"metadata": {"name": group}, "versions": versions})
        })
        .collect();
    serde_json::json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

/// Runs a command line as kubectl would be run: what it prints, says, and its exit code.
fn run(case: &Object, folder: &Path, kubeconfig: &Path) -> (String, String, i64) {
    let (streams, out, err) = Streams::buffers(b"");
    let env = Environment::new([
        ("HOME", folder.to_str().expect("a path")),
        ("KUBECONFIG", kubeconfig.to_str().expect("a path")),
        ("KCTL_NOW", case.str_at(&["now"])),
        ("TZ", "UTC"),
    ]);
    let files = case.map_at(&["files"]);
    for (name, text) in &files {
        std::fs::write(folder.join(name), text).expect("writes");
    }
    let place = |word: &str| match files.iter().any(|(name, _)| *name == word) {
        true => folder.join(word).to_string_lossy().into_owned(),
        false => word.to_owned(),
    };
    let words: Vec<String> = case.list_at(&["args"]).iter().filter_map(Object::as_str).map(place).collect();
    let code = cli::run("kubectl", &words, env, streams);
    (out.text(), err.text(), code.into())
}

#[test]
fn the_command_does_what_kubectl_does() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let cluster = std::sync::Arc::new(Cluster::load());
        for stream in listener.incoming().flatten() {
            let cluster = std::sync::Arc::clone(&cluster);
            std::thread::spawn(move || serve(&cluster, stream));
        }
    });
    let folder = std::env::temp_dir().join(format!("kctl-describe-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let kubeconfig = folder.join("config");
    let config = serde_json::json!({"kind": "Config", "apiVersion": "v1", "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": ""}}],
        "clusters": [{"name": "x", "cluster": {"server": format!("http://{address}")}}]});
    std::fs::write(&kubeconfig, config.to_string()).expect("writes");
    let mut wrong = Vec::new();
    for case in include_str!("data/describe/cases.jsonl").lines() {
        let case: Object = serde_json::from_str(case).expect("a case");
        let want = (
            case.str_at(&["stdout"]).to_owned(),
            case.str_at(&["stderr"]).to_owned(),
            case.int_at(&["code"]).unwrap_or(0),
        );
        let got = run(&case, &folder, &kubeconfig);
        if got != want {
            wrong.push(format!(
                "==== {:?}\n---- got {}\n{}{}\n---- want {}\n{}{}",
                case["args"], got.2, got.0, got.1, want.2, want.0, want.1
            ));
        }
    }
    std::fs::remove_dir_all(&folder).expect("removes");
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

/// What may stand in any place of an object that comes from a strange server.
fn strange() -> impl Strategy<Value = Object> {
    let leaf = prop_oneof![
        Just(Object::Null),
        any::<bool>().prop_map(Object::from),
        any::<i64>().prop_map(Object::from),
        any::<f64>().prop_map(Object::from),
        any::<String>().prop_map(Object::from),
        Just(Object::from("\u{1b}]0;title\u{7}\r\u{9b}31m\u{b}\u{c}\0\tx\n")),
        Just(Object::from("9999-12-31T23:59:59Z")),
        Just(Object::from("-1e99")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Object::from),
            prop::collection::btree_map("[a-zA-Z.\u{1b}]{0,8}", inner, 0..4)
                .prop_map(|map| Object::Object(map.into_iter().collect())),
        ]
    })
}

/// Every place in an object, by its JSON pointer.
fn places(object: &Object, at: &str, places: &mut Vec<String>) {
    places.push(at.to_owned());
    match object {
        Object::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                self::places(value, &format!("{at}/{key}"), places);
            }
        }
        Object::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                self::places(value, &format!("{at}/{index}"), places);
            }
        }
        _ => {}
    }
}

fn describe_with(describer: &describe::Describer, object: &Object, related: &Related) -> String {
    let mut d = Description::new(time::parse_rfc3339("2026-11-24T00:00:00Z").expect("a time"), TimeZone::UTC);
    // An error is an answer; what was written before it is not shown.
    let _ = (describer.describe)(&mut d, object, related);
    d.finish()
}

fn safe(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t'))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Real objects with strange values in some places, and related ones alike.
    #[test]
    fn strange_objects_are_described_safely(
        which in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), strange()), 1..6),
        failing in any::<bool>(),
    ) {
        thread_local!(static CLUSTER: Cluster = Cluster::load());
        CLUSTER.with(|cluster| -> Result<(), TestCaseError> {
            let kinds: std::collections::BTreeSet<(String, String)> =
                cluster.0.iter().map(|object| (object.api_version().to_owned(), object.kind().to_owned())).collect();
            let kinds: Vec<_> = kinds.into_iter().collect();
            let (version, kind) = which.get(&kinds);
            let of_kind: Vec<&Object> =
                cluster.0.iter().filter(|object| object.api_version() == version && object.kind() == kind).collect();
            let mut object = (*which.get(&of_kind)).clone();
            let change = |object: &mut Object| {
                for (place, value) in &changes {
                    let mut all = Vec::new();
                    places(object, "", &mut all);
                    if let Some(target) = object.pointer_mut(place.get::<String>(&all)) {
                        *target = value.clone();
                    }
                }
            };
            let describer = describe::for_kind(&object.gvk().group_kind());
            change(&mut object);
            let mut related = Related::new();
            for need in (describer.needs)(&object) {
                let answer = if failing { Err(Status::bad_request("\u{1b}no").into()) } else { cluster.fetch(&need) };
                let changed = answer.map(|mut items| { items.iter_mut().for_each(change); items });
                related.insert(need, changed);
            }
            prop_assert!(safe(&describe_with(describer, &object, &related)));
            Ok(())
        })?;
    }

    /// Any value as an object of any kind.
    #[test]
    fn anything_is_described_safely(object in strange(), spec in strange(), status in strange()) {
        let mut object = object;
        if let Some(map) = object.as_object_mut() {
            map.insert("spec".into(), spec);
            map.insert("status".into(), status);
        }
        for describer in describe::DESCRIBERS.iter().chain([&describe::GENERIC]) {
            let needs = (describer.needs)(&object);
            let mut related = Related::new();
            for need in needs {
                related.insert(need, Ok(vec![object.clone()]));
            }
            prop_assert!(safe(&describe_with(describer, &object, &related)));
        }
    }
}
