//! The part of jq that stages use, and columns that a user names: any text is parsed and run without a panic.
//!
//! Input: the text, and after a NUL the JSON it is run on (a fixed object if there is none).

#![no_main]

use kctl::object::jq::Query;
use kctl::output::custom_columns::CustomColumns;
use kctl_fuzz::subject;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (text, value) = subject(input);
    if let Ok(query) = Query::parse(text) {
        let result = query.run(&value);
        assert_eq!(result, query.run(&value));
    }
    for columns in [CustomColumns::parse(text, false), CustomColumns::parse_template(text)] {
        let Ok(mut columns) = columns else { continue };
        columns.wanted();
        let _ = columns.print(&value, &mut Vec::new());
    }
});
