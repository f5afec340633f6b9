// fluxssa tells what Flux's own packages make of objects, at the versions that Flux 2.9.4 is built
// with. It writes the expected outputs of tests/conformance/kstatus.
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
	if len(args) != 2 {
		return fmt.Errorf("usage: fluxssa kstatus FOLDER")
	}
	commands := map[string]func(string) error{"kstatus": kstatus}
	command, found := commands[args[0]]
	if !found {
		return fmt.Errorf("unknown command %q", args[0])
	}
	files, err := filepath.Glob(filepath.Join(args[1], "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := command(file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}
