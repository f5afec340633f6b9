// fluxsource answers what Flux's own packages make of Git repositories, ignore rules and version
// ranges. It writes the expected outputs of tests/conformance/git.
package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/fluxcd/pkg/git"
	"github.com/fluxcd/pkg/git/gogit"
	"github.com/fluxcd/pkg/git/repository"
	"github.com/fluxcd/pkg/sourceignore"
	"github.com/fluxcd/pkg/sourceignore/gitignore"
	"github.com/fluxcd/pkg/version"
)

// Case is one repository and what is asked of it.
type Case struct {
	Name       string            `json:"name"`
	Script     string            `json:"script"`
	Ref        map[string]string `json:"ref,omitempty"`
	Sparse     []string          `json:"sparse,omitempty"`
	Submodules bool              `json:"submodules,omitempty"`
	Ignore     *string           `json:"ignore,omitempty"`
	Expect     *Expect           `json:"expect,omitempty"`
	// Differs says why weir's answer is another one on purpose.
	Differs string `json:"differs,omitempty"`
}

// Expect is the artifact: its revision, and mode, digest and path of each file.
type Expect struct {
	Revision string   `json:"revision,omitempty"`
	Files    []string `json:"files,omitempty"`
	Error    bool     `json:"error,omitempty"`
}

// Rules is a set of paths and the ignore rules for them.
type Rules struct {
	Files  map[string]string `json:"files"`
	Ignore *string           `json:"ignore,omitempty"`
	Kept   []string          `json:"kept"`
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: fluxsource clone|ignore|ranges FILE"))
	}
	var err error
	switch os.Args[1] {
	case "clone":
		err = rewrite(os.Args[2], clone)
	case "ignore":
		err = rewrite(os.Args[2], ignored)
	case "ranges":
		err = ranges(os.Args[2])
	default:
		err = fmt.Errorf("unknown command %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// rewrite runs each case of a file and writes the answers into it, a case a line.
func rewrite[T any](file string, answer func(*T) error) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var cases []*T
	if err := json.Unmarshal(data, &cases); err != nil {
		return err
	}
	var lines []string
	for _, one := range cases {
		if err := answer(one); err != nil {
			return err
		}
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(one); err != nil {
			return err
		}
		lines = append(lines, strings.TrimSpace(line.String()))
	}
	return os.WriteFile(file, []byte("[\n"+strings.Join(lines, ",\n")+"\n]\n"), 0o644)
}

func clone(one *Case) error {
	root, err := os.MkdirTemp("", "fluxsource-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	make := exec.Command("bash", "-euc", one.Script)
	make.Dir = root
	make.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z",
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=protocol.file.allow", "GIT_CONFIG_VALUE_0=always",
		"GIT_CONFIG_KEY_1=init.defaultBranch", "GIT_CONFIG_VALUE_1=main")
	if output, err := make.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", one.Name, err, output)
	}
	into := filepath.Join(root, "out")
	expect, err := artifact(one, filepath.Join(root, "repo"), into)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", one.Name, err)
		expect = &Expect{Error: true}
	}
	one.Expect = expect
	return nil
}

func artifact(one *Case, url, into string) (*Expect, error) {
	if err := os.Mkdir(into, 0o755); err != nil {
		return nil, err
	}
	// Credentials are none; the type of the transport only says that none are needed.
	client, err := gogit.NewClient(into, &git.AuthOptions{Transport: git.HTTP}, gogit.WithDiskStorage())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var sparse []string
	for _, path := range one.Sparse {
		sparse = append(sparse, strings.TrimPrefix(path, "./"))
	}
	commit, err := client.Clone(context.Background(), url, repository.CloneConfig{
		CheckoutStrategy: repository.CheckoutStrategy{
			Branch: one.Ref["branch"], Tag: one.Ref["tag"], SemVer: one.Ref["semver"],
			RefName: one.Ref["name"], Commit: one.Ref["commit"],
		},
		RecurseSubmodules:         one.Submodules,
		ShallowClone:              true,
		SparseCheckoutDirectories: sparse,
	})
	if err != nil {
		return nil, err
	}
	if commit == nil {
		return nil, fmt.Errorf("the repository is empty")
	}
	for _, path := range one.Sparse {
		if _, err := os.Lstat(filepath.Join(into, filepath.Join("/", path))); err != nil {
			return nil, err
		}
	}
	expect := &Expect{Revision: commit.String()}
	if one.Ref["name"] != "" {
		expect.Revision = commit.AbsoluteReference()
	}
	keeps, err := matcher(into, one.Ignore)
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(into, func(path string, entry fs.DirEntry, err error) error {
		// The file that go-git leaves in a submodule's folder names a path on its own disk.
		if err != nil || !entry.Type().IsRegular() || !keeps(path) || entry.Name() == ".git" {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		mode := "0600"
		if info.Mode()&0o111 != 0 {
			mode = "0700"
		}
		relative, err := filepath.Rel(into, path)
		expect.Files = append(expect.Files, fmt.Sprintf("%s %x %s", mode, sha1.Sum(data), relative))
		return err
	})
	return expect, err
}

// matcher tells which files of a folder an artifact keeps.
func matcher(root string, ignore *string) (func(string) bool, error) {
	domain := strings.Split(root, string(filepath.Separator))
	patterns, err := sourceignore.LoadIgnorePatterns(root, domain)
	if err != nil {
		return nil, err
	}
	if ignore != nil {
		patterns = append(patterns, sourceignore.ReadPatterns(strings.NewReader(*ignore), domain)...)
	}
	var rules gitignore.Matcher
	if len(patterns) > 0 {
		rules = sourceignore.NewMatcher(append(sourceignore.VCSPatterns(domain), patterns...))
	} else {
		rules = sourceignore.NewDefaultMatcher(nil, domain)
	}
	return func(path string) bool {
		return !rules.Match(strings.Split(path, string(filepath.Separator)), false)
	}, nil
}

func ignored(one *Rules) error {
	root, err := os.MkdirTemp("", "fluxsource-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	for path, text := range one.Files {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			return err
		}
	}
	keeps, err := matcher(root, one.Ignore)
	if err != nil {
		return err
	}
	one.Kept = []string{}
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && keeps(path) {
			relative, _ := filepath.Rel(root, path)
			one.Kept = append(one.Kept, relative)
		}
		return err
	})
}

// ranges writes which of the versions in the file's second line each constraint takes.
func ranges(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	tags := strings.Fields(strings.TrimPrefix(lines[1], "versions: "))
	for at, line := range lines[2:] {
		constraint, _, _ := strings.Cut(line, " => ")
		answer := "error"
		if parsed, err := semver.NewConstraint(constraint); err == nil {
			var taken []string
			for _, tag := range tags {
				if v, err := version.ParseVersion(tag); err == nil && parsed.Check(v) {
					taken = append(taken, tag)
				}
			}
			answer = strings.Join(taken, " ")
		}
		lines[at+2] = constraint + " => " + answer
	}
	return os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}
