//! The objects of an installation of Flux 2.9, as far as a migration looks at them: names, labels, rights and the
//! arguments of the controllers.

const HOME: &str = "flux-system";
const VERSION: &str = "v2.9.4";
const RBAC: &str = "rbac.authorization.k8s.io";

/// Name, version, whether it is critical, and its arguments besides those that all have.
const CONTROLLERS: [(&str, &str, bool, &[&str]); 3] = [
    (
        "source-controller",
        "v1.9.4",
        true,
        &["--storage-path=/data", "--storage-adv-addr=source-controller.$(RUNTIME_NAMESPACE).svc.cluster.local."],
    ),
    ("kustomize-controller", "v1.9.4", true, &[]),
    ("notification-controller", "v1.9.3", false, &[]),
];

fn labels(component: &str) -> String {
    let own = if component.is_empty() { String::new() } else { format!("app.kubernetes.io/component: {component}, ") };
    format!(
        "{own}app.kubernetes.io/instance: {HOME}, app.kubernetes.io/part-of: flux, app.kubernetes.io/version: {VERSION}"
    )
}

/// An object of the installation; `rest` are the lines behind its metadata.
fn object(api_version: &str, kind: &str, name: &str, component: &str, rest: &str) -> String {
    let is_wide = kind.starts_with("Cluster") || kind == "Namespace";
    let place = if is_wide { String::new() } else { format!("  namespace: {HOME}\n") };
    let labels = labels(component);
    format!("apiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: {name}\n{place}  labels: {{{labels}}}\n{rest}")
}

fn deployment((name, version, is_critical, own): (&str, &str, bool, &[&str])) -> String {
    let events = match name {
        "notification-controller" => "",
        _ => "        - --events-addr=http://notification-controller.flux-system.svc.cluster.local./\n",
    };
    let own: String = own.iter().map(|arg| format!("        - {arg}\n")).collect();
    let class = if is_critical { "      priorityClassName: system-cluster-critical\n" } else { "" };
    let data = if name == "source-controller" { ", {name: data, emptyDir: {}}" } else { "" };
    let mount = if name == "source-controller" { ", {name: data, mountPath: /data}" } else { "" };
    let rest = format!(
        "spec:
  replicas: 1
  strategy: {{type: Recreate}}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, {labels}}}, annotations: {{prometheus.io/scrape: 'true', prometheus.io/port: '8080'}}}}
    spec:
      serviceAccountName: {name}
      terminationGracePeriodSeconds: 10
{class}      nodeSelector: {{kubernetes.io/os: linux}}
      securityContext: {{fsGroup: 1337}}
      containers:
      - name: manager
        image: registry.example.com/fluxcd/{name}:{version}
        args:
{events}        - --watch-all-namespaces
        - --log-level=info
        - --log-encoding=json
        - --enable-leader-election
{own}        env:
        - {{name: RUNTIME_NAMESPACE, valueFrom: {{fieldRef: {{fieldPath: metadata.namespace}}}}}}
        - {{name: GOMEMLIMIT, valueFrom: {{resourceFieldRef: {{containerName: manager, resource: limits.memory}}}}}}
        ports: [{{name: http-prom, containerPort: 8080}}, {{name: healthz, containerPort: 9440}}]
        livenessProbe: {{httpGet: {{path: /healthz, port: healthz}}}}
        readinessProbe: {{httpGet: {{path: /readyz, port: healthz}}}}
        resources: {{limits: {{cpu: '1', memory: 1Gi}}, requests: {{cpu: 100m, memory: 64Mi}}}}
        securityContext: {{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true}}
        volumeMounts: [{{name: temp, mountPath: /tmp}}{mount}]
      volumes: [{{name: temp, emptyDir: {{}}}}{data}]
",
        labels = labels(name)
    );
    object("apps/v1", "Deployment", name, name, &rest)
}

/// All of them but the definitions, as the documents of one file.
pub fn components() -> String {
    let service = |name: &str, component: &str, target: &str| {
        let rest = format!(
            "spec: {{selector: {{app: {component}}}, ports: [{{name: http, port: 80, targetPort: {target}}}]}}\n"
        );
        object("v1", "Service", name, component, &rest)
    };
    let policy = |name: &str, spec: &str| {
        object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            name,
            "",
            &format!("spec: {{policyTypes: [Ingress], {spec}}}\n"),
        )
    };
    let role = |name: &str, rules: &str| {
        object(&format!("{RBAC}/v1"), "ClusterRole", &format!("{name}-{HOME}"), "", &format!("rules:\n{rules}"))
    };
    let binding = |name: &str, role: &str, accounts: &[&str]| {
        let subjects: String = accounts
            .iter()
            .map(|name| format!("- {{kind: ServiceAccount, name: {name}, namespace: {HOME}}}\n"))
            .collect();
        let rest = format!("roleRef: {{apiGroup: {RBAC}, kind: ClusterRole, name: {role}}}\nsubjects:\n{subjects}");
        object(&format!("{RBAC}/v1"), "ClusterRoleBinding", &format!("{name}-{HOME}"), "", &rest)
    };
    let groups = "[source.toolkit.fluxcd.io, kustomize.toolkit.fluxcd.io, helm.toolkit.fluxcd.io, notification.toolkit.fluxcd.io, \
                  image.toolkit.fluxcd.io, source.extensions.fluxcd.io]";
    let all = CONTROLLERS.map(|(name, ..)| name);
    let quota = "spec:\n  hard: {pods: '1000'}\n  scopeSelector: {matchExpressions: [{operator: In, scopeName: PriorityClass, values: \
                 [system-node-critical, system-cluster-critical]}]}\n";
    let controller = format!(
        "- {{apiGroups: {groups}, resources: ['*'], verbs: ['*']}}\n\
         - {{apiGroups: [''], resources: [namespaces, secrets, configmaps, serviceaccounts], verbs: [get, list, watch]}}\n\
         - {{apiGroups: [''], resources: [events], verbs: [create, patch]}}\n\
         - {{apiGroups: [''], resources: [configmaps], verbs: ['*']}}\n\
         - {{apiGroups: [coordination.k8s.io], resources: [leases], verbs: ['*']}}\n\
         - {{apiGroups: [''], resources: [serviceaccounts/token], verbs: [create]}}\n"
    );
    let mut parts = vec![
        object("v1", "Namespace", HOME, "", ""),
        object("v1", "ResourceQuota", &format!("critical-pods-{HOME}"), "", quota),
        role("crd-controller", &controller),
        role(
            "flux-edit",
            &format!("- {{apiGroups: {groups}, resources: ['*'], verbs: [create, delete, patch, update]}}\n"),
        ),
        role("flux-view", &format!("- {{apiGroups: {groups}, resources: ['*'], verbs: [get, list, watch]}}\n")),
        binding("cluster-reconciler", "cluster-admin", &["kustomize-controller", "helm-controller"]),
        binding("crd-controller", &format!("crd-controller-{HOME}"), &all),
        service("source-controller", "source-controller", "http"),
        service("notification-controller", "notification-controller", "http"),
        service("webhook-receiver", "notification-controller", "http-webhook"),
        policy("allow-egress", "podSelector: {}, egress: [{}], ingress: [{from: [{podSelector: {}}]}]"),
        policy(
            "allow-scraping",
            "podSelector: {}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 8080}]}]",
        ),
        policy(
            "allow-webhooks",
            "podSelector: {matchLabels: {app: notification-controller}}, ingress: [{from: [{namespaceSelector: {}}]}]",
        ),
    ];
    parts.extend(all.map(|name| object("v1", "ServiceAccount", name, name, "")));
    parts.extend(CONTROLLERS.map(deployment));
    parts.join("---\n")
}
