//! Cartographer's own declarative suite, run by kuttl against either home.
//!
//! Its directory comes from a copy of its repository on disk; its definitions are replaced by
//! ours, those of its test kinds are applied.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;

use super::Summary;
use super::home::{Part, Tools};

/// The folders of the suite, each with a directory per test.
const FOLDERS: [&str; 3] = ["runnable", "supplychain", "delivery"];
/// How long the definitions may take until they are served.
const SERVED: Duration = Duration::from_secs(30);

/// Where the suite runs.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum HomeKind {
    /// `carto up --actors none`.
    Embedded,
    /// A real kube-apiserver with `carto controller`.
    Cluster,
}

/// Options of the suite.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A copy of Cartographer's repository
    dir: PathBuf,
    /// Where to run
    #[arg(long, value_enum, default_value = "embedded")]
    home: HomeKind,
    /// The kuttl binary
    #[arg(long, env = "CARTO_TEST_KUTTL", default_value = "kubectl-kuttl")]
    kuttl: PathBuf,
    /// Only the test directory of this name
    #[arg(long)]
    only: Option<String>,
    #[command(flatten)]
    tools: Tools,
}

/// Runs the suite.
///
/// # Errors
/// A home that does not start, a suite that cannot be read.
pub(crate) fn run(args: &Args) -> anyhow::Result<Summary> {
    let Args {
        dir,
        home,
        kuttl,
        only,
        tools,
    } = args;
    let state = tempfile::tempdir()?;
    let (parts, kubeconfig) = start(*home, tools, state.path())?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(prepare(dir, &kubeconfig))?;

    let mut command = Command::new(kuttl);
    command
        .args(["test", "--start-control-plane=false", "--parallel", "4"])
        .args(["--timeout", "20", "--artifacts-dir"])
        .arg(state.path());
    if let Some(only) = only {
        command.args(["--test", only]);
    }
    let mut expected = 0;
    for folder in FOLDERS {
        let folder = dir.join("tests/kuttl").join(folder);
        expected += count_tests(&folder, only.as_deref())?;
        command.arg(fs::canonicalize(&folder)?);
    }
    let output = command
        .current_dir(state.path())
        .env("KUBECONFIG", &kubeconfig)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", kuttl.display()))?;
    drop(parts);
    summarise(&output, expected)
}

/// Starts a home; the parts in the order in which they are to end.
fn start(home: HomeKind, tools: &Tools, state: &Path) -> anyhow::Result<(Vec<Part>, PathBuf)> {
    let carto = tools.carto()?;
    match home {
        HomeKind::Embedded => {
            let folder = state.join("home");
            let mut command = Command::new(carto);
            command
                .args(["up", "--actors", "none", "--state"])
                .arg(&folder);
            let part = Part::start_ready(command, &state.join("home.log"))?;
            Ok((vec![part], folder.join("kubeconfig")))
        }
        HomeKind::Cluster => {
            let folder = state.join("cluster");
            let cluster = tools.control_plane(&folder)?;
            let kubeconfig = folder.join("token.kubeconfig");
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(async {
                let client = carto_server::remote_client(Some(&kubeconfig)).await?;
                carto_server::apply_yaml(&client, &carto_server::crds_yaml(false)).await?;
                anyhow::Ok(())
            })?;
            let mut command = Command::new(carto);
            command
                .args(["controller", "--kubeconfig"])
                .arg(&kubeconfig);
            let controller = Part::start_ready(command, &state.join("controller.log"))?;
            Ok((vec![controller, cluster], kubeconfig))
        }
    }
}

/// Applies the suite's test kinds, and lets every service account do everything.
async fn prepare(dir: &Path, kubeconfig: &Path) -> anyhow::Result<()> {
    let client = carto_server::remote_client(Some(kubeconfig)).await?;
    let folder = dir.join("tests/resources/crds");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file)?;
        carto_server::apply_yaml(&client, &text)
            .await
            .with_context(|| file.display().to_string())?;
    }
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "all"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "cluster-admin"},
        "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io",
            "name": "system:serviceaccounts"}],
    });
    carto_server::apply_yaml(&client, &binding.to_string()).await?;
    served(&client).await
}

/// Waits until the test kinds are served.
async fn served(client: &kube::Client) -> anyhow::Result<()> {
    let begin = std::time::Instant::now();
    loop {
        let groups = client.list_api_group_resources("test.run/v1alpha1").await;
        if groups.is_ok_and(|list| {
            list.resources
                .iter()
                .filter(|r| !r.name.contains('/'))
                .count()
                >= 4
        }) {
            return Ok(());
        }
        ensure!(begin.elapsed() < SERVED, "the test kinds are not served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many directories of a folder have steps.
fn count_tests(folder: &Path, only: Option<&str>) -> anyhow::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let named = only.is_none_or(|only| entry.file_name() == only);
        if named && entry.file_type()?.is_dir() {
            count += 1;
        }
    }
    Ok(count)
}

/// Reads kuttl's report; a directory that it does not mention has failed.
fn summarise(output: &Output, expected: usize) -> anyhow::Result<Summary> {
    let report = &String::from_utf8_lossy(&output.stdout);
    let mut summary = Summary::default();
    for line in report.lines().map(str::trim_start) {
        let Some((verdict, test)) = line
            .strip_prefix("--- ")
            .and_then(|rest| rest.split_once(": kuttl/harness/"))
        else {
            continue;
        };
        let name = test.split_whitespace().next().unwrap_or(test);
        let result = match verdict {
            "PASS" => Ok(()),
            _ => Err(lines_of(report, name)),
        };
        summary.count(name, result);
    }
    let reported = summary.passed + summary.failures.len();
    ensure!(
        reported > 0 || expected == 0,
        "kuttl ran nothing:\n{report}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for missing in reported..expected {
        summary.count(
            &format!("directory {missing}"),
            Err("was not run".to_owned()),
        );
    }
    Ok(summary)
}

/// What kuttl said about one test.
fn lines_of(report: &str, test: &str) -> String {
    let marker = format!("| {test} |");
    let step = format!("| {test}/");
    let mut lines: Vec<&str> = Vec::new();
    let mut within = false;
    for line in report.lines() {
        let header = line.trim_start().starts_with("logger.go");
        if header {
            within = line.contains(&marker) || line.contains(&step);
        }
        if within || line.contains(&format!("harness/{test}")) {
            lines.push(line);
        }
    }
    let tail = lines.len().saturating_sub(80);
    lines[tail..].join("\n")
}
