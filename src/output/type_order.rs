//! The order of the fields of built-in types, in which objects that were made here are printed as
//! JSON (`create --dry-run=client -o json`).

use std::collections::HashMap;
use std::sync::OnceLock;

use super::json::KeyOrder;

const DATA: &str = include_str!("data/type-order.txt");

/// The order of a kind's fields; `None` for kinds that are not built in, whose fields are sorted.
pub fn order_of(api_version: &str, kind: &str) -> Option<&'static dyn KeyOrder> {
    let types = types();
    find(types, types.sections.get(api_version)?, kind)
}

/// As [`order_of`], for a printer that keeps its order.
pub fn boxed_order_of(api_version: &str, kind: &str) -> Option<Box<dyn KeyOrder>> {
    order_of(api_version, kind).map(|order| Box::new(Borrowed(order)) as Box<dyn KeyOrder>)
}

/// As [`boxed_order_of`], for a list of objects of a kind.
pub fn list_order_of(api_version: &str, kind: &str) -> Option<Box<dyn KeyOrder>> {
    Some(Box::new(ListOrder(order_of(api_version, kind)?)))
}

/// A list: its type, its metadata, its items.
struct ListOrder(&'static dyn KeyOrder);

impl KeyOrder for ListOrder {
    fn rank(&self, key: &str) -> Option<usize> {
        ["kind", "apiVersion", "metadata", "items"].iter().position(|name| *name == key)
    }
    fn child(&self, key: &str) -> Option<&dyn KeyOrder> {
        (key == "items").then_some(self.0)
    }
}

struct Borrowed(&'static dyn KeyOrder);

impl KeyOrder for Borrowed {
    fn rank(&self, key: &str) -> Option<usize> {
        self.0.rank(key)
    }
    fn child(&self, key: &str) -> Option<&dyn KeyOrder> {
        self.0.child(key)
    }
}

type Name = (&'static str, &'static str);

struct Types {
    /// By `apiVersion`.
    sections: HashMap<&'static str, &'static str>,
    /// By section, then by name.
    by_name: HashMap<&'static str, HashMap<&'static str, TypeOrder>>,
}

/// The fields of a type: name, type, and whether it is a map of that type.
struct TypeOrder(Vec<(&'static str, Option<Name>, bool)>);

/// A map: its keys are sorted, its values are of a type.
struct MapOrder(Name);

impl KeyOrder for TypeOrder {
    fn rank(&self, key: &str) -> Option<usize> {
        self.0.iter().position(|(name, _, _)| *name == key)
    }

    fn child(&self, key: &str) -> Option<&dyn KeyOrder> {
        let (_, of, is_map) = self.0.iter().find(|(name, _, _)| *name == key)?;
        let of = (*of)?;
        if *is_map { maps().get(&of).map(|order| order as &dyn KeyOrder) } else { find(types(), of.0, of.1) }
    }
}

impl KeyOrder for MapOrder {
    fn rank(&self, _key: &str) -> Option<usize> {
        None
    }
    fn child(&self, _key: &str) -> Option<&dyn KeyOrder> {
        find(types(), self.0.0, self.0.1)
    }
}

fn find(types: &'static Types, section: &str, name: &str) -> Option<&'static dyn KeyOrder> {
    types.by_name.get(section)?.get(name).map(|order| order as &dyn KeyOrder)
}

fn types() -> &'static Types {
    static TYPES: OnceLock<Types> = OnceLock::new();
    TYPES.get_or_init(|| {
        let mut types = Types { sections: HashMap::new(), by_name: HashMap::new() };
        let mut section = "";
        for line in DATA.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let Some(first) = words.next() else { continue };
            if let Some(name) = first.strip_prefix('@') {
                section = name;
                types.sections.insert(words.next().unwrap_or_default(), section);
                continue;
            }
            let field = |word: &'static str| {
                let Some(at) = word.find(['=', '*']) else { return (word, None, false) };
                let (name, of) = (&word[..at], &word[at + 1..]);
                (name, Some(of.split_once('#').unwrap_or((section, of))), word[at..].starts_with('*'))
            };
            let order = TypeOrder(words.map(field).collect());
            types.by_name.entry(section).or_default().insert(first, order);
        }
        types
    })
}

fn maps() -> &'static HashMap<Name, MapOrder> {
    static MAPS: OnceLock<HashMap<Name, MapOrder>> = OnceLock::new();
    MAPS.get_or_init(|| {
        let fields = types().by_name.values().flat_map(HashMap::values).flat_map(|order| &order.0);
        let of_maps = fields.filter(|(_, _, is_map)| *is_map).filter_map(|(_, of, _)| *of);
        of_maps.map(|of| (of, MapOrder(of))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::json;
    use serde_json::json;

    #[test]
    fn writes_fields_in_the_order_of_the_type() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"annotations": {"b": "1", "a": "2"}, "labels": {}, "name": "p", "creationTimestamp": null},
            "spec": {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "containers": [{"resources": {}, "image": "i", "name": "c"}]},
            "status": {},
        });
        let mut out = Vec::new();
        json::write_ordered(&mut out, &pod, order_of("v1", "Pod").unwrap()).unwrap();
        let text: String = String::from_utf8(out).unwrap().split_whitespace().collect();
        assert_eq!(
            text,
            r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","creationTimestamp":null,"labels":{},"annotations":{"a":"2","b":"1"}},"spec":{"containers":[{"name":"c","image":"i","resources":{}}],"restartPolicy":"Always","dnsPolicy":"ClusterFirst"},"status":{}}"#
        );
        assert!(order_of("apps/v1", "Deployment").is_some() && order_of("example.org/v1", "Pod").is_none());
        assert!(boxed_order_of("batch/v1", "CronJob").unwrap().child("spec").unwrap().rank("schedule").is_some());
    }

    #[test]
    fn every_type_that_is_named_is_there() {
        for (section, orders) in &types().by_name {
            for (field, of, _) in orders.values().flat_map(|order| &order.0) {
                if let Some((of_section, of_name)) = of {
                    assert!(find(types(), of_section, of_name).is_some(), "{section} {field}: {of:?}");
                }
            }
        }
    }
}
