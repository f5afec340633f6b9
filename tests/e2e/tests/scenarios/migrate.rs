//! `weir migrate`: a cluster that Flux's own packages have set up is taken over and given back. What Flux's kustomize
//! controller would do is done by `tools/fluxssa`, which is built from its packages.

use crate::flux;
use crate::manifests::{config_map, deployment, namespace};
use crate::replicas::address;
use crate::uninstall::uninstalled;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use weir_e2e::installed::{self, Audit};
use weir_e2e::{Cluster, Controller, Ended, condition, on_kube_apiserver};
use weir_testkit::{GitHttp, GitRepo, Kubectl, eventually};

on_kube_apiserver!(a_bootstrapped_cluster_goes_to_weir_and_back, a_cluster_without_a_repository_goes_to_weir_and_back);

const HOME: &str = "flux-system";
const SPACE: &str = "migrated";
const IMAGE: &str = "registry.example.com/weir:v9";
const COMPONENTS: &str = "clusters/prod/flux-system/gotk-components.yaml";

/// What Flux writes into a bootstrapped repository: the definitions, and the controllers.
fn components() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root.join("../../config/crd")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut text = flux::components();
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "yaml")) {
        let definition = std::fs::read_to_string(file).unwrap();
        let labels = "    app.kubernetes.io/part-of: flux\n";
        let more =
            format!("    app.kubernetes.io/instance: flux-system\n{labels}    app.kubernetes.io/version: v2.9.4\n");
        text.push_str(&format!("---\n{}", definition.trim_start_matches("---\n").replacen(labels, &more, 1)));
    }
    text
}

fn sync(url: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: flux-system, namespace: flux-system}}
spec: {{interval: 1h, ref: {{branch: main}}, url: '{url}'}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: flux-system, namespace: flux-system}}
spec: {{interval: 1h, path: ./clusters/prod, prune: true, sourceRef: {{kind: GitRepository, name: flux-system}}}}
"
    )
}

fn apps() -> String {
    "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {interval: 1h, path: ./apps, prune: true, wait: true, sourceRef: {kind: GitRepository, name: flux-system}}
"
    .to_owned()
}

fn objects() -> String {
    let others = format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: secret, namespace: {SPACE}}}
stringData: {{word: secret}}
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: {SPACE}}}
spec: {{selector: {{app: web}}, ports: [{{name: http, port: 80}}]}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: web, namespace: {SPACE}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: web, namespace: {SPACE}}}
rules: [{{apiGroups: [''], resources: [configmaps], verbs: [get]}}]
"
    );
    [namespace(SPACE), config_map(SPACE, "map", "1"), deployment(SPACE, "web", 1), others].join("---\n")
}

/// Flux's packages, built once.
fn fluxssa() -> &'static Path {
    static BUILT: OnceLock<(PathBuf, tempfile::TempDir)> = OnceLock::new();
    let (program, _) = BUILT.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("fluxssa");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/fluxssa");
        let mut build = Command::new("go");
        build.args(["build", "-o"]).arg(&program).arg(".").current_dir(source);
        let built = build.output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        (program, dir)
    });
    program
}

struct Flux<'c> {
    cluster: &'c Cluster,
    kubectl: Kubectl,
    repo: GitRepo,
}

impl Flux<'_> {
    /// Flux's source controller has fetched the commit: another gzip, another digest, and an address where nobody is.
    fn fetched(&self) -> String {
        let commit = self.repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
        let revision = format!("main@sha1:{commit}");
        let generation =
            self.kubectl.json(&["get", "gitrepository", "-n", HOME, "flux-system"]).unwrap()["metadata"]["generation"]
                .clone();
        let ready = json!({
            "type": "Ready", "status": "True", "reason": "Succeeded", "observedGeneration": generation,
            "message": format!("stored artifact for revision '{revision}'"), "lastTransitionTime": "2026-01-01T00:00:00Z"
        });
        let path = format!("gitrepository/flux-system/flux-system/{commit}.tar.gz");
        let status = json!({"status": {
            "observedGeneration": generation, "conditions": [ready],
            "artifact": {
                "path": path, "url": format!("http://source-controller.flux-system.svc.cluster.local./{path}"),
                "revision": revision, "digest": format!("sha256:{}", "0".repeat(64)), "size": 1000,
                "lastUpdateTime": "2026-01-01T00:00:00Z"
            },
        }});
        let manager = "--field-manager=gotk-source-controller";
        let at = ["patch", "gitrepository", "-n", HOME, "flux-system", "--type=merge", manager, "-p"];
        let finalizer = r#"{"metadata":{"finalizers":["finalizers.fluxcd.io"]}}"#;
        self.kubectl.run(&[&at[..], &[finalizer]].concat()).unwrap();
        self.kubectl.run(&[&at[..], &[&status.to_string(), "--subresource=status"]].concat()).unwrap();
        revision
    }

    /// Flux's kustomize controller makes a pass of a Kustomization; what it did with each object.
    fn applied(&self, name: &str, folder: &str, revision: &str) -> String {
        let weir = |args: &[&str]| {
            let mut command = Command::new(weir_e2e::program());
            command.args(args).env("KUBECONFIG", self.cluster.kubeconfig()).stdin(Stdio::null());
            Ended::of(command.output().unwrap())
        };
        let path = self.repo.path().join(folder).display().to_string();
        let built = weir(&["build", "kustomization", name, "-n", HOME, "--path", &path]);
        assert_eq!(built.code, Some(0), "{}", built.stderr);
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, built.stdout.as_bytes()).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut flux = Command::new(fluxssa());
        flux.args(["reconcile", HOME, name, revision]).env("KUBECONFIG", self.cluster.kubeconfig()).stdin(file);
        let done = Ended::of(flux.output().unwrap());
        assert_eq!(done.code, Some(0), "{}\n{}", done.stderr, done.stdout);
        done.stdout
    }

    /// Both Kustomizations.
    fn all_applied(&self) -> String {
        let revision = self.fetched();
        self.applied("flux-system", "clusters/prod", &revision) + &self.applied("apps", "apps", &revision)
    }

    fn migrate(&self, args: &str) -> Ended {
        self.cluster.shell(&format!("weir migrate {args} --timeout=80s"))
    }

    /// The versions of what Kustomizations have applied, by plural, namespace and name; of Flux's own kinds they change.
    fn versions(&self) -> BTreeMap<String, String> {
        let kinds = "namespaces,crd,quota,sa,clusterroles,clusterrolebindings,roles,rolebindings,services,netpol,deployments,\
                     configmaps,secrets";
        let label = ["-A", "-l", "kustomize.toolkit.fluxcd.io/name"];
        let all = self.kubectl.json(&[&["get", kinds], &label[..]].concat()).unwrap();
        let of = |object: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let plural = format!("{}s", text(&object["kind"]).to_lowercase()).replace("ys", "ies");
            let metadata = &object["metadata"];
            let key = format!("{plural}/{}/{}", text(&metadata["namespace"]), text(&metadata["name"]));
            (key, text(&metadata["resourceVersion"]))
        };
        all["items"].as_array().unwrap().iter().map(of).collect()
    }

    /// Of them, those of the folder `apps` that stay to the end.
    fn app_versions(&self) -> BTreeMap<String, String> {
        let mut all = self.versions();
        all.retain(|key, _| key.contains(SPACE) && !key.ends_with("/stale"));
        all
    }

    /// Waits until the pretended pods are there, and their Deployments have said so for the last time.
    fn rolled_out(&self, namespace: &str, names: &[&str]) {
        for name in names {
            eventually(&format!("{name} is rolled out"), || {
                let object = self.kubectl.json(&["get", "deployment", "-n", namespace, name])?;
                let status = &object["status"];
                let is_done = status["observedGeneration"] == object["metadata"]["generation"]
                    && condition(&object, "Progressing").is_some_and(|c| c["reason"] == "NewReplicaSetAvailable")
                    && status["readyReplicas"] == 1
                    && status["replicas"] == 1;
                if is_done { Ok(()) } else { Err(status.to_string()) }
            });
        }
    }

    fn image(&self, name: &str) -> String {
        let field = "jsonpath={.spec.template.spec.containers[0].image}";
        self.kubectl.run(&["get", "deployment", "-n", HOME, name, "-o", field]).unwrap()
    }

    /// The controllers as the Deployments on the cluster would run them, as their accounts.
    fn controllers(&self, dir: &Path) -> [Controller; 2] {
        // Here it is another folder and address, and nobody listens for events.
        let is_elsewhere = |arg: &str| arg.starts_with("--storage") || arg.starts_with("--events-addr");
        let start = |name: &str, more: &[&str]| {
            let object = self.kubectl.json(&["get", "deployment", "-n", HOME, name]).unwrap();
            let args = object["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap().clone();
            let args: Vec<&str> = args.iter().map(|arg| arg.as_str().unwrap()).filter(|a| !is_elsewhere(a)).collect();
            assert_eq!(args[0], "controller");
            let account = installed::as_account(self.cluster.kubeconfig(), dir, name);
            Controller::start_in(HOME, &account, args[1], &[&args[2..], more].concat())
        };
        std::fs::create_dir_all(dir.join("data")).unwrap();
        let storage =
            [format!("--storage-path={}", dir.join("data").display()), format!("--storage-addr={}", address())];
        [start("source-controller", &[&storage[0], &storage[1]]), start("kustomize-controller", &[])]
    }
}

fn says(ended: &Ended, code: i32, lines: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    for line in lines {
        assert!(ended.stderr.contains(line), "'{line}' is not in\n{}", ended.stderr);
    }
}

/// What a controller of the installation wrote, but for its own kinds, events and leases. A patch of an object whose version
/// stays changed nothing: where one object alone may differ, the apply itself is what asks.
fn changing_writes(events: &[Value], unchanged: &BTreeMap<String, String>) -> Vec<String> {
    let own = ["gitrepositories", "kustomizations", "events", "leases", "selfsubjectaccessreviews"];
    let is_write = |event: &&Value| matches!(event["verb"].as_str(), Some("create" | "update" | "patch" | "delete"));
    let changes = |event: &&Value| {
        let part = |name: &str| event["objectRef"][name].as_str().unwrap_or_default();
        let namespace = if part("resource") == "namespaces" { "" } else { part("namespace") };
        let key = format!("{}/{namespace}/{}", part("resource"), part("name"));
        let is_idle = event["verb"] == "patch" && unchanged.contains_key(&key);
        !event["requestURI"].as_str().unwrap().contains("dryRun=All") && !own.contains(&part("resource")) && !is_idle
    };
    let told = |event: &Value| format!("{} {}", event["verb"], event["requestURI"]);
    events.iter().filter(is_write).filter(changes).map(told).collect()
}

fn a_bootstrapped_cluster_goes_to_weir_and_back(cluster: &Cluster) {
    cluster.bare();
    let components = components();
    let (apps, objects) = (apps(), objects());
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sops");
    let sound = std::fs::read_to_string(fixtures.join("secret.yaml")).unwrap();
    let repo = GitRepo::new(&[
        ("secrets/sound.yaml", &sound),
        ("secrets/stale.yaml", &sound.replace("name: db", "name: database")),
        (COMPONENTS, &components),
        ("clusters/prod/apps.yaml", &apps),
        ("apps/objects.yaml", &objects),
        ("apps/stale.yaml", &config_map(SPACE, "stale", "1")),
    ]);
    let http = GitHttp::serve(repo.path());
    let sync = sync(&http.url(".git"));
    repo.commit(&[("clusters/prod/flux-system/gotk-sync.yaml", &sync)], &[], "sync");
    let clone = repo.path().display().to_string();
    let flux = Flux { cluster, kubectl: cluster.kubectl(), repo };
    let apply = ["apply", "--server-side", "--force-conflicts", "--field-manager=flux", "-f", "-"];
    for text in [&components, &sync, &apps] {
        eventually("what bootstraps is applied", || flux.kubectl.run_with_input(&apply, text));
    }
    flux.all_applied();
    let controllers = ["source-controller", "kustomize-controller", "notification-controller"];
    flux.rolled_out(HOME, &controllers);
    flux.rolled_out(SPACE, &["web"]);

    let beside = cluster.shell("weir install");
    says(
        &beside,
        1,
        &["✗ kustomize-controller of Flux runs in the 'flux-system' namespace: `weir migrate --from flux`"],
    );
    // What stands in the way is said before anything is written.
    let bucket = format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: Bucket\nmetadata: {{name: bucket, namespace: {SPACE}}}\n\
         spec: {{interval: 1h, bucketName: b, endpoint: s3.example.com}}\n"
    );
    flux.kubectl.apply(&bucket).unwrap();
    let refused = flux.migrate(&format!("--from flux --path {clone} --image {IMAGE} --silent"));
    let stays = "source-controller stays with Flux: Bucket/migrated/bucket: weir has no controller for its kind yet";
    says(&refused, 1, &[stays, "(--partial takes over the rest)"]);
    let partial = flux.migrate(&format!("--from flux --path {clone} --image {IMAGE} --partial --dry-run"));
    says(&partial, 0, &["► Deployment kustomize-controller would run weir's program", "(dry run)"]);
    assert!(!partial.stderr.contains("Deployment source-controller would"), "{}", partial.stderr);
    flux.kubectl.run(&["delete", "bucket", "-n", SPACE, "bucket"]).unwrap();
    let narrowed = "► Kustomization/flux-system/apps would be Stalled: it names no serviceAccountName, and needs one with rights \
                    in the namespaces migrated and on cluster-wide kinds (Namespace), for 8 objects";
    let dry = flux.migrate(&format!("--from flux --path {clone} --image {IMAGE} --dry-run"));
    says(
        &dry,
        0,
        &["✔ source-controller can be taken over: 1 objects", "notification-controller stays with Flux", narrowed],
    );
    let key = fixtures.join("throwaway.agekey").display().to_string();
    let dry = flux.migrate(&format!("--from flux --path {clone} --dry-run --age-key-file {key}"));
    let stale = "1 files of SOPS were changed after they were encrypted, which weir tells of and Flux does not: secrets/stale.yaml";
    says(&dry, 0, &["✔ 1 files of SOPS are as they were encrypted", stale]);
    says(&flux.migrate("--from flux --silent"), 1, &["name a clone of its repository with --path"]);
    let early = flux.migrate(&format!("--from flux --path {clone} --continue"));
    says(&early, 1, &["is not changed yet: run the command without --continue"]);
    assert_eq!(flux.repo.git(&["status", "--porcelain"]), "");

    // The file, the commit, and the pass with which Flux's controller replaces itself.
    let written = flux.migrate(&format!("--from flux --path {clone} --image {IMAGE} --silent"));
    says(&written, 0, &["gotk-components.yaml is written", "weir migrate --from flux --path"]);
    assert_eq!(flux.repo.git(&["diff", "--name-only"]).trim(), COMPONENTS);
    flux.repo.commit(&[], &[], "Run the controllers of weir");
    let before = flux.app_versions();
    let told = flux.all_applied();
    let changed: Vec<&str> = told.lines().filter(|line| !line.ends_with("unchanged")).collect();
    assert_eq!(
        changed,
        [
            "Role/flux-system/kustomize-controller created",
            "Role/flux-system/source-controller created",
            "RoleBinding/flux-system/kustomize-controller created",
            "RoleBinding/flux-system/source-controller created",
            "Deployment/flux-system/kustomize-controller configured",
            "Deployment/flux-system/source-controller configured",
        ]
    );
    flux.rolled_out(HOME, &controllers);
    assert_eq!((flux.image("source-controller").as_str(), flux.app_versions()), (IMAGE, before.clone()));
    assert!(flux.image("notification-controller").contains("notification-controller:v1.9.3"));

    let all = flux.versions();
    assert!(
        all.len() > 30 && all.contains_key("customresourcedefinitions//kustomizations.kustomize.toolkit.fluxcd.io"),
        "{all:?}"
    );

    // weir's controllers, as the accounts and with the rights that Flux's had.
    let noted = Audit::open(cluster.kubeconfig());
    let dir = tempfile::tempdir().unwrap();
    let running = flux.controllers(dir.path());
    let done = flux.migrate(&format!("--from flux --path {clone} --continue"));
    let head = flux.repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    says(
        &done,
        0,
        &[
            &format!("✔ Kustomization/flux-system/flux-system has applied {head}"),
            "✔ kustomize-controller runs; its lease is held by",
            "✔ 2 objects of kustomize-controller are reconciled",
            "applied objects are as they were",
            "✔ migration finished",
        ],
    );
    assert_eq!(flux.versions(), all, "nothing was changed");
    let source = cluster.ready("gitrepository", HOME, "flux-system", "True");
    assert_ne!(
        source["status"]["artifact"]["digest"],
        format!("sha256:{}", "0".repeat(64)),
        "the artifact is packed anew"
    );
    let events = noted.events();
    assert!(
        events.iter().any(|event| event["requestURI"].as_str().unwrap().contains("dryRun=All")),
        "all are looked at"
    );
    assert_eq!(changing_writes(&events, &all), [""; 0]);
    let denied: Vec<&Value> = events.iter().filter(|event| event["responseStatus"]["code"] == 403).collect();
    assert!(denied.is_empty(), "{denied:#?}");

    // It is weir that reconciles: what leaves Git goes.
    let commit = flux.repo.commit(&[], &["apps/stale.yaml"], "less");
    crate::controller::request(cluster, "gitrepository", HOME, "flux-system", "less");
    let at = |name: &str, commit: &str| {
        eventually(&format!("{name} has applied {commit}"), || {
            let object = flux.kubectl.json(&["get", "kustomization", "-n", HOME, name])?;
            let applied = object["status"]["lastAppliedRevision"].as_str().unwrap_or_default().to_owned();
            if applied.ends_with(commit) { Ok(()) } else { Err(object["status"].to_string()) }
        });
    };
    at("apps", &commit);
    assert!(!cluster.exists("configmap", SPACE, "stale"));

    // The way back. What only weir has is named first.
    // By somebody whose fields are not taken over as those of kubectl are.
    let by = "--field-manager=operator";
    flux.kubectl.run(&["annotate", by, "kustomization", "-n", HOME, "apps", "e2e.weir.dev/only=here"]).unwrap();
    let refused = flux.migrate(&format!("--to flux --path {clone} --silent"));
    let only = "Kustomization/flux-system/apps: metadata.annotations['e2e.weir.dev/only']: Flux does not look at it";
    says(&refused, 1, &[only, "--drop-additions"]);
    let written = flux.migrate(&format!("--to flux --path {clone} --silent --drop-additions"));
    says(
        &written,
        0,
        &["gotk-components.yaml is written", "Kustomization/flux-system/apps: what Flux does not know is taken out"],
    );
    let left = flux.kubectl.json(&["get", "kustomization", "-n", HOME, "apps"]).unwrap();
    assert_eq!(left["metadata"]["annotations"]["e2e.weir.dev/only"], Value::Null);
    let commit = flux.repo.commit(&[], &[], "Run the controllers of Flux");
    crate::controller::request(cluster, "gitrepository", HOME, "flux-system", "back");
    at("flux-system", &commit);
    at("apps", &commit);
    for name in ["source-controller", "kustomize-controller"] {
        assert!(flux.image(name).ends_with(&format!("{name}:v1.9.4")), "{}", flux.image(name));
        assert!(!cluster.exists("role", HOME, name));
    }
    for controller in running {
        assert_eq!(controller.terminate(), Some(0));
    }
    flux.rolled_out(HOME, &controllers);
    let told = flux.all_applied();
    let changed: Vec<&str> = told.lines().filter(|line| !line.ends_with("unchanged")).collect();
    assert_eq!(changed, [""; 0], "Flux finds everything as it would have it");
    assert_eq!(flux.app_versions(), before, "and nothing was written in all this");
    let file = std::fs::read_to_string(flux.repo.path().join(COMPONENTS)).unwrap();
    assert!(!file.contains(IMAGE) && !file.contains("migrate.weir.dev"), "nothing of weir is left in the file");
    uninstalled(cluster);
}

fn a_cluster_without_a_repository_goes_to_weir_and_back(cluster: &Cluster) {
    cluster.bare();
    let repo = GitRepo::new(&[("apps/objects.yaml", &objects())]);
    let http = GitHttp::serve(repo.path());
    let flux = Flux { cluster, kubectl: cluster.kubectl(), repo };
    let apply = ["apply", "--server-side", "--force-conflicts", "--field-manager=flux", "-f", "-"];
    let source = sync(&http.url(".git")).split("---\n").next().unwrap().to_owned();
    for text in [&components(), &source, &apps()] {
        eventually("the installation is applied", || flux.kubectl.run_with_input(&apply, text));
    }
    flux.applied("apps", "apps", &flux.fetched());
    flux.rolled_out(HOME, &["source-controller", "kustomize-controller", "notification-controller"]);
    flux.rolled_out(SPACE, &["web"]);
    let before = flux.app_versions();

    let dir = tempfile::tempdir().unwrap();
    let (done, running) = std::thread::scope(|scope| {
        let migration = scope.spawn(|| flux.migrate(&format!("--from flux --image {IMAGE} --silent")));
        eventually("the Deployments are changed", || {
            let images = [flux.image("source-controller"), flux.image("kustomize-controller")];
            if images == [IMAGE, IMAGE] { Ok(()) } else { Err(images.join(", ")) }
        });
        let running = flux.controllers(dir.path());
        (migration.join().unwrap(), running)
    });
    says(&done, 0, &["► Deployment source-controller would run weir's program", "✔ migration finished"]);
    assert_eq!(flux.app_versions(), before, "nothing was written");
    says(&flux.migrate("--from flux --dry-run"), 0, &["✔ source-controller is weir's already"]);
    for controller in running {
        assert_eq!(controller.terminate(), Some(0));
    }

    // Nobody is there to make the passes of the other side.
    let back = cluster.shell("weir migrate --to flux --silent --timeout=5s");
    says(&back, 1, &["► Deployment kustomize-controller would run Flux's program", "not done within 5 s"]);
    assert!(flux.image("source-controller").ends_with("source-controller:v1.9.4"));
    assert!(!cluster.exists("role", HOME, "source-controller"));
    assert_eq!(
        flux.applied("apps", "apps", &flux.fetched()).lines().filter(|line| !line.ends_with("unchanged")).count(),
        0
    );
    uninstalled(cluster);
}
