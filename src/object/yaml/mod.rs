//! Reading YAML as kubectl reads it: `sigs.k8s.io/yaml` over go-yaml v2.

pub mod resolve;
