//! What a node answers to the API server about a pod: its logs, processes in it, its output.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::access::{Access, Body, Waiter, refuse, respond};
use super::container::{self, State, state_of, status_in};
use super::exec::{self, ExecRequest, Folders};
use super::images::{Images, Run};
use super::logs::{self, LogFiles, LogOptions, choose};
use super::programs::{Asked, Place};
use super::recorder::Recorder;
use super::remote::{self, Process};
use super::sandbox::Launcher;
use super::{channels, conditions, forward, network, nodes, plain, process};
use crate::object::{Meta, Object, Status, spdy};

/// The nodes' streams.
#[derive(Clone)]
pub struct Streams {
    access: Arc<dyn Access>,
    logs: LogFiles,
    folders: Folders,
    launcher: Option<Launcher>,
}

impl Streams {
    /// Streams of the cluster in that state folder. Without a launcher, nothing is executed.
    pub fn new(access: Arc<dyn Access>, state: impl Into<PathBuf>, launcher: Option<Launcher>) -> Self {
        let state = state.into();
        Self { access, logs: LogFiles::new(&state), folders: Folders::new(state), launcher }
    }

    /// Removes the files that pods have left which are gone. For long-lived processes to call now and then.
    pub fn sweep(&self) {
        let uids: Vec<String> = self.access.list("pods", None).iter().map(|pod| pod.uid().to_owned()).collect();
        self.folders.keep(&uids);
    }

    /// Answers a request to a subresource of a pod.
    pub async fn connect(&self, pod: &Object, subresource: &str, mut request: Request<Bytes>) -> Response<Body> {
        let query = request.uri().query().unwrap_or("").to_owned();
        let result = match self.reachable(pod) {
            Err(status) => Err(status),
            Ok(()) => match subresource {
                "log" => {
                    LogOptions::parse(&query).and_then(|options| logs::serve(&self.access, &self.logs, pod, &options))
                }
                "exec" => self.exec(pod, &ExecRequest::parse(&query), &mut request),
                "attach" => self.attach(pod, &ExecRequest::parse(&query), &mut request),
                "portforward" => self.forward(pod, &mut request),
                "proxy" => Ok(self.proxy(pod, request)),
                _ => Err(Status::failure(
                    501,
                    "NotImplemented",
                    format!(
                        "the bundled cluster does not serve pods/{subresource}; its pods listen on loopback addresses while it is served"
                    ),
                )),
            },
        };
        result.unwrap_or_else(|status| refuse(&status))
    }

    /// Whether the pod's node answers.
    fn reachable(&self, pod: &Object) -> Result<(), Status> {
        let name = pod.str_at(&["spec", "nodeName"]);
        let Some(node) = self.access.object("nodes", "", name).filter(|_| !name.is_empty()) else { return Ok(()) };
        if !nodes::is_failed(&node) {
            return Ok(());
        }
        let address = super::addresses::of_node(&node);
        let message = format!(
            "Get \"https://{address}:10250/containerLogs/{}/{}\": dial tcp {address}:10250: connect: connection refused",
            pod.namespace(),
            pod.name()
        );
        Err(Status::failure(500, "InternalError", message))
    }

    fn exec(&self, pod: &Object, exec: &ExecRequest, request: &mut Request<Bytes>) -> Result<Response<Body>, Status> {
        if exec.command.is_empty() {
            return Err(Status::bad_request("you must specify at least 1 command for the container"));
        }
        let (spec, folder) = exec::spec(&self.access, &self.folders, pod, exec)?;
        let (launcher, exec) = (self.launcher.clone(), exec.clone());
        Ok(remote::upgrade(request, move || async move {
            let launcher = launcher.ok_or("this program cannot start itself again, so nothing is run")?;
            exec::start(&launcher, &spec, &folder, &exec)
        }))
    }

    fn attach(
        &self,
        pod: &Object,
        attach: &ExecRequest,
        request: &mut Request<Bytes>,
    ) -> Result<Response<Body>, Status> {
        let (kind, container) = choose(pod, &attach.container)?;
        let name = container.str_at(&["name"]).to_owned();
        let own = pod.at(&["status"]).and_then(|status| status_in(status, kind, &name));
        if !matches!(state_of(own), State::Running(_)) {
            return Err(Status::internal(format!(
                "unable to upgrade connection: container {name} not found in pod {}_{}",
                pod.name(),
                pod.namespace()
            )));
        }
        let image = Images::bundled().find(container.str_at(&["image"]));
        let argv = process::argv(container, image);
        if attach.stdin && container.bool_at(&["stdin"]) && image.run == Run::Shell {
            return self.attach_shell(pod, attach, argv, request);
        }
        let (access, files, pod) = (Arc::clone(&self.access), self.logs.clone(), pod.clone());
        let waiter = request.extensions_mut().remove::<Waiter>();
        Ok(remote::upgrade(request, move || async move {
            let (sink, mut lines) = mpsc::channel::<Bytes>(16);
            let (mut output, stdout) = tokio::io::duplex(1 << 16);
            tokio::spawn(logs::attach(access, files, pod, name, sink));
            let end = async move {
                let _waiter = waiter;
                while let Some(bytes) = lines.recv().await {
                    output.write_all(&bytes).await.map_err(|error| error.to_string())?;
                }
                Ok(0)
            };
            Ok(Process {
                stdin: None,
                stdout: Some(Box::new(stdout)),
                stderr: None,
                resize: None,
                end: Box::pin(end),
                command: argv,
            })
        }))
    }

    /// A container whose program is a shell that waits for input: the shell is run, and with it the
    /// container ends.
    fn attach_shell(
        &self,
        pod: &Object,
        attach: &ExecRequest,
        argv: Vec<String>,
        request: &mut Request<Bytes>,
    ) -> Result<Response<Body>, Status> {
        let attach = ExecRequest { command: argv, ..attach.clone() };
        let (spec, folder) = exec::spec(&self.access, &self.folders, pod, &attach)?;
        let (access, launcher, pod) = (Arc::clone(&self.access), self.launcher.clone(), pod.clone());
        let logs = self.logs.clone();
        Ok(remote::upgrade(request, move || async move {
            let launcher = launcher.ok_or("this program cannot start itself again, so nothing is run")?;
            let mut process = exec::start(&launcher, &spec, &folder, &attach)?;
            let recorder = Recorder::new(access.as_ref(), logs, &pod, &attach.container);
            if let Some(recorder) = recorder {
                recorder.listen(&access, &mut process);
            }
            let end = process.end;
            process.end = Box::pin(async move {
                let code = end.await?;
                end_container(&*access, &pod, &attach.container, code);
                // The container's code is in its status; attaching to it went well.
                Ok(0)
            });
            Ok(process)
        }))
    }

    /// Connections to the pod's ports.
    fn forward(&self, pod: &Object, request: &mut Request<Bytes>) -> Result<Response<Body>, Status> {
        let phase = pod.str_at(&["status", "phase"]);
        if phase != "Running" {
            let message = format!("unable to forward port because pod is not running. Current status={phase}");
            return Err(Status::internal(message));
        }
        let streams = self.clone();
        let (namespace, name, uid) = (pod.namespace().to_owned(), pod.name().to_owned(), pod.uid().to_owned());
        let waiter = request.extensions_mut().remove::<Waiter>();
        let connect = move |port: u16| {
            let _waiter = &waiter;
            // As it is now: containers may have been started anew.
            let pod = streams.access.object("pods", &namespace, &name).filter(|pod| pod.uid() == uid);
            pod.and_then(|pod| network::connect(&pod, port, &streams.access, &streams.logs)).ok_or_else(|| {
                format!(
                    "error forwarding port {port} to pod {uid}: failed to connect to localhost:{port} inside the pod: dial tcp4 127.0.0.1:{port}: connect: connection refused"
                )
            })
        };
        if plain::is_spdy(request.headers()) {
            return Ok(plain::switch(request, forward::PLAIN, |connection| forward::serve_plain(connection, connect)));
        }
        let ports = channels::ports(request.uri().query());
        let protocols = &[spdy::PORT_FORWARD, channels::BINARY, channels::BASE64];
        // Only clients that ask for channels say beforehand which ports they want.
        if let (Err(error), false) = (&ports, remote::offers(request.headers(), spdy::PORT_FORWARD)) {
            return Err(Status::bad_request(error));
        }
        Ok(remote::switch(request, protocols, move |socket, protocol| async move {
            match protocol {
                spdy::PORT_FORWARD => forward::serve(socket, connect).await,
                _ => channels::serve(socket, protocol, &ports.unwrap_or_default(), connect).await,
            }
        }))
    }

    /// Answers an HTTP request in the place of the pod's program.
    fn proxy(&self, pod: &Object, request: Request<Bytes>) -> Response<Body> {
        let path = request.uri().path();
        let rest = path.split_once("/proxy").map_or("/", |(_, rest)| rest);
        let target = if rest.is_empty() { "/" } else { rest };
        let asked = Asked {
            method: request.method().to_string(),
            target: target.to_owned(),
            client: "127.0.0.1".into(),
            body: String::from_utf8_lossy(request.body()).into_owned(),
            at: self.access.now(),
            ..Asked::default()
        };
        let ready = container::all(pod).find_map(|(kind, container)| {
            let own = pod.at(&["status"]).and_then(|status| status_in(status, kind, container.str_at(&["name"])));
            let State::Running(started) = state_of(own) else { return None };
            let image = Images::bundled().find(container.str_at(&["image"]));
            image.program.answers_http().then_some((container, image, started))
        });
        let Some((container, image, started)) = ready else {
            return refuse(&Status::failure(
                503,
                "ServiceUnavailable",
                format!("error trying to reach pod {:?}: connection refused", pod.name()),
            ));
        };
        let answer = image.program.answer(&place(pod, container, started), &asked);
        if !answer.log.is_empty() {
            let own = pod
                .at(&["status"])
                .and_then(|status| status_in(status, container::Kind::Main, container.str_at(&["name"])));
            let restart = own.and_then(|own| own.int_at(&["restartCount"])).unwrap_or(0);
            self.logs.append(pod.uid(), container.str_at(&["name"]), restart, asked.at, &answer.log);
        }
        respond(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK), answer.content_type, answer.body)
    }
}

/// Where a container's program runs, for its answers.
pub fn place(pod: &Object, container: &Object, started_at: crate::object::Timestamp) -> Place {
    let reference = super::images::Reference::parse(container.str_at(&["image"]));
    let image = Images::bundled().find(container.str_at(&["image"]));
    Place {
        pod: pod.name().to_owned(),
        namespace: pod.namespace().to_owned(),
        ip: pod.str_at(&["status", "podIP"]).to_owned(),
        node: pod.str_at(&["spec", "nodeName"]).to_owned(),
        tag: reference.map(|reference| reference.tag).unwrap_or_default(),
        args: process::argv(container, image),
        started_at,
    }
}

/// Writes that a container has ended, because the process that stood for it has.
fn end_container(access: &dyn Access, pod: &Object, container: &str, code: i32) {
    let Some(pod) = access.object("pods", pod.namespace(), pod.name()).filter(|now| now.uid() == pod.uid()) else {
        return;
    };
    let Ok((kind, spec)) = choose(&pod, container) else { return };
    let name = spec.str_at(&["name"]);
    let mut object = pod.as_ref().clone();
    let Some(status) = object.get_mut("status") else { return };
    let list = status.get_mut(kind.status_field()).and_then(Object::as_array_mut);
    let Some(own) = list.and_then(|list| list.iter_mut().find(|own| own.str_at(&["name"]) == name)) else { return };
    if matches!(state_of(Some(own)), State::Running(_)) {
        container::terminate(own, i64::from(code), access.now());
        conditions::update(&pod, status, true, access.now());
        access.update_status("pods", object);
    }
}
