//! Which resources a server has, and which of them a word on the command line means.
//!
//! Names of built-in types are known without asking. Anything else asks the server for its whole
//! list, once.

mod cache;
mod catalog;
mod fetch;

use std::cell::OnceCell;
use std::fmt;
use std::sync::OnceLock;

pub use cache::Cache;
pub use catalog::{Catalog, Entry, GroupFailure};

use super::Client;
use crate::object::{GroupVersionKind, GroupVersionResource};

/// A resource that is spoken of: where it is and what its objects are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// Group, version and plural name.
    pub resource: GroupVersionResource,
    /// Group, version and kind.
    pub kind: GroupVersionKind,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// No resource holds objects of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoKindMatch(pub GroupVersionKind);

impl fmt::Display for NoKindMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = &self.0;
        if kind.version.is_empty() {
            write!(f, "no matches for kind \"{}\" in group \"{}\"", kind.kind, kind.group)
        } else {
            write!(f, "no matches for kind \"{}\" in version \"{}\"", kind.kind, kind.api_version())
        }
    }
}

impl std::error::Error for NoKindMatch {}

/// What the client knows of the server's resources.
#[derive(Default)]
pub(super) struct Known {
    /// What the server said.
    fresh: OnceCell<Catalog>,
    /// What it said to an earlier command.
    remembered: OnceCell<Option<Catalog>>,
    cache: Option<Cache>,
}

impl Known {
    /// The newest list at hand, without asking.
    fn at_hand(&self) -> Option<&Catalog> {
        let load = || self.cache.as_ref().and_then(Cache::load);
        self.fresh.get().or_else(|| self.remembered.get_or_init(load).as_ref())
    }
}

/// The built-in resources.
fn builtin() -> &'static Catalog {
    static BUILTIN: OnceLock<Catalog> = OnceLock::new();
    BUILTIN.get_or_init(Catalog::builtin)
}

impl Client {
    /// Remembers on disk what the server serves, and finds custom resources there.
    #[must_use]
    pub fn with_discovery_cache(mut self, cache: Cache) -> Self {
        self.known.cache = Some(cache);
        self
    }

    /// Everything that the server serves. Asks it, the first time.
    pub async fn catalog(&self) -> anyhow::Result<&Catalog> {
        if let Some(catalog) = self.known.fresh.get() {
            return Ok(catalog);
        }
        let catalog = fetch::catalog(self).await?;
        if let Some(cache) = &self.known.cache
            && catalog.is_whole()
        {
            cache.store(&catalog);
        }
        Ok(self.known.fresh.get_or_init(|| catalog))
    }

    /// As [`catalog`](Self::catalog), but what an earlier command was told is good enough.
    pub async fn known_catalog(&self) -> anyhow::Result<&Catalog> {
        match self.known.at_hand() {
            Some(catalog) => Ok(catalog),
            None => self.catalog().await,
        }
    }

    /// Forgets what an earlier command was told, where a resource of which that speaks turns out not to be
    /// there: the next command asks again.
    pub(super) fn doubt_what_is_remembered(&self) {
        let relied = self.known.fresh.get().is_none() && self.known.remembered.get().is_some_and(Option::is_some);
        if let Some(cache) = self.known.cache.as_ref().filter(|_| relied) {
            cache.forget();
        }
    }

    /// The resource that a word means: `po`, `pods`, `Deployment`, `deploy.apps`, `deployments.v1.apps`.
    ///
    /// Fails with `the server doesn't have a resource type "x"`.
    pub async fn resolve(&self, word: &str) -> anyhow::Result<Mapping> {
        if let Some(mapping) = builtin().find(word) {
            self.warn_of_others(word, builtin());
            return Ok(mapping);
        }
        let mut catalog = self.known.at_hand();
        let mut found = catalog.and_then(|catalog| catalog.find(word));
        if found.is_none() && !word.is_empty() {
            let fresh = self.catalog().await?;
            (catalog, found) = (Some(fresh), fresh.find(word));
        }
        if let Some(catalog) = catalog {
            self.warn_of_others(word, catalog);
        }
        found.ok_or_else(|| {
            let resource = word.split('.').next().unwrap_or_default();
            anyhow::anyhow!("the server doesn't have a resource type {resource:?}")
        })
    }

    /// Says what else a short name could mean.
    fn warn_of_others(&self, word: &str, catalog: &Catalog) {
        let name = word.split('.').next().unwrap_or_default();
        for other in catalog.overshadowed(word) {
            self.warn_of_word(&format!("short name {name:?} could also match lower priority resource {other}"));
        }
    }

    /// Of the resources that a word without a group may mean, the first that `fits`, else the first; none
    /// where there is no such resource.
    pub async fn resources_called(
        &self,
        word: &str,
        fits: impl Fn(&Mapping) -> bool,
    ) -> anyhow::Result<Option<Mapping>> {
        let choose = |catalog: &Catalog| {
            let all: Vec<Mapping> = catalog.all_called(word).map(Entry::mapping).collect();
            let fitting = all.iter().position(&fits);
            (fitting.is_some(), all.into_iter().nth(fitting.unwrap_or(0)))
        };
        let (fits, own) = choose(builtin());
        if own.is_some() {
            self.warn_of_others(word, builtin());
        }
        // A group may stand behind the plural only.
        if let Some(own) = &own
            && (fits || own.resource.resource != word)
        {
            return Ok(Some(own.clone()));
        }
        let (fits, theirs) = choose(self.catalog().await?);
        Ok(if fits { theirs } else { own.or(theirs) })
    }

    /// The resource that holds objects of a kind. Fails with [`NoKindMatch`].
    pub async fn mapping(&self, kind: &GroupVersionKind) -> anyhow::Result<Mapping> {
        if let Some(mapping) = builtin().by_kind(kind) {
            return Ok(mapping);
        }
        if let Some(mapping) = self.known.at_hand().and_then(|catalog| catalog.by_kind(kind)) {
            return Ok(mapping);
        }
        self.catalog().await?.by_kind(kind).ok_or_else(|| NoKindMatch(kind.clone()).into())
    }

    /// The resources of a category (`all`), as `pods`, `deployments.apps`; none where the word is no
    /// category. A word that names a built-in type is never taken for one.
    pub async fn expand_category(&self, word: &str) -> anyhow::Result<Option<Vec<String>>> {
        if word.is_empty() || word.contains('.') || builtin().find(word).is_some() {
            return Ok(None);
        }
        if let Some(known) = self.known.at_hand() {
            if known.find(word).is_some() {
                return Ok(None);
            }
            if let Some(members) = known.category(word) {
                return Ok(Some(members));
            }
        }
        Ok(self.catalog().await?.category(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::transport::recorded::Recorded;
    use std::sync::Arc;

    fn client(recorded: &Recorded) -> Client {
        Client::new(Arc::new(recorded.clone()), "test", Box::new(|_| {}))
    }

    const AGGREGATED: &str = r#"[
        {"uri": "/api", "accept": "as=APIGroupDiscoveryList", "response": {"kind": "APIGroupDiscoveryList", "items": [
            {"metadata": {}, "versions": [{"version": "v1", "resources": [
                {"resource": "pods", "responseKind": {"group": "", "version": "", "kind": "Pod"}, "scope": "Namespaced",
                 "singularResource": "pod", "verbs": ["get", "list"], "shortNames": ["po"], "categories": ["all"],
                 "subresources": [{"subresource": "log", "verbs": ["get"]}]}]}]}]}},
        {"uri": "/apis", "response": {"kind": "APIGroupDiscoveryList", "items": [
            {"metadata": {"name": "sea.example.org"}, "versions": [
                {"version": "v1", "resources": [{"resource": "beacons", "responseKind": {"kind": "Beacon"},
                    "scope": "Namespaced", "singularResource": "beacon", "shortNames": ["bcn"], "verbs": ["list"], "categories": ["all"]}]},
                {"version": "v1alpha1", "resources": [{"resource": "beacons", "responseKind": {"kind": "Beacon"},
                    "scope": "Namespaced", "singularResource": "beacon", "verbs": ["list"]}]}]},
            {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale"}]}]}}
    ]"#;

    const LEGACY: &str = r#"[
        {"uri": "/api", "response": {"kind": "APIVersions", "versions": ["v1"]}},
        {"uri": "/apis", "response": {"kind": "APIGroupList", "groups": [
            {"name": "sea.example.org", "versions": [{"groupVersion": "sea.example.org/v1alpha1", "version": "v1alpha1"}, {"groupVersion": "sea.example.org/v1", "version": "v1"}],
             "preferredVersion": {"groupVersion": "sea.example.org/v1", "version": "v1"}},
            {"name": "broken.example.org", "versions": [{"groupVersion": "broken.example.org/v1", "version": "v1"}]}]}},
        {"uri": "/api/v1", "response": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            {"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "verbs": ["list"], "shortNames": ["po"], "categories": ["all"]},
            {"name": "pods/log", "singularName": "", "namespaced": true, "kind": "Pod", "verbs": ["get"]}]}},
        {"uri": "/apis/sea.example.org/v1", "response": {"groupVersion": "sea.example.org/v1", "resources": [
            {"name": "beacons", "singularName": "beacon", "namespaced": true, "kind": "Beacon", "verbs": ["list"], "shortNames": ["bcn"], "categories": ["all"]}]}},
        {"uri": "/apis/sea.example.org/v1alpha1", "response": {"groupVersion": "sea.example.org/v1alpha1", "resources": [
            {"name": "beacons", "singularName": "beacon", "namespaced": true, "kind": "Beacon", "verbs": ["list"]}]}},
        {"uri": "/apis/broken.example.org/v1", "status": 503, "response": "no"}
    ]"#;

    #[tokio::test]
    async fn built_in_types_need_no_request() {
        let recorded = Recorded::default();
        let client = client(&recorded);
        for (word, want) in [
            ("po", "/v1 pods"),
            ("Pod", "/v1 pods"),
            ("pods.v1.", "/v1 pods"),
            ("deploy", "apps/v1 deployments"),
            ("Deployment.apps", "apps/v1 deployments"),
            ("deployments.v1.apps", "apps/v1 deployments"),
            ("deployments.ap", "apps/v1 deployments"),
            ("ev", "/v1 events"),
            ("events.events.k8s.io", "events.k8s.io/v1 events"),
            ("hpa", "autoscaling/v2 horizontalpodautoscalers"),
            ("hpa.v1.autoscaling", "autoscaling/v2 horizontalpodautoscalers"),
            ("hpa.v1.autosc", "autoscaling/v1 horizontalpodautoscalers"),
            ("horizontalpodautoscaler.v1.autoscaling", "autoscaling/v1 horizontalpodautoscalers"),
            ("deploy.v7.apps", "apps/v1 deployments"),
            ("ns", "/v1 namespaces"),
        ] {
            let found = client.resolve(word).await.unwrap_or_else(|error| panic!("{word}: {error}")).resource;
            assert_eq!(format!("{}/{} {}", found.group, found.version, found.resource), want, "{word}");
        }
        assert_eq!(client.expand_category("pods").await.expect("known"), None);
        assert!(recorded.seen().is_empty());
    }

    #[tokio::test]
    async fn remembers_what_it_was_told() {
        let folder = std::env::temp_dir().join(format!("kctl-discovery-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let cache = Cache::new(&folder, "x", crate::object::clock::Clock::System);
        let whole = AGGREGATED.replace("Stale", "Current");
        let recorded = Recorded::parse(&whole).expect("a recording");
        let first = client(&recorded).with_discovery_cache(cache.clone());
        assert!(first.resolve("bcn").await.is_ok());
        assert_eq!(recorded.seen().len(), 2);

        let second = client(&recorded).with_discovery_cache(cache);
        assert!(second.resolve("beacons").await.is_ok());
        assert!(second.expand_category("beacons").await.expect("known").is_none());
        assert!(second.expand_category("all").await.expect("known").is_some());
        assert_eq!(recorded.seen().len(), 2, "nothing is asked again");
        assert!(second.resolve("nosuch").await.is_err());
        assert_eq!(recorded.seen().len(), 4, "what is not known is asked for");
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    #[tokio::test]
    async fn asks_for_what_it_does_not_know() {
        for recording in [AGGREGATED, LEGACY] {
            let recorded = Recorded::parse(recording).expect("a recording");
            let client = client(&recorded);
            for word in ["beacons", "bcn", "beacon.sea.example.org", "beacons.v1.sea.example.org", "Beacon", "bcn.sea"]
            {
                let found = client.resolve(word).await.unwrap_or_else(|error| panic!("{word}: {error}"));
                assert_eq!(found.resource, GroupVersionResource::new("sea.example.org", "v1", "beacons"), "{word}");
            }
            let old = client.resolve("beacons.v1alpha1.sea.example.org").await.expect("the old version");
            assert_eq!(old.resource.version, "v1alpha1");
            for (word, named) in [("nosuch", "nosuch"), ("beacons.v2.sea.example.org", "beacons"), ("", "")] {
                let error = client.resolve(word).await.expect_err("unknown").to_string();
                assert_eq!(error, format!("the server doesn't have a resource type {named:?}"));
            }
            let all = client.expand_category("all").await.expect("known").expect("a category");
            assert_eq!(all, ["pods", "beacons.sea.example.org"]);
            let kind = GroupVersionKind::new("sea.example.org", "v1", "Nothing");
            let error = client.mapping(&kind).await.expect_err("unknown").to_string();
            assert_eq!(error, "no matches for kind \"Nothing\" in version \"sea.example.org/v1\"");
            assert!(!client.catalog().await.expect("known").is_whole());
            assert!(recorded.unused().is_empty(), "{:?}", recorded.unused());
            let mut seen = recorded.seen();
            seen.sort();
            let all = seen.len();
            seen.dedup();
            assert_eq!(seen.len(), all, "nothing is asked twice");
        }
    }
}
