package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
)

// kubectl is the real one, so that the tests need none on the machine.
func kubectl() int {
	return cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand())
}
