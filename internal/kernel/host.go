// SPDX-License-Identifier: MIT

package kernel

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// hostKernel is the running kernel, if its image and modules are on this machine.
func hostKernel() (*Kernel, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return nil, fmt.Errorf("find the running kernel: %w", err)
	}
	return hostKernelAt("/", unix.ByteSliceToString(uts.Release[:]))
}

// hostKernelAt finds the files of one release below root, the machine's own.
func hostKernelAt(root, release string) (*Kernel, error) {
	k := &Kernel{Name: "host", Release: release, Root: root}
	images := []string{
		filepath.Join(root, "boot/vmlinuz-"+release),
		filepath.Join(root, "lib/modules", release, "vmlinuz"),
	}
	var missing []string
	for _, image := range images {
		if _, err := os.Stat(image); err == nil {
			k.Image = image
			break
		}
	}
	if k.Image == "" {
		missing = append(missing, "the image "+images[0])
	}
	if _, err := os.Stat(filepath.Join(k.ModuleDir(), "modules.dep")); err != nil {
		missing = append(missing, "the modules in "+k.ModuleDir())
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("use the host's kernel %s: %w: %s not found (%s)", release, ErrMissing,
			strings.Join(missing, " and "), fixHost(release))
	}
	if err := readable(k.Image); err != nil {
		return nil, fmt.Errorf("use the host's kernel %s: %w: %w (sudo chmod 0644 %s)", release, ErrMissing, err, k.Image)
	}
	return withID(k)
}

// fixHost is what to type for a complete host kernel; containers and clouds run kernels that no package contains.
func fixHost(release string) string {
	if _, err := lookTool("apt-get"); err == nil {
		return "apt-get install linux-image-" + release + " linux-headers-" + release +
			", or take a Debian kernel with --kernel debian:" + suites[1]
	}
	return "install your distribution's packages for kernel " + release +
		" and its headers, or use --kernel path:VMLINUZ,MODULES"
}

// openFile refuses what is not a regular file: a FIFO would wait for ever, and a device would not end.
func openFile(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s is not a regular file", file)
	}
	return f, nil
}

func readable(file string) error {
	f, err := openFile(file)
	if err != nil {
		return err
	}
	return f.Close()
}

// pathKernel is a kernel given as files: VMLINUZ,MODULES[,HEADERS].
func pathKernel(spec string) (*Kernel, error) {
	parts := strings.Split(spec, ",")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return nil, unknownName("path:"+spec, "it needs an image and a module folder")
	}
	for i, p := range parts {
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, fmt.Errorf("use kernel path:%s: %w", spec, err)
		}
		parts[i] = abs
	}
	k := &Kernel{Name: "path:" + strings.Join(parts, ","), Image: parts[0], Root: "/", Modules: parts[1]}
	if len(parts) == 3 {
		k.Build = parts[2]
	} else {
		k.Build = filepath.Join(k.Modules, "build")
	}
	if st, err := os.Stat(k.Modules); err != nil || !st.IsDir() {
		return nil, fmt.Errorf("use kernel path:%s: %w: no module folder %s", spec, ErrMissing, k.Modules)
	}
	if len(parts) == 3 {
		if _, err := os.Stat(filepath.Join(k.Build, "Makefile")); err != nil {
			return nil, fmt.Errorf("use kernel path:%s: %w: no kernel headers in %s (it has no Makefile)", spec, ErrMissing,
				k.Build)
		}
	}
	release, err := imageRelease(k.Image)
	if err != nil {
		return nil, fmt.Errorf("use kernel path:%s: %w: %w", spec, ErrMissing, err)
	}
	k.Release = release
	if base := filepath.Base(k.Modules); base != release && filepath.Base(filepath.Dir(k.Modules)) == "modules" {
		return nil, fmt.Errorf("use kernel path:%s: %w: the image is of release %s and the modules of %s",
			spec, ErrMissing, release, base)
	}
	return withID(k)
}

// imageRelease reads what uname -r will say, from a bzImage's boot header or, for an uncompressed ELF image, from its
// banner.
func imageRelease(file string) (string, error) {
	f, err := openFile(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 0x10000)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", fmt.Errorf("read image %s: %w", file, err)
	}
	head = head[:n]
	if release := bzImageRelease(head); release != "" {
		return release, nil
	}
	if bytes.HasPrefix(head, []byte("\x7fELF")) {
		data, err := io.ReadAll(io.MultiReader(bytes.NewReader(head), f))
		if err != nil {
			return "", fmt.Errorf("read image %s: %w", file, err)
		}
		if release := bannerRelease(data); release != "" {
			return release, nil
		}
	}
	return "", fmt.Errorf("%s is not a Linux x86 kernel image (a bzImage, or an ELF vmlinux)", file)
}

// bzImageRelease reads the boot header's kernel_version; empty if head is not a bzImage. The layout is that of the x86
// boot protocol, 2.00 and later.
func bzImageRelease(head []byte) string {
	if len(head) < 0x210 || string(head[0x202:0x206]) != "HdrS" {
		return ""
	}
	at := int(binary.LittleEndian.Uint16(head[0x20e:])) + 0x200
	if at == 0x200 || at >= len(head) {
		return ""
	}
	text, _, ok := bytes.Cut(head[at:], []byte{0})
	if !ok {
		return ""
	}
	return firstWord(text)
}

// bannerRelease finds "Linux version RELEASE (" in an uncompressed kernel.
func bannerRelease(image []byte) string {
	for rest := image; ; {
		_, after, ok := bytes.Cut(rest, []byte("Linux version "))
		if !ok {
			return ""
		}
		if word := firstWord(after[:min(len(after), 128)]); word != "" && word[0] >= '0' && word[0] <= '9' {
			return word
		}
		rest = after
	}
}

func firstWord(text []byte) string {
	word, _, _ := bytes.Cut(text, []byte(" "))
	for _, c := range word {
		if c <= ' ' || c > '~' || c == '/' {
			return ""
		}
	}
	return string(word)
}

// withID completes a kernel from outside the cache with a hash of everything that affects builds: the image, the symbol
// versions, the compiler.
func withID(k *Kernel) (*Kernel, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n%s\n", k.Name, k.Release, k.ModuleDir(), k.BuildDir())
	if err := hashFile(h, k.Image); err != nil {
		return nil, fmt.Errorf("read image: %w", err)
	}
	for _, file := range []string{"Module.symvers", ".config", "include/config/auto.conf"} {
		if err := hashFile(h, filepath.Join(k.BuildDir(), file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read kernel headers: %w", err)
		}
	}
	if gcc, err := exec.LookPath("gcc"); err == nil {
		if real, err := filepath.EvalSymlinks(gcc); err == nil {
			if st, err := os.Stat(real); err == nil {
				fmt.Fprintf(h, "%s %d %d\n", real, st.Size(), st.ModTime().UnixNano())
			}
		}
	}
	k.ID = hex.EncodeToString(h.Sum(nil))
	return k, nil
}

func hashFile(h io.Writer, file string) error {
	f, err := openFile(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(h, f)
	return err
}
