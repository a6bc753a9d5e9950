//! `-o`: which format is asked for, and kubectl's words for one that does not exist.

use std::fmt;
use std::io;

use super::custom_columns::CustomColumns;
use super::jsonpath::JsonPath;
use crate::go::quote::quote;

/// A format, with its template parsed as far as this module knows the language.
#[derive(Clone, Debug)]
pub enum Format {
    /// No format asked for: a table from `get`, a line of what was done from the other commands.
    Default,
    /// `wide`.
    Wide,
    /// `json`.
    Json,
    /// `yaml`.
    Yaml,
    /// `kyaml`.
    Kyaml,
    /// `name`.
    Name,
    /// `go-template`, `template` and their files: the template's text.
    GoTemplate(String),
    /// `jsonpath`, `jsonpath-as-json`, `jsonpath-file`.
    JsonPath(JsonPath),
    /// `custom-columns`, `custom-columns-file`.
    CustomColumns(CustomColumns),
    /// `handlebars`, `handlebars-file`: the template's text.
    Handlebars(String),
}

/// Which formats a command has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `get`: custom columns and `wide` too.
    Get,
    /// Every other command that prints objects.
    Common,
}

/// What the user asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The command's formats.
    pub family: Family,
    /// `-o`, empty where it was not given and has no default.
    pub output: &'a str,
    /// Whether `-o` was given, rather than a default of the command.
    pub output_given: bool,
    /// `--template`, else empty.
    pub template: &'a str,
    /// `--allow-missing-template-keys`.
    pub allow_missing_keys: bool,
    /// `--no-headers`.
    pub no_headers: bool,
    /// Whether there is `kyaml` (not switched off by `KUBECTL_KYAML=false`).
    pub kyaml: bool,
}

impl<'a> Request<'a> {
    /// A request for a format and nothing else.
    pub fn new(family: Family, output: &'a str) -> Self {
        Self {
            family,
            output,
            output_given: !output.is_empty(),
            template: "",
            allow_missing_keys: true,
            no_headers: false,
            kyaml: true,
        }
    }
}

/// Why there is no such format, in kubectl's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError(String);

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FormatError {}

/// The error for a format that is none of those allowed.
pub fn unknown(output: &str, allowed: &[&str]) -> FormatError {
    let mut allowed = allowed.to_vec();
    allowed.sort_unstable();
    FormatError(format!(
        "unable to match a printer suitable for the output format {}, allowed formats are: {}",
        quote(output),
        allowed.join(",")
    ))
}

/// The formats of a family, in the order in which help names them.
pub fn allowed(family: Family, kyaml: bool) -> Vec<&'static str> {
    let mut formats = vec!["json", "yaml"];
    if kyaml {
        formats.push("kyaml");
    }
    formats.extend(["name", "go-template", "go-template-file", "template", "templatefile"]);
    formats.extend(["jsonpath", "jsonpath-as-json", "jsonpath-file"]);
    if family == Family::Get {
        formats.extend(["custom-columns", "custom-columns-file", "wide"]);
    }
    formats
}

/// How a format takes its template.
#[derive(Clone, Copy)]
enum Language {
    JsonPath { as_json: bool },
    Go,
    Columns,
    Handlebars,
}

/// The formats with a template: name, language, whether the argument is a file.
const TEMPLATES: [(&str, Language, bool); 11] = [
    ("jsonpath", Language::JsonPath { as_json: false }, false),
    ("jsonpath-as-json", Language::JsonPath { as_json: true }, false),
    ("jsonpath-file", Language::JsonPath { as_json: false }, true),
    ("go-template", Language::Go, false),
    ("go-template-file", Language::Go, true),
    ("template", Language::Go, false),
    ("templatefile", Language::Go, true),
    ("custom-columns", Language::Columns, false),
    ("custom-columns-file", Language::Columns, true),
    ("handlebars", Language::Handlebars, false),
    ("handlebars-file", Language::Handlebars, true),
];

/// Reads what was asked for. `read` reads a template's file, which is the only input.
pub fn parse(request: &Request<'_>, read: &dyn Fn(&str) -> io::Result<Vec<u8>>) -> Result<Format, FormatError> {
    let implied = match request.family {
        Family::Get => request.output.is_empty(),
        Family::Common => !request.output_given,
    };
    let output = if implied && !request.template.is_empty() { "go-template" } else { request.output };
    let simple = match output.to_lowercase().as_str() {
        "json" => Some(Format::Json),
        "yaml" => Some(Format::Yaml),
        "kyaml" if request.kyaml => Some(Format::Kyaml),
        "name" => Some(Format::Name),
        "" => Some(Format::Default),
        _ => None,
    };
    if let Some(format) = simple {
        return Ok(format);
    }
    if output == "wide" && request.family == Family::Get {
        return Ok(Format::Wide);
    }
    let (name, argument) = match output.split_once('=') {
        Some((name, argument)) if request.template.is_empty() => (name, argument),
        _ => (output, request.template),
    };
    let found = TEMPLATES.iter().find(|(known, language, _)| {
        *known == name && (request.family == Family::Get || !matches!(language, Language::Columns))
    });
    let Some((_, language, is_file)) = found else {
        let allowed = allowed(request.family, request.kyaml);
        return Err(unknown(if request.family == Family::Get { output } else { request.output }, &allowed));
    };
    if argument.is_empty() {
        return Err(FormatError(match language {
            Language::Columns => "custom-columns format specified but no custom columns given".to_owned(),
            _ => "template format specified but no template given".to_owned(),
        }));
    }
    let text = if *is_file {
        let bytes = read(argument).map_err(|error| {
            let error = go_io_error(argument, &error);
            FormatError(match language {
                Language::Columns => format!("error reading template {argument}, {error}\n"),
                _ => format!("error reading --template {argument}, {error}"),
            })
        })?;
        String::from_utf8_lossy(&bytes).into_owned()
    } else {
        argument.to_owned()
    };
    match *language {
        Language::Go => Ok(Format::GoTemplate(text)),
        Language::Handlebars => Ok(Format::Handlebars(text)),
        Language::JsonPath { as_json } => match JsonPath::parse(&text) {
            Ok(path) => Ok(Format::JsonPath(path.allow_missing_keys(request.allow_missing_keys).as_json(as_json))),
            Err(error) => Err(FormatError(format!("error parsing jsonpath {text}, {error}"))),
        },
        Language::Columns => {
            let columns = if *is_file {
                CustomColumns::parse_template(&text)
            } else {
                CustomColumns::parse(&text, request.no_headers)
            };
            columns.map(Format::CustomColumns).map_err(|error| FormatError(error.to_string()))
        }
    }
}

/// An error of opening or reading a file as Go words it: `open x: no such file or directory`.
pub fn go_io_error(path: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("open {path}: no such file or directory"),
        io::ErrorKind::PermissionDenied => format!("open {path}: permission denied"),
        io::ErrorKind::IsADirectory => format!("read {path}: is a directory"),
        io::ErrorKind::NotADirectory => format!("open {path}: not a directory"),
        _ => format!("open {path}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(request: &Request<'_>) -> String {
        let read = |path: &str| match path {
            "cols.txt" => Ok(b"A B\n.a .b\n".to_vec()),
            "bad.txt" => Ok(b"{.a[}".to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        match parse(request, &read) {
            Ok(Format::GoTemplate(text)) => format!("go {text}"),
            Ok(Format::Handlebars(text)) => format!("handlebars {text}"),
            Ok(Format::JsonPath(path)) => format!("jsonpath {}", path.text()),
            Ok(Format::CustomColumns(_)) => "columns".to_owned(),
            Ok(format) => format!("{format:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn reads_formats() {
        for (output, template, get, common) in [
            ("", "", "Default", "Default"),
            ("JSON", "", "Json", "Json"),
            ("kyaml", "", "Kyaml", "Kyaml"),
            ("name", "", "Name", "Name"),
            ("", "{{.x}}", "go {{.x}}", "go {{.x}}"),
            ("jsonpath={.a}", "", "jsonpath {.a}", "jsonpath {.a}"),
            ("jsonpath", "{.b}", "jsonpath {.b}", "jsonpath {.b}"),
            ("go-template=a=b", "", "go a=b", "go a=b"),
            ("handlebars={{x}}", "", "handlebars {{x}}", "handlebars {{x}}"),
            (
                "jsonpath",
                "",
                "template format specified but no template given",
                "template format specified but no template given",
            ),
            (
                "jsonpath-file=bad.txt",
                "",
                "error parsing jsonpath {.a[}, unterminated array",
                "error parsing jsonpath {.a[}, unterminated array",
            ),
            (
                "go-template-file=no",
                "",
                "error reading --template no, open no: no such file or directory",
                "error reading --template no, open no: no such file or directory",
            ),
        ] {
            let request = Request { template, ..Request::new(Family::Get, output) };
            assert_eq!(describe(&request), get, "{output}");
            assert_eq!(describe(&Request { family: Family::Common, ..request }), common, "{output}");
        }
        let get = |output| describe(&Request::new(Family::Get, output));
        assert_eq!(get("wide"), "Wide");
        assert_eq!(get("custom-columns=A:.a"), "columns");
        assert_eq!(get("custom-columns-file=cols.txt"), "columns");
        assert_eq!(get("custom-columns"), "custom-columns format specified but no custom columns given");
        assert_eq!(get("custom-columns-file=no"), "error reading template no, open no: no such file or directory\n");
        assert_eq!(
            get("x\"y"),
            "unable to match a printer suitable for the output format \"x\\\"y\", allowed formats are: custom-columns,\
             custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,\
             template,templatefile,wide,yaml"
        );
        let mut request = Request::new(Family::Common, "wide");
        request.kyaml = false;
        assert_eq!(
            describe(&request),
            "unable to match a printer suitable for the output format \"wide\", allowed formats are: go-template,\
             go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,yaml"
        );
    }
}
