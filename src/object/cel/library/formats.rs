//! Named formats of texts.

use base64::Engine;

use super::url::Url;
use crate::object::{names, time};

type Check = fn(&str) -> Vec<String>;

/// Sorted by name.
static FORMATS: &[(&str, Check)] = &[
    ("byte", |text| says(base64::prelude::BASE64_STANDARD.decode(text).is_ok(), "invalid base64")),
    ("date", |text| says(text.parse::<jiff::civil::Date>().is_ok(), "invalid date")),
    ("datetime", |text| says(time::parse_rfc3339(text).is_some(), "invalid datetime")),
    ("dns1035Label", names::dns1035_label),
    ("dns1035LabelPrefix", |text| names::generated(text, names::dns1035_label)),
    ("dns1123Label", names::dns1123_label),
    ("dns1123LabelPrefix", |text| names::generated(text, names::dns1123_label)),
    ("dns1123Subdomain", names::dns1123_subdomain),
    ("dns1123SubdomainPrefix", |text| names::generated(text, names::dns1123_subdomain)),
    ("labelValue", names::label_value),
    ("qualifiedName", names::qualified_name),
    ("uri", |text| Url::parse(text).err().into_iter().collect()),
    ("uuid", |text| says(is_uuid(text), "does not match the UUID format")),
];

fn says(fine: bool, complaint: &str) -> Vec<String> {
    if fine { Vec::new() } else { vec![complaint.to_owned()] }
}

fn is_uuid(text: &str) -> bool {
    let digits = text.chars().filter(|c| *c != '-').count();
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    digits == 32
        && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
        && (groups == [8, 4, 4, 4, 12] || groups.len() == 1)
}

/// The format of that name.
pub(super) fn find(name: &str) -> Option<&'static str> {
    FORMATS.iter().map(|(known, _)| *known).find(|known| *known == name)
}

/// What is wrong with a text.
pub(super) fn validate(name: &str, text: &str) -> Vec<String> {
    FORMATS.iter().find(|(known, _)| *known == name).map_or_else(Vec::new, |(_, check)| check(text))
}
