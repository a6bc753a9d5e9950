//! `create ingress`.

use std::sync::LazyLock;

use anyhow::{anyhow, bail};
use regex_lite::Regex;
use serde_json::{Map, json};

use super::new::{Creation, NewArgs, name};
use crate::object::{Meta, Object, intstr};
use crate::ops::context::Context;

/// Create an Ingress with the given name.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Requests for foo.com/bar go to port 8080 of the service svc1, with TLS by the secret my-cert\nkctl create ingress simple --rule=\"foo.com/bar=svc1:8080,tls=my-cert\"\n\n# All of a path, with an ingress class\nkctl create ingress catch-all --class=otheringress --rule=\"/path=svc:port\"\n\n# With annotations\nkctl create ingress annotated --class=default --rule=\"foo.com/bar=svc:port\" --annotation ingress.annotation1=foo --annotation ingress.annotation2=bla\n\n# Several paths of a host\nkctl create ingress multipath --class=default --rule=\"foo.com/=svc:port\" --rule=\"foo.com/admin/=svcadmin:portadmin\"\n\n# Several hosts, all that begins with the path\nkctl create ingress prefixes --class=default --rule=\"foo.com/path*=svc:8080\" --rule=\"bar.com/admin*=svc2:http\"\n\n# TLS with the controller's own certificate\nkctl create ingress tls --class=default --rule=\"foo.com/=svc:https,tls\" --rule=\"foo.com/path/subpath*=othersvc:8080\"\n\n# TLS with a secret for a path and what is below it\nkctl create ingress tlssecret --class=default --rule=\"foo.com/*=svc:8080,tls=secret1\"\n\n# A service for everything else\nkctl create ingress default --class=default --default-backend=defaultsvc:http --rule=\"foo.com/*=svc:8080,tls=secret1\""
)]
pub struct IngressArgs {
    /// An annotation, as annotation=value. May be given several times.
    #[arg(long)]
    annotation: Vec<String>,
    /// The ingress class.
    #[arg(long)]
    class: Option<String>,
    /// The service for what no rule is about, as svcname:port.
    #[arg(long)]
    default_backend: Option<String>,
    /// A rule, as host/path=service:port[,tls=secretname]. A path that ends in '*' means all that begins with it. May be given several times.
    #[arg(long)]
    rule: Vec<String>,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `create ingress`.
///
/// # Errors
/// Rules of another form, and what the server refuses.
pub async fn run(ctx: &Context, args: IngressArgs) -> anyhow::Result<()> {
    let name = name("ingress", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let default = args.default_backend.as_deref().unwrap_or_default();
    if default.is_empty() && args.rule.is_empty() {
        bail!(
            "not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)"
        );
    }
    let rules = args.rule.iter().map(|rule| Rule::parse(rule)).collect::<anyhow::Result<Vec<_>>>()?;
    let annotations = annotations(&args.annotation)?;
    let mut spec = json!({"rules": rules_of(&rules), "tls": tls_of(&rules)});
    if !default.is_empty() {
        let parts: Vec<&str> = default.split(':').collect();
        let [service, port] = parts.as_slice() else {
            bail!("default-backend should be in format servicename:serviceport");
        };
        spec.set_at(&["defaultBackend"], backend(service, port));
    }
    if let Some(class) = args.class.filter(|class| !class.is_empty()) {
        spec.set_at(&["ingressClassName"], class);
    }
    let mut object = creation.namespaced("networking.k8s.io/v1", "Ingress", name);
    object.set_at(&["metadata", "annotations"], annotations);
    object.set_at(&["spec"], spec);
    creation.finish(object, "failed to create ingress:").await
}

fn annotations(flags: &[String]) -> anyhow::Result<Map<String, Object>> {
    let mut annotations = Map::new();
    for annotation in flags {
        let Some((key, value)) = annotation.split_once('=') else {
            bail!("annotation {annotation} is invalid and should be in format key=[value]");
        };
        annotations.insert(key.to_owned(), value.into());
    }
    Ok(annotations)
}

/// `HOST/PATH=SERVICE:PORT[,tls[=SECRET]]`.
#[derive(Debug, PartialEq)]
struct Rule<'a> {
    host: &'a str,
    /// With its first slash.
    path: String,
    /// Whether all that begins with the path is meant.
    prefix: bool,
    service: &'a str,
    port: &'a str,
    /// The secret, which may have no name; none without TLS.
    tls: Option<&'a str>,
}

impl<'a> Rule<'a> {
    fn parse(text: &'a str) -> anyhow::Result<Self> {
        static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\w\*\-\.]*/.*=[\w\-]+:[\w\-]+").ok());
        let wrong =
            || anyhow!("rule {text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]");
        if !FORM.as_ref().is_some_and(|form| form.is_match(text)) {
            return Err(wrong());
        }
        let mut parts = text.split(',');
        let (rule, tls) = (parts.next().unwrap_or_default(), parts.next());
        // What follows a second comma makes no TLS at all.
        let tls = tls.filter(|_| parts.next().is_none()).map(|tls| tls.split('=').nth(1).unwrap_or_default());
        let (host, rest) = rule.split_once('/').ok_or_else(wrong)?;
        let mut rest = rest.split('=');
        let (path, backend) = (rest.next().unwrap_or_default(), rest.next().ok_or_else(wrong)?);
        let mut backend = backend.split(':');
        let (service, port) = (backend.next().unwrap_or_default(), backend.next().ok_or_else(wrong)?);
        let prefix = path.ends_with('*');
        let path = format!("/{}", path.strip_suffix('*').unwrap_or(path));
        Ok(Self { host, path, prefix, service, port, tls })
    }
}

fn backend(service: &str, port: &str) -> Object {
    let port = match intstr::parse(port) {
        Object::Number(number) => json!({"number": number}),
        name => json!({"name": name}),
    };
    json!({"service": {"name": service, "port": port}})
}

/// A rule for each host, in order of their first mention.
fn rules_of(rules: &[Rule<'_>]) -> Vec<Object> {
    let mut hosts: Vec<(&str, Vec<Object>)> = Vec::new();
    for rule in rules {
        let kind = if rule.prefix { "Prefix" } else { "Exact" };
        let path = json!({"path": rule.path, "pathType": kind, "backend": backend(rule.service, rule.port)});
        match hosts.iter_mut().find(|(host, _)| *host == rule.host) {
            Some((_, paths)) => paths.push(path),
            None => hosts.push((rule.host, vec![path])),
        }
    }
    hosts.into_iter().map(|(host, paths)| json!({"host": host, "http": {"paths": paths}})).collect()
}

/// The hosts of each secret; a host counts once.
fn tls_of(rules: &[Rule<'_>]) -> Vec<Object> {
    let mut seen: Vec<&str> = Vec::new();
    let mut secrets: Vec<(&str, Vec<&str>)> = Vec::new();
    for rule in rules {
        let Some(secret) = rule.tls.filter(|_| !seen.contains(&rule.host)) else { continue };
        seen.push(rule.host);
        match secrets.iter_mut().find(|(known, _)| *known == secret) {
            Some((_, hosts)) => hosts.push(rule.host),
            None if rule.host.is_empty() && secret.is_empty() => {}
            None => secrets.push((secret, if rule.host.is_empty() { Vec::new() } else { vec![rule.host] })),
        }
    }
    secrets.into_iter().map(|(secret, hosts)| json!({"hosts": hosts, "secretName": secret})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_rules() {
        let rule = Rule::parse("h.example.org/p*=svc:http,tls=sec").expect("a rule");
        let want = Rule {
            host: "h.example.org",
            path: "/p".into(),
            prefix: true,
            service: "svc",
            port: "http",
            tls: Some("sec"),
        };
        assert_eq!(rule, want);
        let rule = Rule::parse("/=s:80,tls").expect("a rule");
        assert_eq!((rule.host, rule.path.as_str(), rule.prefix, rule.tls), ("", "/", false, Some("")));
        for text in ["bad", "h/p=svc", "h=svc:80", "h/a=b=svc:80"] {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a/=:,*tls]{0,12}") {
            if let Ok(rule) = Rule::parse(&text) {
                let _ = (rules_of(&[Rule::parse(&text).expect("again")]), tls_of(&[rule]));
            }
        }
    }
}
