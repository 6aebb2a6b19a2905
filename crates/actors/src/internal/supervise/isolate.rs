//! The container's view of the file system: image, `/proc`, a small `/dev`, mounts, then no way back out.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::{EXIT_NO_OVERLAY, EXIT_SETUP, Failure, Mount, Root};

/// Devices every program may count on.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Makes `root` the root of this process. Needs a mount namespace of its own.
#[cfg(target_os = "linux")]
pub(super) fn enter(root: &Root, mounts: &[Mount]) -> Result<(), Failure> {
    if let Root::Overlay {
        lower,
        upper,
        work,
        merged,
    } = root
    {
        mount_overlay(lower, upper, work, merged).map_err(|error| {
            Failure(EXIT_NO_OVERLAY, format!("cannot mount an overlay: {error}"))
        })?;
    }
    let root = root.path();
    prepare(root).map_err(Failure::setup("cannot prepare the container's folders"))?;
    for mount in mounts {
        bind(root, mount).map_err(|error| {
            Failure(
                EXIT_SETUP,
                format!(
                    "cannot mount '{}' into the container: {error}",
                    mount.target
                ),
            )
        })?;
    }
    std::env::set_current_dir(root)
        .map_err(Failure::setup("cannot enter the container's folder"))?;
    rustix::process::chroot(".").map_err(|e| Failure::setup("cannot change the root")(e.into()))?;
    std::env::set_current_dir("/").map_err(Failure::setup("cannot enter the new root"))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn enter(_: &Root, _: &[Mount]) -> Result<(), Failure> {
    Err(Failure(
        EXIT_SETUP,
        "this system has no mount namespaces".to_owned(),
    ))
}

#[cfg(target_os = "linux")]
fn mount_overlay(lower: &Path, upper: &Path, work: &Path, merged: &Path) -> io::Result<()> {
    use std::ffi::CString;
    let paths = [lower, upper, work];
    if paths
        .iter()
        .any(|path| path.to_string_lossy().contains([',', ':', '\\']))
    {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a folder name holds ',' or ':'",
        ));
    }
    let options = |extra: &str| {
        let [lower, upper, work] = paths.map(|path| path.display().to_string());
        CString::new(format!(
            "lowerdir={lower},upperdir={upper},workdir={work}{extra}"
        ))
        .map_err(io::Error::other)
    };
    // Without privileges the overlay keeps its notes in user attributes; with privileges on old kernels it must not.
    let flags = rustix::mount::MountFlags::NODEV;
    let unprivileged = options(",userxattr")?;
    let plain = options("")?;
    rustix::mount::mount(
        "overlay",
        merged,
        "overlay",
        flags,
        Some(unprivileged.as_c_str()),
    )
    .or_else(|_| {
        rustix::mount::mount("overlay", merged, "overlay", flags, Some(plain.as_c_str()))
    })?;
    Ok(())
}

#[cfg(target_os = "linux")]
fn prepare(root: &Path) -> io::Result<()> {
    use rustix::mount::{MountFlags, mount, mount_bind};
    let hardened = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let proc = inside(root, "/proc")?;
    fs::create_dir_all(&proc)?;
    // A machine that hides parts of its own /proc (a container, mostly) does not let us mount another one.
    let _ = mount("proc", &proc, "proc", hardened, None);
    fs::create_dir_all(inside(root, "/tmp")?)?;
    let dev = inside(root, "/dev")?;
    fs::create_dir_all(&dev)?;
    mount(
        "tmpfs",
        &dev,
        "tmpfs",
        MountFlags::NOSUID,
        Some(c"mode=755,size=65536k"),
    )?;
    for name in DEVICES {
        let (outside, target) = (Path::new("/dev").join(name), dev.join(name));
        if outside.exists() {
            fs::File::create(&target)?;
            mount_bind(&outside, &target)?;
        }
    }
    fs::create_dir_all(dev.join("shm"))?;
    for (name, target) in [
        ("fd", "fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ] {
        std::os::unix::fs::symlink(Path::new("/proc/self").join(target), dev.join(name))?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn bind(root: &Path, mount: &Mount) -> io::Result<()> {
    use rustix::mount::{MountFlags, mount_bind_recursive, mount_remount};
    let target = inside(root, &mount.target)?;
    if mount.source.is_dir() {
        fs::create_dir_all(&target)?;
    } else {
        fs::create_dir_all(target.parent().unwrap_or(root))?;
        fs::File::options()
            .create(true)
            .append(true)
            .open(&target)?;
    }
    mount_bind_recursive(&mount.source, &target)?;
    if mount.read_only {
        mount_remount(
            &target,
            MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV,
            c"",
        )?;
    }
    Ok(())
}

/// A path of the container as a path of the machine. Links of the image are not followed: they could lead outside.
fn inside(root: &Path, path: &str) -> io::Result<PathBuf> {
    let mut result = root.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => result.push(name),
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "'..' in a path",
                ));
            }
        }
        if fs::symlink_metadata(&result).is_ok_and(|meta| meta.is_symlink()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("'{path}' leads through a link of the image"),
            ));
        }
    }
    Ok(result)
}
