//! The forms of answers and of patches.

/// Which form of an answer is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accept {
    /// Whole objects.
    #[default]
    Json,
    /// Rows and cells, whole objects from servers that have no tables.
    Table,
    /// Metadata of one object only.
    PartialMetadata,
    /// Metadata of a list's objects only.
    PartialMetadataList,
    /// Aggregated discovery, the legacy documents from servers that have none.
    Discovery,
    /// Anything.
    Any,
}

impl Accept {
    /// The header's value.
    pub fn header(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Table => {
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
            }
            Self::PartialMetadata => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
            Self::PartialMetadataList => {
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
            }
            Self::Discovery => {
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
            }
            Self::Any => "*/*",
        }
    }
}

/// How a patch's body is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7396.
    Merge,
    /// Kubernetes' own, which knows lists by key.
    Strategic,
    /// Server-side apply; the body is YAML or JSON.
    Apply,
}

impl PatchType {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}
