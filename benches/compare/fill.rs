//! The pods that are listed: as large as an API server's usually are, made by kctl itself.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

/// How many pods are described.
pub const DESCRIBED: usize = 200;
/// How many pods have logs.
pub const LOGGED: usize = 50;

/// Makes so many pods. No scheduler is meant for them, so that they stay as they are; their status says that they run.
/// With `logged`, some more that do run.
///
/// # Errors
/// kctl fails.
pub fn fill(kctl: &dyn Fn(&[&str]) -> Command, pods: usize, logged: bool) -> io::Result<()> {
    // Piece by piece: what this program holds counts as memory of the commands that it starts.
    let pods = |input: &mut dyn io::Write| {
        (0..pods).try_for_each(|number| input.write_all(pod(number, number < DESCRIBED).as_bytes()))
    };
    feed(kctl(&["create", "--filename", "-"]), &pods)?;
    feed(kctl(&["replace", "--subresource=status", "--filename", "-"]), &pods)?;
    if logged {
        let mut text = String::new();
        for number in 0..LOGGED {
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: logged-{number:02}, labels: {{bench: logged}}}}\n\
                 spec:\n  restartPolicy: Never\n  containers:\n  - name: main\n    image: busybox\n\
                 \x20   command: [sh, -c, 'for i in $(seq 200); do echo line $i of what a container says; done']\n"
            );
        }
        feed(kctl(&["create", "--filename", "-"]), &|input| input.write_all(text.as_bytes()))?;
        let arguments = ["wait", "pod", "--selector=bench=logged", "--for=jsonpath={.status.phase}=Succeeded"];
        feed(kctl(&arguments), &|_| Ok(()))?;
    }
    Ok(())
}

fn pod(number: usize, described: bool) -> String {
    let bench = if described { "described" } else { "listed" };
    format!(
        r#"---
apiVersion: v1
kind: Pod
metadata:
  name: bench-{number:05}
  labels: {{app: shop, bench: {bench}, pod-template-hash: 5d4f8c7b9, tier: front}}
  annotations: {{prometheus.io/scrape: "true", prometheus.io/port: "9090", note: what a person wrote about this pod}}
spec:
  schedulerName: nobody
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  containers:
  - name: web
    image: registry.example.org/shop/front:1.27.{number}
    args: [--listen=:8080, --log-level=info, --backend=http://back.shop.svc:80]
    ports: [{{containerPort: 8080, name: http}}, {{containerPort: 9090, name: metrics}}]
    env:
    - {{name: POD_NAME, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
    - {{name: POD_IP, valueFrom: {{fieldRef: {{fieldPath: status.podIP}}}}}}
    - {{name: GREETING, value: hello from number {number}}}
    resources: {{requests: {{cpu: 10m, memory: 16Mi}}, limits: {{cpu: 100m, memory: 64Mi}}}}
    livenessProbe: {{httpGet: {{path: /healthz, port: http}}, periodSeconds: 10}}
    readinessProbe: {{httpGet: {{path: /ready, port: http}}, periodSeconds: 5}}
    volumeMounts: [{{name: config, mountPath: /etc/shop}}, {{name: cache, mountPath: /var/cache/shop}}]
  - name: sidecar
    image: registry.example.org/shop/sidecar:2.1
    args: [--upstream=127.0.0.1:8080]
    resources: {{requests: {{cpu: 5m, memory: 8Mi}}}}
    volumeMounts: [{{name: cache, mountPath: /cache}}]
  volumes:
  - {{name: config, configMap: {{name: shop}}}}
  - {{name: cache, emptyDir: {{}}}}
status:
  phase: Running
  qosClass: Burstable
  hostIP: 10.0.0.1
  podIP: 10.244.{high}.{low}
  podIPs: [{{ip: 10.244.{high}.{low}}}]
  startTime: "2026-01-02T03:04:05Z"
  conditions:
  - {{type: PodReadyToStartContainers, status: "True", lastTransitionTime: "2026-01-02T03:04:06Z"}}
  - {{type: Initialized, status: "True", lastTransitionTime: "2026-01-02T03:04:05Z"}}
  - {{type: Ready, status: "True", lastTransitionTime: "2026-01-02T03:04:09Z"}}
  - {{type: ContainersReady, status: "True", lastTransitionTime: "2026-01-02T03:04:09Z"}}
  - {{type: PodScheduled, status: "True", lastTransitionTime: "2026-01-02T03:04:05Z"}}
  containerStatuses:
  - {{name: web, ready: true, started: true, restartCount: 0, image: "registry.example.org/shop/front:1.27.{number}",
     imageID: "registry.example.org/shop/front@sha256:{number:064x}", containerID: "containerd://{number:064x}",
     state: {{running: {{startedAt: "2026-01-02T03:04:08Z"}}}}}}
  - {{name: sidecar, ready: true, started: true, restartCount: 1, image: "registry.example.org/shop/sidecar:2.1",
     imageID: "registry.example.org/shop/sidecar@sha256:{number:064x}", containerID: "containerd://{number:064x}",
     state: {{running: {{startedAt: "2026-01-02T03:04:08Z"}}}}}}
"#,
        high = number / 250 % 250,
        low = number % 250 + 1,
    )
}

fn feed(mut command: Command, write: &dyn Fn(&mut dyn io::Write) -> io::Result<()>) -> io::Result<()> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    if let Some(input) = child.stdin.take() {
        let mut input = io::BufWriter::new(input);
        write(&mut input)?;
        input.flush()?;
    }
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?} ended with {status}"))) }
}
