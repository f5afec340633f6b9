package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// readyWithin bounds the wait for each component; a cold start takes some 8 s.
const readyWithin = 90 * time.Second

func up(args []string) error {
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	dir := flags.String("dir", "", "directory for data, keys, logs and the kubeconfig (required)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return errors.New("up: --dir is required")
	}
	root, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	ports, err := freePorts(4)
	if err != nil {
		return err
	}
	token, err := randomToken()
	if err != nil {
		return err
	}
	if err := writeKeys(root, token); err != nil {
		return err
	}
	etcdURL := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	peerURL := fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	etcd, err := start(root, "etcd",
		"--data-dir", filepath.Join(root, "etcd"),
		"--listen-client-urls", etcdURL, "--advertise-client-urls", etcdURL,
		"--listen-peer-urls", peerURL, "--initial-advertise-peer-urls", peerURL,
		"--initial-cluster", "default="+peerURL,
		"--unsafe-no-fsync", "--log-level", "error")
	if err != nil {
		return err
	}
	defer stop(etcd)
	if err := waitFor(http.DefaultClient, etcdURL+"/health", ""); err != nil {
		return fmt.Errorf("etcd: %w (see %s)", err, filepath.Join(root, "etcd.log"))
	}
	server := fmt.Sprintf("https://127.0.0.1:%d", ports[2])
	api, err := start(root, "apiserver",
		"--etcd-servers", etcdURL,
		"--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", fmt.Sprint(ports[2]),
		"--cert-dir", filepath.Join(root, "certs"),
		"--endpoint-reconciler-type", "none",
		"--service-cluster-ip-range", "10.96.0.0/16",
		"--authorization-mode", "RBAC",
		"--token-auth-file", filepath.Join(root, "tokens.csv"),
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-key-file", filepath.Join(root, "sa.key"),
		"--service-account-signing-key-file", filepath.Join(root, "sa.key"),
		"--disable-admission-plugins", "ServiceAccount",
		"--audit-policy-file", filepath.Join(root, "audit.yaml"),
		"--audit-log-path", filepath.Join(root, "audit.log"),
		"--shutdown-delay-duration", "0s")
	if err != nil {
		return err
	}
	defer stop(api)
	certFile := filepath.Join(root, "certs", "apiserver.crt")
	client, err := trusting(certFile)
	if err != nil {
		return err
	}
	if err := waitFor(client, server+"/readyz", token); err != nil {
		return fmt.Errorf("kube-apiserver: %w (see %s)", err, filepath.Join(root, "apiserver.log"))
	}
	kubeconfig := filepath.Join(root, "kubeconfig")
	if err := writeKubeconfig(kubeconfig, server, certFile, token); err != nil {
		return err
	}
	manager, err := start(root, "controller-manager",
		"--kubeconfig", kubeconfig,
		"--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(ports[3]),
		"--cert-dir", filepath.Join(root, "certs"),
		"--service-account-private-key-file", filepath.Join(root, "sa.key"),
		"--use-service-account-credentials=false",
		// Its own limits are for clusters that share a server with much else; here they would be what is measured.
		"--kube-api-qps", "1000", "--kube-api-burst", "2000",
		"--concurrent-deployment-syncs", "20",
		"--leader-elect=false")
	if err != nil {
		return err
	}
	defer stop(manager)
	fmt.Println("ready", kubeconfig)
	exited := make(chan string, 3)
	for name, cmd := range map[string]*exec.Cmd{"etcd": etcd, "apiserver": api, "controller-manager": manager} {
		go func() {
			_ = cmd.Wait()
			exited <- name
		}()
	}
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	select {
	case name := <-exited:
		return fmt.Errorf("%s ended by itself (see %s)", name, filepath.Join(root, name+".log"))
	case <-closed:
		return nil
	}
}

func start(root, component string, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(root, component+".log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{component}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	// The kernel ends the component with kubed, even when kubed is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, cmd.Start()
}

// stop ends a component hard: a graceful stop would hold its port for a minute.
func stop(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = cmd.Process.Kill()
	}
}

func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func randomToken() (string, error) {
	raw := make([]byte, 24)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	return hex.EncodeToString(raw), nil
}

// auditPolicy records what the service accounts of the controllers' namespace ask for, and nothing else.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts:flux-system"]
- level: None
`

func writeKeys(root, token string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(filepath.Join(root, "sa.key"), block, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "audit.yaml"), []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	line := token + ",weir-admin,weir-admin,\"system:masters\"\n"
	return os.WriteFile(filepath.Join(root, "tokens.csv"), []byte(line), 0o600)
}

// trusting waits until the API server has written its certificate and returns a
// client that trusts it and nothing else.
func trusting(certFile string) (*http.Client, error) {
	deadline := time.Now().Add(readyWithin)
	for {
		if text, err := os.ReadFile(certFile); err == nil {
			pool := x509.NewCertPool()
			if pool.AppendCertsFromPEM(text) {
				return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}, nil
			}
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("kube-apiserver wrote no certificate within %s", readyWithin)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func waitFor(client *http.Client, url, token string) error {
	deadline := time.Now().Add(readyWithin)
	for {
		request, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %s", response.Status)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready within %s: %w", readyWithin, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func writeKubeconfig(path, server, certFile, token string) error {
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: kubed
clusters:
- name: kubed
  cluster:
    server: %s
    certificate-authority: %s
contexts:
- name: kubed
  context:
    cluster: kubed
    user: admin
users:
- name: admin
  user:
    token: %s
`, server, certFile, token)
	return os.WriteFile(path, []byte(text), 0o600)
}
