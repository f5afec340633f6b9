//! From a commit to what runs: what many small Kustomizations cost to install, to upgrade and to keep.
//!
//! `cargo xtask bench mttp [--n 1000] [--tenants 1]`, on the real API server. Each Kustomization has a ServiceAccount, a
//! Service, a Deployment of no replicas and an Ingress, a variable of its own, and is applied as a service account of its
//! namespace and waited for; with several tenants the accounts may not list or watch. The floor is the same objects
//! applied bare, eight at a time, in the same run; it is also told when the last of its Deployments had been seen by their
//! controller, for which a Kustomization that waits has to wait.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot go on fails where it stands"
)]

use futures::{StreamExt, stream};
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::Path;
use std::time::{Duration, Instant};
use weir_doc::{Node, from_json};
use weir_e2e::{Controller, Process, free_port, http_get};
use weir_kube::{ApplyOptions, Session};
use weir_testkit::{GitHttp, GitRepo, Kubed, eventually, eventually_within};

const PATIENCE: Duration = Duration::from_secs(900);
/// More than the bounds that are asserted is a mistake, not a slow machine.
const INSTALL_REQUESTS: f64 = 20.0;
const UPGRADE_REQUESTS: f64 = 10.0;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let (n, tenants) = (argument("--n", 1000), argument("--tenants", 1));
    let kubed = Kubed::start();
    let bench = Bench::new(&kubed).await;
    bench.definitions(kubed.kubeconfig());
    let floor = bench.floor(n).await;
    let repo = GitRepo::new(&files(0).each_ref().map(|(path, text)| (*path, text.as_str())));
    let git = GitHttp::serve(repo.path());
    bench.tenants(n, tenants, &git.url(".git")).await;
    let data = tempfile::tempdir().unwrap();
    let source_args =
        [format!("--storage-path={}", data.path().display()), format!("--storage-addr=127.0.0.1:{}", free_port())];
    let _source = Controller::start(kubed.kubeconfig(), "source", &source_args.each_ref().map(String::as_str));
    bench.sources_have(tenants, repo.git(&["rev-parse", "HEAD"]).trim()).await;

    let began = Instant::now();
    let weir = Controller::start(kubed.kubeconfig(), "kustomize", &[]);
    eventually("it has metrics", || http_get(weir.metrics, "/metrics"));
    let none = Costs { began, requests: [0.0; 4], cpu: 0.0, ..Costs::of(&bench, &weir) };
    let install = bench.phase(&weir, none, n, repo.git(&["rev-parse", "HEAD"]).trim()).await;
    let commit = repo.commit(&files(1).each_ref().map(|(path, text)| (*path, text.as_str())), &[], "upgrade");
    let before = Costs::of(&bench, &weir);
    bench.request_sources(tenants).await;
    let upgrade = bench.phase(&weir, before, n, &commit).await;

    println!("{n} Kustomizations of 4 objects, {tenants} tenant(s)");
    println!("{:<28} {:>10} {:>10}", "", "install", "upgrade");
    let row = |name: &str, value: &dyn Fn(&Costs) -> f64| {
        println!("{name:<28} {:>10.1} {:>10.1}", value(&install), value(&upgrade));
    };
    row("seconds", &|c| c.seconds);
    let phases = [&install, &upgrade];
    for (name, value) in [("floor", (|f| f.seconds) as fn(&Floor) -> f64), ("floor, seen", |f| f.seen)] {
        let [one, other] = floor.each_ref().map(value);
        println!("{:<28} {one:>10.1} {other:>10.1}", format!("seconds of the {name}"));
        println!("{:<28} {:>10.2} {:>10.2}", "ratio", phases[0].seconds / one, phases[1].seconds / other);
    }
    for (at, method) in METHODS.into_iter().enumerate() {
        row(&format!("{method} each"), &|c| c.requests[at] / n as f64);
    }
    row("requests each", &|c| c.requests() / n as f64);
    row("runs each", &|c| c.finished as f64 / n as f64);
    row("CPU seconds, weir", &|c| c.cpu);
    row("CPU seconds, API server", &|c| c.server_cpu);
    row("CPU seconds, idle", &|c| c.idle_cpu);
    row("peak MiB, weir", &|c| c.peak as f64 / 1_048_576.0);
    row("peak MiB, API server", &|c| c.server_peak as f64 / 1_048_576.0);
    if let Ok(path) = std::env::var("WEIR_BENCH_LOG") {
        std::fs::write(path, weir.log().join("\n")).unwrap();
    }
    bench.idle(&weir, n).await;
    assert!(install.requests() / n as f64 <= INSTALL_REQUESTS, "an install takes at most {INSTALL_REQUESTS} requests");
    assert!(upgrade.requests() / n as f64 <= UPGRADE_REQUESTS, "an upgrade takes at most {UPGRADE_REQUESTS} requests");
}

fn argument(name: &str, default: usize) -> usize {
    let args: Vec<String> = std::env::args().collect();
    let value = args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    value.map_or(default, |value| value.parse().unwrap())
}

/// What the log says at the end of a run.
const FINISHED: &str = "Reconciliation finished";

const METHODS: [&str; 4] = ["GET", "PATCH", "POST", "DELETE"];

/// What something has cost so far.
struct Costs {
    began: Instant,
    seconds: f64,
    requests: [f64; 4],
    cpu: f64,
    server_cpu: f64,
    /// Of the whole machine.
    idle_cpu: f64,
    peak: u64,
    server_peak: u64,
    /// Runs that were finished.
    finished: usize,
}

impl Costs {
    fn of(bench: &Bench, weir: &Controller) -> Self {
        let method = |method: &str| weir.requests_with(&format!("method=\"{method}\"")) as f64;
        Self {
            began: Instant::now(),
            seconds: 0.0,
            requests: METHODS.map(method),
            cpu: weir.process().cpu_seconds(),
            server_cpu: bench.server.cpu_seconds(),
            idle_cpu: idle_seconds(),
            peak: weir.process().peak_memory(),
            server_peak: bench.server.peak_memory(),
            finished: weir.logged(FINISHED),
        }
    }

    fn since(self, before: &Self) -> Self {
        let mut requests = self.requests;
        requests.iter_mut().zip(before.requests).for_each(|(now, before)| *now -= before);
        Self {
            seconds: (self.began - before.began).as_secs_f64(),
            requests,
            cpu: self.cpu - before.cpu,
            server_cpu: self.server_cpu - before.server_cpu,
            idle_cpu: self.idle_cpu - before.idle_cpu,
            finished: self.finished - before.finished,
            ..self
        }
    }

    fn requests(&self) -> f64 {
        self.requests.iter().sum()
    }
}

/// What nobody can go below.
struct Floor {
    /// Until the last apply was answered.
    seconds: f64,
    /// Until the last Deployment was seen by its controller.
    seen: f64,
}

struct Bench {
    session: Session,
    server: Process,
}

impl Bench {
    async fn new(kubed: &Kubed) -> Self {
        let read = Kubeconfig::read_from(kubed.kubeconfig()).unwrap();
        let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.unwrap();
        let session = Session::new(kube::Client::try_from(config).unwrap());
        Self { session, server: Process::child(kubed.pid(), "apiserver").expect("the API server runs") }
    }

    fn definitions(&self, kubeconfig: &Path) {
        let definitions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/crd").display().to_string();
        let kubectl = weir_testkit::Kubectl::new(kubeconfig);
        kubectl.run(&["apply", "--server-side", "-f", &definitions]).unwrap();
        eventually_within(PATIENCE, "the kinds are served", || kubectl.run(&["get", "kustomizations,gitrepositories"]));
    }

    async fn apply_all(&self, objects: Vec<Node>) {
        let options = ApplyOptions { manager: "bench", force: true, dry_run: false };
        let all = stream::iter(objects).map(|node| async move { self.session.apply(&node, options).await.unwrap() });
        all.buffer_unordered(8).for_each(|_| std::future::ready(())).await;
    }

    /// The bare applies of an install and of an upgrade.
    async fn floor(&self, n: usize) -> [Floor; 2] {
        self.apply_all(vec![namespace("floor")]).await;
        let objects = |version: usize| -> Vec<Node> {
            let all = (0..n).flat_map(|at| {
                let texts = files(version).map(|(_, text)| text);
                let named = texts.map(|text| text.replace("${name}", &format!("app-{at}")));
                named.map(|text| node(&text.replace("\"metadata\":{", "\"metadata\":{\"namespace\":\"floor\",")))
            });
            all.collect()
        };
        let mut deployments = objects(1);
        deployments.retain(|object| object.str_at(&["kind"]) == Some("Deployment"));
        [self.applied_bare(objects(0), n).await, self.applied_bare(deployments, n).await]
    }

    async fn applied_bare(&self, objects: Vec<Node>, n: usize) -> Floor {
        let began = Instant::now();
        self.apply_all(objects).await;
        let seconds = began.elapsed().as_secs_f64();
        loop {
            let items = self.items("Deployment", "apps/v1", "floor").await;
            let generation = |item: &Node, part: &str, field: &str| item.path(&[part, field]).cloned();
            let is_seen = |item: &&Node| {
                generation(item, "status", "observedGeneration") == generation(item, "metadata", "generation")
            };
            if items.iter().filter(is_seen).count() == n {
                return Floor { seconds, seen: began.elapsed().as_secs_f64() };
            }
            assert!(began.elapsed() < PATIENCE, "the Deployments of the floor have no status");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The namespaces with their sources, accounts and Kustomizations.
    async fn tenants(&self, n: usize, tenants: usize, url: &str) {
        let verbs = match tenants {
            1 => r#"["get","list","watch","create","patch","delete"]"#,
            _ => r#"["get","create","patch","delete"]"#,
        };
        for tenant in 0..tenants {
            let space = format!("bench-{tenant}");
            let meta = format!(r#"{{"name":"tenant","namespace":"{space}"}}"#);
            let rbac = "rbac.authorization.k8s.io";
            self.apply_all(vec![namespace(&space)]).await;
            self.apply_all(vec![
                node(&format!(r#"{{"apiVersion":"v1","kind":"ServiceAccount","metadata":{meta}}}"#)),
                node(&format!(
                    r#"{{"apiVersion":"{rbac}/v1","kind":"Role","metadata":{meta},"rules":[
                    {{"apiGroups":["","apps","networking.k8s.io"],
                      "resources":["serviceaccounts","services","deployments","ingresses"],"verbs":{verbs}}}]}}"#
                )),
                node(&format!(
                    r#"{{"apiVersion":"{rbac}/v1","kind":"RoleBinding","metadata":{meta},
                    "roleRef":{{"apiGroup":"{rbac}","kind":"Role","name":"tenant"}},
                    "subjects":[{{"kind":"ServiceAccount","name":"tenant","namespace":"{space}"}}]}}"#
                )),
                node(&format!(
                    r#"{{"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"GitRepository",
                    "metadata":{{"name":"repo","namespace":"{space}"}},
                    "spec":{{"interval":"1h","url":"{url}","ref":{{"branch":"main"}}}}}}"#
                )),
            ])
            .await;
        }
        let kustomizations = (0..n).map(|at| kustomization(at, tenants, "1h")).collect();
        self.apply_all(kustomizations).await;
    }

    async fn items(&self, kind: &str, api_version: &str, namespace: &str) -> Vec<Node> {
        let any = format!(r#"{{"apiVersion":"{api_version}","kind":"{kind}","metadata":{{"name":"any"}}}}"#);
        let reference = weir_object::ObjectRef::of(&node(&any)).unwrap();
        let resource = self.session.resource(&reference).await.unwrap();
        self.session.list(&resource, namespace, "").await.unwrap()
    }

    async fn sources_have(&self, tenants: usize, commit: &str) {
        let began = Instant::now();
        loop {
            let items = self.items("GitRepository", "source.toolkit.fluxcd.io/v1", "").await;
            let has = |item: &&Node| {
                item.str_at(&["status", "artifact", "revision"]).is_some_and(|revision| revision.ends_with(commit))
            };
            if items.iter().filter(has).count() == tenants {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the sources do not have {commit}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn request_sources(&self, tenants: usize) {
        let patch = node(r#"{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"now"}}}"#);
        for tenant in 0..tenants {
            let meta = format!(r#"{{"name":"repo","namespace":"bench-{tenant}"}}"#);
            let source = node(&format!(
                r#"{{"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"GitRepository","metadata":{meta}}}"#
            ));
            let reference = weir_object::ObjectRef::of(&source).unwrap();
            self.session.merge_patch(&reference, "", "bench", &patch).await.unwrap();
        }
    }

    /// What it costs until every Kustomization has applied a commit.
    async fn phase(&self, weir: &Controller, before: Costs, n: usize, commit: &str) -> Costs {
        let finished = || weir.logged(FINISHED);
        let (already, mut wanted) = (before.finished, n);
        loop {
            if finished() - already >= wanted {
                let costs = Costs::of(self, weir);
                // Some may have run twice; looking at all of them is not cheap.
                let left = n - self.ready(commit).await;
                if left == 0 {
                    // Events are written behind; they count.
                    let requests = self.settled(weir).await.requests;
                    return Costs { requests, ..costs }.since(&before);
                }
                wanted += left;
            }
            if before.began.elapsed() > PATIENCE {
                let log = weir.log();
                panic!("{} have finished\n{}", finished(), log[log.len().saturating_sub(20)..].join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The costs when nothing has been asked for two seconds.
    async fn settled(&self, weir: &Controller) -> Costs {
        let mut last = Costs::of(self, weir);
        loop {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let now = Costs::of(self, weir);
            if now.requests == last.requests || now.began - last.began > PATIENCE {
                return now;
            }
            last = now;
        }
    }

    /// How many have applied a commit.
    async fn ready(&self, commit: &str) -> usize {
        let items = self.items("Kustomization", "kustomize.toolkit.fluxcd.io/v1", "").await;
        let is_ready = |item: &&Node| {
            item.str_at(&["status", "lastAppliedRevision"]).is_some_and(|revision| revision.ends_with(commit))
        };
        items.iter().filter(is_ready).count()
    }

    /// Two intervals of a minute in which nothing happens.
    async fn idle(&self, weir: &Controller, n: usize) {
        let items = self.items("Kustomization", "kustomize.toolkit.fluxcd.io/v1", "").await;
        let patch = node(r#"{"spec":{"interval":"1m"}}"#);
        let refs = items.iter().map(|item| weir_object::ObjectRef::of(item).unwrap());
        let work = stream::iter(refs.collect::<Vec<_>>()).map(|reference| {
            let patch = &patch;
            async move { self.session.merge_patch(&reference, "", "bench", patch).await.unwrap() }
        });
        work.buffer_unordered(8).for_each(|_| std::future::ready(())).await;
        tokio::time::sleep(Duration::from_secs(70)).await;
        let before = Costs::of(self, weir);
        tokio::time::sleep(Duration::from_secs(120)).await;
        let idle = Costs::of(self, weir).since(&before);
        let each = |total: f64| total / n as f64 / 2.0;
        println!("idle, per interval of 1m and Kustomization");
        println!("{:<28} {:>10.2}", "requests", each(idle.requests()));
        println!("{:<28} {:>10.2}", "CPU ms, weir", each(idle.cpu) * 1000.0);
        println!("{:<28} {:>10.2}", "CPU ms, API server", each(idle.server_cpu) * 1000.0);
    }
}

/// How long the processors of this machine have had nothing to do.
fn idle_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let ticks = stat.lines().next().unwrap().split_whitespace().nth(4).unwrap();
    ticks.parse::<f64>().unwrap() / 100.0
}

fn node(json: &str) -> Node {
    from_json(json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn namespace(name: &str) -> Node {
    node(&format!(r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{name}"}}}}"#))
}

fn kustomization(at: usize, tenants: usize, interval: &str) -> Node {
    let space = format!("bench-{}", at % tenants);
    node(&format!(
        r#"{{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization",
        "metadata":{{"name":"app-{at}","namespace":"{space}"}},
        "spec":{{"interval":"{interval}","path":"./app","prune":true,"wait":true,"timeout":"5m",
        "targetNamespace":"{space}","serviceAccountName":"tenant",
        "sourceRef":{{"kind":"GitRepository","name":"repo"}},
        "postBuild":{{"substitute":{{"name":"app-{at}"}}}}}}}}"#
    ))
}

/// The manifests of a version; an upgrade changes one field of the Deployment.
fn files(version: usize) -> [(&'static str, String); 4] {
    let meta = r#""metadata":{"name":"${name}"}"#;
    [
        ("app/account.yaml", format!(r#"{{"apiVersion":"v1","kind":"ServiceAccount",{meta}}}"#)),
        (
            "app/service.yaml",
            format!(
                r#"{{"apiVersion":"v1","kind":"Service",{meta},"spec":{{"selector":{{"app":"${{name}}"}},
                "ports":[{{"name":"http","port":80,"targetPort":8080}}]}}}}"#
            ),
        ),
        (
            "app/deployment.yaml",
            format!(
                r#"{{"apiVersion":"apps/v1","kind":"Deployment",{meta},"spec":{{"replicas":0,
                "selector":{{"matchLabels":{{"app":"${{name}}"}}}},"template":{{"metadata":{{"labels":{{"app":"${{name}}"}}}},
                "spec":{{"serviceAccountName":"${{name}}","containers":[{{"name":"app","image":"example.com/app:{version}",
                "ports":[{{"containerPort":8080}}]}}]}}}}}}}}"#
            ),
        ),
        (
            "app/ingress.yaml",
            format!(
                r#"{{"apiVersion":"networking.k8s.io/v1","kind":"Ingress",{meta},"spec":{{"rules":[
                {{"host":"${{name}}.example.com","http":{{"paths":[{{"path":"/","pathType":"Prefix",
                "backend":{{"service":{{"name":"${{name}}","port":{{"name":"http"}}}}}}}}]}}}}]}}}}"#
            ),
        ),
    ]
}
