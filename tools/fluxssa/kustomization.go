package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	ssautil "github.com/fluxcd/pkg/ssa/utils"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	finalizer = "finalizers.fluxcd.io"
	// Field manager of what kustomize-controller writes on its own objects.
	statusManager = "gotk-kustomize-controller"
)

// inventoryEntry is an object in a Kustomization's status.
type inventoryEntry struct {
	ID      string `json:"id"`
	Version string `json:"v"`
}

// reconcile does one pass of kustomize-controller 1.9 for a Kustomization that is on the cluster: the objects
// that were built, as YAML, are labelled, normalised and applied in stages; the inventory, the conditions and
// the finalizer are written; what the last inventory had and this one has not is pruned.
func reconcile(namespace, name, revision string, built io.Reader) error {
	ctx := context.Background()
	kube, err := connect()
	if err != nil {
		return err
	}
	owner := &unstructured.Unstructured{}
	owner.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: "v1", Kind: "Kustomization"})
	if err := kube.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, owner); err != nil {
		return err
	}
	if err := patch(ctx, kube, owner, false, map[string]any{
		"metadata": map[string]any{"finalizers": []string{finalizer}},
	}); err != nil {
		return err
	}
	objects, err := ssautil.ReadObjects(built)
	if err != nil {
		return err
	}
	poller := polling.NewStatusPoller(kube, kube.RESTMapper(), polling.Options{})
	apply := ssa.NewResourceManager(kube, poller, ssa.Owner{Field: manager, Group: group})
	apply.SetOwnerLabels(objects, name, namespace)
	if err := normalize.UnstructuredList(objects); err != nil {
		return err
	}
	set, err := apply.ApplyAllStaged(ctx, objects, applyOptions(false))
	if err != nil {
		return err
	}
	entries, kept := []inventoryEntry{}, map[string]bool{}
	for _, entry := range set.Entries {
		fmt.Println(entry.String())
		id := entry.ObjMetadata.String()
		entries, kept[id] = append(entries, inventoryEntry{id, entry.GroupVersion}), true
	}
	var old struct {
		Status struct {
			Inventory struct{ Entries []inventoryEntry }
		}
	}
	text, err := json.Marshal(owner.Object)
	if err == nil {
		err = json.Unmarshal(text, &old)
	}
	if err != nil {
		return err
	}
	var stale []*unstructured.Unstructured
	for _, entry := range old.Status.Inventory.Entries {
		id, err := object.ParseObjMetadata(entry.ID)
		if err != nil {
			return err
		}
		if kept[entry.ID] {
			continue
		}
		gone := &unstructured.Unstructured{}
		gone.SetGroupVersionKind(id.GroupKind.WithVersion(entry.Version))
		gone.SetNamespace(id.Namespace)
		gone.SetName(id.Name)
		stale = append(stale, gone)
	}
	deleted, err := apply.DeleteAll(ctx, stale, ssa.DeleteOptions{
		PropagationPolicy: metav1.DeletePropagationBackground,
		Inclusions:        apply.GetOwnerLabels(name, namespace),
		Exclusions:        map[string]string{group + "/prune": "disabled", group + "/reconcile": "disabled", group + "/ssa": "Ignore"},
	})
	if err != nil {
		return err
	}
	for _, entry := range deleted.Entries {
		fmt.Println(entry.String())
	}
	return patch(ctx, kube, owner, true, map[string]any{"status": map[string]any{
		"observedGeneration":    owner.GetGeneration(),
		"lastAppliedRevision":   revision,
		"lastAttemptedRevision": revision,
		"inventory":             map[string]any{"entries": entries},
		"conditions": []map[string]any{{
			"type": "Ready", "status": "True", "reason": "ReconciliationSucceeded", "observedGeneration": owner.GetGeneration(),
			"message": "Applied revision: " + revision, "lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
		}},
	}})
}

// patch writes a part of the Kustomization, or of its status, as the controller does.
func patch(ctx context.Context, kube client.Client, owner *unstructured.Unstructured, isStatus bool, part map[string]any) error {
	text, err := json.Marshal(part)
	if err != nil {
		return err
	}
	merge := client.RawPatch("application/merge-patch+json", text)
	written := owner.DeepCopy()
	if isStatus {
		return kube.Status().Patch(ctx, written, merge, client.FieldOwner(statusManager))
	}
	return kube.Patch(ctx, written, merge, client.FieldOwner(statusManager))
}
