//! Whole sessions through proxies: of HTTP with a login, and of SOCKS5.

use super::bench::{Cluster, Running};
use super::servers::proxy::{GOOD, Socks, http, socks};
use super::{outcome, proxies};

#[test]
fn sessions_through_proxies() {
    let cluster = Cluster::new();
    let config = std::fs::read_to_string(cluster.kctl().kubeconfig).expect("a kubeconfig");
    let port = config.split("server: https://127.0.0.1:").nth(1).expect("a server");
    let port: u16 =
        port.split(|c: char| !c.is_ascii_digit()).next().and_then(|port| port.parse().ok()).expect("a port");
    for (proxy, scheme, shown) in [
        (http(port, ""), "http", "Proxy-Authorization: Basic dTpw\r\n"),
        (socks(port, Socks { method: 2, ..GOOD }), "socks5", "[0, 2] u:p 127.0.0.1"),
    ] {
        let mut client = cluster.kctl();
        client.kubeconfig = cluster.sandbox.home().join(format!("{scheme}.kubeconfig"));
        let way = format!("proxy-url: {scheme}://u:p@127.0.0.1:{}\n    server: https://", proxy.port);
        let text = config.replace("server: https://", &way);
        assert_ne!(text, config);
        std::fs::write(&client.kubeconfig, text).expect("written");
        assert_eq!(client.ok(&cluster, &["get", "pod", "web", "-o", "name"], ""), "pod/web\n");
        if cluster.runs_processes() {
            let long = "0123456789abcdef\n".repeat(20_000);
            let echoed = client.run(&cluster, &["exec", "-i", "web", "--", "cat"], &long);
            assert!(echoed == outcome(&long, "", 0), "{scheme}: {}", echoed.stderr);
            let ended = client.run(&cluster, &["exec", "web", "--", "sh", "-c", "echo err >&2; exit 3"], "");
            assert_eq!(ended, outcome("", "err\ncommand terminated with exit code 3\n", 3), "{scheme}");
        }
        let args = ["port-forward", "--address=127.0.0.1", "pod/site", ":80"];
        {
            let (_forward, line) = Running::start(client.command(&cluster, &args), false);
            let place =
                line.strip_prefix("Forwarding from ").and_then(|rest| rest.strip_suffix(" -> 80")).expect(&line);
            for _ in 0..3 {
                let answer = proxies::ask(place, "GET", "/", "localhost");
                assert!(answer.contains("Welcome to nginx!"), "{scheme}: {answer}");
            }
        }
        let asked = proxy.asked();
        assert!(asked.iter().any(|asked| asked.contains(shown)), "{scheme}: {asked:?}");
    }
}
