//! Random kustomizations: a base, an overlay of it, a component and the top, with every transformer and
//! generator, patches of all forms, replacements and vars.

use crate::objects::{self, IMAGES, KEYS, KINDS, NAMES, NAMESPACES};
use crate::openapi;
use crate::random::Random;
use crate::shrink::Files;
use crate::yaml::{Style, Yaml, list, map, plain, quoted};

pub fn files(random: &mut Random) -> Files {
    let changes_kinds = random.one_in(4);
    let mut made = Overlays { files: Files::new(), known: Vec::new(), changes_kinds };
    let with_middle = random.one_in(2);
    let with_component = random.one_in(3);
    made.folder("base", &[], false, random);
    if with_middle {
        made.folder("middle", &["../base"], false, random);
    }
    if with_component {
        made.folder("component", &[], true, random);
    }
    let base = if with_middle { "../middle" } else { "../base" };
    made.folder("top", &[base], false, random);
    if with_component {
        let top = made.files.get_mut("top/kustomization.yaml").and_then(|documents| documents.first_mut());
        if let Some(top) = top {
            top.set("components", list([plain("../component")]));
        }
    }
    made.files
}

struct Overlays {
    files: Files,
    /// Objects that patches may be for.
    known: Vec<Yaml>,
    /// Patches may change kinds. Then nothing is generated: the hash of a generated object of another kind
    /// depends on lines and styles within kustomize.
    changes_kinds: bool,
}

impl Overlays {
    fn folder(&mut self, folder: &str, bases: &[&str], is_component: bool, random: &mut Random) {
        let mut own = map::<&str>([]);
        if is_component {
            own.set("apiVersion", plain("kustomize.config.k8s.io/v1alpha1"));
            own.set("kind", plain("Component"));
        }
        let mut resources: Vec<Yaml> = bases.iter().map(|base| plain(*base)).collect();
        let most = if bases.is_empty() && !is_component { 5 } else { 1 };
        let mut objects = self.objects(most, random);
        if !objects.is_empty() && random.one_in(12) {
            objects = vec![map([("apiVersion", plain("v1")), ("kind", plain("List")), ("items", Yaml::List(objects))])];
        }
        if !objects.is_empty() {
            resources.push(plain("objects.yaml"));
            self.files.insert(format!("{folder}/objects.yaml"), objects);
        }
        own.set("resources", Yaml::List(resources));
        let steps: [fn(&mut Self, &mut Yaml, &str, &mut Random); 13] = [
            Self::names,
            Self::labels,
            Self::images_and_replicas,
            Self::patches,
            Self::patches,
            Self::legacy_patches,
            Self::generators,
            Self::generators,
            Self::replacements,
            Self::vars,
            Self::configurations,
            Self::openapi,
            Self::plugins,
        ];
        for step in steps {
            if random.one_in(4) {
                step(self, &mut own, folder, random);
            }
        }
        if folder == "top" {
            if random.one_in(8) {
                let kinds: Vec<&str> = KINDS.iter().map(|(_, kind)| *kind).collect();
                let first = list(random.some(3, |random| plain(random.pick(&kinds))));
                own.set(
                    "sortOptions",
                    match random.below(3) {
                        0 => map([("order", plain("fifo"))]),
                        1 => map([("order", plain("legacy"))]),
                        _ => map([("order", plain("legacy")), ("legacySortOptions", map([("orderFirst", first)]))]),
                    },
                );
            }
            if random.one_in(10) {
                let options = ["originAnnotations", "transformerAnnotations", "managedByLabel"];
                own.set("buildMetadata", list(random.some(3, |random| plain(random.pick(&options)))));
            }
        }
        self.files.insert(format!("{folder}/kustomization.yaml"), vec![own]);
    }

    /// Objects with names of their own.
    fn objects(&mut self, most: usize, random: &mut Random) -> Vec<Yaml> {
        let mut found: Vec<Yaml> = Vec::new();
        for object in random.some(most, objects::object) {
            let id = |object: &Yaml| {
                let metadata = object.get("metadata");
                let text = |key: &str| object.get(key).map(Yaml::text).unwrap_or_default().to_owned();
                (
                    text("kind"),
                    metadata.and_then(|metadata| metadata.get("name")).map(Yaml::text).unwrap_or_default().to_owned(),
                )
            };
            if self.known.iter().all(|known| id(known) != id(&object)) {
                self.known.push(object.clone());
                found.push(object);
            }
        }
        found
    }

    fn names(&mut self, own: &mut Yaml, folder: &str, random: &mut Random) {
        if random.one_in(2) {
            own.set("namePrefix", plain(format!("{}-", &folder[..1])));
        }
        if random.one_in(3) {
            own.set("nameSuffix", plain(random.pick(&["-s", "-v1", "0"])));
        }
        if random.one_in(2) {
            own.set("namespace", plain(random.pick(&NAMESPACES)));
        }
    }

    fn labels(&mut self, own: &mut Yaml, _folder: &str, random: &mut Random) {
        let pairs = |random: &mut Random| map([(random.pick(&KEYS), texts(random)), ("own", texts(random))]);
        if random.one_in(2) {
            own.set("commonLabels", pairs(random));
        }
        if random.one_in(2) {
            own.set("commonAnnotations", pairs(random));
        }
        if random.one_in(2) {
            let mut label = map([("pairs", pairs(random))]);
            match random.below(4) {
                0 => label.set("includeSelectors", plain("true")),
                1 => label.set("includeTemplates", plain("true")),
                2 => {
                    let spec = map([("path", plain("spec/p")), ("kind", plain("Thing")), ("create", plain("true"))]);
                    label.set("fields", list([spec]));
                }
                _ => {}
            }
            own.set("labels", list([label]));
        }
    }

    fn images_and_replicas(&mut self, own: &mut Yaml, _folder: &str, random: &mut Random) {
        let image = |random: &mut Random| {
            let mut image = map([("name", plain(random.pick(&["img", "other", "reg:5000/a/b", "new"])))]);
            for (field, values) in [
                ("newName", &["new", "reg:443/n", "img"][..]),
                ("newTag", &["v2", "\"1.10\""]),
                ("digest", &["sha256:ff"]),
                ("tagSuffix", &["-s"]),
            ] {
                if random.one_in(3) {
                    image.set(field, plain(random.pick(values)));
                }
            }
            image
        };
        own.set("images", list(random.some(3, image)));
        let workloads: Vec<String> = self
            .known
            .iter()
            .filter(|known| matches!(known.get("kind").map(Yaml::text), Some("Deployment" | "StatefulSet")))
            .filter_map(|known| known.get("metadata")?.get("name").map(|name| name.text().to_owned()))
            .collect();
        if let Some(name) = workloads.first() {
            let count = random.pick(&["0", "3", "7"]);
            own.set("replicas", list([map([("name", plain(name)), ("count", plain(count))])]));
        }
    }

    fn target(&self, random: &mut Random) -> Yaml {
        let kinds: Vec<&str> = KINDS.iter().map(|(_, kind)| *kind).collect();
        let mut target = map::<&str>([]);
        if random.one_in(2) {
            target.set("kind", plain(random.pick(&kinds)));
        }
        if random.one_in(2) {
            target.set("name", quoted(random.pick(&["a", "b", ".*", "web|x.*", "a.*"])));
        }
        if random.one_in(8) {
            target.set("namespace", quoted(random.pick(&["one", "default", "t.*"])));
        }
        if random.one_in(8) {
            target.set("labelSelector", quoted(random.pick(&["app", "app=v", "!k", "app in (v,w)", "k!=w"])));
        }
        if random.one_in(12) {
            target.set("annotationSelector", quoted(random.pick(&["k", "app=v"])));
        }
        if random.one_in(10) {
            target.set("group", plain(random.pick(&["apps", "example.com"])));
        }
        target
    }

    fn strategic(&self, random: &mut Random) -> Option<Yaml> {
        if self.known.is_empty() {
            return None;
        }
        let known = &self.known[random.below(self.known.len())];
        Some(objects::patch(known, random))
    }

    fn operations(random: &mut Random) -> Yaml {
        let operation = |random: &mut Random| {
            let path = random.pick(&[
                "/metadata/labels",
                "/metadata/annotations",
                "/metadata/labels/app",
                "/spec/replicas",
                "/spec/p",
                "/data/k",
                "/data",
                "/spec/containers/0/image",
                "/spec/template/spec/containers/-",
                "/metadata/annotations/a.b~1c",
                "/spec/q/0",
            ]);
            let op = random.pick(&["add", "add", "add", "replace", "remove", "test", "copy"]);
            let mut operation = map([("op", plain(op)), ("path", plain(path))]);
            if op == "copy" {
                operation.set("from", plain("/metadata/name"));
            } else if op != "remove" {
                operation.set(
                    "value",
                    match random.below(4) {
                        0 => map([("k", texts(random))]),
                        1 if !path.starts_with("/metadata") => list([texts(random)]),
                        2 => plain(random.pick(&["1", "true", "null", "1.5", "1e3", "010"])),
                        _ => objects::text(random),
                    },
                );
            }
            operation
        };
        let mut operations = vec![operation(random)];
        operations.extend(random.some(1, operation));
        Yaml::List(operations)
    }

    fn patches(&mut self, own: &mut Yaml, folder: &str, random: &mut Random) {
        if own.get("patches").is_some() {
            return;
        }
        let mut entries = Vec::new();
        for at in 0..=random.below(2) {
            let mut entry = map::<&str>([]);
            if random.one_in(3) {
                entry.set("target", self.target(random));
                entry.set("patch", Yaml::Text(vec![Self::operations(random)]));
            } else {
                let Some(patch) = self.strategic(random) else { continue };
                if random.one_in(4) {
                    entry.set("target", self.target(random));
                }
                if random.one_in(3) {
                    let mut documents = vec![patch];
                    if entry.get("target").is_none() && random.one_in(3) {
                        documents.extend(self.strategic(random));
                    }
                    let name = format!("patch-{at}.yaml");
                    entry.set("path", plain(&*name));
                    self.files.insert(format!("{folder}/{name}"), documents);
                } else {
                    entry.set("patch", Yaml::Text(vec![patch]));
                }
                if random.one_in(8) {
                    let option = if self.changes_kinds { "allowKindChange" } else { "allowNameChange" };
                    entry.set("options", map([(option, plain("true"))]));
                }
            }
            entries.push(entry);
        }
        own.set("patches", Yaml::List(entries));
    }

    fn legacy_patches(&mut self, own: &mut Yaml, _folder: &str, random: &mut Random) {
        if let Some(patch) = self.strategic(random) {
            own.set("patchesStrategicMerge", list([Yaml::Text(vec![patch])]));
        }
        if random.one_in(3) {
            let mut target = map([("name", plain(random.pick(&NAMES)))]);
            target.set("kind", plain(random.pick(&["ConfigMap", "Thing", "Deployment"])));
            let entry = map([("target", target), ("patch", Yaml::Text(vec![Self::operations(random)]))]);
            own.set("patchesJson6902", list([entry]));
        }
    }

    fn generators(&mut self, own: &mut Yaml, folder: &str, random: &mut Random) {
        let field = random.pick(&["configMapGenerator", "secretGenerator"]);
        if own.get(field).is_some() || self.changes_kinds {
            return;
        }
        let name = random.pick(&["gen", "gen2", "a"]);
        let mut entry = map([("name", plain(name))]);
        let literal = |random: &mut Random| {
            let (key, value) =
                (random.pick(&["k", "l", "m.n"]), random.pick(&["v", "", "5", "'q'", "a=b", "yes", "x y"]));
            plain(format!("\"{key}={value}\""))
        };
        let first = literal(random);
        entry.set("literals", list([first]));
        if random.one_in(4) {
            let lines = ["E=1\n# c\nF = 2\n", "E=\n\nG=\"q\"\n", "E=x\r\nH\n"];
            self.files
                .insert(format!("{folder}/gen.env"), vec![Yaml::Scalar(Style::Plain, random.pick(&lines).to_owned())]);
            entry.set("envs", list([plain("gen.env")]));
        }
        if random.one_in(4) {
            let texts = ["x\ny\n", "no break", " \n\nx \n", "a\tb\n", "# c: d\n", "", "{\"a\": 1}\n", "\u{1f389}\n"];
            self.files
                .insert(format!("{folder}/gen.txt"), vec![Yaml::Scalar(Style::Plain, random.pick(&texts).to_owned())]);
            entry.set("files", list([plain(random.pick(&["gen.txt", "f=gen.txt"]))]));
        }
        if random.one_in(3) && folder != "base" {
            entry.set("behavior", plain(random.pick(&["merge", "replace", "create", "merge"])));
        }
        if random.one_in(4) {
            let mut options = map([("labels", map([("gen", texts(random))]))]);
            if random.one_in(2) {
                options.set("disableNameSuffixHash", plain("true"));
            }
            if random.one_in(3) {
                options.set("immutable", plain("true"));
            }
            entry.set("options", options);
        }
        if random.one_in(6) {
            entry.set("namespace", plain(random.pick(&NAMESPACES)));
        }
        own.set(field, list([entry]));
        if random.one_in(6) && own.get("generatorOptions").is_none() {
            own.set("generatorOptions", map([("annotations", map([("all", texts(random))]))]));
        }
    }

    fn replacements(&mut self, own: &mut Yaml, _folder: &str, random: &mut Random) {
        let mut replacement = map::<&str>([]);
        if random.one_in(2) || self.known.is_empty() {
            replacement.set("sourceValue", objects::text(random));
        } else {
            let known = &self.known[random.below(self.known.len())];
            let mut source = map([("kind", known.get("kind").cloned().unwrap_or_else(|| plain("Thing")))]);
            if let Some(name) = known.get("metadata").and_then(|metadata| metadata.get("name")) {
                source.set("name", name.clone());
            }
            source
                .set("fieldPath", plain(random.pick(&["metadata.name", "kind", "metadata.labels", "spec", "data.k"])));
            if random.one_in(4) {
                let options = map([("delimiter", quoted(random.pick(&[".", "-", ":"]))), ("index", plain("0"))]);
                source.set("options", options);
            }
            replacement.set("source", source);
        }
        let paths = [
            "metadata.annotations.new",
            "metadata.labels.app",
            "spec.p",
            "spec.containers.*.image",
            "data.k",
            "metadata.name",
            "data.conf.p",
            "data.conf.q.0",
            "data.conf.r.p",
            "spec.template.spec.containers.[name=c].image",
            "spec.q.0",
            "\"metadata.annotations.[a.b/c]\"",
            "spec.list.[name=z].v",
        ];
        let field_paths = list([quoted(random.pick(&paths).trim_matches('"'))]);
        let mut target = map([("select", self.target(random)), ("fieldPaths", field_paths)]);
        let mut options = map([("create", plain(random.pick(&["true", "true", "false"])))]);
        if random.one_in(4) {
            options.set("delimiter", quoted(random.pick(&[".", "-", ":", "/"])));
            options.set("index", plain(random.pick(&["0", "1", "-1", "5"])));
        }
        target.set("options", options);
        if random.one_in(4) {
            target.set("reject", list([self.target(random)]));
        }
        replacement.set("targets", list([target]));
        own.set("replacements", list([replacement]));
    }

    fn vars(&mut self, own: &mut Yaml, folder: &str, random: &mut Random) {
        if self.known.is_empty() || folder == "component" {
            return;
        }
        let known = &self.known[random.below(self.known.len())];
        let mut reference = map::<&str>([]);
        for field in ["apiVersion", "kind"] {
            reference.set(field, known.get(field).cloned().unwrap_or_else(|| plain("v1")));
        }
        let name = known.get("metadata").and_then(|metadata| metadata.get("name")).cloned();
        reference.set("name", name.unwrap_or_else(|| plain("a")));
        let mut var = map([("name", plain(if folder == "top" { "NAME" } else { "OTHER" })), ("objref", reference)]);
        if random.one_in(3) {
            let path = random.pick(&["kind", "metadata.labels.app", "spec.replicas", "data.k"]);
            var.set("fieldref", map([("fieldpath", plain(path))]));
        }
        own.set("vars", list([var]));
    }

    fn configurations(&mut self, own: &mut Yaml, folder: &str, random: &mut Random) {
        let spec = |path: &str| map([("kind", plain("Thing")), ("path", plain(path))]);
        let mut config = map::<&str>([]);
        for (field, path) in [
            ("namePrefix", "metadata/name"),
            ("nameSuffix", "metadata/name"),
            ("namespace", "metadata/namespace"),
            ("commonLabels", "metadata/labels"),
            ("labels", "metadata/labels"),
            ("commonAnnotations", "metadata/annotations"),
            ("images", "spec/containers[]/image"),
            ("varReference", "metadata/annotations"),
        ] {
            if !random.one_in(4) {
                continue;
            }
            let specs = random.some(2, |random| {
                if random.one_in(2) {
                    return spec(random.pick(&["spec/p", "spec/q", "spec/r/name", "spec/p/q"]));
                }
                let (_, kind) = KINDS[random.below(KINDS.len())];
                let mut spec = map([("kind", plain(kind)), ("path", plain(path))]);
                // As the built-in specs of these paths have it, or the two are in conflict.
                let creates = matches!(field, "namespace" | "commonLabels" | "commonAnnotations");
                if creates != random.one_in(16) {
                    spec.set("create", plain("true"));
                }
                spec
            });
            config.set(field, list(specs));
        }
        if random.one_in(2) {
            let reference =
                map([("kind", plain("ConfigMap")), ("fieldSpecs", list([spec("spec/ref"), spec("spec/p/name")]))]);
            config.set("nameReference", list([reference]));
        }
        self.files.insert(format!("{folder}/config.yaml"), vec![config]);
        own.set("configurations", list([plain("config.yaml")]));
    }

    fn openapi(&mut self, own: &mut Yaml, folder: &str, random: &mut Random) {
        if random.one_in(8) {
            own.set("openapi", map([("version", plain("v1.21.2"))]));
            return;
        }
        self.files.insert(format!("{folder}/schema.yaml"), vec![openapi::schema(random)]);
        own.set("openapi", map([("path", plain("schema.yaml"))]));
    }

    fn plugins(&mut self, own: &mut Yaml, folder: &str, random: &mut Random) {
        let mut plugin = map([("apiVersion", plain("builtin"))]);
        let spec = map([("path", plain("metadata/annotations")), ("create", plain("true"))]);
        match random.below(7) {
            0 => {
                plugin.set("kind", plain("AnnotationsTransformer"));
                plugin.set("annotations", map([("plugin", texts(random))]));
                plugin.set("fieldSpecs", list([spec]));
            }
            1 => {
                plugin.set("kind", plain("PrefixTransformer"));
                plugin.set("prefix", plain("pl-"));
                plugin.set(
                    "fieldSpecs",
                    list([map([
                        ("path", plain("metadata/name")),
                        ("kind", plain(random.pick(&["ConfigMap", "Pod"]))),
                    ])]),
                );
            }
            2 => {
                plugin.set("kind", plain("ValueAddTransformer"));
                plugin.set("value", quoted(random.pick(&["v", "5", "yes", "a/b", " x "])));
                let target = map([(
                    "fieldPath",
                    plain(random.pick(&["metadata/annotations/va", "metadata/namespace", "spec/p"])),
                )]);
                plugin.set("targets", list([target]));
            }
            3 => {
                plugin.set("kind", plain("ReplicaCountTransformer"));
                plugin.set("replica", map([("name", plain(random.pick(&NAMES))), ("count", plain("4"))]));
                plugin.set("fieldSpecs", list([map([("path", plain("spec/replicas")), ("create", plain("true"))])]));
            }
            4 => {
                plugin.set("kind", plain("ImageTagTransformer"));
                plugin.set("imageTag", map([("name", plain(random.pick(&IMAGES[..1]))), ("newTag", plain("p1"))]));
            }
            5 => {
                plugin.set("kind", plain("PatchTransformer"));
                plugin.set("target", self.target(random));
                plugin.set("patch", Yaml::Text(vec![Self::operations(random)]));
            }
            _ => {
                plugin.set("kind", plain("LabelTransformer"));
                plugin.set("labels", map([("plugin", texts(random))]));
                plugin.set("fieldSpecs", list([map([("path", plain("metadata/labels")), ("create", plain("true"))])]));
            }
        }
        let mut metadata = map([("name", plain("plugin"))]);
        if random.one_in(3) {
            metadata.set("namespace", plain("one"));
        }
        plugin.set("metadata", metadata);
        let field = if random.one_in(5) { "validators" } else { "transformers" };
        if random.one_in(2) {
            own.set(field, list([Yaml::Text(vec![plugin])]));
        } else {
            self.files.insert(format!("{folder}/plugin.yaml"), vec![plugin]);
            own.set(field, list([plain("plugin.yaml")]));
        }
    }
}

/// A text that is one in every field.
fn texts(random: &mut Random) -> Yaml {
    match objects::text(random) {
        Yaml::Scalar(Style::Plain, text) => quoted(text),
        other => other,
    }
}
