//! CertificateSigningRequests.

use anyhow::anyhow;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::der::{Attribute, Request};
use super::description::Description;
use super::events::events;
use super::parts::created;
use super::related::Related;
use super::text::one_line;
use crate::object::{Meta, Object, time};

pub(super) fn describe(d: &mut Description, csr: &Object, related: &Related) -> anyhow::Result<()> {
    let spec = csr.get("spec").unwrap_or(&Object::Null);
    let pem = STANDARD.decode(spec.str_at(&["request"])).unwrap_or_default();
    let request = Request::parse(&pem).map_err(|error| anyhow!("Error parsing CSR: {error}"))?;
    d.field(0, "Name", csr.name());
    d.field(0, "Labels", one_line(&csr.labels()));
    d.field(0, "Annotations", one_line(&csr.annotations()));
    created(d, csr);
    d.field(0, "Requesting User", spec.str_at(&["username"]));
    d.field_if(0, "Signer", spec.str_at(&["signerName"]));
    if let Some(seconds) = spec.int_at(&["expirationSeconds"]) {
        d.field(0, "Requested Duration", time::human_duration(seconds));
    }
    d.field(0, "Status", status(csr));
    d.line(0, "Subject:");
    d.line(0, format_args!("\tCommon Name:\t{}", request.last(Attribute::CommonName)));
    d.line(0, format_args!("\tSerial Number:\t{}", request.last(Attribute::SerialNumber)));
    for (title, attribute) in [
        ("Organization", Attribute::Organization),
        ("Organizational Unit", Attribute::OrganizationalUnit),
        ("Country", Attribute::Country),
        ("Locality", Attribute::Locality),
        ("Province", Attribute::Province),
        ("StreetAddress", Attribute::StreetAddress),
        ("PostalCode", Attribute::PostalCode),
    ] {
        list(d, title, &request.all(attribute));
    }
    let names = [
        ("DNS Names", &request.dns_names),
        ("Email Addresses", &request.emails),
        ("URIs", &request.uris),
        ("IP Addresses", &request.addresses),
    ];
    if names.iter().any(|(_, values)| !values.is_empty()) {
        d.line(0, "Subject Alternative Names:");
    }
    for (title, values) in names {
        list(d, title, &values.iter().map(String::as_str).collect::<Vec<_>>());
    }
    events(d, related);
    Ok(())
}

fn list(d: &mut Description, title: &str, values: &[&str]) {
    if !values.is_empty() {
        d.line(0, format_args!("\t{title}:\t{}", values.join("\n\t\t")));
    }
}

/// `Denied` before `Approved` before `Pending`, then what came of it.
fn status(csr: &Object) -> String {
    let conditions = csr.list_at(&["status", "conditions"]);
    let has = |kind: &str| conditions.iter().any(|condition| condition.str_at(&["type"]) == kind);
    let decision = ["Denied", "Approved"].into_iter().find(|kind| has(kind)).unwrap_or("Pending");
    let failed = if has("Failed") { ",Failed" } else { "" };
    let issued = if csr.str_at(&["status", "certificate"]).is_empty() { "" } else { ",Issued" };
    format!("{decision}{failed}{issued}")
}
