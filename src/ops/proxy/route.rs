//! Where the path of a request leads: to the API server, to files, elsewhere, or nowhere.

/// Prefixes of a proxy; each ends with a slash.
#[derive(Clone, Debug)]
pub struct Prefixes {
    /// Of the API server.
    pub api: String,
    /// Of files; none without files.
    pub files: Option<String>,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To this path of the API server: as it is compared, and as it is sent.
    Api(String, String),
    /// To this path below the folder of files.
    File(String),
    /// The client is to ask for this path instead.
    Elsewhere(String),
    /// Nowhere.
    Nowhere,
    /// It is no path.
    Malformed,
}

impl Prefixes {
    /// Finds where a path leads, percent-encoded as it came. The longest prefix counts.
    pub fn route(&self, raw: &str) -> Route {
        let Some(path) = decode(raw) else { return Route::Malformed };
        let cleaned = clean(&path);
        if cleaned != path {
            return Route::Elsewhere(encode(&cleaned));
        }
        // A prefix without its slash is a folder, whatever shorter prefix it has.
        let mut folders = [Some(self.api.as_str()), self.files.as_deref()].into_iter().flatten();
        if folders.any(|prefix| prefix.strip_suffix('/') == Some(&path)) {
            return Route::Elsewhere(encode(&format!("{path}/")));
        }
        let longer = |prefix: &str| path.starts_with(prefix);
        let file = self.files.as_deref().filter(|prefix| longer(prefix));
        if let Some(prefix) = file.filter(|prefix| prefix.len() > self.api.len() || !longer(&self.api)) {
            return Route::File(path.get(prefix.len()..).unwrap_or_default().to_owned());
        }
        if let Some(rest) = path.strip_prefix(&self.api) {
            // An API under its own name keeps it.
            if self.api.starts_with("/api") {
                return Route::Api(path.clone(), raw.to_owned());
            }
            let raw_rest = raw.strip_prefix(&self.api).map_or_else(|| encode(rest), str::to_owned);
            return Route::Api(format!("/{rest}"), format!("/{raw_rest}"));
        }
        Route::Nowhere
    }
}

/// The text behind percent-encoding; none where that is broken or no UTF-8.
fn decode(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// A path with everything percent-encoded that a path cannot hold.
pub fn encode(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/$&+,:;=@!'()*".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// A path without `.`, `..` and doubled slashes, so that it is judged by where it leads. A slash at its
/// end stays.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let end = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("/{}{end}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn leads_somewhere() {
        let api = |path: &str, raw: &str| Route::Api(path.to_owned(), raw.to_owned());
        let elsewhere = |path: &str| Route::Elsewhere(path.to_owned());
        let file = |path: &str| Route::File(path.to_owned());
        for (prefix, raw, want) in [
            ("/", "/api/v1/pods", api("/api/v1/pods", "/api/v1/pods")),
            ("/", "/", api("/", "/")),
            ("/", "/static/a/b.html", file("a/b.html")),
            ("/", "/static", elsewhere("/static/")),
            ("/", "/api/%65xec", api("/api/exec", "/api/%65xec")),
            ("/", "/api/x%2Fy", api("/api/x/y", "/api/x%2Fy")),
            ("/", "/static/../api", elsewhere("/api")),
            ("/", "/static/%2e%2e/api", elsewhere("/api")),
            ("/", "//api//v1/", elsewhere("/api/v1/")),
            ("/", "/%zz", Route::Malformed),
            ("/", "/%ff", Route::Malformed),
            ("/custom/", "/custom/api/v1/a%20b", api("/api/v1/a b", "/api/v1/a%20b")),
            ("/custom/", "/custom", elsewhere("/custom/")),
            ("/custom/", "/%63ustom/x y", api("/x y", "/x%20y")),
            ("/custom/", "/api/v1", Route::Nowhere),
            ("/api/", "/api/v1", api("/api/v1", "/api/v1")),
            ("/api/", "/apis/apps", Route::Nowhere),
            ("/static/api/", "/static/api/x", api("/x", "/x")),
            ("/static/api/", "/static/x", file("x")),
        ] {
            let prefixes = Prefixes { api: prefix.to_owned(), files: Some("/static/".to_owned()) };
            assert_eq!(prefixes.route(raw), want, "{prefix} {raw}");
        }
        let prefixes = Prefixes { api: "/".to_owned(), files: None };
        assert_eq!(prefixes.route("/static/x"), api("/static/x", "/static/x"));
    }

    proptest! {
        #[test]
        fn never_leads_out(raw in "/[a.%2eEfF/]{0,16}") {
            let prefixes = Prefixes { api: "/api/".to_owned(), files: Some("/".to_owned()) };
            if let Route::File(path) | Route::Api(path, _) = prefixes.route(&raw) {
                prop_assert!(path.split('/').all(|part| part != ".." && part != "."), "{}", path);
            }
        }
    }
}
