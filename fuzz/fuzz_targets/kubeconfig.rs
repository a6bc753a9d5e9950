//! Kubeconfig files: any text is read, merged and resolved without a panic, and what is written reads back as it was.

#![no_main]

use kctl::client::config::{Overrides, Resolver, kubeconfig::Kubeconfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(config) = Kubeconfig::parse(input) else { return };
    let object = config.to_object();
    let again = Kubeconfig::from_object(object.clone()).unwrap_or_else(|error| panic!("{error}\n{object}"));
    assert_eq!(again.to_object(), object);
    assert_eq!(again, config);

    let mut merged = config.clone();
    merged.merge(again);
    assert_eq!(merged, config);

    let mut located = config.located(std::path::Path::new("/nowhere/config"));
    located.resolve_paths();
    let contexts = located.contexts.keys().take(3).cloned().map(Some).chain([None]);
    for context in contexts {
        let overrides = Overrides { context, ..Overrides::default() };
        let resolver = Resolver { config: &located, overrides: &overrides, master: None, in_cluster: None };
        resolver.context_name();
        let _ = resolver.confirm_usable();
        let _ = resolver.namespace();
        // Token and certificate files of the input are not opened: it could name a device.
        let opens = located.users.values().any(|user| {
            !user.token_file.is_empty() || !user.client_key.is_empty() || !user.client_certificate.is_empty()
        }) || located.clusters.values().any(|cluster| !cluster.certificate_authority.is_empty());
        if !opens {
            let _ = resolver.client_config();
        }
    }
});
