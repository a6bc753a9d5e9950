//! ConfigMaps, Secrets and ServiceAccounts.

use base64::Engine;

use super::rules::{Defaults, Rules};
use crate::backend::registry::validation::Faults;
use crate::object::{Meta, Object, names};

/// The most bytes of all data of a ConfigMap or Secret.
const DATA_MAX: usize = 1024 * 1024;

pub(super) static CONFIG_MAP: Rules = Rules {
    validate: |map, faults| {
        let mut size = 0;
        for field in ["data", "binaryData"] {
            for (key, value) in map.map_at(&[field]) {
                let path = format!("{field}[{key}]");
                faults.complaints(&path, key, names::config_key(key));
                if field == "data" && map.at(&["binaryData", key]).is_some() {
                    faults.invalid(path, key, "duplicate of key present in binaryData");
                }
                size += if field == "data" { value.len() } else { value.len() / 4 * 3 };
            }
        }
        if size > DATA_MAX {
            faults.too_long("[]", DATA_MAX);
        }
    },
    validate_update: |new, old, faults| immutable(new, old, &["data", "binaryData"], faults),
    ..Rules::NAMESPACED
};

/// What is marked as immutable stays so, with its data.
fn immutable(new: &Object, old: &Object, fields: &[&str], faults: &mut Faults) {
    if !old.bool_at(&["immutable"]) {
        return;
    }
    let detail = "field is immutable when `immutable` is set";
    if !new.bool_at(&["immutable"]) {
        faults.forbidden("immutable", detail);
    }
    for field in fields {
        if new.at(&[field]) != old.at(&[field]) {
            faults.forbidden(*field, detail);
        }
    }
}

/// Types of secrets and the keys that their data must have.
const SECRET_KEYS: [(&str, &[&str]); 4] = [
    ("kubernetes.io/dockercfg", &[".dockercfg"]),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"]),
    ("kubernetes.io/tls", &["tls.crt", "tls.key"]),
];

pub(super) static SECRET: Rules = Rules {
    default: |secret| {
        secret.or_text(&["type"], "Opaque");
        // Texts are a way to write data; they are never read back.
        if let Some(Object::Object(texts)) = secret.remove_at(&["stringData"]) {
            for (key, text) in texts {
                let bytes = base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or_default());
                secret.set_at(&["data", &key], bytes);
            }
        }
    },
    validate: |secret, faults| {
        let data = secret.map_at(&["data"]);
        let mut size = 0;
        for (key, value) in &data {
            faults.complaints(&format!("data[{key}]"), key, names::config_key(key));
            size += value.len() / 4 * 3;
        }
        if size > DATA_MAX {
            faults.too_long("data", DATA_MAX);
        }
        let has = |key: &str| data.iter().any(|(own, _)| *own == key);
        let kind = secret.str_at(&["type"]);
        match kind {
            "kubernetes.io/service-account-token" => {
                let key = "kubernetes.io/service-account.name";
                if secret.annotation(key).is_none_or(str::is_empty) {
                    faults.required(format!("metadata.annotations[{key}]"), "");
                }
            }
            "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
                faults.required("data[username]", "");
                faults.required("data[password]", "");
            }
            _ => {}
        }
        for key in SECRET_KEYS.iter().filter(|(of, _)| *of == kind).flat_map(|(_, keys)| *keys) {
            let value = data.iter().find(|(own, _)| own == key).map(|(_, value)| *value);
            let missing = value.is_none_or(|value| value.is_empty() && kind == "kubernetes.io/ssh-auth");
            if missing {
                faults.required(format!("data[{key}]"), "");
            } else if kind.starts_with("kubernetes.io/docker") {
                let bytes =
                    base64::engine::general_purpose::STANDARD.decode(value.unwrap_or_default()).unwrap_or_default();
                if let Err(error) = serde_json::from_slice::<serde_json::Map<String, Object>>(&bytes) {
                    let text =
                        if error.is_eof() { "unexpected end of JSON input".to_owned() } else { error.to_string() };
                    faults.invalid(format!("data[{key}]"), "<secret contents redacted>", text);
                }
            }
        }
    },
    validate_update: |new, old, faults| {
        faults.immutable(new, old, &["type"]);
        immutable(new, old, &["data"], faults);
    },
    ..Rules::NAMESPACED
};

pub(super) static SERVICE_ACCOUNT: Rules = Rules::NAMESPACED;
