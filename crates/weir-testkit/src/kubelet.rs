//! Makes every pod of a cluster without nodes run and be ready.

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Config, ResourceExt};
use serde_json::json;
use std::path::Path;

/// Runs until the process ends.
pub(crate) fn start(kubeconfig: &Path) {
    let kubeconfig = kubeconfig.to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            let config = Kubeconfig::read_from(kubeconfig).unwrap();
            let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
            run(Client::try_from(config).unwrap()).await;
        });
    });
}

async fn run(client: Client) {
    let pods: Api<Pod> = Api::all(client.clone());
    let mut changes = watcher(pods, watcher::Config::default()).default_backoff().applied_objects().boxed();
    while let Some(change) = changes.next().await {
        let Ok(pod) = change else { continue };
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if phase == Some("Running") || pod.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let conditions: Vec<_> = ["Initialized", "ContainersReady", "Ready", "PodScheduled"]
            .iter()
            .map(|kind| json!({"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}))
            .collect();
        let patch = json!({"status": {"phase": "Running", "conditions": conditions}});
        let namespaced: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
        // A pod that went meanwhile needs no status.
        let _ = namespaced.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await;
    }
}
