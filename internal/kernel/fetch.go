// SPDX-License-Identifier: MIT

package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// toolPackages are what a build and a lab machine need besides the kernel, its headers and their dependencies. Debian's
// essential packages are listed because nothing depends on them; perl is for kernel-doc, which make W=1 runs up to 6.x.
var toolPackages = []string{
	"gcc", "libc6-dev", "make", "kmod",
	"dash", "bash", "coreutils", "findutils", "grep", "sed", "mawk", "perl",
	"libc-bin", "base-files", "diffutils", "hostname", "tar", "gzip", "xz-utils", "zstd",
	"util-linux", "mount", "procps", // for tests beside a module
}

// fetch makes the folder of n complete. The caller holds its lock.
func (s *Store) fetch(ctx context.Context, n debName) (err error) {
	aptGet, err := findApt()
	if err != nil {
		return err
	}
	work := s.fetchDir(n)
	tree := filepath.Join(work, "tree")
	for _, stale := range []string{tree, filepath.Join(work, "removed"), filepath.Join(s.Dir, n.folder())} {
		if err := os.RemoveAll(stale); err != nil {
			return fmt.Errorf("remove what an interrupted fetch left: %w", err)
		}
	}
	defer func() {
		if err == nil {
			return
		}
		os.RemoveAll(tree)
		// Only packages are worth keeping for a later fetch; an index alone is not.
		archives := filepath.Join(work, "apt/cache/archives")
		debs, _ := filepath.Glob(filepath.Join(archives, "*.deb"))
		parts, _ := filepath.Glob(filepath.Join(archives, "partial/*.deb"))
		if len(debs)+len(parts) == 0 {
			os.RemoveAll(work)
		}
	}()
	if err := os.MkdirAll(filepath.Join(tree, "root"), 0o755); err != nil {
		return fmt.Errorf("create kernel folder: %w", err)
	}
	files, err := s.download(ctx, n, filepath.Join(work, "apt"), aptGet)
	if err != nil {
		return err
	}
	k, err := s.build(ctx, n, filepath.Join(work, "apt/cache/archives"), tree, files)
	if err != nil {
		return err
	}
	if err := writeRecord(tree, k); err != nil {
		return err
	}
	if err := os.Rename(tree, filepath.Join(s.Dir, n.folder())); err != nil {
		return fmt.Errorf("put kernel in place: %w", err)
	}
	// From here on the kernel is in place; a leftover folder only costs space.
	os.RemoveAll(work)
	return nil
}

// build turns the downloaded packages into tree/root and tree/root.ext4.
func (s *Store) build(ctx context.Context, n debName, archives, tree string, files []archiveFile) (*record, error) {
	root := filepath.Join(tree, "root")
	if err := unpackAll(ctx, archives, root, files, s.tell); err != nil {
		return nil, err
	}
	if err := furnish(root); err != nil {
		return nil, err
	}
	release, image, err := findRelease(root)
	if err != nil {
		return nil, err
	}
	if s.Prepare != nil {
		if err := s.Prepare(root, release); err != nil {
			return nil, fmt.Errorf("prepare kernel tree: %w", err)
		}
	}
	k := &record{Prepared: s.Prepare != nil, Kernel: Kernel{
		Name: n.String(), Release: release, Version: imageVersion(files, release),
		Image: filepath.Join("root", image), Root: "root", RootImage: "root.ext4",
		ID: planID(files),
	}, Fetched: time.Now().UTC()}
	for _, f := range files {
		k.Packages = append(k.Packages, f.name)
	}
	s.tell(imageProgress)
	if err := makeImage(ctx, root, filepath.Join(tree, "root.ext4"), k.ID); err != nil {
		return nil, err
	}
	return k, nil
}

var imageProgress = Progress{Phase: "image", Text: "creating the build machine's disk"}

// download fetches all packages of n into the private root's archives folder.
func (s *Store) download(ctx context.Context, n debName, dir, aptGet string) ([]archiveFile, error) {
	// With less space not even the package index fits.
	if err := needSpace(s.Dir, 128<<20); err != nil {
		return nil, err
	}
	a, err := newAptRoot(ctx, dir, aptGet)
	if err != nil {
		return nil, err
	}
	arch, err := s.findArchive(ctx, aptGet)
	if err != nil {
		return nil, err
	}
	a.mirror, a.silence = arch.main, s.silence
	list := sourcesFor(n, arch)
	for {
		if list, err = s.update(ctx, a, n, list, arch.keys); err != nil {
			return nil, err
		}
		p, err := a.resolve(ctx, n)
		if err != nil {
			return nil, a.explainVersion(ctx, n, err)
		}
		if err := needSpace(s.Dir, p.spaceNeeded(filepath.Join(dir, "cache/archives"))); err != nil {
			return nil, err
		}
		dropDamaged(filepath.Join(dir, "cache/archives"), p.files)
		err = s.downloadFiles(ctx, a, n, p, p.missing(filepath.Join(dir, "cache/archives")))
		if err == nil || ctx.Err() != nil {
			return p.files, err
		}
		// The security archive of a release at the end of its life still has an index when its packages are already
		// gone.
		kept := s.leaveOut(list, func(src source) bool { return missingFiles(err, src) })
		if len(kept) == len(list) {
			return nil, err
		}
		list = kept
	}
}

// dropDamaged removes packages of an earlier fetch that do not match the signed index: apt itself only compares sizes.
func dropDamaged(archives string, files []archiveFile) {
	for _, f := range files {
		file := filepath.Join(archives, f.name)
		if err := checkSum(file, f.sha256); err != nil {
			os.Remove(file)
		}
	}
}

// update fetches the package indexes of list, and returns list without the optional suites that the mirror lacks.
func (s *Store) update(ctx context.Context, a *aptRoot, n debName, list []source, keys []string) ([]source, error) {
	for {
		if err := a.write("etc/sources.d/debian.sources", writeSources(list, keys)); err != nil {
			return nil, err
		}
		text := "package index of " + n.suite
		a.indexing = true
		_, err := a.run(ctx, "fetch "+text, func(line string) {
			if pct, ok := parseStatus(line); ok {
				s.tell(Progress{Phase: "index", Done: int64(pct), Total: 100, Unit: Percent, Text: text})
			}
		}, a.aptGet, "update", "-q")
		a.indexing = false
		if err == nil || ctx.Err() != nil {
			return list, err
		}
		kept := s.leaveOut(list, func(src source) bool { return missingSuite(err, src) })
		if len(kept) == len(list) {
			for _, src := range list {
				if errors.Is(err, ErrNoSource) && missingSuite(err, src) {
					return nil, a.noSuite(ctx, n, src, err)
				}
			}
			return nil, err
		}
		list = kept
	}
}

// leaveOut drops the optional sources that are gone, and says so.
func (s *Store) leaveOut(list []source, gone func(source) bool) []source {
	var kept []source
	for _, src := range list {
		if src.optional && gone(src) {
			s.tell(Progress{Phase: "index",
				Text: fmt.Sprintf("%s no longer serves %s, continuing without it", src.uri, src.suite)})
			continue
		}
		kept = append(kept, src)
	}
	return kept
}

// missingSuite reports, from apt's messages, whether the mirror has no such suite, or only one that is no longer
// maintained.
func missingSuite(err error, src source) bool {
	return saysAny(err, fmt.Sprintf("The repository '%s %s Release' does not have a Release file", src.uri, src.suite),
		fmt.Sprintf("Release file for %s/dists/%s/InRelease is expired", src.uri, src.suite))
}

// missingFiles reports, from apt's messages, whether the mirror has the suite's index but not its files.
func missingFiles(err error, src source) bool {
	var f *aptFailure
	return errors.As(err, &f) && slices.ContainsFunc(f.said, func(line string) bool {
		return strings.HasPrefix(line, "Failed to fetch "+src.uri+"/pool/") && strings.Contains(line, " 404 ")
	})
}

// installArgs are the arguments by which apt chooses the packages of n.
func (n debName) installArgs() []string {
	args := []string{"install", "-q", "-y"}
	if t := n.target(); t != "" {
		args = append(args, "-t", t)
	}
	return slices.Concat(args, n.packages(), toolPackages, n.morePackages())
}

// resolve makes apt follow the dependencies as if nothing had been downloaded yet.
func (a *aptRoot) resolve(ctx context.Context, n debName) (plan, error) {
	args := append([]string{
		"-o", "Dir::Cache::archives=" + filepath.Join(a.dir, "etc/empty"),
		"-o", "Acquire::ForceHash=SHA256", "--print-uris",
	}, n.installArgs()...)
	out, err := a.run(ctx, "resolve the packages of "+n.String(), nil, a.aptGet, args...)
	if err != nil {
		return plan{}, err
	}
	p, err := parsePlan(out)
	if err != nil {
		return plan{}, fmt.Errorf("resolve the packages of %s: %w", n, err)
	}
	return p, nil
}

// downloadFiles makes apt fetch and verify the packages of p. Earlier packages stay; missing is the number of bytes
// still to come.
func (s *Store) downloadFiles(ctx context.Context, a *aptRoot, n debName, p plan, missing int64) error {
	text := fmt.Sprintf("%d packages of %s", len(p.files), n)
	tell := func(done int64) {
		s.tell(Progress{Phase: "download", Done: done, Total: missing, Unit: Bytes, Text: text})
	}
	tell(0)
	args := append([]string{"--download-only"}, n.installArgs()...)
	_, err := a.run(ctx, "download "+text, func(line string) {
		if pct, ok := parseStatus(line); ok {
			tell(int64(pct / 100 * float64(missing)))
		}
	}, a.aptGet, args...)
	if err == nil {
		tell(missing)
	}
	return err
}

// explainVersion turns apt's error about a version that the suite does not serve into one that lists the versions it
// does serve.
func (a *aptRoot) explainVersion(ctx context.Context, n debName, err error) error {
	tool, lerr := lookTool("apt-cache")
	if lerr != nil || !errors.Is(err, ErrUnknownName) {
		return err
	}
	for _, p := range n.morePackages() {
		// The kernel is not to blame.
		if saysAny(err, "Unable to locate package "+p, "Package '"+p+"' has no installation candidate") {
			return err
		}
	}
	out, lerr := a.run(ctx, "list kernels", nil, tool, "pkgnames", "linux-image-")
	if lerr != nil {
		return err
	}
	served := servedABIs(out, flavours[n.flavour])
	switch {
	case strings.TrimSpace(out) == "":
		return fmt.Errorf("%w: %s serves no kernel of %s at all (%s)", ErrNoSource, a.mirror, n.suite, anotherMirror)
	case len(served) == 0:
		return fmt.Errorf("%w: %s serves no kernel of the %s flavour", ErrUnknownName, n.suite, n.flavour)
	case n.abi == "":
		return fmt.Errorf("%w; versions of the kernel that %s serves: %s", err, n.suite, strings.Join(served, ", "))
	}
	return fmt.Errorf("%w: %s serves no version %s of the %s flavour, but %s (write debian:%s=%s)",
		ErrUnknownName, n.suite, n.abi, n.flavour, strings.Join(served, ", "), n.suite, served[len(served)-1])
}
