//! Applies N Deployments in process and writes the time each took into a file: `load N OUT [DATA_DIR | - [idle]]`.

use bytes::Bytes;
use http_body_util::Full;
use std::error::Error;
use std::time::Instant;
use tower::ServiceExt;
use weir_sandbox::{Options, Sandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let count: u32 = args.next().ok_or("usage: load N OUT [DATA_DIR | - [idle]]")?.parse()?;
    let out = args.next().ok_or("usage: load N OUT [DATA_DIR | - [idle]]")?;
    let opened = Instant::now();
    let sandbox = Sandbox::open(Options {
        data_dir: args.next().filter(|dir| dir != "-").map(Into::into),
        workloads: args.next().is_none(),
        ..Options::default()
    })?;
    let opened = opened.elapsed();
    let service = sandbox.service();
    let mut lines = format!("open {opened:?}\n");
    for round in ["create", "no-op"] {
        let start = Instant::now();
        for n in 0..count {
            let body = format!(
                r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"d{n}"}},"spec":{{"selector":{{"matchLabels":{{"a":"{n}"}}}},"template":{{"metadata":{{"labels":{{"a":"{n}"}}}},"spec":{{"containers":[{{"name":"c","image":"i:1","ports":[{{"containerPort":80}}]}}]}}}}}}}}"#
            );
            let uri = format!("/apis/apps/v1/namespaces/default/deployments/d{n}?fieldManager=load&force=true");
            let request = http::Request::builder()
                .method("PATCH")
                .uri(uri)
                .header("content-type", "application/apply-patch+yaml");
            let response = service.clone().oneshot(request.body(Full::new(Bytes::from(body)))?).await?;
            if !response.status().is_success() {
                return Err(format!("refused: {}", response.status()).into());
            }
        }
        lines += &format!("{round} {:?} each\n", start.elapsed() / count);
    }
    std::fs::write(out, lines)?;
    Ok(())
}
