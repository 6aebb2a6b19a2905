//! Runs the server alone, for `kubectl` and for comparisons: `serve [DIR] [PORT]`.
//!
//! Without a folder it keeps everything in memory. Prints the address, then the kubeconfig, and runs
//! until it is interrupted.

use carto_apiserver::{ApiServer, Config};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let mut args = std::env::args().skip(1);
    let state_dir = args.next().filter(|dir| dir != "-").map(Into::into);
    let port = args.next().map_or(Ok(0), |port| port.parse())?;
    let rbac = std::env::var_os("RBAC").is_some();
    let config = Config {
        state_dir,
        port: Some(port),
        rbac,
        ..Config::default()
    };
    let server = ApiServer::start(config).await?;
    #[expect(clippy::print_stdout, reason = "the output of the program")]
    {
        println!("ready {}", server.url().unwrap_or_default());
        println!("{}", server.kubeconfig());
    }
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    Ok(())
}
