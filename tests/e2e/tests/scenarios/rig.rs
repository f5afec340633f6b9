//! A cluster with one source of a scenario's own, a source controller and a kustomize controller.

use crate::controller::request;
use crate::manifests::namespace;
use crate::replicas::address;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use weir_e2e::{Cluster, Controller, Up, condition, installed};
use weir_testkit::{GitHttp, GitRepo, Kubectl, eventually};

/// Everything is in one namespace, and the GitRepository is named `repo`.
pub struct Rig<'c> {
    pub cluster: &'c Cluster,
    pub kubectl: Kubectl,
    pub space: &'static str,
    pub repo: GitRepo,
    _http: GitHttp,
    _source: Controller,
    _data: tempfile::TempDir,
    _server: Option<Up>,
}

impl<'c> Rig<'c> {
    /// Publishes the files; nobody applies them yet.
    pub fn new(cluster: &'c Cluster, space: &'static str, files: &[(&str, &str)]) -> Self {
        let server = cluster.served();
        let kubectl = cluster.kubectl();
        let repo = GitRepo::new(files);
        let http = GitHttp::serve(repo.path());
        let data = tempfile::tempdir().unwrap();
        let args = [format!("--storage-path={}", data.path().display()), format!("--storage-addr={}", address())];
        let source = Controller::start(cluster.kubeconfig(), "source", &args.each_ref().map(String::as_str));
        kubectl.apply(&[namespace(space), installed::tenant(space)].join("---\n")).unwrap();
        let object = format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: repo, namespace: {space}}}\n\
             spec: {{interval: 1h, url: '{}', ref: {{branch: main}}}}\n",
            http.url(".git")
        );
        kubectl.apply(&object).unwrap();
        cluster.ready("gitrepository", space, "repo", "True");
        Self { cluster, kubectl, space, repo, _http: http, _source: source, _data: data, _server: server }
    }

    /// Starts the kustomize controller.
    pub fn controller(&self, args: &[&str]) -> Controller {
        Controller::start(self.cluster.kubeconfig(), "kustomize", args)
    }

    /// The same behind something that is in front of [`Self::access`].
    pub fn controller_at(&self, kubeconfig: &Path) -> Controller {
        let tenant = format!("--default-service-account={}", installed::TENANT);
        Controller::start_in(installed::HOME, kubeconfig, "kustomize", &[&tenant])
    }

    /// The way to the cluster that the kustomize controller has.
    pub fn access(&self) -> PathBuf {
        let cluster = self.cluster.kubeconfig();
        installed::kubeconfig(cluster, "kustomize").unwrap_or_else(|| cluster.to_owned())
    }

    /// A Kustomization of the folder of its name; `more` are further fields, each in a line of its own.
    pub fn kustomization(&self, name: &str, more: &str) -> String {
        let more: String = more.lines().map(|line| format!("  {line}\n")).collect();
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: {}}}
spec:
  path: {name}
  sourceRef: {{kind: GitRepository, name: repo}}
{more}",
            self.space
        )
    }

    /// Commits, and waits until that is what the source has.
    pub fn publish(&self, write: &[(&str, &str)], remove: &[&str], message: &str) -> String {
        let commit = self.repo.commit(write, remove, message);
        request(self.cluster, "gitrepository", self.space, "repo", &commit);
        commit
    }

    /// Waits until a Kustomization is ready at a commit.
    pub fn applied(&self, name: &str, commit: &str) -> Value {
        eventually(&format!("{name} is ready at {commit}"), || {
            let object = self.get(name)?;
            let (status, generation) = (&object["status"], &object["metadata"]["generation"]);
            let ready = condition(&object, "Ready").is_some_and(|ready| ready["status"] == "True");
            let is_at = status["lastAppliedRevision"].as_str().is_some_and(|revision| revision.ends_with(commit));
            if ready && is_at && status["observedGeneration"] == *generation {
                Ok(object)
            } else {
                Err(status.to_string())
            }
        })
    }

    /// The object, or why there is none.
    pub fn get(&self, name: &str) -> Result<Value, String> {
        self.kubectl.json(&["get", "kustomization", "-n", self.space, name])
    }

    pub fn ready(&self, name: &str) -> Value {
        self.cluster.ready("kustomization", self.space, name, "True")
    }

    /// Waits until a Kustomization is not ready for a reason, and returns what it says.
    pub fn fails(&self, name: &str, reason: &str) -> String {
        self.cluster.fails("kustomization", self.space, name, reason)
    }

    /// Waits until a Kustomization that is not ready says this.
    pub fn says(&self, name: &str, what: &str) -> Value {
        eventually(&format!("{name} says '{what}'"), || {
            let object = self.get(name)?;
            let ready = condition(&object, "Ready").cloned().unwrap_or_default();
            let says = ready["message"].as_str().is_some_and(|message| message.contains(what));
            if says && ready["status"] != "True" { Ok(object) } else { Err(ready.to_string()) }
        })
    }

    /// Applies Kustomizations and whatever else.
    pub fn apply(&self, manifests: &[String]) {
        self.kubectl.apply(&manifests.join("---\n")).unwrap();
    }

    /// A merge patch of an object in the scenario's namespace.
    pub fn patch(&self, kind: &str, name: &str, patch: &str) {
        self.kubectl.run(&["patch", kind, "-n", self.space, name, "--type=merge", "-p", patch]).unwrap();
    }

    /// What a ConfigMap of `manifests::config_map` has.
    pub fn value(&self, name: &str) -> Result<String, String> {
        self.kubectl.run(&["get", "configmap", "-n", self.space, name, "-o", "jsonpath={.data.value}"])
    }

    /// Waits until a ConfigMap has a value.
    pub fn has(&self, name: &str, value: &str) {
        eventually(&format!("{name} has '{value}'"), || match self.value(name)? {
            now if now == value => Ok(()),
            now => Err(now),
        });
    }

    /// A field of an object, as text.
    pub fn field(&self, kind: &str, name: &str, path: &str) -> String {
        let path = format!("jsonpath={{{path}}}");
        self.kubectl.run(&["get", kind, "-n", self.space, name, "-o", &path]).unwrap()
    }

    /// Asks for a pass and waits until it is answered.
    pub fn request(&self, name: &str, token: &str) -> Value {
        request(self.cluster, "kustomization", self.space, name, token)
    }

    pub fn exists(&self, kind: &str, name: &str) -> bool {
        self.cluster.exists(kind, self.space, name)
    }

    /// Deletes a Kustomization and waits until it is gone.
    pub fn delete(&self, name: &str) {
        self.kubectl.run(&["delete", "kustomization", "-n", self.space, name, "--timeout=60s"]).unwrap();
    }
}

/// What the status's inventory names.
pub fn inventory(kustomization: &Value) -> Vec<String> {
    let entries = kustomization["status"]["inventory"]["entries"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

/// A time in which something must not happen; there is nothing to wait for instead.
pub fn observe(window: Duration) {
    std::thread::sleep(window);
}
