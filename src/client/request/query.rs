//! Parameters of requests that are made already.

use http::Uri;

/// The path and the query of a URL with one more parameter, in its place in order of the names.
pub fn with_parameter(uri: &Uri, name: &str, value: &str) -> String {
    let mut query: Vec<&str> = uri.query().into_iter().flat_map(|query| query.split('&')).collect();
    let at = query.iter().position(|pair| pair.split('=').next().is_some_and(|other| other > name));
    let own = format!("{name}={value}");
    query.insert(at.unwrap_or(query.len()), &own);
    format!("{}?{}", uri.path(), query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_parameters_in_order() {
        for (uri, want) in [
            ("/x", "/x?timeout=2s"),
            ("/x?limit=500&watch=true", "/x?limit=500&timeout=2s&watch=true"),
            ("/x?a=b%26c", "/x?a=b%26c&timeout=2s"),
        ] {
            assert_eq!(with_parameter(&Uri::from_static(uri), "timeout", "2s"), want);
        }
    }
}
