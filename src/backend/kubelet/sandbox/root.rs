//! The file system that a command in a container sees.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, mount_remount, unmount,
};
use rustix::process::pivot_root;

use super::{Mount, Spec};

/// Folders of the host that hold programs and what they need. Those that are links are made again.
const PROGRAMS: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];
/// Files and folders of the host's `/etc` that programs need and that hold no secrets.
const SETTINGS: &[&str] = &[
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "pki/ca-trust",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
    "terminfo",
];
/// Folders that every root has.
const FOLDERS: &[&str] =
    &["dev", "etc", "home", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp", "var", "var/log", "var/tmp"];
/// Devices of the host that do no harm.
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];

/// Makes the container's folder the root, with the host's programs and the container's volumes in it.
pub(super) fn build(spec: &Spec) -> anyhow::Result<()> {
    let root = spec.root.as_path();
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("separating mounts")?;
    fs::create_dir_all(root)?;
    mount_bind_recursive(root, root).context("binding the container's folder")?;
    for folder in FOLDERS {
        fs::create_dir_all(inside(root, folder)?)?;
    }
    programs(root)?;
    settings(root)?;
    devices(root)?;
    if spec.tty {
        // The command's terminal has its name on the host; here it is the console.
        if let Ok(terminal) = fs::read_link("/proc/self/fd/0") {
            let _ = bind(&terminal, &root.join("dev/console"), false);
        }
    }
    for volume in &spec.mounts {
        volume_mount(root, volume)?;
    }
    // Without a pid namespace of its own the kernel may refuse this; then there is no /proc.
    let _ = mount("proc", root.join("proc"), "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None);
    std::env::set_current_dir(root)?;
    pivot_root(".", ".").context("changing the root")?;
    unmount(".", UnmountFlags::DETACH).context("leaving the host's root")?;
    std::env::set_current_dir("/")?;
    // Only now, when every link leads to where it leads for the container.
    own_files(spec);
    let _ = fs::create_dir_all(&spec.cwd);
    Ok(())
}

/// A path in the root that does not lead out of it: links on the way are what a container may have made.
fn inside(root: &Path, path: &str) -> anyhow::Result<PathBuf> {
    let mut out = root.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            bail!("{path:?} leads out of the container");
        }
        out.push(part);
        if fs::symlink_metadata(&out).is_ok_and(|meta| meta.is_symlink()) {
            fs::remove_file(&out).with_context(|| format!("{} is in the way", out.display()))?;
        }
    }
    Ok(out)
}

fn bind(source: &Path, target: &Path, read_only: bool) -> anyhow::Result<()> {
    if source.is_dir() {
        fs::create_dir_all(target)?;
    } else {
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        if !target.exists() {
            fs::write(target, "")?;
        }
    }
    mount_bind_recursive(source, target).with_context(|| format!("binding {}", source.display()))?;
    if read_only {
        make_read_only(target)?;
    }
    Ok(())
}

/// Makes a mount and all below it read-only. What else holds for each of them may not be relaxed.
fn make_read_only(target: &Path) -> anyhow::Result<()> {
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    for line in table.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (Some(point), Some(options)) = (fields.get(4), fields.get(5)) else { continue };
        let point = PathBuf::from(unescape(point));
        if !point.starts_with(target) {
            continue;
        }
        let mut flags = MountFlags::BIND | MountFlags::RDONLY;
        for option in options.split(',') {
            flags |= match option {
                "nosuid" => MountFlags::NOSUID,
                "nodev" => MountFlags::NODEV,
                "noexec" => MountFlags::NOEXEC,
                "noatime" => MountFlags::NOATIME,
                "nodiratime" => MountFlags::NODIRATIME,
                "relatime" => MountFlags::RELATIME,
                _ => MountFlags::empty(),
            };
        }
        mount_remount(&point, flags, "").with_context(|| format!("protecting {}", point.display()))?;
    }
    Ok(())
}

/// Undoes the octal escapes of the mount table.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or(""));
        let code = rest.get(at + 1..at + 4).and_then(|code| u8::from_str_radix(code, 8).ok());
        out.push(code.map_or('\\', char::from));
        rest = rest.get(at + if code.is_some() { 4 } else { 1 }..).unwrap_or("");
    }
    out + rest
}

fn programs(root: &Path) -> anyhow::Result<()> {
    for path in PROGRAMS {
        let source = Path::new(path);
        let Ok(meta) = fs::symlink_metadata(source) else { continue };
        if meta.is_symlink() {
            let target = root.join(path.trim_start_matches('/'));
            if fs::symlink_metadata(&target).is_err() {
                symlink(fs::read_link(source)?, target)?;
            }
        } else {
            bind(source, &inside(root, path)?, true)?;
        }
    }
    Ok(())
}

fn settings(root: &Path) -> anyhow::Result<()> {
    for name in SETTINGS {
        // Links are followed on the host, as its programs do.
        let source = Path::new("/etc").join(name);
        if let Ok(source) = source.canonicalize() {
            bind(&source, &inside(root, &format!("etc/{name}"))?, true)?;
        }
    }
    Ok(())
}

/// Writes what names the container and its users.
fn own_files(spec: &Spec) {
    let etc = Path::new("/etc");
    let (uid, gid) = spec.user;
    let user = if uid == 0 { String::new() } else { format!("app:x:{uid}:{gid}:app:/:/bin/sh\n") };
    let files = [
        ("passwd", format!("root:x:0:0:root:/root:/bin/sh\n{user}nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n")),
        ("group", "root:x:0:\nnogroup:x:65534:\n".to_owned()),
        ("hostname", format!("{}\n", spec.hostname)),
        ("hosts", format!("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{}\t{}\n", spec.ip, spec.hostname)),
        ("resolv.conf", "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n".to_owned()),
    ];
    for (name, text) in files {
        let path = etc.join(name);
        // What a container has changed stays, but for what the kubelet manages.
        if !path.exists() || matches!(name, "hostname" | "hosts") {
            let _ = fs::write(path, text);
        }
    }
}

fn devices(root: &Path) -> anyhow::Result<()> {
    let dev = root.join("dev");
    let data = CString::new("mode=755,size=65536k")?;
    mount("tmpfs", &dev, "tmpfs", MountFlags::NOSUID | MountFlags::STRICTATIME, data.as_c_str())
        .context("making /dev")?;
    for name in DEVICES {
        let source = Path::new("/dev").join(name);
        if source.exists() {
            bind(&source, &dev.join(name), false)?;
        }
    }
    for (link, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, dev.join(link))?;
    }
    fs::create_dir(dev.join("shm"))?;
    let pts = dev.join("pts");
    fs::create_dir(&pts)?;
    let data = CString::new("newinstance,ptmxmode=0666,mode=620")?;
    if mount("devpts", &pts, "devpts", MountFlags::NOSUID | MountFlags::NOEXEC, data.as_c_str()).is_ok() {
        symlink("pts/ptmx", dev.join("ptmx"))?;
    }
    Ok(())
}

fn volume_mount(root: &Path, volume: &Mount) -> anyhow::Result<()> {
    let target = inside(root, &volume.target)?;
    if target == root || ["/proc", "/dev"].iter().any(|own| volume.target == *own) {
        bail!("nothing can be mounted at {}", volume.target);
    }
    bind(&volume.source, &target, volume.read_only)
}
