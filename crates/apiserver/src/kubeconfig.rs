//! The file that tells clients where the server is, whom to trust, and who they are.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Name of the cluster, the context and the user.
const NAME: &str = "carto";

/// A kubeconfig for the bearer of `token`.
pub(crate) fn render(url: &str, authority_pem: &str, token: &str) -> String {
    let authority = STANDARD.encode(authority_pem);
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: {NAME}\n\
         \u{20} cluster:\n\
         \u{20}   server: {url}\n\
         \u{20}   certificate-authority-data: {authority}\n\
         users:\n\
         - name: {NAME}\n\
         \u{20} user:\n\
         \u{20}   token: {token}\n\
         contexts:\n\
         - name: {NAME}\n\
         \u{20} context:\n\
         \u{20}   cluster: {NAME}\n\
         \u{20}   user: {NAME}\n\
         current-context: {NAME}\n"
    )
}

/// Writes the file for its owner alone, at once: a reader finds the old or the new one.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("new");
    // One that was left behind may have other rights.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_kubeconfig() {
        let text = render("https://127.0.0.1:1", "PEM", "t");
        let config: kube::config::Kubeconfig = kube::config::Kubeconfig::from_yaml(&text).unwrap();
        assert_eq!(config.current_context.as_deref(), Some("carto"));
        let cluster = config.clusters[0].cluster.as_ref().unwrap();
        assert_eq!(cluster.server.as_deref(), Some("https://127.0.0.1:1"));
    }

    #[test]
    fn only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kubeconfig");
        write(&path, "a").unwrap();
        write(&path, "b").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "b");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
