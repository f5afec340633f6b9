//! The namespace, and a Deployment per controller.

use super::rights::RESTRICTED;
use super::{Install, Settings};
use crate::controllers::Role;

pub(super) fn namespace(settings: &Settings) -> String {
    format!(
        "apiVersion: v1
kind: Namespace
metadata:
  name: {}
  labels:
    {}
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/enforce-version: latest
    pod-security.kubernetes.io/warn: restricted
    pod-security.kubernetes.io/warn-version: latest
",
        settings.namespace,
        settings.labels("", 4)
    )
}

/// Lets pods of the priority class run in this namespace, as clusters that limit it ask for.
pub(super) fn quota(settings: &Settings) -> String {
    format!(
        "apiVersion: v1
kind: ResourceQuota
metadata:
  name: critical-pods
  namespace: {}
  labels:
    {}
spec:
  hard:
    pods: \"1000\"
  scopeSelector:
    matchExpressions:
    - operator: In
      scopeName: PriorityClass
      values: [system-node-critical, system-cluster-critical]
",
        settings.namespace,
        settings.labels("", 4)
    )
}

pub(super) fn controllers(settings: &Settings) -> Vec<String> {
    let mut parts = Vec::new();
    for role in &settings.args.components {
        if *role == Role::Source {
            parts.push(service(settings));
        }
        parts.push(deployment(settings, *role));
        if *role == Role::Kustomize && settings.args.replicas > 1 {
            parts.push(disruption(settings, role.controller()));
        }
    }
    parts
}

fn service(settings: &Settings) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata:
  name: source-controller
  namespace: {}
  labels:
    {}
    control-plane: controller
spec:
  type: ClusterIP
  selector:
    app: source-controller
  ports:
  - name: http
    port: 80
    protocol: TCP
    targetPort: http
",
        settings.namespace,
        settings.labels("source-controller", 4)
    )
}

fn disruption(settings: &Settings, name: &str) -> String {
    format!(
        "apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {name}
  namespace: {}
  labels:
    {}
spec:
  minAvailable: 1
  selector:
    matchLabels:
      app: {name}
",
        settings.namespace,
        settings.labels(name, 4)
    )
}

/// The arguments of a controller.
fn arguments(args: &Install, role: Role) -> Vec<String> {
    let mut all = vec!["controller".to_owned()];
    all.push(if role == Role::Source { "source" } else { "kustomize" }.to_owned());
    if let Some(url) = &args.events_addr {
        all.push(format!("--events-addr={url}"));
    }
    all.push(format!("--watch-all-namespaces={}", args.watch_all_namespaces));
    if !args.namespaces.is_empty() {
        all.push(format!("--watch-namespaces={}", args.namespaces.join(",")));
    }
    all.extend(["--log-level=info", "--log-encoding=json", "--enable-leader-election"].map(str::to_owned));
    if !args.source_hosts.is_any() {
        let flag = if role == Role::Source { "--allowed-source-hosts" } else { "--allowed-base-hosts" };
        all.push(format!("{flag}={}", args.source_hosts));
    }
    match role {
        Role::Source => {
            all.push("--storage-path=/data".to_owned());
            let address = format!("source-controller.$(RUNTIME_NAMESPACE).svc.{}.", args.cluster_domain);
            all.push(format!("--storage-adv-addr={address}"));
        }
        _ if !args.cluster_admin => all.push(RESTRICTED.to_owned()),
        _ => {}
    }
    all
}

fn deployment(settings: &Settings, role: Role) -> String {
    let (args, name, is_source) = (settings.args, role.controller(), role == Role::Source);
    let list =
        |items: Vec<String>, indent: &str| -> String { items.iter().map(|i| format!("{indent}{i}\n")).collect() };
    let arguments = list(arguments(args, role).iter().map(|a| format!("- {a:?}")).collect(), "        ");
    // Its storage is one volume: two pods must not write to it.
    let strategy = if is_source { "  strategy:\n    type: Recreate\n" } else { "" };
    let (grace, replicas) = if is_source { (10, 1) } else { (60, args.replicas) };
    let artifacts =
        if is_source { "\n        - containerPort: 9090\n          name: http\n          protocol: TCP" } else { "" };
    let readiness =
        if is_source { "path: /\n            port: http" } else { "path: /readyz\n            port: healthz" };
    let data = |text: &str| if is_source { text.to_owned() } else { String::new() };
    let pull = args.image_pull_secret.as_ref();
    let pull = pull.map(|name| format!("\n      imagePullSecrets:\n      - name: {name}")).unwrap_or_default();
    let tolerations = match args.toleration_keys.as_slice() {
        [] => String::new(),
        keys => {
            let all: String =
                keys.iter().map(|key| format!("\n      - key: {key:?}\n        operator: Exists")).collect();
            format!("\n      tolerations:{all}")
        }
    };
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    {labels}
    control-plane: controller
spec:
  replicas: {replicas}
{strategy}  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
        {pod_labels}
      annotations:
        prometheus.io/scrape: \"true\"
        prometheus.io/port: \"8080\"
    spec:
      serviceAccountName: {name}
      priorityClassName: system-cluster-critical
      terminationGracePeriodSeconds: {grace}
      nodeSelector:
        kubernetes.io/os: linux{pull}{tolerations}
      securityContext:
        fsGroup: 1337
        runAsNonRoot: true
        seccompProfile:
          type: RuntimeDefault
      containers:
      - name: manager
        image: {image}
        imagePullPolicy: IfNotPresent
        args:
{arguments}        env:
        - name: RUNTIME_NAMESPACE
          valueFrom:
            fieldRef:
              fieldPath: metadata.namespace
        ports:
        - containerPort: 8080
          name: http-prom
          protocol: TCP
        - containerPort: 9440
          name: healthz
          protocol: TCP{artifacts}
        livenessProbe:
          httpGet:
            path: /healthz
            port: healthz
        readinessProbe:
          httpGet:
            {readiness}
        resources:
          requests:
            cpu: 50m
            memory: 64Mi
          limits:
            cpu: 1000m
            memory: 1Gi
        securityContext:
          allowPrivilegeEscalation: false
          capabilities:
            drop: [ALL]
          readOnlyRootFilesystem: true
          runAsNonRoot: true
          seccompProfile:
            type: RuntimeDefault
        volumeMounts:
        - name: tmp
          mountPath: /tmp{data_mount}
      volumes:
      - name: tmp
        emptyDir: {{}}{data_volume}
",
        namespace = settings.namespace,
        labels = settings.labels(name, 4),
        pod_labels = settings.labels(name, 8),
        image = settings.image(),
        data_mount = data("\n        - name: data\n          mountPath: /data"),
        data_volume = data("\n      - name: data\n        emptyDir: {}"),
    )
}
