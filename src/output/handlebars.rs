//! `-o handlebars=…` and `-o handlebars-file=…`: objects through Handlebars templates.
//!
//! Text is never escaped for HTML. Besides Handlebars' own helpers (`if`, `unless`, `each`, `with`, `lookup`,
//! `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `and`, `or`, `not`, `len`, …) there are:
//!
//! | helper | what it gives |
//! | --- | --- |
//! | `{{json x}}`, `{{json x pretty=true}}` | `x` as JSON |
//! | `{{base64decode x}}`, `{{base64encode x}}` | the text behind a Secret's value, and back |
//! | `{{default x "none"}}` | `x`, or the second value if `x` is missing, null or empty |
//! | `{{join list ", "}}` | the list's elements with the separator between them |
//!
//! Inline partials work, but none that may include itself.

mod partials;

use std::io::{self, Write};

use anyhow::anyhow;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderError, RenderErrorReason, no_escape,
};
use serde_json::Value as Json;

/// The name that the crate knows the template by.
const NAME: &str = "output";

/// Prints objects through a Handlebars template.
#[derive(Debug)]
pub struct HandlebarsPrinter {
    registry: Handlebars<'static>,
}

/// Words in front of what is wrong with a template.
const PARSING: &str = "error parsing handlebars template: ";

impl HandlebarsPrinter {
    /// Parses a template. Unless missing keys are allowed, where they print nothing, using one is an
    /// error.
    ///
    /// # Errors
    /// `error parsing handlebars template: line 1, column 3: …`
    pub fn new(text: &str, allow_missing_keys: bool) -> anyhow::Result<Self> {
        let mut registry = Handlebars::new();
        registry.register_escape_fn(no_escape);
        registry.set_strict_mode(!allow_missing_keys);
        registry.register_helper("json", Box::new(json));
        registry.register_helper("base64decode", Box::new(base64decode));
        registry.register_helper("base64encode", Box::new(base64encode));
        registry.register_helper("default", Box::new(default));
        registry.register_helper("join", Box::new(join));
        registry
            .register_template_string(NAME, text)
            .map_err(|error| anyhow!("{PARSING}{}{}", place(error.pos()), one_line(error.reason())))?;
        // The crate follows such partials until the stack is full.
        if let Some(name) = registry.get_template(NAME).and_then(|template| partials::endless(template, NAME)) {
            return Err(anyhow!("{PARSING}the partial {name:?} may include itself"));
        }
        Ok(Self { registry })
    }

    /// Prints one object, or a list as one object.
    ///
    /// # Errors
    /// `error executing handlebars template: line 1, column 3: …`; what came before is written. Or the
    /// error of `out`.
    pub fn print(&self, object: &Json, out: &mut dyn Write) -> anyhow::Result<()> {
        self.registry.render_to_write(NAME, object, out).map_err(|error| match io_kind(&error) {
            Some(kind) => io::Error::from(kind).into(),
            None => {
                let pos = error.line_no.zip(error.column_no);
                anyhow!("error executing handlebars template: {}{}", place(pos), describe(error.reason()))
            }
        })
    }
}

/// The kind of a write error, if that is what it was.
fn io_kind(error: &RenderError) -> Option<io::ErrorKind> {
    match error.reason() {
        RenderErrorReason::IOError(error) => Some(error.kind()),
        _ => None,
    }
}

fn place(pos: Option<(usize, usize)>) -> String {
    pos.map(|(line, column)| format!("line {line}, column {column}: ")).unwrap_or_default()
}

fn describe(reason: &RenderErrorReason) -> String {
    match reason {
        RenderErrorReason::MissingVariable(Some(path)) => format!("there is no {path:?} in the object"),
        RenderErrorReason::MissingVariable(None) => "a key is missing in the object".to_owned(),
        RenderErrorReason::HelperNotFound(name) => format!("there is no helper {name:?}"),
        RenderErrorReason::PartialNotFound(name) => format!("there is no partial {name:?}"),
        RenderErrorReason::ParamNotFoundForIndex(helper, index) => {
            format!("{helper} needs a value in place {}", index + 1)
        }
        RenderErrorReason::Other(text) => text.clone(),
        other => one_line(other),
    }
}

/// A message on one line: the crate draws pictures of the template in some.
fn one_line(message: &impl ToString) -> String {
    message.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn fault(text: impl Into<String>) -> RenderError {
    RenderErrorReason::Other(text.into()).into()
}

/// The value of a helper's parameter.
fn param<'h>(helper: &'h Helper<'_>, name: &'static str, index: usize) -> Result<&'h Json, RenderError> {
    match helper.param(index) {
        Some(param) => Ok(param.value()),
        None => Err(RenderErrorReason::ParamNotFoundForIndex(name, index).into()),
    }
}

/// A value as templates print it.
fn text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn json(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let value = param(helper, "json", 0)?;
    let pretty = helper.hash_get("pretty").is_some_and(|value| value.value() == &Json::Bool(true));
    let shown =
        if pretty { serde_json::to_string_pretty(value).map_err(RenderErrorReason::from)? } else { value.to_string() };
    out.write(&shown)?;
    Ok(())
}

fn base64decode(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let value = param(helper, "base64decode", 0)?;
    let encoded = value.as_str().ok_or_else(|| fault("base64decode needs a string"))?;
    let bytes = STANDARD.decode(encoded).map_err(|error| fault(format!("base64decode: {error}")))?;
    out.write(&String::from_utf8_lossy(&bytes))?;
    Ok(())
}

fn base64encode(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    out.write(&STANDARD.encode(text(param(helper, "base64encode", 0)?)))?;
    Ok(())
}

fn default(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let value = text(param(helper, "default", 0)?);
    let shown = if value.is_empty() { text(param(helper, "default", 1)?) } else { value };
    out.write(&shown)?;
    Ok(())
}

fn join(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let list = param(helper, "join", 0)?;
    let separator = helper.param(1).map(|param| text(param.value())).unwrap_or_default();
    let items = list.as_array().ok_or_else(|| fault("join needs a list"))?;
    out.write(&items.iter().map(text).collect::<Vec<_>>().join(&separator))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn print(template: &str, allow_missing_keys: bool) -> Result<String, String> {
        let object = json!({
            "kind": "Secret",
            "metadata": {"name": "s", "labels": {"app": "web", "a.b/c": "dotted"}},
            "data": {"user": "YWRtaW4=", "bad": "!"},
            "list": ["a", 1, null, true],
            "none": null,
            "html": "<b>&'\"",
            "f": 1.5,
        });
        let mut out = Vec::new();
        HandlebarsPrinter::new(template, allow_missing_keys)
            .and_then(|printer| printer.print(&object, &mut out))
            .map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn prints() {
        for (template, expected) in [
            ("{{kind}}/{{metadata.name}}", "Secret/s"),
            ("{{html}}", "<b>&'\""),
            ("{{#each metadata.labels}}{{@key}}={{this}};{{/each}}", "a.b/c=dotted;app=web;"),
            ("{{lookup metadata.labels \"a.b/c\"}}", "dotted"),
            ("{{metadata.labels.[a.b/c]}}", "dotted"),
            ("{{#if (eq kind \"Secret\")}}yes{{else}}no{{/if}}", "yes"),
            ("{{base64decode data.user}} {{base64encode \"admin\"}}", "admin YWRtaW4="),
            ("{{json metadata.labels}}", "{\"a.b/c\":\"dotted\",\"app\":\"web\"}"),
            ("{{json data pretty=true}}", "{\n  \"bad\": \"!\",\n  \"user\": \"YWRtaW4=\"\n}"),
            ("{{join list \", \"}}", "a, 1, , true"),
            ("{{default none \"-\"}}{{default nosuch \"?\"}}{{default kind \"x\"}}{{f}}", "-?Secret1.5"),
            ("{{nosuch}}{{none}}{{nosuch.deeper}}.", "."),
            ("{{len list}}", "4"),
            (
                "{{#*inline \"a\"}}[{{> b}}]{{/inline}}{{#*inline \"b\"}}{{kind}}{{/inline}}{{> a}}{{> b}}",
                "[Secret]Secret",
            ),
            ("{{#*inline \"a\"}}<{{> @partial-block}}>{{/inline}}{{#> a}}{{kind}}{{/a}}", "<Secret>"),
        ] {
            assert_eq!(print(template, true).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn missing_keys_can_be_errors() {
        assert_eq!(
            print("a{{metadata.nosuch}}", false),
            Err("error executing handlebars template: line 1, column 2: there is no \"metadata.nosuch\" in the object"
                .to_owned())
        );
        assert_eq!(print("{{metadata.name}}", false).as_deref(), Ok("s"));
    }

    #[test]
    fn faults_are_explained() {
        for (template, expected) in [
            ("{{base64decode data.bad}}", "base64decode: Invalid"),
            ("{{base64decode f}}", "base64decode needs a string"),
            ("{{join kind}}", "join needs a list"),
            ("{{json}}", "json needs a value in place 1"),
            ("{{nosuch 1}}", "there is no helper \"nosuch\""),
            ("{{> nosuch}}", "there is no partial \"nosuch\""),
        ] {
            let error = print(template, true).unwrap_err();
            assert!(
                error.starts_with("error executing handlebars template: line 1, column 1: "),
                "{template}: {error}"
            );
            assert!(error.contains(expected), "{template}: {error}");
        }
        for template in [
            "{{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}",
            "{{#*inline \"a\"}}{{> output}}{{/inline}}{{> a}}",
            "{{#*inline \"a\"}}{{#if x}}{{else}}{{#each y}}{{> b}}{{/each}}{{/if}}{{/inline}}{{#*inline \"b\"}}{{> a}}{{/inline}}",
            "{{#*inline \"a\"}}{{> (lookup this \"x\")}}{{/inline}}{{> a}}",
            "{{#*inline \"a\"}}{{#> b}}{{> a}}{{/b}}{{/inline}}{{#*inline \"b\"}}{{> @partial-block}}{{/inline}}{{> a}}",
        ] {
            let error = print(template, true).unwrap_err();
            assert!(error.ends_with("may include itself"), "{template}: {error}");
        }
        for template in ["{{#if x}}", "{{", "{{#if x}}{{/each}}", "{{x"] {
            let error = print(template, true).unwrap_err();
            assert!(error.starts_with("error parsing handlebars template: "), "{template}: {error}");
            assert!(!error.contains('\n'), "{template}: {error}");
        }
    }

    #[test]
    fn write_errors_stay_write_errors() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = HandlebarsPrinter::new("x", true).unwrap().print(&json!({}), &mut Closed).unwrap_err();
        assert_eq!(error.downcast_ref::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::BrokenPipe));
    }
}
