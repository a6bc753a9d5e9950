//! `exec`: a process in a container's folder, with the container's environment and volumes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use super::access::{Access, query};
use super::container::{State, state_of, status_in};
use super::images::Images;
use super::logs::choose;
use super::process::hostname;
use super::remote::Process;
use super::sandbox::{Launcher, Mount, Spec};
use super::{env, volumes};
use crate::object::{Meta, Object, Status};

/// Where programs are looked for, unless the container says otherwise.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a request to `exec` or `attach` asks for (`v1.PodExecOptions`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecRequest {
    /// Empty for the only container.
    pub container: String,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Which streams the client wants.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Error output.
    pub stderr: bool,
    /// Whether the command gets a terminal.
    pub tty: bool,
}

impl ExecRequest {
    /// Reads the query of a request.
    pub fn parse(text: &str) -> Self {
        let mut request = Self::default();
        for (name, value) in query(text) {
            let flag = matches!(value.as_str(), "true" | "1");
            match name.as_str() {
                "container" => request.container = value,
                "command" => request.command.push(value),
                "stdin" => request.stdin = flag,
                "stdout" => request.stdout = flag,
                "stderr" => request.stderr = flag,
                "tty" => request.tty = flag,
                _ => {}
            }
        }
        request
    }
}

/// The folders of containers and volumes.
#[derive(Clone, Debug)]
pub struct Folders {
    state: PathBuf,
}

impl Folders {
    /// The folders below a state folder.
    pub fn new(state: impl Into<PathBuf>) -> Self {
        Self { state: state.into() }
    }

    /// The folder of a pod.
    fn pod(&self, pod: &Object) -> Option<PathBuf> {
        Some(self.state.join("pods").join(plain(pod.uid())?))
    }

    /// Where a container's processes and their specs are kept.
    fn container(&self, pod: &Object, container: &str) -> Option<PathBuf> {
        Some(self.pod(pod)?.join(plain(container)?))
    }

    /// Removes what all pods but these have left: their containers' files, logs and volumes. What their claims hold stays.
    pub fn keep(&self, uids: &[String]) {
        let Ok(folders) = std::fs::read_dir(self.state.join("pods")) else { return };
        for folder in folders.flatten() {
            if !uids.iter().any(|uid| folder.file_name() == uid.as_str()) {
                let _ = std::fs::remove_dir_all(folder.path());
            }
        }
    }
}

/// A name that is one part of a path.
fn plain(name: &str) -> Option<&str> {
    let is_plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0']);
    is_plain.then_some(name)
}

/// What to run for a request, or why not.
///
/// # Errors
/// 400 and 404 in the API server's and the kubelet's words; 500 where the volumes cannot be made.
pub fn spec(
    access: &Arc<dyn Access>,
    folders: &Folders,
    pod: &Object,
    request: &ExecRequest,
) -> Result<(Spec, PathBuf), Status> {
    let (kind, container) = choose(pod, &request.container)?;
    let name = container.str_at(&["name"]);
    if pod.str_at(&["spec", "nodeName"]).is_empty() {
        return Err(Status::bad_request(format!("pod {} does not have a host assigned", pod.name())));
    }
    if matches!(pod.str_at(&["status", "phase"]), "Succeeded" | "Failed") {
        let phase = pod.str_at(&["status", "phase"]);
        return Err(Status::bad_request(format!(
            "cannot exec into a container in a completed pod; current phase is {phase}"
        )));
    }
    let own = pod.at(&["status"]).and_then(|status| status_in(status, kind, name));
    if !matches!(state_of(own), State::Running(_)) {
        return Err(Status::internal(format!("unable to upgrade connection: container not found (\"{name}\")")));
    }
    let internal = |what: &str| Status::internal(format!("the container's folder cannot be made: {what}"));
    let folder = folders.container(pod, name).ok_or_else(|| internal("its name"))?;
    let mounts = mounts(access, folders, pod, container).map_err(|error| internal(&error))?;

    let image = Images::bundled().find(container.str_at(&["image"]));
    let mut variables =
        BTreeMap::from([("PATH", PATH), ("HOME", "/root"), ("TAR_OPTIONS", "--no-same-owner")].map(owned));
    variables.insert("HOSTNAME".into(), hostname(pod));
    if request.tty {
        variables.insert("TERM".into(), "xterm".into());
    }
    variables.extend(image.env.clone());
    variables.extend(env::of_container(pod, container, &**access).map_err(Status::bad_request)?);
    let user = |field: &str| {
        let own = container.int_at(&["securityContext", field]);
        let id = own.or_else(|| pod.int_at(&["spec", "securityContext", field]));
        id.and_then(|id| u32::try_from(id).ok()).unwrap_or(0)
    };
    let spec = Spec {
        root: folder.join("root"),
        hostname: hostname(pod),
        ip: pod.str_at(&["status", "podIP"]).to_owned(),
        argv: request.command.clone(),
        env: variables,
        cwd: container.str_at(&["workingDir"]).to_owned(),
        user: (user("runAsUser"), user("runAsGroup")),
        mounts,
        tty: request.tty,
    };
    Ok((spec, folder))
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// Makes the folders of a container's volumes, with what belongs into them.
fn mounts(access: &Arc<dyn Access>, folders: &Folders, pod: &Object, container: &Object) -> Result<Vec<Mount>, String> {
    let mut mounts = Vec::new();
    let pod_folder = folders.pod(pod).ok_or("its name")?;
    for mount in container.list_at(&["volumeMounts"]) {
        let name = mount.str_at(&["name"]);
        let volumes = pod.list_at(&["spec", "volumes"]);
        let Some(volume) = volumes.iter().find(|volume| volume.str_at(&["name"]) == name) else { continue };
        let claim = volume.str_at(&["persistentVolumeClaim", "claimName"]);
        let base = match (plain(claim), plain(pod.namespace()), plain(name)) {
            // A claim outlives its pods.
            (Some(claim), Some(namespace), _) => folders.state.join("claims").join(namespace).join(claim),
            (_, _, Some(name)) => pod_folder.join("volumes").join(name),
            _ => continue,
        };
        std::fs::create_dir_all(&base).map_err(|error| error.to_string())?;
        let files = volumes::files(pod, volume, &**access)?;
        write_files(&base, &files).map_err(|error| error.to_string())?;
        let projected =
            ["configMap", "secret", "downwardAPI", "projected"].iter().any(|kind| volume.at(&[kind]).is_some());
        let mut source = base;
        let sub_path = mount.str_at(&["subPath"]);
        if !sub_path.is_empty() {
            source = below(&source, sub_path)?;
        }
        mounts.push(Mount {
            source,
            target: mount.str_at(&["mountPath"]).to_owned(),
            read_only: mount.bool_at(&["readOnly"]) || projected,
        });
    }
    // A mount below another one comes after it.
    mounts.sort_by(|a, b| a.target.cmp(&b.target));
    Ok(mounts)
}

/// A path in a volume, made if it is not there. A link on the way is refused: a container may have made it to
/// lead out of the volume (CVE-2017-1002101).
fn below(volume: &Path, sub_path: &str) -> Result<PathBuf, String> {
    let mut path = volume.to_owned();
    for part in sub_path.split('/').filter(|part| !part.is_empty()) {
        path.push(plain(part).ok_or_else(|| format!("subPath {sub_path:?} leads out of the volume"))?);
        match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_symlink() => return Err(format!("subPath {sub_path:?} passes through a link")),
            Ok(_) => {}
            Err(_) => std::fs::create_dir(&path).map_err(|error| error.to_string())?,
        }
    }
    Ok(path)
}

fn write_files(folder: &Path, files: &volumes::Files) -> std::io::Result<()> {
    for (path, file) in files {
        let path = folder.join(path);
        if std::fs::read(&path).is_ok_and(|content| content == file.content) {
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, &file.content)?;
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(file.mode))?;
    }
    Ok(())
}

/// Starts the process.
///
/// # Errors
/// Why it could not be started. That the system allows no sandbox shows at its end.
pub fn start(launcher: &Launcher, spec: &Spec, folder: &Path, request: &ExecRequest) -> Result<Process, String> {
    let (mut command, report) = launcher.command(spec, folder).map_err(|error| format!("{error:#}"))?;
    let mut process = Process {
        stdin: None,
        stdout: None,
        stderr: None,
        resize: None,
        end: Box::pin(async { Ok(0) }),
        command: spec.argv.clone(),
    };
    if request.tty {
        let terminal = super::pty::open().map_err(|error| format!("opening a terminal: {error}"))?;
        let slave = || terminal.slave.try_clone().map(Stdio::from).map_err(|error| error.to_string());
        command.stdin(slave()?).stdout(slave()?).stderr(slave()?);
        let (reader, writer, resize) = terminal.master().map_err(|error| error.to_string())?;
        process.stdout = Some(Box::new(reader));
        process.stdin = request.stdin.then(|| Box::new(writer) as Box<dyn tokio::io::AsyncWrite + Send + Unpin>);
        process.resize = Some(resize);
        // The terminal's other end is the command's alone from here on.
        drop(terminal);
    } else {
        let piped = |wanted: bool| if wanted { Stdio::piped() } else { Stdio::null() };
        command.stdin(piped(request.stdin)).stdout(piped(request.stdout)).stderr(piped(request.stderr));
    }
    let mut child = command.spawn().map_err(|error| format!("starting the sandbox: {error}"))?;
    // The command keeps copies of the terminal's end.
    drop(command);
    if !request.tty {
        process.stdin =
            child.stdin.take().map(|stream| Box::new(stream) as Box<dyn tokio::io::AsyncWrite + Send + Unpin>);
        process.stdout =
            child.stdout.take().map(|stream| Box::new(stream) as Box<dyn tokio::io::AsyncRead + Send + Unpin>);
        process.stderr =
            child.stderr.take().map(|stream| Box::new(stream) as Box<dyn tokio::io::AsyncRead + Send + Unpin>);
    }
    process.end = Box::pin(async move {
        let status = child.wait().await.map_err(|error| error.to_string())?;
        match report.error() {
            Some(error) => Err(error),
            None => Ok(status.code().unwrap_or(137)),
        }
    });
    Ok(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cve_2017_1002101_sub_paths_stay_in_their_volume() {
        let volume = std::env::temp_dir().join(format!("kctl-subpath-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&volume);
        std::fs::create_dir_all(&volume).expect("made");
        std::os::unix::fs::symlink("/etc", volume.join("link")).expect("linked");
        assert_eq!(below(&volume, "a/b"), Ok(volume.join("a/b")));
        assert!(volume.join("a/b").is_dir());
        for sub_path in ["link", "link/ssl", "..", "a/../../x"] {
            assert!(below(&volume, sub_path).is_err(), "{sub_path}");
        }
        std::fs::remove_dir_all(volume).expect("removed");
    }

    #[test]
    fn requests() {
        let request = ExecRequest::parse("command=ls&command=-l&container=c&stdout=true&tty=false&stdin=1");
        assert_eq!(request.command, ["ls", "-l"]);
        assert_eq!(
            (request.container.as_str(), request.stdin, request.stdout, request.stderr, request.tty),
            ("c", true, true, false, false)
        );
    }
}
