//! Loopback listeners whose ports survive restarts.
//!
//! Addresses end up in stamped objects, so a port is chosen once, noted in a small file of the state folder, and
//! used again from then on. A noted port that somebody else holds is an error with the way out, never a silent move.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Why a listener could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The noted port belongs to another process.
    #[error(
        "port {port} of {name} is in use by another process; stop it, or remove \"{name}\" from '{}' to have a new \
         port chosen (addresses in existing objects then point to the old one)",
        .file.display()
    )]
    InUse {
        /// What the port is for.
        name: String,
        /// The noted port.
        port: u16,
        /// Where it is noted.
        file: PathBuf,
    },
    /// Anything else the system says.
    #[error("cannot listen on 127.0.0.1:{port} for {name}")]
    Bind {
        /// What the port is for.
        name: String,
        /// Zero: any.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The notes cannot be read or written.
    #[error("cannot keep ports in '{}'", .file.display())]
    Notes {
        /// The file of notes.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The notes: names to ports, in one JSON file.
#[derive(Debug, Clone)]
pub struct Ports {
    file: PathBuf,
    noted: Arc<Mutex<BTreeMap<String, u16>>>,
}

impl Ports {
    /// Reads the notes; a missing file is empty.
    pub fn open(file: PathBuf) -> Result<Ports, ListenError> {
        let noted = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| ListenError::Notes {
                file: file.clone(),
                source: error.into(),
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(ListenError::Notes { file, source }),
        };
        Ok(Ports {
            file,
            noted: Arc::new(Mutex::new(noted)),
        })
    }

    /// The noted port.
    pub fn get(&self, name: &str) -> Option<u16> {
        self.lock().get(name).copied()
    }

    /// Forgets a port, for an owner that is gone.
    pub fn forget(&self, name: &str) -> Result<(), ListenError> {
        let mut noted = self.lock();
        if noted.remove(name).is_some() {
            self.write(&noted)
        } else {
            Ok(())
        }
    }

    /// Forgets every port whose name begins like this.
    pub fn forget_below(&self, prefix: &str) -> Result<(), ListenError> {
        let mut noted = self.lock();
        let before = noted.len();
        noted.retain(|name, _port| !name.starts_with(prefix));
        if noted.len() == before {
            return Ok(());
        }
        self.write(&noted)
    }

    /// A port for a process that will listen by itself: the noted one, else one that is noted from now on.
    ///
    /// It lies where the system chooses none for connections and for port 0, so that nobody gets it by chance between
    /// now and then; and the notes keep it from everybody of this home. One that somebody took on purpose is replaced.
    pub async fn reserve(&self, name: &str) -> Result<u16, ListenError> {
        if let Some(port) = self.get(name)
            && bind(port).await.is_ok()
        {
            return Ok(port);
        }
        for port in self.candidates(name).await {
            // Noted first, so that nobody else of this home tries the same one.
            if !self.claim(name, port)? {
                continue;
            }
            if bind(port).await.is_ok() {
                return Ok(port);
            }
        }
        self.forget(name)?;
        Err(ListenError::Bind {
            name: name.to_owned(),
            port: 0,
            source: io::Error::new(io::ErrorKind::AddrInUse, "every port is in use"),
        })
    }

    /// Notes the port unless it is noted for somebody.
    fn claim(&self, name: &str, port: u16) -> Result<bool, ListenError> {
        let mut noted = self.lock();
        if noted.values().any(|other| *other == port) {
            return Ok(false);
        }
        noted.insert(name.to_owned(), port);
        self.write(&noted)?;
        Ok(true)
    }

    /// The names noted, for taking stock.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Listens on the noted port, or on a free one that is noted from now on.
    pub async fn listen(&self, name: &str) -> Result<TcpListener, ListenError> {
        self.listen_preferring(name, 0).await
    }

    /// Listens on the noted port; without a note on the preferred one if it is free, else on any.
    pub async fn listen_preferring(
        &self,
        name: &str,
        preferred: u16,
    ) -> Result<TcpListener, ListenError> {
        let failed = |port, source| ListenError::Bind {
            name: name.to_owned(),
            port,
            source,
        };
        if let Some(port) = self.get(name) {
            return bind(port).await.map_err(|source| match source.kind() {
                io::ErrorKind::AddrInUse => ListenError::InUse {
                    name: name.to_owned(),
                    port,
                    file: self.file.clone(),
                },
                _ => failed(port, source),
            });
        }
        if preferred != 0
            && let Ok(listener) = bind(preferred).await
        {
            self.set(name, preferred)?;
            return Ok(listener);
        }
        for port in self.candidates(name).await {
            if let Ok(listener) = bind(port).await {
                self.set(name, port)?;
                return Ok(listener);
            }
        }
        Err(failed(0, io::ErrorKind::AddrInUse.into()))
    }

    /// Ports to try for a name. Different names of different homes begin at different places, so that homes of one
    /// machine seldom meet.
    async fn candidates(&self, name: &str) -> impl Iterator<Item = u16> + use<> {
        let text = format!("{}/{name}", self.file.display());
        let start = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        outside(&ephemeral().await, start)
    }

    /// Notes a port that was chosen elsewhere.
    pub fn set(&self, name: &str, port: u16) -> Result<(), ListenError> {
        let mut noted = self.lock();
        if noted.insert(name.to_owned(), port) == Some(port) {
            return Ok(());
        }
        self.write(&noted)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u16>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, noted: &BTreeMap<String, u16>) -> Result<(), ListenError> {
        write_whole(
            &self.file,
            &serde_json::to_vec_pretty(noted).unwrap_or_default(),
        )
        .map_err(|source| ListenError::Notes {
            file: self.file.clone(),
            source,
        })
    }
}

/// Where the system takes ports from when nobody says which; its usual range when it does not tell.
async fn ephemeral() -> RangeInclusive<u16> {
    const USUAL: RangeInclusive<u16> = 32_768..=60_999;
    let Ok(text) = tokio::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").await else {
        return USUAL;
    };
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last))) => first..=last,
        _ => USUAL,
    }
}

/// Ports that stay: below the range of the system, then above it, then, where it takes all, inside; each of them once,
/// from a place that `start` decides.
///
/// Whoever asks for any port, or connects somewhere, gets one of the system's range: a port in it that nobody listens on
/// for a moment (between two lives of a home) may be gone.
fn outside(ephemeral: &RangeInclusive<u16>, start: u64) -> impl Iterator<Item = u16> + use<> {
    /// Well-known services are below.
    const FIRST: u16 = 20_000;
    let below = FIRST..(*ephemeral.start()).max(FIRST);
    let above = (*ephemeral.end()).max(FIRST).saturating_add(1)..u16::MAX;
    let inside = (*ephemeral.start()).max(FIRST)..*ephemeral.end();
    [below, above, inside].into_iter().flat_map(move |range| {
        let skipped = usize::try_from(start % u64::try_from(range.len().max(1)).unwrap_or(1));
        let skipped = skipped.unwrap_or(0);
        range.clone().skip(skipped).chain(range.take(skipped))
    })
}

async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Replaces a file so that a reader (or a crash) sees the old bytes or the new ones.
pub fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    use io::Write;
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut aside = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(folder)?;
    aside.write_all(bytes)?;
    aside.as_file().sync_all()?;
    aside.persist(file).map(drop).map_err(|error| error.error)
}

/// Answers only requests that name this machine: a page of a foreign site that the browser was tricked to send here
/// (by a name that resolves to 127.0.0.1) gets nothing.
pub async fn only_this_machine(request: Request, next: Next) -> Response {
    let named = request.uri().host().or_else(|| {
        let host = request.headers().get(header::HOST)?.to_str().ok()?;
        Some(host.rsplit_once(':').map_or(host, |(name, _)| name))
    });
    let local = named.is_none_or(|host| {
        host.eq_ignore_ascii_case("localhost")
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    });
    if local {
        next.run(request).await
    } else {
        (
            StatusCode::MISDIRECTED_REQUEST,
            "this server answers to localhost and 127.0.0.1 only\n",
        )
            .into_response()
    }
}

/// Serves `router` until `cancel`; requests under way get a moment to end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    cancel: CancellationToken,
) -> io::Result<()> {
    let router = router.layer(from_fn(only_this_machine));
    let graceful = cancel.clone();
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(async move { graceful.cancelled().await });
    let limit = async {
        cancel.cancelled().await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    };
    tokio::select! {
        ended = server.into_future() => ended,
        () = limit => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_is_kept_and_a_taken_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ports.json");
        let first = Ports::open(file.clone())
            .unwrap()
            .listen("registry")
            .await
            .unwrap();
        let port = first.local_addr().unwrap().port();
        let again = Ports::open(file.clone()).unwrap();
        assert_eq!(again.get("registry"), Some(port));
        let error = again.listen("registry").await.unwrap_err().to_string();
        assert!(
            error.contains(&format!("port {port} of registry is in use")),
            "{error}"
        );
        drop(first);
        assert_eq!(
            again
                .listen("registry")
                .await
                .unwrap()
                .local_addr()
                .unwrap()
                .port(),
            port
        );
    }

    #[tokio::test]
    async fn reserved_ports_differ_stay_and_lie_where_the_system_takes_none() {
        let dir = tempfile::tempdir().unwrap();
        let ports = Ports::open(dir.path().join("ports.json")).unwrap();
        let (a, b) = (
            ports.reserve("pod/1/a").await.unwrap(),
            ports.reserve("pod/1/b").await.unwrap(),
        );
        assert_ne!(a, b);
        assert_eq!(ports.reserve("pod/1/a").await.unwrap(), a);
        let range = ephemeral().await;
        assert!(
            !range.contains(&a) || range.contains(&20_000),
            "{a} {range:?}"
        );
        // Somebody takes it on purpose.
        let holder = bind(a).await.unwrap();
        let other = ports.reserve("pod/1/a").await.unwrap();
        assert!(other != a && other != b);
        drop(holder);
        ports.forget_below("pod/1/").unwrap();
        assert_eq!(ports.names(), Vec::<String>::new());
    }

    #[test]
    fn ports_for_processes_avoid_the_range_of_the_system() {
        let first = |range| outside(&range, 0).next();
        assert_eq!(first(32_768..=60_999), Some(20_000));
        assert_eq!(first(15_000..=60_999), Some(61_000));
        assert_eq!(first(1024..=65_535), Some(20_000));
        let mut all: Vec<u16> = outside(&(30_000..=60_000), 12_345).collect();
        assert_ne!(all[0], 20_000);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), usize::from(u16::MAX - 20_000 - 1));
    }

    #[tokio::test]
    async fn unreadable_notes_are_an_error_and_not_a_new_port() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ports.json");
        fs::write(&file, "{").unwrap();
        assert!(
            Ports::open(file)
                .unwrap_err()
                .to_string()
                .contains("cannot keep ports in")
        );
    }
}
