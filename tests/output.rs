//! Objects as `kubectl get -o` prints them, byte for byte. The objects are invented, the outputs were
//! recorded from kubectl 1.36.

use kctl::output::format::{self, Family, Request};
use kctl::output::print::{Options, Printer};

#[test]
fn prints_as_kubectl() {
    let mut count = 0;
    for entry in std::fs::read_dir("tests/data/output").expect("the recorded outputs") {
        let path = entry.expect("an entry").path();
        let format = path.extension().and_then(|format| format.to_str()).unwrap_or_default().to_owned();
        if format == "object" {
            continue;
        }
        let object = std::fs::read(path.with_extension("object")).expect("the object beside its output");
        let object = serde_json::from_slice(&object).expect("an object in JSON");
        let request = Request::new(Family::Get, &format);
        let format = format::parse(&request, &|_| Err(std::io::ErrorKind::NotFound.into())).expect("a format");
        let options = Options {
            show_managed_fields: false,
            allow_missing_keys: true,
            operation: "",
            handlebars: &|_, _| anyhow::bail!("not needed"),
        };
        let mut out = Vec::new();
        Printer::new(format, &options).expect("a printer").print(object, &mut out).expect("printed");
        let want = std::fs::read_to_string(&path).expect("the recorded output");
        assert_eq!(String::from_utf8(out).expect("text"), want, "{}", path.display());
        count += 1;
    }
    assert!(count >= 5, "only {count} outputs");
}
