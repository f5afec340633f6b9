package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/statusreaders"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	fluxreaders "github.com/fluxcd/pkg/runtime/statusreaders"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	k8sjson "k8s.io/apimachinery/pkg/util/json"
)

// Group is an object and its variants.
type Group struct {
	Base  json.RawMessage `json:"base"`
	Cases []Snapshot      `json:"cases"`
}

// Snapshot is one live object: the base with a merge patch, or a whole object.
type Snapshot struct {
	Name    string          `json:"name"`
	Patch   json.RawMessage `json:"patch,omitempty"`
	Object  json.RawMessage `json:"object,omitempty"`
	Status  string          `json:"status"`
	Message string          `json:"message"`
	// Why our answer is another one on purpose, and the answer.
	Differs string          `json:"differs,omitempty"`
	Ours    json.RawMessage `json:"ours,omitempty"`
}

func kstatus(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var groups []Group
	if err := json.Unmarshal(data, &groups); err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString("[")
	for at, group := range groups {
		base, err := line(group.Base)
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%s\n{\"base\": %s,\n \"cases\": [", comma(at), base)
		for at, one := range group.Cases {
			if err := one.ask(group.Base); err != nil {
				return fmt.Errorf("%s: %w", one.Name, err)
			}
			text, err := line(one)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%s\n  %s", comma(at), text)
		}
		out.WriteString("\n ]}")
	}
	out.WriteString("\n]\n")
	return os.WriteFile(file, out.Bytes(), 0o644)
}

func comma(at int) string {
	if at == 0 {
		return ""
	}
	return ","
}

// line is a value as JSON on one line, its characters as they are.
func line(value any) (string, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return strings.TrimSpace(out.String()), err
}

func (s *Snapshot) ask(base json.RawMessage) error {
	text := s.Object
	if text == nil {
		text = base
		if s.Patch != nil {
			merged, err := jsonpatch.MergePatch(base, s.Patch)
			if err != nil {
				return err
			}
			text = merged
		}
	}
	object := &unstructured.Unstructured{}
	// What the API server's answers are read with.
	if err := k8sjson.Unmarshal(text, &object.Object); err != nil {
		return err
	}
	if err := dated(object); err != nil {
		return err
	}
	s.Status, s.Message = verdict(object)
	return nil
}

// dated makes an age of the creation time ("now-20s") a time.
func dated(object *unstructured.Unstructured) error {
	created, _, _ := unstructured.NestedString(object.Object, "metadata", "creationTimestamp")
	age, found := strings.CutPrefix(created, "now-")
	if !found {
		return nil
	}
	ago, err := time.ParseDuration(age)
	if err != nil {
		return err
	}
	at := time.Now().Add(-ago).UTC().Format(time.RFC3339)
	return unstructured.SetNestedField(object.Object, at, "metadata", "creationTimestamp")
}

// verdict asks the reader that Flux's controllers ask. A reader that ends the process is told too.
func verdict(object *unstructured.Unstructured) (found, message string) {
	defer func() {
		if fault := recover(); fault != nil {
			found, message = "panic", fmt.Sprint(fault)
		}
	}()
	var reader engine.StatusReader = fluxreaders.NewCustomJobStatusReader(nil)
	if !reader.Supports(object.GroupVersionKind().GroupKind()) {
		reader = statusreaders.NewGenericStatusReader(nil, status.Compute)
	}
	answer, err := reader.ReadStatusForObject(context.Background(), nil, object)
	if err != nil {
		return "error", err.Error()
	}
	if answer.Error != nil {
		return answer.Status.String(), answer.Error.Error()
	}
	return answer.Status.String(), answer.Message
}
