//! The API server: embedded, or the one of a kubeconfig.

use crate::error::CliError;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_kube::{Access, Clusters, Fence, Session};
use weir_sandbox::{Options, Sandbox, Server};

pub struct Backend {
    session: Session,
    /// Folder for the kubeconfig and the artifacts; removed at the end unless it was named.
    home: Home,
    embedded: Option<Embedded>,
    kubeconfig: PathBuf,
}

struct Embedded {
    _sandbox: Arc<Sandbox>,
    _server: Server,
}

enum Home {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Backend {
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The clusters that kubeconfigs name; this one may be on the same machine.
    pub fn clusters(&self) -> Clusters {
        Clusters::new(|_, _, _| {}, Fence::default(), self.session.hub().clone(), Access::default())
    }

    /// Where the artifacts are kept.
    pub fn artifacts(&self) -> PathBuf {
        self.home().join("artifacts")
    }

    fn home(&self) -> &Path {
        match &self.home {
            Home::Kept(path) => path,
            Home::Temporary(dir) => dir.path(),
        }
    }

    /// The line that points kubectl at the cluster.
    pub fn how_to_look(&self) -> String {
        let note = if self.embedded.is_some() { "   # then: kubectl get all -A" } else { "" };
        format!("export KUBECONFIG={}{note}", self.kubeconfig.display())
    }
}

pub async fn open(data_dir: Option<&Path>, kubeconfig: Option<&Path>) -> Result<Backend, CliError> {
    let home = match data_dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)
                .map_err(|error| CliError::new(format!("--data-dir {}: {error}", dir.display())))?;
            let dir = std::fs::canonicalize(dir)
                .map_err(|error| CliError::new(format!("--data-dir {}: {error}", dir.display())))?;
            Home::Kept(dir)
        }
        None => Home::Temporary(
            tempfile::Builder::new()
                .prefix("weir-up-")
                .tempdir()
                .map_err(|error| CliError::new(format!("no temporary folder: {error}")))?,
        ),
    };
    match kubeconfig {
        Some(file) => named(home, file).await,
        None => embedded(home, data_dir).await,
    }
}

async fn named(home: Home, file: &Path) -> Result<Backend, CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::new(format!("--kubeconfig {}: {error}", file.display()));
    let read = Kubeconfig::read_from(file).map_err(|error| failed(&error))?;
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
        .await
        .map_err(|error| failed(&error))?;
    let client = kube::Client::try_from(config).map_err(|error| failed(&error))?;
    client.apiserver_version().await.map_err(|error| failed(&error))?;
    Ok(Backend { session: Session::new(client), home, embedded: None, kubeconfig: file.to_owned() })
}

async fn embedded(home: Home, data_dir: Option<&Path>) -> Result<Backend, CliError> {
    let options = Options { data_dir: data_dir.map(|dir| dir.join("cluster")), ..Options::default() };
    let sandbox = Sandbox::open(options)?;
    let server = sandbox.listen((std::net::Ipv4Addr::LOCALHOST, 0).into()).await?;
    let client = kube::Client::new(sandbox.service(), "default");
    let mut backend = Backend { session: Session::new(client), home, embedded: None, kubeconfig: PathBuf::new() };
    backend.kubeconfig = backend.home().join("kubeconfig");
    write_private(&backend.kubeconfig, &server.kubeconfig())?;
    backend.embedded = Some(Embedded { _sandbox: sandbox, _server: server });
    Ok(backend)
}

/// The kubeconfig holds the administrator's token.
fn write_private(path: &Path, text: &str) -> Result<(), CliError> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| CliError::new(format!("{} cannot be written: {error}", path.display())))
}
