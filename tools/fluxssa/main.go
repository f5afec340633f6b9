// fluxssa tells what Flux's own packages make of objects, at the versions that Flux 2.9.4 is built
// with. It writes the expected outputs of tests/conformance/kstatus and, from what happens on the API
// server of $KUBECONFIG, those of tests/conformance/ssa. For the end-to-end tests it does on that server what
// kustomize-controller does with a Kustomization.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fluxssa:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 4 && args[0] == "reconcile" {
		return reconcile(args[1], args[2], args[3], os.Stdin)
	}
	if len(args) != 2 {
		return fmt.Errorf("usage: fluxssa kstatus|histories FOLDER, or fluxssa reconcile NAMESPACE NAME REVISION < OBJECTS")
	}
	switch args[0] {
	case "kstatus":
		files, err := filepath.Glob(filepath.Join(args[1], "*.json"))
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := kstatus(file); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		return nil
	case "histories":
		return histories(args[1])
	}
	return fmt.Errorf("unknown command %q", args[0])
}
