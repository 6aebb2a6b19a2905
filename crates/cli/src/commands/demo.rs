//! `carto demo`: a real commit becomes a running application on a bare machine, and a second
//! commit follows it with nobody triggering anything.

mod page;
mod repository;
mod timeline;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use carto_server::{Home, HomeConfig};

use self::{
    repository::{Commit, Repository},
    timeline::Timeline,
};
use crate::{
    commands::up::{self, interrupted},
    env::Env,
    error::CommandError,
    output,
};

/// The sample chain of `examples/hello`, unedited.
const CHAIN: &str = include_str!("../../../../examples/hello/chain.yaml");
const NAMESPACE: &str = "default";
const WORKLOAD: &str = "hello";
/// How long one commit may take to arrive before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the page may take to show a commit that the Deployment says it runs.
const PAGE_PATIENCE: Duration = Duration::from_secs(10);

/// Carries a git commit to a running app on this machine: no cluster, no container runtime
///
/// Starts an embedded Kubernetes API, a sample supply chain and a small application in a git
/// repository, shows the commit move, then commits a change and shows it arrive by itself.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Stops everything once the second commit has arrived; exits 1 with the reason if it does not
    #[arg(long)]
    once: bool,
    /// Where the demo keeps its state [default: ~/.local/state/carto/demo]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

pub(crate) fn run(args: Args, env: &Env) -> Result<(), CommandError> {
    let Args { once, state } = args;
    let state = up::state_folder(state, "demo", env)?;
    up::runtime()?.block_on(async {
        let begin = Instant::now();
        env.out("Carto demo: from a git commit to a running app, on this machine.\n\n")?;
        let home = Home::start(HomeConfig::new(state.clone()))
            .await
            .map_err(up::start_failed)?;
        let outcome = tokio::select! {
            outcome = show(&home, &state, once, begin, env) => outcome,
            () = interrupted() => Ok(()),
        };
        home.shutdown().await;
        if outcome.is_ok() && !once {
            env.out("\nStopped. Nothing is left running; the state folder can be used again.\n")?;
        }
        outcome
    })
}

async fn show(
    home: &Home,
    state: &std::path::Path,
    once: bool,
    begin: Instant,
    env: &Env,
) -> Result<(), CommandError> {
    let fact = |what: &str, value: &str| env.out(&format!("  {what:<15} {value}\n"));
    fact(
        "Kubernetes API",
        &format!("{} ({})", home.url(), output::duration(begin.elapsed())),
    )?;
    home.apply_yaml(CHAIN).await.map_err(up::apply_failed)?;
    fact(
        "supply chain",
        "hello: source -> image -> config -> deployment, service",
    )?;
    let repository = Repository::open(state.join("hello")).await?;
    fact("git repository", &repository.folder().display().to_string())?;

    let mut timeline = Timeline::start(&home.client(), NAMESPACE, WORKLOAD, home.hops());
    let first = repository.commit_next().await?;
    let commit_shown = begin_commit("\nCommit", &first, env)?;
    home.apply_yaml(&workload(&repository, home))
        .await
        .map_err(up::apply_failed)?;
    arrive(&mut timeline, &first, commit_shown, env).await?;

    let second = repository.commit_next().await?;
    let commit_shown = begin_commit(
        "\nA second commit, and nobody triggers anything:",
        &second,
        env,
    )?;
    let url = arrive(&mut timeline, &second, commit_shown, env).await?;

    env.out(&format!(
        "\nBoth commits arrived, {} after the start.\n",
        output::duration(begin.elapsed())
    ))?;
    if once {
        return Ok(());
    }
    env.out(&next_steps(home, &repository, &url))?;
    std::future::pending().await
}

fn begin_commit(intro: &str, commit: &Commit, env: &Env) -> Result<Instant, CommandError> {
    env.out(&format!(
        "{intro} {} \"{}\"\n",
        commit.short(),
        commit.subject
    ))?;
    timeline::heading(env)?;
    Ok(Instant::now())
}

/// Follows a commit to the page that shows it; returns the page's address.
async fn arrive(
    timeline: &mut Timeline,
    commit: &Commit,
    begin: Instant,
    env: &Env,
) -> Result<String, CommandError> {
    let url = timeline.follow(&commit.id, PATIENCE, env).await?;
    let deployed = Instant::now();
    loop {
        let answer = page::get(&url).await;
        if answer
            .as_ref()
            .is_ok_and(|page| page.contains(&commit.mark))
        {
            let what = format!("{url} says \"{}\"", commit.mark);
            timeline::line(env, begin.elapsed(), "app", &what, deployed.elapsed(), None)?;
            return Ok(url);
        }
        if deployed.elapsed() > PAGE_PATIENCE {
            let reason = answer
                .err()
                .unwrap_or_else(|| "it shows an older commit".to_owned());
            return Err(CommandError::user(format!(
                "the app does not show \"{}\": {reason}",
                commit.mark
            ))
            .hint(format!("its log: kubectl logs -l app={WORKLOAD}")));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn workload(repository: &Repository, home: &Home) -> String {
    let (folder, registry) = (repository.folder().display(), home.registry());
    format!(
        "apiVersion: carto.run/v1alpha1\n\
         kind: Workload\n\
         metadata:\n  name: {WORKLOAD}\n  namespace: {NAMESPACE}\n  labels:\n    workload-type: web\n\
         spec:\n  source:\n    git:\n      url: \"file://{folder}\"\n      ref:\n        branch: main\n\
         \x20 params:\n  - name: registry\n    value: {registry}/apps\n"
    )
}

fn next_steps(home: &Home, repository: &Repository, url: &str) -> String {
    let kubectl = format!("kubectl --kubeconfig {}", home.kubeconfig_path().display());
    format!(
        "\nTry next (Ctrl-C stops everything):\n\
         \x20 open {url}\n\
         \x20 edit {folder}/index.html, then: git -C {folder} commit -am \"My change\"\n\
         \x20 {kubectl} get workloads,gitrepositories,images.kpack.io,deployments -A\n\
         \x20 {kubectl} describe workload {WORKLOAD}\n\
         \x20 {kubectl} get pods\n",
        folder = repository.folder().display(),
    )
}
