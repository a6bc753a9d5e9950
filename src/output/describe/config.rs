//! ConfigMaps, Secrets and ServiceAccounts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::description::Description;
use super::events::events;
use super::parts::heading;
use super::related::{Related, again};
use crate::object::{Meta, Object};

pub(super) fn describe_config_map(d: &mut Description, map: &Object, related: &Related) -> anyhow::Result<()> {
    heading(d, map, true);
    d.line(0, "\nData\n====");
    for (key, value) in map.map_at(&["data"]) {
        d.line(0, format_args!("{key}:\n----\n{value}\n"));
    }
    d.line(0, "\nBinaryData\n====");
    for (key, value) in map.map_at(&["binaryData"]) {
        d.line(0, format_args!("{key}: {} bytes", decode(value).len()));
    }
    d.line(0, "");
    if let Some(error) = related.events_error() {
        return Err(again(error));
    }
    events(d, related);
    Ok(())
}

pub(super) fn describe_secret(d: &mut Description, secret: &Object, _: &Related) -> anyhow::Result<()> {
    heading(d, secret, true);
    let kind = secret.str_at(&["type"]);
    d.line(0, format_args!("\nType:\t{kind}"));
    d.line(0, "\nData\n====");
    for (key, value) in secret.map_at(&["data"]) {
        let value = decode(value);
        if key == "token" && kind == "kubernetes.io/service-account-token" {
            d.field(0, key, String::from_utf8_lossy(&value));
        } else {
            d.field(0, key, format_args!("{} bytes", value.len()));
        }
    }
    Ok(())
}

/// What base64 text stands for; nothing for what is none.
fn decode(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_default()
}

pub(super) fn describe_service_account(d: &mut Description, account: &Object, related: &Related) -> anyhow::Result<()> {
    const HEADER: &str = "Image pull secrets:";
    heading(d, account, true);
    let secrets = account.list_at(&["imagePullSecrets"]);
    if secrets.is_empty() {
        d.line(0, format_args!("{HEADER}\t<none>"));
    }
    for (index, secret) in secrets.iter().enumerate() {
        let header = if index == 0 { HEADER } else { "" };
        d.line(0, format_args!("{header:width$}\t{}", secret.str_at(&["name"]), width = HEADER.len()));
    }
    events(d, related);
    Ok(())
}
