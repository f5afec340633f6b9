"""Makes the tables of this folder and the input of weir-merge's from a running kube-apiserver.

    sleep 100000 | kubed up --dir DIR &
    python3 dump.py DIR/kubeconfig openapi-all.json
    cargo run -p weir-merge --example table openapi-all.json ../../weir-merge/tables/kubernetes-1.37.json.gz
"""
import gzip, json, re, ssl, sys, urllib.request

config = open(sys.argv[1]).read()
server = re.search(r"server: (\S+)", config).group(1)
token = re.search(r"token: (\S+)", config).group(1)
context = ssl._create_unverified_context()


def get(path, accept="application/json"):
    request = urllib.request.Request(server + path, headers={"Authorization": "Bearer " + token, "Accept": accept})
    return json.load(urllib.request.urlopen(request, context=context))


def write(name, value):
    data = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    open(name, "wb").write(gzip.compress(data, mtime=0))


def bare(value):
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if not (k == "description" and isinstance(v, str))}
    return [bare(v) for v in value] if isinstance(value, list) else value


versions = [("", "v1", "/api/v1")]
for group in get("/apis")["groups"]:
    versions += [(group["name"], v["version"], "/apis/" + v["groupVersion"]) for v in group["versions"]]
resources = []
for group, version, path in versions:
    table = {}
    for entry in get(path)["resources"]:
        name, _, sub = entry["name"].partition("/")
        if sub:
            table[name]["subresources"].append({"name": sub, "group": entry.get("group", group),
                "version": entry.get("version", version), "kind": entry["kind"], "verbs": entry["verbs"]})
            continue
        columns = []
        if "list" in entry["verbs"]:
            columns = get(f"{path}/{name}", "application/json;as=Table;v=v1;g=meta.k8s.io")["columnDefinitions"]
        table[name] = {"group": group, "version": version, "name": name, "singular": entry["singularName"],
            "kind": entry["kind"], "namespaced": entry["namespaced"], "verbs": entry["verbs"],
            "shortNames": entry.get("shortNames", []), "categories": entry.get("categories", []),
            "hash": entry.get("storageVersionHash", ""), "columns": columns, "subresources": [],
            "responseGroup": entry.get("group", ""), "responseVersion": entry.get("version", "")}
    resources += table.values()
objects = []
rbac = "/apis/rbac.authorization.k8s.io/v1/"
for path in [rbac + "clusterroles", rbac + "clusterrolebindings", rbac + "roles", rbac + "rolebindings",
             "/apis/scheduling.k8s.io/v1/priorityclasses"]:
    answer = get(path)
    for item in answer["items"]:
        for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"):
            item["metadata"].pop(key, None)
        objects.append({"apiVersion": answer["apiVersion"], "kind": answer["kind"][:-4], **item})
write("cluster-1.37.json.gz", {"resources": resources, "objects": objects})

documents, schemas = {}, {}
for path in get("/openapi/v3")["paths"]:
    documents[path] = bare(get("/openapi/v3/" + path))
    schemas.update(documents[path].get("components", {}).get("schemas", {}))
write("openapi-1.37.json.gz", documents)
json.dump({"components": {"schemas": schemas}}, open(sys.argv[2], "w"), sort_keys=True)
