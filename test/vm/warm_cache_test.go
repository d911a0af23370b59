// SPDX-License-Identifier: MIT

package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/snapshot"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// elsewhere puts the program, a module's sources and a cache below /mnt, of a mount
// namespace of its own, where any user gets at them. $1 is where the cache is, $2 the
// program, $3 the sources; the rest is run there.
const elsewhere = `set -e
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir -m 1777 /mnt/out
mkdir /mnt/cache
mount -t tmpfs -o mode=755 tmpfs /mnt/cache
for part in kernels symbols build machines; do
	mkdir -p /mnt/cache/kmodlab/$part
	mount --bind "$1/$part" /mnt/cache/kmodlab/$part
done
cp "$2" /mnt/kmodlab
cp -r "$3" /mnt/src
chmod -R a+rX /mnt/src /mnt/kmodlab
export XDG_CACHE_HOME=/mnt/cache HOME=/mnt/out
cd /mnt/out
`

// TestOthersCache: whoever cannot write to a cache, or may not read the machines that
// another user has saved in it, boots and gets the right verdict; the machines stay
// as they were.
func TestOthersCache(t *testing.T) {
	needs.VM(t)
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can mount, and be another user")
	}
	needs.Program(t, "unshare")
	needs.Program(t, "setpriv")
	cache, store := machines(t)
	spec := kmodlab.Spec{Dir: "testdata/warm", For: time.Millisecond, Machine: kmodlab.Machine{Accel: kmodlab.TCG}, Tools: kmodlab.Tools{CacheDir: cache}}
	if res := runVM(t, spec); !res.Machine.Warm {
		t.Fatal("no machine was saved")
	}
	before := onlyImage(t, store)
	for name, how := range map[string]string{
		"read-only":    "for m in /mnt/cache /mnt/cache/kmodlab/*; do mount -o remount,ro,bind $m; done\n",
		"another user": "mkdir -m 700 /mnt/hidden; mount --bind /mnt/hidden /mnt/cache/kmodlab/symbols\nas='setpriv --reuid 65534 --regid 65534 --clear-groups'\n",
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "result.json")
			run := how + "$as /mnt/kmodlab run /mnt/src --accel tcg --for 1ms --json /mnt/out/result.json\ncp /mnt/out/result.json " + out
			cmd := exec.Command("unshare", "--mount", "sh", "-c", elsewhere+run, "sh", cache, testlab.Kmodlab(t), "testdata/warm")
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			if res := machine.ReadResult(t, out); res.Machine.Warm || res.Verdict.Class != result.Pass {
				t.Errorf("%+v on %+v", res.Verdict, res.Machine)
			}
			if after := onlyImage(t, store); after.Key != before.Key || after.Bytes != before.Bytes {
				t.Errorf("the saved machine %+v became %+v", before, after)
			}
		})
	}
	if res := runVM(t, spec); !res.Machine.Warm || res.Verdict.Class != result.Pass {
		t.Errorf("afterwards: %+v on %+v", res.Verdict, res.Machine)
	}
}

func onlyImage(t *testing.T, store snapshot.Store) snapshot.Image {
	t.Helper()
	list, err := store.Images()
	if err != nil || len(list) != 1 {
		t.Fatalf("saved machines %v, %v, want one", list, err)
	}
	return list[0]
}
