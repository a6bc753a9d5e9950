//! `kuberc`: shows and changes the preferences file.

pub mod set;
pub mod view;

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};

use crate::ops::context::Context;
use crate::ops::preferences::{Preferences, location, open_error};
use crate::output::yaml;

/// The preferences file, and whether somebody named it.
fn file(context: &Context, flag: Option<&str>) -> anyhow::Result<(PathBuf, bool)> {
    match location(&context.env, flag)? {
        Some(found) => Ok(found),
        None => bail!("KUBERC is disabled via KUBERC=off environment variable"),
    }
}

/// The preferences in a file; `None` where there is no file.
fn read(file: &Path) -> anyhow::Result<Option<Preferences>> {
    let preferences = match std::fs::read(file) {
        Ok(text) => Preferences::read(file, &text).map(|read| Some(read.unwrap_or_default())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => Err(open_error(file, &error)),
    };
    preferences.map_err(|error| anyhow!("error reading kuberc file: {error}"))
}

/// Writes the file, and says so.
fn write(context: &Context, file: &Path, preferences: &Preferences) -> anyhow::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|error| anyhow!("failed to create directory {}: {error}", folder.display()))?;
    }
    let text = yaml::to_string(&serde_json::to_value(preferences)?)?;
    std::fs::write(file, text).map_err(|error| anyhow!("failed to write kuberc file: {}", open_error(file, &error)))?;
    Ok(std::io::Write::write_fmt(&mut **context.streams.out(), format_args!("Updated {}\n", file.display()))?)
}
