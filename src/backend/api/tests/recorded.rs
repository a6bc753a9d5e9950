//! Discovery as a real API server of the same version answers, with the same custom resources.

use super::*;

const LEGACY: &str = "application/json";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Groups that the bundled cluster has and a bare API server has not: elsewhere an add-on serves them.
const OURS: [&str; 1] = ["metrics.k8s.io"];

fn data(name: &str) -> String {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("recorded data")
}

fn lines(name: &str) -> Vec<Value> {
    data(name).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Takes out what differs from server to server: the address, and groups of our own.
fn comparable(mut document: Value) -> Value {
    document.remove_at(&["serverAddressByClientCIDRs"]);
    for list in ["groups", "items"] {
        let Some(Value::Array(groups)) = document.get_mut(list) else { continue };
        groups.retain(|group| {
            let name = if list == "items" { group.name() } else { group.str_at(&["name"]) };
            !OURS.contains(&name)
        });
    }
    document
}

#[tokio::test]
async fn each_groups_lists_are_those_of_a_real_server() {
    let handle = cluster();
    let recorded = lines("discovery/lists.jsonl");
    for line in &recorded {
        let path = line.str_at(&["path"]);
        let found = send(&handle, "GET", path, &[("accept", LEGACY)], "").await;
        assert_eq!((found.code, &found.body), (200, &line["document"]), "{path}");
    }
    let groups: Value = serde_json::from_str(&data("discovery/groups.json")).expect("JSON");
    assert_eq!(comparable(get(&handle, "/apis").await), groups);
    for group in groups["groups"].as_array().expect("groups") {
        let path = format!("/apis/{}", group.str_at(&["name"]));
        let mut own = get(&handle, &path).await;
        assert_eq!(
            (own.remove_at(&["kind"]), own.remove_at(&["apiVersion"])),
            (Some("APIGroup".into()), Some("v1".into()))
        );
        assert_eq!(own, *group);
    }
    // No group version is left out of the comparison.
    let versions = groups["groups"].as_array().into_iter().flatten().flat_map(|group| group.list_at(&["versions"]));
    assert_eq!(versions.count() + 1, recorded.len());
}

#[tokio::test]
async fn all_groups_at_once_are_those_of_a_real_server() {
    let handle = cluster();
    let cluster: Value = serde_json::from_str(&data("golden/cluster.json")).expect("JSON");
    for object in cluster.list_at(&["items"]).iter().filter(|object| object["kind"] == "CustomResourceDefinition") {
        let mut definition = object.clone();
        for written in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"] {
            definition.remove_at(&["metadata", written]);
        }
        definition.remove_at(&["status"]);
        let made = post(&handle, DEFINITIONS, definition).await;
        assert_eq!(made.code, 201, "{}", made.body);
    }
    let mut found = Vec::new();
    for path in ["/api", "/apis"] {
        let document = comparable(send(&handle, "GET", path, &[("accept", AGGREGATED)], "").await.body);
        found.extend(document.list_at(&["items"]).to_vec());
    }
    let recorded = lines("discovery/aggregated.jsonl");
    assert_eq!(found.len(), recorded.len());
    for (found, recorded) in found.iter().zip(&recorded) {
        assert_eq!(found, recorded, "{}", recorded.name());
    }
}

/// Reads a message's fields: numbers and the bytes of those that have a length.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        while let Some((first, rest)) = bytes.split_first() {
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            shift += 7;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                varint(&mut bytes);
                0
            }
            1 => 8,
            _ => usize::try_from(varint(&mut bytes)).expect("a length"),
        };
        let (value, rest) = bytes.split_at(length);
        found.push((key >> 3, value.to_vec()));
        bytes = rest;
    }
    found
}

fn field(bytes: &[u8], path: &[u64]) -> Option<Vec<u8>> {
    path.iter().try_fold(bytes.to_vec(), |bytes, number| {
        fields(&bytes).into_iter().find(|(found, _)| found == number).map(|(_, value)| value)
    })
}

async fn bytes_of(handle: &Handle, target: &str, accept: &str) -> (u16, String, Vec<u8>) {
    let request = Request::builder().uri(target).header("accept", accept).body(Bytes::new()).expect("a request");
    let response = handle.call(request).await;
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().expect("text").to_owned());
    let code = response.status().as_u16();
    (code, kind.unwrap_or_default(), response.into_body().collect().await.expect("a body").to_bytes().to_vec())
}

#[tokio::test]
async fn open_api_comes_in_protobuf_to_who_asks_for_it() {
    let handle = cluster();
    let v2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    let v3 = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf";
    for (target, accept, want) in [
        ("/openapi/v2", v2, v2),
        ("/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf,application/json", v2),
        ("/openapi/v2", "text/html, application/json;q=0.5", LEGACY),
        ("/openapi/v2", v3, ""),
        ("/openapi/v3/api/v1", v3, v3),
        ("/openapi/v3/api/v1", "application/com.github.proto-openapi.spec.v3@v1.0+protobuf", v3),
        ("/openapi/v3/api/v1", "*/*", LEGACY),
        ("/openapi/v3/api/v1", "application/vnd.kubernetes.protobuf", ""),
    ] {
        let (code, kind, body) = bytes_of(&handle, target, accept).await;
        let code_wanted = if want.is_empty() { 406 } else { 200 };
        assert_eq!((code, kind.as_str(), body.is_empty()), (code_wanted, want, want.is_empty()), "{target} {accept}");
    }
    let (_, _, document) = bytes_of(&handle, "/openapi/v3/apis/apps/v1", v3).await;
    assert_eq!(field(&document, &[1]).as_deref(), Some(&b"3.0.0"[..]));
    let schemas = field(&document, &[5, 1]).expect("schemas");
    let json = get(&handle, "/openapi/v3/apis/apps/v1").await;
    let names: Vec<String> = fields(&schemas)
        .into_iter()
        .map(|(_, entry)| String::from_utf8(field(&entry, &[1]).expect("a name")).expect("text"))
        .collect();
    assert_eq!(names, json["components"]["schemas"].as_object().expect("schemas").keys().cloned().collect::<Vec<_>>());
    let scale = fields(&schemas).into_iter().map(|(_, entry)| entry);
    let scale = scale.into_iter().find(|entry| field(entry, &[1]).as_deref() == Some(b"io.k8s.api.apps.v1.Deployment"));
    // The schema's type, and what its first extension holds, as YAML.
    let scale = field(&scale.expect("Deployment"), &[2, 1]).expect("a schema");
    assert_eq!(field(&scale, &[25]).as_deref(), Some(&b"object"[..]));
    let kinds = field(&scale, &[36, 2, 2]).expect("an extension");
    assert_eq!(String::from_utf8(kinds).expect("text"), "- group: apps\n  kind: Deployment\n  version: v1\n");
}
