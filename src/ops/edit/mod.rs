//! Editing objects: they go to the user's editor as text, and what has become of them to the server; if
//! it refuses, back to the editor.

mod buffer;
mod launch;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};

pub use buffer::Form;
use buffer::{Reason, has_lines, header, same, together, without_comments};

use super::change::{ObjectPrinter, Report};
use super::context::Context;
use super::interrupt::interruptible;
use super::last_applied;
use super::manifests;
use super::resources::Info;
use super::validation::validator;
use super::write;
use crate::client::paging::take_items;
use crate::client::request::{PatchType, WriteParams};
use crate::error::Exit;
use crate::object::patch::{merge, strategic};
use crate::object::{Meta, Object, Status, schema, yaml};

const EXPLANATION: &str = "Change the object below. Lines that begin with '#' do not count, and a file without\nany other line changes nothing. If what you save cannot be used, the file is opened again\nand says why.";
const EXPLANATION_APPLIED: &str = "Change below what was applied last, as the objects' annotations have it.\nLines that begin with '#' do not count, and a file without any other line changes nothing.";

/// What becomes of edited objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The objects on the server are changed.
    Change,
    /// Their annotations of what was applied last are.
    Applied,
    /// They are created.
    Create,
}

/// How objects are edited.
pub struct Editing<'a> {
    /// The context.
    pub ctx: &'a Context,
    /// What becomes of them.
    pub mode: Mode,
    /// How they look.
    pub form: Form,
    /// Whether lines end as Windows has it.
    pub windows_lines: bool,
    /// How requests are sent.
    pub write: WriteParams,
    /// Whether objects get the annotation of what was applied last.
    pub save_config: bool,
    /// Whether patches are printed.
    pub output_patch: bool,
    /// The part of the objects that is changed; empty for the whole.
    pub subresource: String,
    /// What is printed.
    pub report: Report<'a>,
}

/// What became of one round.
#[derive(Default)]
struct Round {
    reasons: Vec<Reason>,
    retryable: bool,
    not_found: bool,
}

impl Editing<'_> {
    /// Lets the user edit, again until the server takes it or the user gives up.
    ///
    /// # Errors
    /// An editor that fails, and what the server refuses for good.
    pub async fn run(&self, infos: &[Info]) -> anyhow::Result<()> {
        interruptible(self.rounds(infos)).await
    }

    async fn rounds(&self, infos: &[Info]) -> anyhow::Result<()> {
        let objects: Vec<Object> = infos.iter().map(|info| info.object().into_owned()).collect();
        let original = self.form.write(&together(&objects))?;
        let (mut reasons, mut edited): (Vec<Reason>, Option<(String, PathBuf)>) = (Vec::new(), None);
        loop {
            let body = edited.as_ref().map_or_else(|| original.clone(), |(text, _)| without_comments(text));
            let (text, file) = match self.open(&reasons, &body).await {
                Ok(opened) => opened,
                Err(error) => return self.keep(error, edited.as_ref().map(|(_, file)| file.as_path())),
            };
            if let Some((before, old)) = &edited {
                if same(before, &text) {
                    return self.keep(anyhow!("Edit cancelled, no valid changes were saved."), Some(&file));
                }
                let _ = std::fs::remove_file(old);
            }
            let fault = self.invalid(&text, infos);
            let stop = if fault.is_some() {
                None
            } else if same(&original, &text) {
                Some("Edit cancelled, no changes made.")
            } else if !has_lines(&text) {
                Some("Edit cancelled, saved file was empty.")
            } else {
                None
            };
            if let Some(why) = stop {
                let _ = std::fs::remove_file(&file);
                self.ctx.streams.say(why);
                return Ok(());
            }
            if let Some(fault) = fault {
                (reasons, edited) = (vec![fault], Some((text, file)));
                continue;
            }
            let round = match self.parse(&text).await {
                Err(reason) => Round { reasons: vec![reason], ..Round::default() },
                Ok(updated) => match self.require_namespace(&updated, infos) {
                    Err(error) => return self.keep(error, Some(&file)),
                    Ok(()) => match self.submit(infos, updated).await {
                        Ok(round) => round,
                        Err(error) => return self.keep(error, Some(&file)),
                    },
                },
            };
            let shown = file.display();
            if round.retryable {
                let program = self.ctx.program;
                self.ctx.streams.say(format!("You can run `{program} replace -f {shown}` to try this update again."));
                return Err(Exit(1).into());
            }
            if round.not_found {
                let kept = shown.to_string();
                self.ctx.streams.say(format!("The edits you made on deleted resources have been saved to {kept:?}"));
                return Err(Exit(1).into());
            }
            if round.reasons.is_empty() {
                let _ = std::fs::remove_file(&file);
                return Ok(());
            }
            (reasons, edited) = (round.reasons, Some((text, file)));
        }
    }

    /// Shows the text to the user and returns what has become of it, and where it is.
    async fn open(&self, reasons: &[Reason], body: &str) -> anyhow::Result<(String, PathBuf)> {
        let explanation = if self.mode == Mode::Applied { EXPLANATION_APPLIED } else { EXPLANATION };
        let mut text = if self.form == Form::Json { String::new() } else { header(explanation, reasons) };
        text.push_str(body);
        if self.windows_lines {
            text = text.replace('\n', "\r\n");
        }
        let file = launch::temporary(self.ctx.program.name(), self.form.extension(), text.as_bytes())?;
        self.ctx.streams.out().flush()?;
        if let Err(error) = launch::launch(&self.ctx.env, &file).await {
            // What was saved before an interruption is not thrown away.
            let saved = || std::fs::read(&file).is_ok_and(|now| now != text.as_bytes());
            if !(error.is::<Exit>() && saved()) {
                let _ = std::fs::remove_file(&file);
            }
            return Err(error);
        }
        Ok((String::from_utf8_lossy(&std::fs::read(&file)?).into_owned(), file))
    }

    /// An error that leaves the user's changes in a file, and says so.
    fn keep(&self, error: anyhow::Error, file: Option<&Path>) -> anyhow::Result<()> {
        if let Some(file) = file.filter(|file| file.exists()) {
            let file = file.display().to_string();
            self.ctx.streams.say(format!("A copy of your changes has been stored to {file:?}"));
        }
        Err(error)
    }

    /// What is wrong with a text that holds no object, comments aside. Says so.
    fn invalid(&self, text: &str, infos: &[Info]) -> Option<Reason> {
        if self.write.field_validation == "Ignore" {
            return None;
        }
        let fault = match yaml::parse(without_comments(text).as_bytes()) {
            Ok(document) => validator(&self.write.field_validation)(&document).err()?,
            Err(error) => error.bare().to_owned(),
        };
        let subject = infos.first().map(subject).unwrap_or_default();
        self.ctx.streams.say(format!("error: {subject} is invalid"));
        let fault = format!("<nil>: Invalid value: \"The edited file failed validation\": {fault}");
        Some(Reason { head: format!("{subject} was not valid"), faults: vec![fault] })
    }

    /// Reads the objects out of the text.
    async fn parse(&self, text: &str) -> Result<Vec<Info>, Reason> {
        let syntax =
            |error: String| Reason { head: format!("The edited file had a syntax error: {error}"), faults: Vec::new() };
        let mut updated = Vec::new();
        for document in manifests::documents(text.as_bytes(), "edited-file") {
            let document = document.map_err(|error| syntax(error.to_string()))?;
            let items = match document.get("items").is_some_and(Object::is_array) {
                true => take_items(document),
                false => vec![document],
            };
            for item in items {
                let client = self.ctx.client().await.map_err(|error| syntax(error.to_string()))?;
                let mapping = client.mapping(&item.gvk()).await.map_err(|error| {
                    let (name, namespace) = (item.name(), item.namespace());
                    syntax(format!(
                        "resource mapping not found for name: {name:?} namespace: {namespace:?} from \"edited-file\": {error}\nensure CRDs are installed first"
                    ))
                })?;
                updated.push(Info {
                    mapping: Some(mapping),
                    namespace: item.namespace().to_owned(),
                    name: item.name().to_owned(),
                    object: Some(item),
                    source: "edited-file".to_owned(),
                    subresource: self.subresource.clone(),
                });
            }
        }
        Ok(updated)
    }

    /// An object stays in its namespace.
    fn require_namespace(&self, updated: &[Info], infos: &[Info]) -> anyhow::Result<()> {
        let mut was = infos.iter().filter(|info| info.namespaced()).map(|info| info.namespace.as_str());
        let Some(namespace) = was.next().filter(|first| was.all(|other| other == *first)) else { return Ok(()) };
        for info in updated.iter().filter(|info| info.namespaced() && !info.namespace.is_empty()) {
            let other = &info.namespace;
            if other != namespace {
                bail!(
                    "the namespace from the provided object {other:?} does not match the namespace {namespace:?}. You must pass '--namespace={other}' to perform this operation."
                );
            }
        }
        Ok(())
    }

    async fn submit(&self, infos: &[Info], updated: Vec<Info>) -> anyhow::Result<Round> {
        let mut round = Round::default();
        let mut printer = self.report.printer("edited")?;
        for mut info in updated {
            let object = info.object.take().unwrap_or_default();
            match self.mode {
                Mode::Create => {
                    let mut object = object;
                    last_applied::update(self.save_config, &mut object);
                    self.ctx.record(&mut object);
                    let created = write::create(self.ctx.client().await?, &info, object, &self.write).await?;
                    self.report.print("created", created)?;
                }
                Mode::Change | Mode::Applied => {
                    let original = infos.iter().map(Info::object).find(|original| original.uid() == object.uid());
                    let Some(original) = original else {
                        bail!("no original object found for {object}");
                    };
                    self.one(&info, &original, object, &mut round, &mut printer).await?;
                }
            }
        }
        Ok(round)
    }

    /// Sends what has become of one object.
    async fn one(
        &self,
        info: &Info,
        original: &Object,
        mut object: Object,
        round: &mut Round,
        printer: &mut ObjectPrinter<'_>,
    ) -> anyhow::Result<()> {
        // The books of field managers were not shown.
        if let Some(books) = original.at(&["metadata", "managedFields"]) {
            object.set_at(&["metadata", "managedFields"], books.clone());
        }
        if self.save_config {
            last_applied::record(&mut object);
        }
        self.ctx.record(&mut object);
        if *original == object {
            return self.report.print("skipped", object);
        }
        let (kind, patch) = match self.mode {
            Mode::Applied => (PatchType::Merge, annotation(&object)),
            _ => difference(original, &object, info)?,
        };
        let text = crate::output::json::compact(&patch);
        if self.output_patch {
            writeln!(self.ctx.streams.out(), "Patch: {text}")?;
        }
        let sent = write::patch(self.ctx.client().await?, info, kind, text, &self.write).await;
        match (sent, self.mode) {
            (Ok(_), Mode::Applied) => printer.print(object),
            (Ok(changed), _) => printer.print(changed),
            (Err(error), Mode::Applied) => Err(error),
            (Err(error), _) => {
                let subject = subject(info);
                let status = error.downcast_ref::<Status>();
                let said = match status {
                    Some(status) if status.reason == "Invalid" => {
                        round.reasons.push(Reason::refused(&subject, status));
                        format!("error: {subject} is invalid")
                    }
                    Some(status) if status.is_not_found() => {
                        round.not_found = true;
                        format!("error: {subject} could not be found on the server")
                    }
                    _ => {
                        round.retryable = true;
                        format!("error: {subject} could not be patched: {error:#}")
                    }
                };
                self.ctx.streams.say(said);
                Ok(())
            }
        }
    }
}

/// `deployments.apps "web"`.
fn subject(info: &Info) -> String {
    format!("{} {:?}", info.endpoint().resource.group_resource(), info.name)
}

/// The patch that writes a configuration into its object's annotation.
fn annotation(object: &Object) -> Object {
    let mut annotated = object.clone();
    annotated.set_at(&["metadata", "annotations", last_applied::ANNOTATION], last_applied::encode(object));
    merge::diff(object, &annotated)
}

/// The patch that turns one object into the other.
fn difference(original: &Object, object: &Object, info: &Info) -> anyhow::Result<(PatchType, Object)> {
    let of = info.mapping.as_ref().and_then(|mapping| schema::of(&mapping.kind));
    let (kind, patch) = match of {
        Some(of) => (PatchType::Strategic, strategic::create_two_way(original, object, of)?),
        None => (PatchType::Merge, merge::diff(original, object)),
    };
    let fixed = [&["apiVersion"][..], &["kind"], &["metadata", "name"]];
    if fixed.iter().any(|path| patch.at(path).is_some()) {
        bail!("At least one of apiVersion, kind and name was changed");
    }
    Ok((kind, patch))
}
