// Command kubed runs a real Kubernetes control plane (etcd, kube-apiserver and
// kube-controller-manager) from one binary, for weir's end-to-end tests. It has
// no kubelet and no scheduler: tests set pod status themselves.
//
//	kubed up --dir DIR        start all three; prints one line "ready KUBECONFIG" on stdout
//	kubed etcd|apiserver|controller-manager FLAGS...   one component (used by up)
//	kubed kubectl ARGS...     the real kubectl
//
// The control plane listens on loopback only and ends when its standard input
// closes, so that a test runner that is killed leaves nothing behind.
package main

import (
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: kubed up --dir DIR | etcd|apiserver|controller-manager|kubectl ARGS...")
		os.Exit(2)
	}
	name := os.Args[1]
	os.Args = append([]string{name}, os.Args[2:]...)
	switch name {
	case "up":
		if err := up(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "kubed:", err)
			os.Exit(1)
		}
	case "etcd":
		etcdmain.Main(os.Args)
	case "apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kubectl":
		kubectl()
	default:
		fmt.Fprintf(os.Stderr, "kubed: unknown component %q\n", name)
		os.Exit(2)
	}
}
