//! What is compared: commands, and how much of kubectl's time and memory kctl may need for them.

/// One command, as it is typed.
pub struct Operation {
    /// Its name in the table.
    pub name: &'static str,
    /// Its words, without those that name the cluster and the namespace.
    pub words: &'static [&'static str],
    /// kctl's time over kubectl's, from start to end, that is aimed at for 10,000 pods; none for 0.
    pub ratio: f64,
    /// The most memory that is aimed at, in MB.
    pub memory: f64,
    /// Whether the bytes that are asked for are also asked for by curl.
    pub curl: bool,
}

const fn list(name: &'static str, words: &'static [&'static str], ratio: f64, memory: f64) -> Operation {
    Operation { name, words, ratio, memory, curl: true }
}

const fn other(name: &'static str, words: &'static [&'static str], ratio: f64, memory: f64) -> Operation {
    Operation { name, words, ratio, memory, curl: false }
}

/// All of them. Pods that are described have the label `bench=described`, those with logs `bench=logged`.
pub const OPERATIONS: &[Operation] = &[
    other("start-up", &["version", "--client"], 0.10, 40.0),
    list("get", &["get", "pods"], 0.15, 40.0),
    list("wide", &["get", "pods", "-o", "wide"], 0.15, 40.0),
    list("name", &["get", "pods", "-o", "name"], 0.12, 40.0),
    list("yaml", &["get", "pods", "-o", "yaml"], 0.15, 80.0),
    list("json", &["get", "pods", "-o", "json"], 0.25, 80.0),
    list("jsonpath", &["get", "pods", "-o", "jsonpath={.items[*].metadata.name}"], 0.30, 80.0),
    list(
        "go-template",
        &["get", "pods", "-o", "go-template={{range .items}}{{.metadata.name}}{{\"\\n\"}}{{end}}"],
        0.0,
        80.0,
    ),
    list("sort-by", &["get", "pods", "--sort-by", "{.metadata.creationTimestamp}"], 0.0, 80.0),
    other("describe-200", &["describe", "pods", "--selector", "bench=described"], 0.40, 80.0),
    other("logs-50", &["logs", "--selector", "bench=logged", "--max-log-requests", "50", "--prefix"], 0.0, 80.0),
    other("complete", &["__complete", "get", "pods", "bench-0"], 0.0, 40.0),
];
