//! What names, keys and ports may look like, in the words of the API server.
//!
//! Each check returns the complaints about a value, none for a good one. The texts are an interface:
//! clients and scripts see them inside `Invalid` answers. Source: `apimachinery/pkg/util/validation`
//! and `apimachinery/pkg/api/validate/content`.

/// Complaints about a value.
pub type Complaints = Vec<String>;

const LABEL_FORM: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN_FORM: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const KEY_FORM: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const KEY_RULE: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";

/// The longest DNS label: 63 bytes.
pub const LABEL_MAX: usize = 63;
/// The longest DNS subdomain: 253 bytes.
pub const SUBDOMAIN_MAX: usize = 253;

/// `RULE (e.g. 'a',  or 'b', regex used for validation is 'FORM')`: the server's words where a form is missed.
pub fn form_complaint(rule: &str, form: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{rule} (regex used for validation is '{form}')");
    }
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{rule} (e.g. {}regex used for validation is '{form}')", examples.join(" or "))
}

/// `must be no more than N characters`.
pub fn length_complaint(most: usize) -> String {
    format!("must be no more than {most} characters")
}

/// `must be between LOW and HIGH, inclusive`.
pub fn range_complaint(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

fn lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Starts and ends with `edge`, and everything between is `inner`.
fn framed(text: &str, edge: impl Fn(u8) -> bool, inner: impl Fn(u8) -> bool) -> bool {
    match text.as_bytes() {
        [] => false,
        [only] => edge(*only),
        [first, middle @ .., last] => edge(*first) && edge(*last) && middle.iter().all(|byte| inner(*byte)),
    }
}

fn has_label_form(text: &str) -> bool {
    framed(text, lower_alphanumeric, |byte| lower_alphanumeric(byte) || byte == b'-')
}

fn has_subdomain_form(text: &str) -> bool {
    text.split('.').all(has_label_form)
}

fn has_key_form(text: &str) -> bool {
    framed(
        text,
        |byte| byte.is_ascii_alphanumeric(),
        |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
    )
}

/// A DNS label (RFC 1123): names of namespaces, containers, ports of pods.
pub fn dns1123_label(value: &str) -> Complaints {
    let mut complaints = Vec::new();
    if value.len() > LABEL_MAX {
        complaints.push(length_complaint(LABEL_MAX));
    }
    if !has_label_form(value) {
        complaints.push(if has_subdomain_form(value) {
            "must not contain dots".to_owned()
        } else {
            let rule = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
            form_complaint(rule, LABEL_FORM, &["my-name", "123-abc"])
        });
    }
    complaints
}

/// A DNS subdomain (RFC 1123): names of most objects.
pub fn dns1123_subdomain(value: &str) -> Complaints {
    let mut complaints = Vec::new();
    if value.len() > SUBDOMAIN_MAX {
        complaints.push(length_complaint(SUBDOMAIN_MAX));
    }
    if !has_subdomain_form(value) {
        complaints.push(form_complaint(SUBDOMAIN_RULE, SUBDOMAIN_FORM, &["example.com"]));
    }
    complaints
}

/// A DNS label as RFC 1035 has it, which begins with a letter.
pub fn dns1035_label(value: &str) -> Complaints {
    let mut complaints = Vec::new();
    if value.len() > LABEL_MAX {
        complaints.push(length_complaint(LABEL_MAX));
    }
    if !(has_label_form(value) && value.starts_with(|first: char| first.is_ascii_lowercase())) {
        let rule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
        complaints.push(form_complaint(rule, "[a-z]([-a-z0-9]*[a-z0-9])?", &["my-name", "abc-123"]));
    }
    complaints
}

/// A subdomain with `*.` before it: wildcard hosts of an Ingress.
pub fn wildcard_subdomain(value: &str) -> Complaints {
    let mut complaints = Vec::new();
    if value.len() > SUBDOMAIN_MAX {
        complaints.push(length_complaint(SUBDOMAIN_MAX));
    }
    if !value.strip_prefix("*.").is_some_and(has_subdomain_form) {
        let rule = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
        complaints.push(form_complaint(rule, &format!(r"\*\.{SUBDOMAIN_FORM}"), &["*.example.com"]));
    }
    complaints
}

/// A qualified name, as keys of labels, annotations and finalizers are: `[PREFIX/]NAME`.
pub fn qualified_name(value: &str) -> Complaints {
    let form = || form_complaint(KEY_RULE, KEY_FORM, &["MyName", "my.name", "123-abc"]);
    let mut complaints = Vec::new();
    let mut parts = value.split('/');
    let name = match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, _) => name,
        (Some(prefix), Some(name), None) => {
            if prefix.is_empty() {
                complaints.push("prefix part must be non-empty".to_owned());
            } else {
                if prefix.len() > SUBDOMAIN_MAX {
                    complaints.push(format!("prefix part must be no more than {SUBDOMAIN_MAX} bytes"));
                }
                if !has_subdomain_form(prefix) {
                    let complaint = form_complaint(SUBDOMAIN_RULE, SUBDOMAIN_FORM, &["example.com"]);
                    complaints.push(format!("prefix part {complaint}"));
                }
            }
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                form()
            )];
        }
    };
    if name.is_empty() {
        complaints.push("name part must be non-empty".to_owned());
    } else if name.len() > LABEL_MAX {
        complaints.push(format!("name part must be no more than {LABEL_MAX} bytes"));
    }
    if !has_key_form(name) {
        complaints.push(format!("name part {}", form()));
    }
    complaints
}

/// The value of a label.
pub fn label_value(value: &str) -> Complaints {
    let mut complaints = Vec::new();
    if value.len() > LABEL_MAX {
        complaints.push(format!("must be no more than {LABEL_MAX} bytes"));
    }
    if !value.is_empty() && !has_key_form(value) {
        let rule = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
        complaints.push(form_complaint(rule, &format!("({KEY_FORM})?"), &["MyValue", "my_value", "12345"]));
    }
    complaints
}

/// A C identifier.
pub fn c_identifier(value: &str) -> Complaints {
    let mut bytes = value.bytes();
    let good = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if good {
        return Vec::new();
    }
    let rule = "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
    vec![form_complaint(rule, "[A-Za-z_][A-Za-z0-9_]*", &["my_name", "MY_NAME", "MyName"])]
}

/// The name of an environment variable under the strict rule of clients (`kubectl set env`, `--env`).
pub fn env_var_name(value: &str) -> Complaints {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let mut complaints = Vec::new();
    let starts = value.bytes().next().is_some_and(|first| inner(first) && !first.is_ascii_digit());
    if !(starts && value.bytes().all(inner)) {
        let rule = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit";
        let examples = ["my.env-name", "MY_ENV.NAME", "MyEnvName1"];
        complaints.push(form_complaint(rule, "[-._a-zA-Z][-._a-zA-Z0-9]*", &examples));
    }
    complaints.extend(parent_prefix(value));
    complaints
}

/// The name of an environment variable under the server's relaxed rule: printable ASCII without `=`.
pub fn relaxed_env_var_name(value: &str) -> Complaints {
    let mut complaints = Vec::new();
    if value.is_empty() {
        complaints.push("environment variable name must be non-empty".to_owned());
    }
    if value.chars().any(|c| !matches!(c, ' '..='~') || c == '=') {
        complaints.push(
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
                .to_owned(),
        );
    }
    complaints
}

/// A key of a ConfigMap's or Secret's data.
pub fn config_key(value: &str) -> Complaints {
    let mut complaints = Vec::new();
    if value.len() > SUBDOMAIN_MAX {
        complaints.push(length_complaint(SUBDOMAIN_MAX));
    }
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if value.is_empty() || !value.bytes().all(inner) {
        let rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
        complaints.push(form_complaint(rule, "[-._a-zA-Z0-9]+", &["key.name", "KEY_NAME", "key-name"]));
    }
    complaints.extend(parent_prefix(value));
    complaints
}

/// Names that would lead to a parent folder.
fn parent_prefix(value: &str) -> Option<String> {
    match value {
        "." | ".." => Some(format!("must not be '{value}'")),
        _ if value.starts_with("..") => Some("must not start with '..'".to_owned()),
        _ => None,
    }
}

/// A name that can be one segment of a request's path.
pub fn path_segment(value: &str) -> Complaints {
    if matches!(value, "." | "..") {
        return vec![format!("may not be '{value}'")];
    }
    path_segment_prefix(value)
}

/// The beginning of a name that can be one segment of a request's path.
pub fn path_segment_prefix(value: &str) -> Complaints {
    ["/", "%"].iter().filter(|bad| value.contains(**bad)).map(|bad| format!("may not contain '{bad}'")).collect()
}

/// A TCP or UDP port's number.
pub fn port_number(port: i64) -> Complaints {
    if (1..=65535).contains(&port) { Vec::new() } else { vec![range_complaint(1, 65535)] }
}

/// A port's name, as IANA has service names (RFC 6335).
pub fn port_name(value: &str) -> Complaints {
    let mut complaints = Vec::new();
    if value.len() > 15 {
        complaints.push(length_complaint(15));
    }
    if value.is_empty() || !value.bytes().all(|byte| lower_alphanumeric(byte) || byte == b'-') {
        complaints.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !value.bytes().any(|byte| byte.is_ascii_lowercase()) {
        complaints.push("must contain at least one letter (a-z)".to_owned());
    }
    if value.contains("--") {
        complaints.push("must not contain consecutive hyphens".to_owned());
    }
    if value.starts_with('-') || value.ends_with('-') {
        complaints.push("must not begin or end with a hyphen".to_owned());
    }
    complaints
}

/// A percentage such as `25%`.
pub fn percent(value: &str) -> Complaints {
    let digits = value.strip_suffix('%').unwrap_or("");
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    let rule = "a valid percent string must be a numeric string followed by an ending '%'";
    vec![form_complaint(rule, "[0-9]+%", &["1%", "93%"])]
}

/// A header's name.
pub fn http_header_name(value: &str) -> Complaints {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Vec::new();
    }
    let rule = "a valid HTTP header must consist of alphanumeric characters or '-'";
    vec![form_complaint(rule, "[-A-Za-z0-9]+", &["X-Header-Name"])]
}

/// The beginning that a name will be generated from: like `check`, but a trailing `-` is no fault
/// (`maskTrailingDash` in `apimachinery/pkg/api/validation/generic.go`).
pub fn generated(prefix: &str, check: impl Fn(&str) -> Complaints) -> Complaints {
    match prefix.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => check(&format!("{rest}a")),
        _ => check(prefix),
    }
}

/// Whether a text is an image reference (`[DOMAIN[:PORT]/]PATH[:TAG][@DIGEST]`), as `kubectl run` checks it
/// (`distribution/reference`: the grammar's `ReferenceRegexp`, anchored).
pub fn is_image_reference(text: &str) -> bool {
    let (name_and_tag, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return false;
    }
    let after_slash = name_and_tag.rfind('/').map_or(0, |slash| slash + 1);
    let tail = name_and_tag.get(after_slash..).unwrap_or("");
    let (name, tag) = match tail.find(':') {
        Some(colon) => {
            (name_and_tag.get(..after_slash + colon).unwrap_or(""), name_and_tag.get(after_slash + colon + 1..))
        }
        None => (name_and_tag, None),
    };
    tag.is_none_or(is_tag) && is_repository(name)
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = tag.bytes();
    tag.len() <= 128 && bytes.next().is_some_and(word) && bytes.all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(part) && hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_repository(name: &str) -> bool {
    let component = |component: &str| {
        let edges = |edge: Option<char>| edge.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        // Separators are one dot, one or two underscores, or any number of hyphens.
        let separators = component
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'));
        edges(component.chars().next()) && edges(component.chars().last()) && separators
    };
    let domain = |domain: &str| {
        let (host, port) = match domain.rsplit_once(':') {
            Some((host, port)) if !domain.ends_with(']') => (host, Some(port)),
            _ => (domain, None),
        };
        let label = |label: &str| {
            framed(label, |byte| byte.is_ascii_alphanumeric(), |byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host_good = match address {
            Some(address) => !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
            None => host.split('.').all(label),
        };
        host_good && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match name.split_once('/') {
        None => component(name),
        Some((first, rest)) => rest.split('/').all(component) && (component(first) || domain(first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(&str) -> Complaints;

    #[test]
    fn accepts_and_refuses() {
        let long = "a".repeat(64);
        let cases: &[(&str, Check, &[&str], &[&str])] = &[
            ("label", dns1123_label, &["a", "a-b", "1", "0a9"], &["", "-a", "a-", "A", "a.b", "a_b", &long]),
            ("subdomain", dns1123_subdomain, &["a", "a.b", "1.2-x.y"], &["", ".", "a.", "a..b", "a_b", "A.b"]),
            ("1035", dns1035_label, &["a", "a-1"], &["", "1a", "a-", "a.b", "A"]),
            ("key", qualified_name, &["a", "A_b.c", "x.io/a"], &["", "/a", "x/", "a b", "a/b/c", "X/a", &long]),
            ("value", label_value, &["", "a", "A_b-1.x"], &["a b", "-a", "a-", "!", &long]),
            ("C", c_identifier, &["_a", "A1"], &["", "1a", "a-b"]),
            ("env", env_var_name, &["a", "-A.b", "_1"], &["", "1a", "a=b", "..a", "."]),
            ("config key", config_key, &["a", ".a", "1"], &["", ".", "..", "..a", "a/b"]),
            ("segment", path_segment, &["a", "a:b", "..."], &[".", "..", "a/b", "a%b"]),
            ("port", port_name, &["a", "http-2"], &["", "1", "a--b", "-a", "a-", "Http", "abcdefghijklmnop"]),
            ("percent", percent, &["0%", "150%"], &["", "%", "1", "1.5%"]),
        ];
        for (name, check, good, bad) in cases {
            for value in *good {
                assert!(check(value).is_empty(), "{name} {value:?}: {:?}", check(value));
            }
            for value in *bad {
                assert!(!check(value).is_empty(), "{name} {value:?} passed");
            }
        }
    }

    #[test]
    fn speaks_as_the_server_does() {
        assert_eq!(
            dns1123_label("C"),
            [
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            ]
        );
        assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
        assert_eq!(port_number(0), ["must be between 1 and 65535, inclusive"]);
    }

    #[test]
    fn knows_generated_names() {
        assert!(generated("web-", dns1123_subdomain).is_empty());
        assert!(!generated("-", dns1123_subdomain).is_empty());
        assert!(!generated("Web-", dns1123_subdomain).is_empty());
    }

    #[test]
    fn knows_image_references() {
        for good in ["nginx", "nginx:1.2", "a/b", "localhost:5000/x:y", "gcr.io/a/b_c/d--e", "a__b", "X.io/a"] {
            assert!(is_image_reference(good), "{good}");
        }
        let digest = format!("nginx@sha256:{}", "a".repeat(64));
        assert!(is_image_reference(&digest));
        for bad in ["", "A", "nginx:", "a//b", "a/", "-a", "a:b:c", "a___b", "nginx@sha256:12", "a b", "#"] {
            assert!(!is_image_reference(bad), "{bad}");
        }
    }
}
