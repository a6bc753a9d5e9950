//! `helmCharts`: charts that the program `helm` renders.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use regex_lite::Regex;
use serde::Deserialize;

use super::loader::Loader;
use super::read;
use crate::object::patch::merge;
use crate::object::{Object, yaml};

/// How helm is called.
#[derive(Clone, Debug, Default)]
pub struct Helm {
    /// The program.
    pub command: String,
    /// API versions that it is told of, unless a chart names some.
    pub api_versions: Vec<String>,
    /// The Kubernetes version that it is told of, unless a chart names one.
    pub kube_version: String,
    /// Whether it tells what it does.
    pub debug: bool,
}

/// `helmGlobals`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Globals {
    pub chart_home: String,
    pub config_home: String,
}

/// An entry of `helmCharts`; the fields are kustomize's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Chart {
    pub name: String,
    pub version: String,
    pub repo: String,
    pub release_name: String,
    pub namespace: String,
    pub additional_values_files: Vec<String>,
    pub values_file: String,
    pub values_inline: Option<Object>,
    pub values_merge: String,
    #[serde(rename = "includeCRDs")]
    pub include_crds: bool,
    pub skip_hooks: bool,
    pub api_versions: Vec<String>,
    pub kube_version: String,
    pub name_template: String,
    pub skip_tests: bool,
    pub debug: bool,
    pub devel: bool,
}

/// A folder for one run of helm, which goes away with this.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("kustomize-helm-{}", fastrand::u64(..)));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Renders a chart.
///
/// # Errors
/// No chart's name, values that cannot be read, and a helm that is missing or fails.
pub fn render(chart: &Chart, globals: &Globals, helm: &Helm, loader: &Loader) -> anyhow::Result<Vec<Object>> {
    if chart.name.is_empty() {
        bail!("chart name cannot be empty");
    }
    if !["", "merge", "override", "replace"].contains(&chart.values_merge.as_str()) {
        bail!("valuesMerge must be one of [merge override replace]");
    }
    let temporary = Temporary::new()?;
    let config = match globals.config_home.as_str() {
        "" => temporary.0.join("helm"),
        home => PathBuf::from(home),
    };
    let rendering = Rendering { chart, helm, loader, home: home(chart, globals, loader), config, temporary };
    rendering.check_version()?;
    rendering.pull()?;
    let values = rendering.values()?;
    let said = rendering.run(&rendering.template(&values)?)?;
    read::objects(&said).or_else(|error| {
        // What stands before the first document may be talk.
        let text = String::from_utf8_lossy(&said);
        let from = text.find("\n---").map_or(0, |at| at + 1);
        let objects = read::objects(text.get(from..).unwrap_or_default().as_bytes()).unwrap_or_default();
        if objects.is_empty() { Err(error.context("could not parse bytes into resource map")) } else { Ok(objects) }
    })
}

/// Where the chart is, or will be.
fn home(chart: &Chart, globals: &Globals, loader: &Loader) -> PathBuf {
    let home = if globals.chart_home.is_empty() { "charts" } else { &globals.chart_home };
    // An absolute path stands for itself.
    let home = loader.root.join(home);
    if chart.version.is_empty() || chart.repo.is_empty() {
        return home;
    }
    home.join(format!("{}-{}", chart.name, chart.version))
}

struct Rendering<'a> {
    chart: &'a Chart,
    helm: &'a Helm,
    loader: &'a Loader,
    home: PathBuf,
    config: PathBuf,
    temporary: Temporary,
}

impl Rendering<'_> {
    fn run(&self, words: &[String]) -> anyhow::Result<Vec<u8>> {
        let config = self.config.display();
        let variables = [
            ("HELM_CONFIG_HOME", config.to_string()),
            ("HELM_CACHE_HOME", format!("{config}/.cache")),
            ("HELM_DATA_HOME", format!("{config}/.data")),
        ];
        let program = &self.helm.command;
        let failed = |why: String, said: &[u8]| {
            let shown: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let (line, shown) = (words.join(" "), shown.join(" "));
            let said = String::from_utf8_lossy(said);
            let before = if said.is_empty() { String::new() } else { format!("{said}: ") };
            anyhow::anyhow!(
                "{before}unable to run: '{program} {line}' with env=[{shown}] (is '{program}' installed?): {why}"
            )
        };
        let ran = Command::new(program).args(words).envs(variables.clone()).stdin(Stdio::null()).output();
        let ran = ran.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                failed(format!("exec: {program:?}: executable file not found in $PATH"), b"")
            }
            _ => failed(error.to_string(), b""),
        })?;
        match ran.status.code() {
            Some(0) => Ok(ran.stdout),
            code => Err(failed(format!("exit status {}", code.unwrap_or(-1)), &ran.stderr)),
        }
    }

    fn check_version(&self) -> anyhow::Result<()> {
        let said = self.run(&["version", "-c", "--short"].map(str::to_owned))?;
        let said = String::from_utf8_lossy(&said);
        let Some(version) = Regex::new(r"v?(\d+)(\.\d+)+")?.captures(&said) else {
            bail!("cannot find version string in {said}");
        };
        let whole = version.get(0).map_or("", |text| text.as_str()).trim_start_matches('v').to_owned();
        if version.get(1).map(|major| major.as_str()) != Some("3") {
            bail!("this plugin requires helm V3 but got v{whole}");
        }
        Ok(())
    }

    /// Fetches a chart that is not there.
    fn pull(&self) -> anyhow::Result<()> {
        let chart = self.chart;
        if self.home.join(&chart.name).is_dir() {
            return Ok(());
        }
        if chart.repo.is_empty() {
            bail!("no repo specified for pull, no chart found at ''");
        }
        let mut words = ["pull", "--untar", "--untardir"].map(str::to_owned).to_vec();
        words.push(self.home.display().to_string());
        if chart.repo.starts_with("oci://") {
            words.push(format!("{}/{}", chart.repo.trim_end_matches('/'), chart.name));
        } else {
            words.extend(["--repo".to_owned(), chart.repo.clone(), chart.name.clone()]);
        }
        if !chart.version.is_empty() {
            words.extend(["--version".to_owned(), chart.version.clone()]);
        }
        if chart.devel {
            words.push("--devel".to_owned());
        }
        self.run(&words).map(|_| ())
    }

    /// Writes the values into a file of its own.
    fn values(&self) -> anyhow::Result<PathBuf> {
        let chart = self.chart;
        let own = match chart.values_file.as_str() {
            "" => self.home.join(&chart.name).join("values.yaml").display().to_string(),
            file => file.to_owned(),
        };
        let inline =
            chart.values_inline.as_ref().filter(|values| values.as_object().is_some_and(|map| !map.is_empty()));
        let text = match inline {
            None => self.loader.load(&own)?,
            Some(inline) if chart.values_merge == "replace" => crate::output::yaml::to_string(inline)?.into_bytes(),
            Some(inline) => {
                let file = yaml::parse(&self.loader.load(&own)?).context("could not parse values file into rnode")?;
                let file = if file.is_object() { file } else { serde_json::json!({}) };
                // What is merged into the other counts.
                let (mut into, from) =
                    if chart.values_merge == "merge" { (inline.clone(), file) } else { (file, inline.clone()) };
                merge::apply(&mut into, &from);
                crate::output::yaml::to_string(&into)?.into_bytes()
            }
        };
        let path = self.temporary.0.join(format!("{}-kustomize-values.yaml", chart.name));
        fs::write(&path, text).context("failed to write values file")?;
        Ok(path)
    }

    fn template(&self, values: &Path) -> anyhow::Result<Vec<String>> {
        let (chart, helm) = (self.chart, self.helm);
        let mut words = vec!["template".to_owned()];
        words.push(if chart.release_name.is_empty() {
            "--generate-name".to_owned()
        } else {
            chart.release_name.clone()
        });
        words.push(self.home.join(&chart.name).display().to_string());
        let mut with = |flag: &str, value: &str| {
            if !value.is_empty() {
                words.extend([flag.to_owned(), value.to_owned()]);
            }
        };
        with("--namespace", &chart.namespace);
        with("--name-template", &chart.name_template);
        with("-f", &values.display().to_string());
        for file in &chart.additional_values_files {
            self.loader.load(file).context("could not load additionalValuesFile")?;
            with("-f", &self.loader.root.join(file).display().to_string());
        }
        let versions = if chart.api_versions.is_empty() { &helm.api_versions } else { &chart.api_versions };
        versions.iter().for_each(|version| with("--api-versions", version));
        with("--kube-version", if chart.kube_version.is_empty() { &helm.kube_version } else { &chart.kube_version });
        for (flag, on) in [
            ("--include-crds", chart.include_crds),
            ("--skip-tests", chart.skip_tests),
            ("--no-hooks", chart.skip_hooks),
            ("--debug", chart.debug || helm.debug),
            ("--devel", chart.devel),
        ] {
            if on {
                words.push(flag.to_owned());
            }
        }
        Ok(words)
    }
}
