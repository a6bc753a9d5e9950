//! The small programs inside the images: what they answer to HTTP requests and what they log.

use serde::Deserialize;

use super::stages::fill;
use crate::object::{Timestamp, time};

/// A program that an image runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// Answers nothing and listens nowhere.
    #[default]
    None,
    /// An image that is not in the table: takes every probe, answers with its name.
    Unknown,
    /// Listens, and answers to no HTTP (databases).
    Silent,
    /// `kubernetes-bootcamp`, of the Kubernetes basics tutorial.
    Bootcamp,
    /// A web server with its welcome page.
    Nginx,
    /// A web server with its welcome page.
    Httpd,
    /// Tells what was asked.
    Echo,
    /// Google's sample: a greeting, its version and the host's name.
    HelloApp,
    /// Google's older sample.
    NodeHello,
    /// Answers with its `-text` argument.
    HttpEcho,
    /// The test image of Kubernetes, as `netexec`.
    Agnhost,
    /// A small web service.
    Podinfo,
    /// One page.
    Page,
    /// `OK!`
    Ok,
}

/// Where a program runs.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The pod's name.
    pub pod: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's address.
    pub ip: String,
    /// The node's name.
    pub node: String,
    /// The image's tag.
    pub tag: String,
    /// The container's arguments.
    pub args: Vec<String>,
    /// When the container started.
    pub started_at: Timestamp,
}

/// A request as the programs see it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `GET`
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Who asks.
    pub client: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as text.
    pub body: String,
    /// How many requests came before.
    pub count: u64,
    /// When it came.
    pub at: Timestamp,
}

/// What a program answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: &'static str,
    /// `Server` header; empty for none.
    pub server: &'static str,
    /// The body.
    pub body: String,
    /// The line for the log; empty for none.
    pub log: String,
}

impl Program {
    /// Whether it speaks HTTP.
    pub fn answers_http(self) -> bool {
        !matches!(self, Self::None | Self::Silent)
    }

    /// The status with which it answers a GET of a path: what HTTP probes see.
    pub fn status_of(self, target: &str) -> Option<u16> {
        if self == Self::Unknown {
            return Some(200);
        }
        self.answers_http().then(|| {
            let asked = Asked { method: "GET".into(), target: target.into(), ..Asked::default() };
            self.answer(&Place::default(), &asked).status
        })
    }

    /// Answers a request.
    pub fn answer(self, place: &Place, asked: &Asked) -> Answer {
        let path = asked.target.split('?').next().unwrap_or("/");
        let text =
            |status, body: String| Answer { status, content_type: "text/plain", server: "", body, log: String::new() };
        let html = |status, server, body: String| Answer {
            status,
            content_type: "text/html",
            server,
            body,
            log: String::new(),
        };
        let missing = |server: &'static str| {
            html(404, server, "<html>\n<head><title>404 Not Found</title></head>\n<body>\n<center><h1>404 Not Found</h1></center>\n</body>\n</html>\n".into())
        };
        match self {
            Self::Bootcamp => {
                let version = if place.tag == "v2" { 2 } else { 1 };
                let mut answer =
                    text(200, format!("Hello Kubernetes bootcamp! | Running on: {} | v={version}\n", place.pod));
                answer.log = bootcamp_log(place, asked);
                answer
            }
            Self::Nginx => {
                let mut answer = match path {
                    "/" | "/index.html" => {
                        html(200, "nginx", page("Welcome to nginx!", "The web server of this pod is running."))
                    }
                    _ => missing("nginx"),
                };
                answer.log = combined_log(asked, &answer);
                answer
            }
            Self::Httpd => {
                let mut answer = match path {
                    "/" | "/index.html" => html(200, "Apache", "<html><body><h1>It works!</h1></body></html>\n".into()),
                    _ => missing("Apache"),
                };
                answer.log = common_log(asked, &answer);
                answer
            }
            Self::Echo => {
                let mut answer = text(200, echo(place, asked));
                answer.log = combined_log(asked, &answer);
                answer
            }
            Self::HelloApp => {
                let version = if place.tag.starts_with('2') { "2.0.0" } else { "1.0.0" };
                let mut answer = text(200, format!("Hello, world!\nVersion: {version}\nHostname: {}\n", place.pod));
                answer.log = format!("{} Serving request: {path}", slash_time(asked.at));
                answer
            }
            Self::NodeHello => text(200, "Hello Kubernetes!".into()),
            Self::HttpEcho => {
                let said = place.args.iter().find_map(|arg| arg.strip_prefix("-text=").or(arg.strip_prefix("--text=")));
                text(200, format!("{}\n", said.unwrap_or("hello-world")))
            }
            Self::Agnhost => match path {
                "/hostname" | "/hostName" => text(200, place.pod.clone()),
                "/clientip" => text(200, asked.client.clone()),
                "/healthz" => text(200, String::new()),
                "/echo" => {
                    let said = asked.target.split_once("msg=").map_or("", |(_, said)| said);
                    text(200, said.split('&').next().unwrap_or("").to_owned())
                }
                _ => text(200, format!("NOW: {}", time::rfc3339_micro(asked.at))),
            },
            Self::Podinfo => match path {
                "/healthz" | "/readyz" => text(200, "{\n  \"status\": \"OK\"\n}".into()),
                "/" | "/api/info" => text(
                    200,
                    format!(
                        "{{\n  \"hostname\": \"{}\",\n  \"version\": \"{}\",\n  \"message\": \"greetings from podinfo\"\n}}",
                        place.pod, place.tag
                    ),
                ),
                _ => missing(""),
            },
            Self::Page => html(200, "Apache", page("Guestbook", "The front end of this guestbook is running.")),
            Self::Ok => text(200, "OK!".into()),
            Self::Unknown => text(200, format!("{}\n", place.pod)),
            Self::None | Self::Silent => text(502, String::new()),
        }
    }
}

fn page(title: &str, text: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{text}</p>\n</body>\n</html>\n"
    )
}

fn echo(place: &Place, asked: &Asked) -> String {
    let headers: String = asked.headers.iter().map(|(name, value)| format!("\t{name}={value}\n")).collect();
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let host = asked.headers.iter().find(|(name, _)| name == "host").map_or("", |(_, value)| value);
    let body = if asked.body.is_empty() { "\t-no body in request-" } else { &asked.body };
    format!(
        "\n\nHostname: {}\n\nPod Information:\n\tnode name:\t{}\n\tpod name:\t{}\n\tpod namespace:\t{}\n\tpod IP:\t{}\n\nServer values:\n\tserver_version=nginx\n\nRequest Information:\n\tclient_address={}\n\tmethod={}\n\treal path={}\n\tquery={}\n\trequest_version=1.1\n\trequest_scheme=http\n\trequest_uri=http://{host}{path}\n\nRequest Headers:\n{headers}\nRequest Body:\n{body}\n\n",
        place.pod, place.node, place.pod, place.namespace, place.ip, asked.client, asked.method, asked.target, query
    )
}

fn bootcamp_log(place: &Place, asked: &Asked) -> String {
    let uptime = asked.at.duration_since(place.started_at).as_millis();
    let uptime = u64::try_from(uptime).unwrap_or(0);
    format!(
        "Running On: {} | Total Requests: {} | App Uptime: {}.{:03} seconds | Log Time: {}",
        place.pod,
        asked.count + 1,
        uptime / 1000,
        uptime % 1000,
        millis_time(asked.at),
    )
}

fn common_log(asked: &Asked, answer: &Answer) -> String {
    let when = format_time(asked.at, "%d/%b/%Y:%H:%M:%S +0000");
    format!(
        "{} - - [{when}] \"{} {} HTTP/1.1\" {} {}",
        asked.client,
        asked.method,
        asked.target,
        answer.status,
        answer.body.len()
    )
}

fn combined_log(asked: &Asked, answer: &Answer) -> String {
    let agent = asked.headers.iter().find(|(name, _)| name == "user-agent").map_or("-", |(_, value)| value);
    format!("{} \"-\" \"{agent}\" \"-\"", common_log(asked, answer))
}

fn slash_time(at: Timestamp) -> String {
    format_time(at, "%Y/%m/%d %H:%M:%S")
}

fn millis_time(at: Timestamp) -> String {
    format_time(at, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

fn format_time(at: Timestamp, format: &str) -> String {
    jiff::fmt::strtime::format(format, at).unwrap_or_else(|_| at.to_string())
}

/// Fills in what the lines that an image writes at its start leave open.
pub fn start_line(template: &str, pod: &str, at: Timestamp) -> String {
    let redis = format_time(at, "%d %b %Y %H:%M:%S.000");
    let date_time = format_time(at, "%Y-%m-%d %H:%M:%S");
    let clf = format_time(at, "[%a %b %d %H:%M:%S.000000 %Y] ");
    fill(
        template,
        &[
            ("time", &millis_time(at)),
            ("slash_time", &slash_time(at)),
            ("redis_time", &redis),
            ("date_time", &date_time),
            ("clf_start", &clf),
            ("pod", pod),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(tag: &str) -> Place {
        Place {
            pod: "web-1".into(),
            tag: tag.into(),
            started_at: "2026-01-02T03:04:05Z".parse().expect("a time"),
            args: vec!["-text=hi".into()],
            ..Place::default()
        }
    }

    fn asked(target: &str) -> Asked {
        Asked {
            method: "GET".into(),
            target: target.into(),
            client: "10.244.0.1".into(),
            count: 4,
            at: "2026-01-02T03:05:05.25Z".parse().expect("a time"),
            ..Asked::default()
        }
    }

    #[test]
    fn answers() {
        for (program, tag, target, status, body) in [
            (Program::Bootcamp, "v1", "/", 200, "Hello Kubernetes bootcamp! | Running on: web-1 | v=1\n"),
            (Program::Bootcamp, "v2", "/", 200, "Hello Kubernetes bootcamp! | Running on: web-1 | v=2\n"),
            (Program::HelloApp, "1.0", "/", 200, "Hello, world!\nVersion: 1.0.0\nHostname: web-1\n"),
            (Program::HelloApp, "2.0", "/", 200, "Hello, world!\nVersion: 2.0.0\nHostname: web-1\n"),
            (Program::HttpEcho, "1", "/", 200, "hi\n"),
            (Program::Agnhost, "2.40", "/hostname", 200, "web-1"),
            (Program::Agnhost, "2.40", "/echo?msg=x&y=1", 200, "x"),
        ] {
            let answer = program.answer(&place(tag), &asked(target));
            assert_eq!((answer.status, answer.body.as_str()), (status, body), "{program:?} {target}");
        }
        let nginx = Program::Nginx.answer(&place("1"), &asked("/"));
        assert!(nginx.body.contains("<title>Welcome to nginx!</title>"));
        assert!(
            nginx.log.starts_with("10.244.0.1 - - [02/Jan/2026:03:05:05 +0000] \"GET / HTTP/1.1\" 200 "),
            "{}",
            nginx.log
        );
        assert_eq!(Program::Nginx.status_of("/healthz"), Some(404));
        assert_eq!(Program::Silent.status_of("/"), None);
        let bootcamp = Program::Bootcamp.answer(&place("v1"), &asked("/"));
        assert_eq!(
            bootcamp.log,
            "Running On: web-1 | Total Requests: 5 | App Uptime: 60.250 seconds | Log Time: 2026-01-02T03:05:05.250Z"
        );
        assert_eq!(
            start_line(
                "Kubernetes Bootcamp App Started At: {time} | Running On:  {pod} ",
                "web-1",
                place("v1").started_at
            ),
            "Kubernetes Bootcamp App Started At: 2026-01-02T03:04:05.000Z | Running On:  web-1 "
        );
    }
}
