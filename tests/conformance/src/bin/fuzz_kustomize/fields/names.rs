//! Namespaces, labels and prefixes on the kinds that name others; vars.

use super::{Texts, file, flow_list};
use crate::random::Random;

/// Kind, name, and what else each object has.
const OBJECTS: [(&str, &str, &str, &str); 27] = [
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rb", "subjects: SUBJECTS\nroleRef: {kind: Role, name: r}\n"),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "crb",
        "subjects: SUBJECTS\nroleRef: {kind: ClusterRole, name: r}\n",
    ),
    ("rbac.authorization.k8s.io/v1", "Role", "r", "rules: [{resources: [configmaps], resourceNames: [cm]}]\n"),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        "r",
        "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\n",
    ),
    ("v1", "ServiceAccount", "sa", "secrets: [{name: s}]\n"),
    ("v1", "ServiceAccount", "default", ""),
    ("v1", "Namespace", "one", ""),
    ("v1", "Namespace", "ns", ""),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "w",
        "webhooks: [{name: a, clientConfig: {service: {name: svc, namespace: one}}}]\n",
    ),
    (
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        "w",
        "webhooks: [{name: a, clientConfig: {url: x}}, {clientConfig: {service: {name: svc}}}]\n",
    ),
    ("apiregistration.k8s.io/v1", "APIService", "v1.x", "spec: {service: {name: svc, namespace: one}}\n"),
    (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "things.example.com",
        "spec: {scope: Cluster, conversion: {webhook: {clientConfig: {service: {name: svc, namespace: one}}}}}\n",
    ),
    ("example.com/v1", "Thing", "t", "spec: {ref: cm}\n"),
    ("v1", "Service", "svc", "spec: {selector: {a: b}}\n"),
    ("v1", "ConfigMap", "cm", "data: {a: b}\n"),
    ("v1", "PersistentVolume", "pv", "spec: {claimRef: {name: pvc, namespace: one}, storageClassName: sc}\n"),
    ("v1", "PersistentVolumeClaim", "pvc", "spec: {volumeName: pv, storageClassName: sc}\n"),
    ("storage.k8s.io/v1", "StorageClass", "sc", ""),
    (
        "batch/v1",
        "CronJob",
        "cj",
        "spec: {jobTemplate: {spec: {template: {spec: {serviceAccountName: sa, containers: [{name: c, image: i, envFrom: [{configMapRef: {name: cm}}]}]}}}}}\n",
    ),
    (
        "apps/v1",
        "StatefulSet",
        "ss",
        "spec: {serviceName: svc, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {serviceAccountName: default, volumes: [{name: v, persistentVolumeClaim: {claimName: pvc}}, {projected: {sources: [{configMap: {name: cm}}]}}]}}, volumeClaimTemplates: [{metadata: {name: q}}]}\n",
    ),
    (
        "networking.k8s.io/v1",
        "Ingress",
        "ing",
        "spec: {ingressClassName: ic, defaultBackend: {service: {name: svc}}, rules: [{http: {paths: [{backend: {service: {name: svc}}}]}}], tls: [{secretName: cm}]}\n",
    ),
    (
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "np",
        "spec: {podSelector: {matchLabels: {a: b}}, ingress: [{from: [{podSelector: {matchLabels: {c: d}}, namespaceSelector: {}}]}], egress: [{to: [{podSelector: {}}]}]}\n",
    ),
    ("policy/v1", "PodDisruptionBudget", "pdb", "spec: {selector: {matchLabels: {a: b}}}\n"),
    (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "hpa",
        "spec: {scaleTargetRef: {kind: StatefulSet, name: ss, apiVersion: apps/v1}}\n",
    ),
    ("v1", "ReplicationController", "rc", "spec: {selector: {a: b}, template: {metadata: {labels: {a: b}}}}\n"),
    (
        "v1",
        "Pod",
        "p",
        "spec: {topologySpreadConstraints: [{labelSelector: {matchLabels: {a: b}}}], affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {a: b}}}]}}}\n",
    ),
    (
        "apps/v1",
        "Deployment",
        "dep",
        "spec: {template: {spec: {topologySpreadConstraints: [{labelSelector: {matchLabels: {a: b}}}, {}], affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{podAffinityTerm: {labelSelector: {matchLabels: {a: b}}}}]}}}}}\n",
    ),
];
const SUBJECTS: [&str; 8] = [
    "{kind: ServiceAccount, name: default}",
    "{kind: ServiceAccount, name: sa, namespace: one}",
    "{kind: ServiceAccount, name: sa}",
    "{kind: User, name: default}",
    "{kind: Group, name: g, namespace: x}",
    "{kind: ServiceAccount, name: default, namespace: two}",
    "{name: sa}",
    "null",
];
const LABELS: [&str; 10] = [
    "",
    "",
    "commonLabels: {x: w}\n",
    "labels: [{pairs: {x: w}, includeSelectors: true}]\n",
    "labels: [{pairs: {x: w}, includeTemplates: true}]\n",
    "labels: [{pairs: {x: \"1\", a: z}}, {pairs: {w: v}, fields: [{path: spec/extra, create: true, kind: Thing}]}]\n",
    "labels: [{pairs: {x: w}, includeSelectors: true, fields: [{path: spec/more, create: true}]}]\n",
    "commonAnnotations: {m: \"1\"}\n",
    "labels: [{pairs: {x: w}, includeSelectors: true, includeTemplates: true}, {pairs: {x: z}}]\n",
    "labels: [{pairs: {x: w}}]\ncommonLabels: {q: r}\n",
];

pub fn namespaces(random: &mut Random) -> Texts {
    let mut objects = String::new();
    let first = random.below(OBJECTS.len());
    for at in 0..1 + random.below(7) {
        let (api_version, kind, name, rest) = OBJECTS[(first + at * 5) % OBJECTS.len()];
        objects.push_str(&format!("apiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: {name}\n"));
        if random.one_in(2) {
            let namespace = random.pick(&["one", "two", "\"\"", "null", "default"]);
            objects.push_str(&format!("  namespace: {namespace}\n"));
        }
        let subjects: Vec<String> = random.some(2, |random| random.pick(&SUBJECTS).to_owned());
        objects.push_str(&rest.replace("SUBJECTS", &flow_list(&subjects)));
        objects.push_str("---\n");
    }
    let labels = random.pick(&LABELS);
    let mut top = random
        .pick(&[
            "namespace: ns\n",
            "namespace: one\n",
            "",
            "namePrefix: p-\n",
            "namespace: ns\nnamePrefix: p-\nnameSuffix: -s\n",
        ])
        .to_owned();
    if random.one_in(5) {
        top.push_str(&format!(
            "transformers:\n- |\n  apiVersion: builtin\n  kind: NamespaceTransformer\n  metadata: {{name: x, namespace: tr}}\n  \
             setRoleBindingSubjects: {}\n  unsetOnly: {}\n  fieldSpecs: [{{path: metadata/namespace, create: true}}]\n",
            random.pick(&["none", "defaultOnly", "allServiceAccounts"]),
            random.pick(&["true", "false"])
        ));
    }
    let base = random.pick(&["", "", "namespace: one\n", "namePrefix: b-\n", "namespace: two\nnameSuffix: -x\n"]);
    let base_labels = if random.one_in(2) { labels } else { "" };
    vec![
        file("kustomization.yaml", format!("resources: [base]\n{top}{labels}")),
        file("base/kustomization.yaml", format!("resources: [all.yaml]\n{base}{base_labels}")),
        file("base/all.yaml", objects),
    ]
}

const SOURCES: &str = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: cm, namespace: one, annotations: {an: x}, labels: {l: "1"}}
data: {k: v, m: "5", e: "", d: $(B), l.o: x}
---
apiVersion: v1
kind: Service
metadata: {name: svc}
spec: {clusterIP: 10.0.0.1, ports: [{port: 80, name: http}], sel: {a: b}, t: true, nul: null, list: [a, 2]}
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: cm}
spec: {x: w}
"#;
const USES: [&str; 24] = [
    "$(A)",
    "$(B)x",
    "$$(A)",
    "$(A)$(B)",
    "pre-$(A)-post",
    "$(UNDEF)",
    "$(A",
    "$A",
    "$(A)$$",
    "$$$(A)",
    "$($(A))",
    "$()",
    "$(A)(B)",
    "\\\\$(A)",
    "$(a)",
    "$(A )",
    "5",
    "$(A):$(A)",
    "$",
    "$$",
    "$(A)\\n$(B)",
    "$(A.B)",
    "${A}",
    "$(A)%",
];
/// An object, and fields that it has.
const FITTING: [(&str, &[&str]); 3] = [
    (
        "{kind: ConfigMap, name: cm, apiVersion: v1}",
        &[
            "",
            "data.k",
            "data.m",
            "data.e",
            "data.d",
            "metadata.namespace",
            "metadata.annotations.an",
            "data.l\\.o",
            "metadata.labels.l",
        ],
    ),
    (
        "{kind: Service, name: svc, apiVersion: v1}",
        &[
            "",
            "spec.clusterIP",
            "spec.ports[0].port",
            "spec.ports[0].name",
            "spec.t",
            "spec.nul",
            "spec.sel",
            "spec.list",
            "spec.list[1]",
        ],
    ),
    ("{kind: Thing, name: cm, apiVersion: example.com/v1}", &["", "spec.x", "spec"]),
];
const OBJECTS_OF_VARS: [&str; 6] = [
    "{kind: Service, name: svc}",
    "{kind: ConfigMap, name: cm, apiVersion: v1, namespace: one}",
    "{kind: ConfigMap, name: cm, apiVersion: v1, namespace: two}",
    "{name: svc}",
    "{kind: Secret, name: none, apiVersion: v1}",
    "{kind: Thing, name: cm, apiVersion: example.com/v1}",
];
const FIELDS: [&str; 15] = [
    "",
    "metadata.name",
    "spec.ports.0.port",
    "spec.ports[9].port",
    "spec.ports[-1].port",
    "metadata.annotations[\"an\"]",
    "data[l.o]",
    "kind",
    "apiVersion",
    "spec.none",
    "[0]",
    "spec.ports[name=http].port",
    ".metadata.name",
    "metadata",
    "spec.list[1]",
];

pub fn vars(random: &mut Random) -> Texts {
    let mut vars = "vars:\n".to_owned();
    let names: &[&str] = [&["A"][..], &["A", "B"], &["A", "A"], &["B"]][random.below(4)];
    for name in names {
        let (object, field) = match random.below(5) {
            0 => (random.pick(&OBJECTS_OF_VARS), random.pick(&FIELDS)),
            _ => {
                let (object, fields) = FITTING[random.below(FITTING.len())];
                (object, random.pick(fields))
            }
        };
        vars.push_str(&format!("- name: {name}\n  objref: {object}\n"));
        if !field.is_empty() {
            vars.push_str(&format!("  fieldref: {{fieldpath: '{field}'}}\n"));
        }
    }
    let mut used = || format!("\"{}\"", random.pick(&USES));
    let uses = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d, annotations: {{u: {}}}}}\nspec:\n  replicas: {}\n  \
         template:\n    spec:\n      containers:\n      - name: c\n        image: {}\n        command: [{}, {}]\n        \
         env:\n        - {{name: E, value: {}}}\n        - {{name: {}}}\n      volumes: [{{name: v, nfs: {{server: {}}}}}]\n\
         ---\napiVersion: example.com/v1\nkind: Thing\nmetadata: {{name: t}}\nspec: {{f: {}, l: [{}, 1], m: {{a: {}, b: 2, c: \
         null}}, i: 5}}\n",
        used(),
        used(),
        used(),
        used(),
        used(),
        used(),
        used(),
        used(),
        used(),
        used(),
        used()
    );
    let paths = ["spec/f", "spec/l", "spec/m", "spec/m/a", "spec/i", "spec", "spec/none"];
    let mut config = "varReference:\n".to_owned();
    for _ in 0..1 + random.below(3) {
        config.push_str(&format!("- {{path: {}, kind: Thing}}\n", random.pick(&paths)));
    }
    let where_used = random.pick(&["base", "uses.yaml", "uses.yaml"]);
    let change = random.pick(&["", "namePrefix: p-\n", "namespace: ns\n", "nameSuffix: -s\n"]);
    let configurations = random.pick(&["", "configurations: [config.yaml]\n"]);
    vec![
        file("kustomization.yaml", format!("resources: [all.yaml, {where_used}]\n{change}{configurations}{vars}")),
        file("all.yaml", SOURCES),
        file("config.yaml", config),
        file("uses.yaml", uses.clone()),
        file("base/kustomization.yaml", "resources: [uses.yaml]\nnamePrefix: b-\n"),
        file("base/uses.yaml", uses),
    ]
}
