// fluxcel answers what Flux's own CEL package makes of expressions. It writes the expected outputs
// of tests/conformance/cel.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/fluxcd/pkg/apis/kustomize"
	fluxcel "github.com/fluxcd/pkg/runtime/cel"
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// File is a group of expressions and the variables that they may use.
type File struct {
	Vars  json.RawMessage `json:"vars"`
	Cases []*Case         `json:"cases"`
}

// Case is an expression: a health check, which is parsed only, or a readyExpr, which is compiled.
type Case struct {
	Expr  string `json:"expr"`
	Ready bool   `json:"ready,omitempty"`
	// Verdict is "value", or what failed: "parse", "compile", "plan" or "evaluation".
	Verdict string `json:"verdict"`
	Type    string `json:"type,omitempty"`
	Value   string `json:"value,omitempty"`
	// Differs says why weir's answer is another one on purpose.
	Differs string `json:"differs,omitempty"`
}

// Status is an object and the health checks that may say how it is.
type Status struct {
	Name    string                        `json:"name"`
	Checks  []kustomize.CustomHealthCheck `json:"checks"`
	Object  json.RawMessage               `json:"object"`
	Verdict string                        `json:"verdict"`
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: fluxcel expressions|statuses FILE"))
	}
	data, err := os.ReadFile(os.Args[2])
	if err != nil {
		fail(err)
	}
	var out string
	switch os.Args[1] {
	case "expressions":
		out, err = expressions(data)
	case "statuses":
		out, err = statuses(data)
	default:
		err = fmt.Errorf("unknown command %q", os.Args[1])
	}
	if err == nil {
		err = os.WriteFile(os.Args[2], []byte(out), 0o644)
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func expressions(data []byte) (string, error) {
	var file File
	if err := json.Unmarshal(data, &file); err != nil {
		return "", err
	}
	vars := map[string]any{}
	// As an object from the API server is read.
	if err := utiljson.Unmarshal(file.Vars, &vars); err != nil {
		return "", err
	}
	var lines []string
	for _, one := range file.Cases {
		answer(one, vars)
		line, err := oneLine(one)
		if err != nil {
			return "", err
		}
		lines = append(lines, line)
	}
	return "{\"vars\": " + string(file.Vars) + ",\n\"cases\": [\n" + strings.Join(lines, ",\n") + "\n]}\n", nil
}

func oneLine(value any) (string, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return strings.TrimSpace(line.String()), err
}

func answer(one *Case, vars map[string]any) {
	one.Verdict, one.Type, one.Value = "", "", ""
	defer func() {
		if crash := recover(); crash != nil {
			one.Verdict = fmt.Sprintf("crash: %v", crash)
		}
	}()
	var options []fluxcel.Option
	if one.Ready {
		options = append(options, fluxcel.WithCompile(), fluxcel.WithOutputType(types.BoolType), fluxcel.WithStructVariables("self", "dep"))
	}
	expression, err := fluxcel.NewExpression(one.Expr, options...)
	if err != nil {
		one.Verdict = refused(one, err)
		return
	}
	value, _, err := program(expression).ContextEval(context.Background(), vars)
	if err != nil {
		one.Verdict = "evaluation"
		fmt.Fprintf(os.Stderr, "%s: %v\n", one.Expr, err)
		return
	}
	one.Verdict, one.Type, one.Value = "value", value.Type().TypeName(), show(value)
}

func refused(one *Case, err error) string {
	fmt.Fprintf(os.Stderr, "%s: %v\n", one.Expr, err)
	if strings.HasPrefix(err.Error(), "failed to create CEL program") {
		return "plan"
	}
	if _, err := fluxcel.NewExpression(one.Expr); err != nil && strings.HasPrefix(err.Error(), "failed to parse") {
		return "parse"
	}
	return "compile"
}

// program is what Flux evaluates; its own methods lose the type of the value.
func program(expression *fluxcel.Expression) cel.Program {
	field := reflect.ValueOf(expression).Elem().FieldByName("prog")
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Interface().(cel.Program)
}

// show writes a value as CEL would, so that types can be told apart.
func show(value ref.Val) string {
	switch v := value.(type) {
	case types.Null:
		return "null"
	case types.Bool:
		return strconv.FormatBool(bool(v))
	case types.Int:
		return strconv.FormatInt(int64(v), 10)
	case types.Uint:
		return strconv.FormatUint(uint64(v), 10) + "u"
	case types.Double:
		return double(float64(v))
	case types.String:
		text, err := oneLine(string(v))
		if err != nil {
			return err.Error()
		}
		return text
	case types.Bytes:
		var text strings.Builder
		for _, c := range []byte(v) {
			fmt.Fprintf(&text, "\\%03o", c)
		}
		return "b\"" + text.String() + "\""
	case types.Timestamp:
		return "timestamp(\"" + v.Time.UTC().Format(time.RFC3339Nano) + "\")"
	case types.Duration:
		return "duration(\"" + strconv.FormatFloat(v.Seconds(), 'f', -1, 64) + "s\")"
	case *types.Optional:
		if v.HasValue() {
			return "optional.of(" + show(v.GetValue()) + ")"
		}
		return "optional.none()"
	case traits.Lister:
		var parts []string
		for it := v.Iterator(); it.HasNext() == types.True; {
			parts = append(parts, show(it.Next()))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case traits.Mapper:
		var parts []string
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			parts = append(parts, show(key)+": "+show(v.Get(key)))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case ref.Type:
		return v.TypeName()
	}
	return fmt.Sprintf("%T", value)
}

func double(value float64) string {
	switch {
	case math.IsNaN(value):
		return "double(\"NaN\")"
	case math.IsInf(value, 1):
		return "double(\"Infinity\")"
	case math.IsInf(value, -1):
		return "double(\"-Infinity\")"
	}
	text := strconv.FormatFloat(value, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func statuses(data []byte) (string, error) {
	var cases []*Status
	if err := json.Unmarshal(data, &cases); err != nil {
		return "", err
	}
	var lines []string
	for _, one := range cases {
		if err := judge(one); err != nil {
			return "", err
		}
		line, err := oneLine(one)
		if err != nil {
			return "", err
		}
		lines = append(lines, line)
	}
	return "[\n" + strings.Join(lines, ",\n") + "\n]\n", nil
}

func judge(one *Status) error {
	object := map[string]any{}
	if err := utiljson.Unmarshal(one.Object, &object); err != nil {
		return err
	}
	reader, err := fluxcel.NewStatusReader(one.Checks)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", one.Name, err)
		one.Verdict = "refused"
		return nil
	}
	found, err := reader(nil).ReadStatusForObject(context.Background(), nil, &unstructured.Unstructured{Object: object})
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", one.Name, err)
		one.Verdict = "not for this object"
		return nil
	}
	if found.Error != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", one.Name, found.Error)
	}
	one.Verdict = found.Status.String()
	return nil
}
