package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	"github.com/fluxcd/pkg/runtime/statusreaders"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	k8sjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
)

const (
	manager = "kustomize-controller"
	group   = "kustomize.toolkit.fluxcd.io"
	// The Kustomization that owns what is applied.
	ownerName, ownerNamespace = "app", "flux-system"
	// Histories under way at once.
	atOnce = 4
)

// Step is one thing that happens to the objects of a history. Objects and patches are named:
// "object+change" is the object with a merge patch.
type Step struct {
	// What a Kustomization does with the objects: it applies them and prunes what it had and has not.
	Apply []string `json:"apply,omitempty"`
	Force bool     `json:"force,omitempty"`
	// What others do.
	Create string `json:"create,omitempty"`
	Patch  string `json:"patch,omitempty"`
	// The object that a patch or deletion is about; "object" without it.
	Of     string `json:"of,omitempty"`
	SSA    string `json:"ssa,omitempty"`
	Delete string `json:"delete,omitempty"`
	As     string `json:"as,omitempty"`
}

// History is a list of steps in a namespace of its own.
type History struct {
	Name  string
	Parts map[string]json.RawMessage
	Steps []Step
}

// Told is what a step that applies says.
type Told struct {
	Changes []string `json:"changes"`
	Error   string   `json:"error,omitempty"`
}

// Expect is what the steps that apply say, and the objects in the end.
type Expect struct {
	Steps   []Told                    `json:"steps"`
	Objects map[string]map[string]any `json:"objects"`
}

// load expands the tables of a folder: each scenario with each kind, and the histories of their own.
func load(folder string) (setup []json.RawMessage, histories []History, err error) {
	read := func(name string, into any) {
		data, failed := os.ReadFile(filepath.Join(folder, name))
		if failed == nil {
			failed = json.Unmarshal(data, into)
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, failed))
		}
	}
	var kinds []map[string]json.RawMessage
	var scenarios struct {
		Setup     []json.RawMessage
		Parts     map[string]json.RawMessage
		Scenarios []struct {
			Name  string
			Needs string
			Kinds []string
			Steps []Step
		}
	}
	var special []struct {
		Name  string
		Parts map[string]json.RawMessage
		Steps []Step
	}
	read("kinds.json", &kinds)
	read("scenarios.json", &scenarios)
	read("special.json", &special)
	for _, scenario := range scenarios.Scenarios {
		for _, kind := range kinds {
			var name string
			_ = json.Unmarshal(kind["kind"], &name)
			if scenario.Kinds != nil && !contains(scenario.Kinds, name) {
				continue
			}
			if scenario.Needs != "" && kind[scenario.Needs] == nil {
				continue
			}
			parts := map[string]json.RawMessage{}
			for _, from := range []map[string]json.RawMessage{scenarios.Parts, kind} {
				for key, part := range from {
					parts[key] = part
				}
			}
			histories = append(histories, History{scenario.Name + "/" + name, parts, scenario.Steps})
		}
	}
	for _, one := range special {
		parts := map[string]json.RawMessage{}
		for _, from := range []map[string]json.RawMessage{scenarios.Parts, one.Parts} {
			for key, part := range from {
				parts[key] = part
			}
		}
		histories = append(histories, History{"special/" + one.Name, parts, one.Steps})
	}
	return scenarios.Setup, histories, err
}

func contains(list []string, one string) bool {
	for _, item := range list {
		if item == one {
			return true
		}
	}
	return false
}

// runner runs one history.
type runner struct {
	client    client.Client
	manager   *ssa.ResourceManager
	history   History
	namespace string
	tracked   []*unstructured.Unstructured
}

// connect is a client of the API server of $KUBECONFIG that is not held back.
func connect() (client.Client, error) {
	rest, err := config.GetConfig()
	if err != nil {
		return nil, err
	}
	rest.QPS, rest.Burst = 1000, 1000
	return client.New(rest, client.Options{})
}

func histories(folder string) error {
	setup, all, err := load(folder)
	if err != nil {
		return err
	}
	kube, err := connect()
	if err != nil {
		return err
	}
	for _, text := range setup {
		object := &unstructured.Unstructured{}
		if err := k8sjson.Unmarshal(text, &object.Object); err != nil {
			return err
		}
		if err := kube.Create(context.Background(), object); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	expected := make([]string, len(all))
	failures := make([]error, len(all))
	var group sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	stamp := time.Now().UnixNano() % 1e9
	for at, history := range all {
		group.Add(1)
		go func() {
			defer group.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			one := runner{client: kube, history: history, namespace: fmt.Sprintf("h%d-%d", stamp, at)}
			expect, err := one.run()
			if err == nil {
				expected[at], err = line(expect)
			}
			if err != nil {
				failures[at] = fmt.Errorf("%s: %w", history.Name, err)
			}
		}()
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString("{")
	for at, history := range all {
		name, _ := line(history.Name)
		fmt.Fprintf(&out, "%s\n%s: %s", comma(at), name, expected[at])
	}
	out.WriteString("\n}\n")
	return os.WriteFile(filepath.Join(folder, "expected.json"), out.Bytes(), 0o644)
}

// part is an object, or a patch, by its name: parts merged into each other.
func (r *runner) part(name string) ([]byte, error) {
	var merged []byte
	for _, key := range strings.Split(name, "+") {
		part, found := r.history.Parts[key]
		if !found {
			return nil, fmt.Errorf("there is no part %q", key)
		}
		if merged == nil {
			merged = part
			continue
		}
		var err error
		// As two patches, since a null in a patch is to stay.
		merge := jsonpatch.MergeMergePatches
		if bytes.Contains(merged, []byte(`"apiVersion"`)) {
			merge = jsonpatch.MergePatch
		}
		if merged, err = merge(merged, part); err != nil {
			return nil, err
		}
	}
	return bytes.ReplaceAll(merged, []byte("$NS"), []byte(r.namespace)), nil
}

func (r *runner) object(name string) (*unstructured.Unstructured, error) {
	text, err := r.part(name)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	return object, k8sjson.Unmarshal(text, &object.Object)
}

func (r *runner) run() (*Expect, error) {
	ctx := context.Background()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.namespace}}
	if err := r.client.Create(ctx, namespace); err != nil {
		return nil, err
	}
	poller := polling.NewStatusPoller(r.client, r.client.RESTMapper(), polling.Options{
		CustomStatusReaders: []engine.StatusReader{statusreaders.NewCustomJobStatusReader(r.client.RESTMapper())},
	})
	r.manager = ssa.NewResourceManager(r.client, poller, ssa.Owner{Field: manager, Group: group})
	expect := &Expect{Steps: []Told{}, Objects: map[string]map[string]any{}}
	seen := map[string]*unstructured.Unstructured{}
	for at, step := range r.history.Steps {
		names := append([]string{}, step.Apply...)
		for _, name := range []string{step.Create, step.SSA} {
			if name != "" {
				names = append(names, name)
			}
		}
		for _, name := range names {
			object, err := r.object(name)
			if err != nil {
				return nil, err
			}
			seen[subject(object)] = object
		}
		r.settled(ctx, seen)
		if step.Apply != nil {
			told, err := r.apply(ctx, step)
			if err != nil {
				return nil, fmt.Errorf("step %d: %w", at, err)
			}
			expect.Steps = append(expect.Steps, *told)
		} else if err := r.other(ctx, step); err != nil {
			return nil, fmt.Errorf("step %d: %w", at, err)
		}
	}
	r.settled(ctx, seen)
	for name, object := range seen {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(object.GroupVersionKind())
		err := r.client.Get(ctx, client.ObjectKeyFromObject(object), live)
		key := r.masked(name)
		switch {
		case apierrors.IsNotFound(err) || apierrors.ReasonForError(err) == metav1.StatusReasonUnknown && err != nil:
			expect.Objects[key] = nil
		case err != nil:
			return nil, err
		default:
			reduced, err := r.reduced(live)
			if err != nil {
				return nil, err
			}
			expect.Objects[key] = reduced
		}
	}
	return expect, nil
}

// settled waits until the cluster's controllers have done their part: the one of Deployments writes an
// annotation, which would make the next apply a change, and what is deleted goes, but for what a
// history holds back.
func (r *runner) settled(ctx context.Context, seen map[string]*unstructured.Unstructured) {
	for _, object := range seen {
		for {
			live := object.DeepCopy()
			// An error says that there is no such object, or no such kind any more.
			if err := r.client.Get(ctx, client.ObjectKeyFromObject(object), live); err != nil {
				break
			}
			observed, _, _ := unstructured.NestedInt64(live.Object, "status", "observedGeneration")
			isSeen := object.GetKind() != "Deployment" || observed == live.GetGeneration()
			isHeld := strings.Contains(strings.Join(live.GetFinalizers(), " "), "example.com/")
			if isSeen && (live.GetDeletionTimestamp() == nil || isHeld) {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func subject(object *unstructured.Unstructured) string {
	if object.GetNamespace() == "" {
		return object.GetKind() + "/" + object.GetName()
	}
	return object.GetKind() + "/" + object.GetNamespace() + "/" + object.GetName()
}

func (r *runner) masked(text string) string {
	return strings.ReplaceAll(text, r.namespace, "$NS")
}

// apply does what a Kustomization's reconcile does with its objects.
func (r *runner) apply(ctx context.Context, step Step) (*Told, error) {
	var objects []*unstructured.Unstructured
	for _, name := range step.Apply {
		object, err := r.object(name)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	told := &Told{Changes: []string{}}
	tell := func(set *ssa.ChangeSet) {
		if set == nil {
			return
		}
		for _, entry := range set.Entries {
			told.Changes = append(told.Changes, r.masked(entry.String()))
		}
	}
	r.manager.SetOwnerLabels(objects, ownerName, ownerNamespace)
	if err := normalize.UnstructuredList(objects); err != nil {
		told.Error = r.short(err)
		return told, nil
	}
	var applied []*unstructured.Unstructured
	for _, object := range objects {
		applied = append(applied, object.DeepCopy())
	}
	set, err := r.manager.ApplyAllStaged(ctx, objects, applyOptions(step.Force))
	tell(set)
	if err != nil {
		told.Error = r.short(err)
		return told, nil
	}
	var stale []*unstructured.Unstructured
	for _, old := range r.tracked {
		kept := false
		for _, object := range applied {
			same := old.GroupVersionKind().GroupKind() == object.GroupVersionKind().GroupKind()
			kept = kept || same && old.GetNamespace() == object.GetNamespace() && old.GetName() == object.GetName()
		}
		if !kept {
			stale = append(stale, old)
		}
	}
	r.tracked = applied
	if len(stale) == 0 {
		return told, nil
	}
	set, err = r.manager.DeleteAll(ctx, stale, ssa.DeleteOptions{
		PropagationPolicy: metav1.DeletePropagationBackground,
		Inclusions:        r.manager.GetOwnerLabels(ownerName, ownerNamespace),
		Exclusions:        map[string]string{group + "/prune": "disabled", group + "/reconcile": "disabled", group + "/ssa": "Ignore"},
	})
	tell(set)
	if err != nil {
		told.Error = r.short(err)
	}
	return told, nil
}

// applyOptions are those of kustomize-controller.
func applyOptions(force bool) ssa.ApplyOptions {
	options := ssa.DefaultApplyOptions()
	options.Force = force
	options.WaitInterval = 100 * time.Millisecond
	options.ExclusionSelector = map[string]string{group + "/reconcile": "disabled", group + "/ssa": "Ignore"}
	options.IfNotPresentSelector = map[string]string{group + "/ssa": "IfNotPresent"}
	options.ForceSelector = map[string]string{group + "/force": "enabled"}
	options.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{corev1.LastAppliedConfigAnnotation, group + "/checksum", "fluxcd.io/sync-checksum"},
		Labels:      []string{"fluxcd.io/sync-gc-mark"},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: manager, OperationType: metav1.ManagedFieldsOperationUpdate},
		},
		Exclusions: map[string]string{group + "/ssa": "Merge"},
	}
	return options
}

// short is the part of an error that names the object and what failed; compared is the object.
func (r *runner) short(err error) string {
	text := strings.TrimPrefix(r.masked(err.Error()), "delete failed, errors: ")
	head, _, _ := strings.Cut(text, ": ")
	return head
}

// other does what others do to an object.
func (r *runner) other(ctx context.Context, step Step) error {
	owner := client.FieldOwner(step.As)
	switch {
	case step.Create != "":
		object, err := r.object(step.Create)
		if err != nil {
			return err
		}
		return r.client.Create(ctx, object, owner)
	case step.SSA != "":
		object, err := r.object(step.SSA)
		if err != nil {
			return err
		}
		return r.client.Patch(ctx, object, client.Apply, client.ForceOwnership, owner)
	}
	name := step.Of
	if name == "" {
		name = "object"
	}
	if step.Delete != "" {
		name = step.Delete
	}
	object, err := r.object(name)
	if err != nil {
		return err
	}
	if step.Delete != "" {
		if err := r.client.Delete(ctx, object, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
			return err
		}
		for {
			err := r.client.Get(ctx, client.ObjectKeyFromObject(object), object)
			if apierrors.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return err
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	patch, err := r.part(step.Patch)
	if err != nil {
		return err
	}
	return r.client.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch), owner)
}

// reduced is an object without what only the server or its controllers set.
func (r *runner) reduced(live *unstructured.Unstructured) (map[string]any, error) {
	managed := live.GetManagedFields()
	uid := string(live.GetUID())
	object := live.Object
	delete(object, "status")
	metadata := object["metadata"].(map[string]any)
	for _, key := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"} {
		delete(metadata, key)
	}
	if annotations, found := metadata["annotations"].(map[string]any); found {
		delete(annotations, "deployment.kubernetes.io/revision")
		delete(annotations, "deprecated.daemonset.template.generation")
		if len(annotations) == 0 {
			delete(metadata, "annotations")
		}
	}
	if _, found := metadata["deletionTimestamp"]; found {
		metadata["deletionTimestamp"] = "$TIME"
	}
	// What the cluster's own controllers wrote meanwhile is no matter of these histories.
	known := map[string]bool{manager: true}
	for _, step := range r.history.Steps {
		known[step.As] = true
	}
	owners := []map[string]any{}
	for _, entry := range managed {
		if !known[entry.Manager] {
			continue
		}
		fields := map[string]any{}
		if entry.FieldsV1 != nil {
			if err := json.Unmarshal(entry.FieldsV1.Raw, &fields); err != nil {
				return nil, err
			}
		}
		owner := map[string]any{
			"manager": entry.Manager, "operation": entry.Operation, "apiVersion": entry.APIVersion, "fieldsV1": fields,
		}
		if entry.Subresource != "" {
			owner["subresource"] = entry.Subresource
		}
		owners = append(owners, owner)
	}
	sort.Slice(owners, func(a, b int) bool {
		key := func(at int) string {
			return fmt.Sprint(owners[at]["manager"], " ", owners[at]["operation"], " ", owners[at]["apiVersion"], " ", owners[at]["subresource"])
		}
		return key(a) < key(b)
	})
	object["owners"] = owners
	spec, _ := object["spec"].(map[string]any)
	switch live.GetKind() {
	case "PersistentVolumeClaim":
		delete(spec, "volumeName")
	case "Service":
		if address, _ := spec["clusterIP"].(string); address != "" && address != "None" {
			spec["clusterIP"] = "$IP"
			spec["clusterIPs"] = []any{"$IP"}
		}
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	masked := r.masked(string(text))
	if uid != "" {
		masked = strings.ReplaceAll(masked, uid, "$UID")
	}
	reduced := map[string]any{}
	return reduced, k8sjson.Unmarshal([]byte(masked), &reduced)
}
