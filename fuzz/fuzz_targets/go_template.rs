//! Go templates: any text is parsed and executed without a panic, and executing a template item by
//! item gives what executing it whole gives.
//!
//! Input: a template, and after a NUL the JSON it is executed on (a fixed object if there is none).

#![no_main]

use std::ops::ControlFlow;

use kctl::output::template::{Error, GoTemplatePrinter, MissingKey, Template, kubectl};
use kctl_fuzz::subject;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &str| {
    let (text, value) = subject(input);
    for missing in [MissingKey::Default, MissingKey::Zero, MissingKey::Error] {
        let Ok(template) = Template::parse_with("output", text, kubectl::FUNCTIONS) else { break };
        let template = template.missing_key(missing);
        let mut whole = Vec::new();
        let result = template.execute(&value, &mut whole);
        streamed(&template, &value, &whole, &result);
    }
    if let Ok(printer) = GoTemplatePrinter::new(text, false) {
        let mut out = Vec::new();
        let _ = printer.print(&value, &|value, out| Ok(serde_json::to_writer(out, value)?), &mut out);
    }
});

/// Executes item by item what can be, and compares.
fn streamed(template: &Template, value: &Value, whole: &[u8], result: &Result<(), Error>) {
    let (Some(split), Some(items)) = (template.split("items"), value["items"].as_array()) else { return };
    let mut out = Vec::new();
    let mut run = || {
        split.prefix(&mut out)?;
        if items.is_empty() {
            split.none(&mut out)?;
        }
        for item in items {
            if let ControlFlow::Break(()) = split.item(item, &mut out)? {
                break;
            }
        }
        split.suffix(&mut out)
    };
    let words = |result: &Result<(), Error>| result.as_ref().err().map(ToString::to_string);
    let parts = words(&run());
    let whole_error = words(result);
    // Each item has the whole budget when it is executed alone.
    if whole_error.as_deref().is_some_and(|error| error.contains("budget")) {
        return;
    }
    assert_eq!(parts, whole_error, "{}", template.source());
    assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(whole), "{}", template.source());
}
