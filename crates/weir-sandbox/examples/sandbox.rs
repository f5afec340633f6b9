//! Serves a sandbox until it is killed: `sandbox KUBECONFIG [DATA_DIR]`.

use std::error::Error;
use weir_sandbox::{Options, Sandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let kubeconfig = args.next().ok_or("usage: sandbox KUBECONFIG [DATA_DIR]")?;
    let sandbox = Sandbox::open(Options { data_dir: args.next().map(Into::into), ..Options::default() })?;
    let server = sandbox.listen("127.0.0.1:0".parse()?).await?;
    std::fs::write(kubeconfig, server.kubeconfig())?;
    server.wait().await;
    Ok(())
}
