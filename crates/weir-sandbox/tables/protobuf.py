"""Makes protobuf-1.37.json.gz: the field numbers of the API's messages, from the tags in Go's types.

    python3 protobuf.py ~/go/pkg/mod/k8s.io v0.37.2
"""
import gzip, json, os, re, sys

root, tag = sys.argv[1], sys.argv[2]
MODULES = {m: os.path.join(root, f"{m}@{tag}") for m in ("api", "apimachinery", "apiextensions-apiserver", "kube-aggregator")}
SPECIAL = {"k8s.io/apimachinery/pkg/apis/meta/v1.Time": "time", "k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime": "microtime",
    "k8s.io/apimachinery/pkg/api/resource.Quantity": "quantity", "k8s.io/apimachinery/pkg/util/intstr.IntOrString": "intstr",
    "k8s.io/apimachinery/pkg/runtime.RawExtension": "raw", "k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1": "raw",
    "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON": "raw", "k8s.io/apimachinery/pkg/apis/meta/v1.Duration": "duration"}
BASIC = {"string": "string", "bool": "bool", "int32": "int", "int64": "int", "uint32": "int", "uint64": "int", "int": "int",
    "float64": "double", "float32": "float", "byte": "int", "uint8": "int"}
types, groups = {}, {}
for module, base in MODULES.items():
    for folder, _, files in os.walk(base):
        path = "k8s.io/" + module + folder[len(base):]
        for name in files:
            if not name.endswith(".go") or name.endswith("_test.go") or name.startswith(("generated", "zz_")):
                continue
            text = open(os.path.join(folder, name)).read()
            found = re.search(r'const GroupName = "([^"]*)"', text)
            if found:
                groups[path] = found.group(1)
            if "meta/v1" not in path and not re.search(r"/v\d[^/]*$", path) and "pkg/" not in path:
                continue
            imports = {(m.group(1) or m.group(2).rsplit("/", 1)[-1]): m.group(2)
                for m in re.finditer(r'^\s*(?:import )?(\w+)? ?"([\w./-]+)"$', text, re.M)}
            for m in re.finditer(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
                types[f"{path}.{m.group(1)}"] = ("struct", m.group(2), path, imports)
            for m in re.finditer(r"^type (\w+) ([\[\]\w.*]+)$", text, re.M):
                types.setdefault(f"{path}.{m.group(1)}", ("alias", m.group(2), path, imports))


def resolve(go, path, imports):
    """The kind of a Go type: (kind, repeated, map)."""
    go = go.lstrip("*")
    if go == "[]byte":
        return "bytes", False, False
    if go.startswith("[]"):
        return resolve(go[2:], path, imports)[0], True, False
    if go.startswith("map["):
        return resolve(go[go.index("]") + 1:], path, imports)[0], False, True
    if go in BASIC:
        return BASIC[go], False, False
    package, _, name = go.rpartition(".")
    full = f"{imports.get(package, package) if package else path}.{name}"
    if full in SPECIAL:
        return SPECIAL[full], False, False
    if full not in types:
        return None, False, False
    sort, body, at, its = types[full]
    if sort == "alias":
        if body == "[]string" and name in ("Verbs", "ExtraValue"):
            return "items", False, False
        return resolve(body, at, its)
    message(full)
    return "m:" + full, False, False


messages = {}


def message(full):
    if full in messages:
        return
    fields = messages[full] = {}
    _, body, path, imports = types[full]
    for m in re.finditer(r'^\s*(?:(\w+)\s+)?([\[\]\w.*]+)\s+`json:"([^"]*)"[^`\n]*\bprotobuf:"([^"]*)"', body, re.M):
        go, tag_json, tag_proto = m.group(2), m.group(3), m.group(4)
        number = int(tag_proto.split(",")[1])
        kind, repeated, mapped = resolve(go, path, imports)
        if kind is None:
            continue
        name, *options = tag_json.split(",")
        flags = ("l" if repeated else "") + ("m" if mapped else "")
        # A value that is no pointer is always sent; JSON leaves it out when it is zero.
        flags += "" if go.startswith("*") else ("z" if "omitempty" in options or "omitzero" in options else "")
        fields[number] = [name, kind, flags]


kinds = []
for path, group in groups.items():
    version = path.rsplit("/", 1)[-1]
    if not re.fullmatch(r"v\d+", version):
        continue
    for full in [t for t in types if t.rpartition(".")[0] == path and types[t][0] == "struct"]:
        if "metav1.ObjectMeta" in types[full][1] or "metav1.TypeMeta" in types[full][1]:
            message(full)
            kinds.append([group, version, full.rpartition(".")[2], full])
meta = "k8s.io/apimachinery/pkg/apis/meta/v1."
message(meta + "DeleteOptions")
kinds.append(["*", "*", "DeleteOptions", meta + "DeleteOptions"])
data = json.dumps({"messages": messages, "kinds": sorted(kinds)}, separators=(",", ":"), sort_keys=True).encode()
open("protobuf-1.37.json.gz", "wb").write(gzip.compress(data, mtime=0))
