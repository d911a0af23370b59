// SPDX-License-Identifier: MIT

package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kmodlab/kmodlab/internal/snapshot"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// elsewhere puts the program, a module's sources and a cache below /mnt, in a mount namespace of its own. Any user can
// reach them there. $1 is the cache, $2 is the program, and $3 are the sources. The lines that follow this text run
// there.
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

// TestOthersCache checks runs that cannot write to a cache, or may not read the snapshots that another user has saved
// in it. Such a run boots and gets the right verdict. The snapshots stay as they were.
func TestOthersCache(t *testing.T) {
	needs.VM(t)
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can mount, and be another user")
	}
	needs.Program(t, "unshare")
	needs.Program(t, "setpriv")
	cache, store := machines(t)
	spec := warmSpec(cache)
	if res := runVM(t, spec); !res.Machine.Warm {
		t.Fatal("no machine was saved")
	}
	before := onlyImage(t, store)
	for name, how := range map[string]string{
		"read-only": "for m in /mnt/cache /mnt/cache/kmodlab/*; do mount -o remount,ro,bind $m; done\n",
		"another user": "mkdir -m 700 /mnt/hidden; mount --bind /mnt/hidden /mnt/cache/kmodlab/symbols\n" +
			"as='setpriv --reuid 65534 --regid 65534 --clear-groups'\n",
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "result.json")
			run := how +
				"$as /mnt/kmodlab run /mnt/src --accel tcg --for 1ms --json /mnt/out/result.json\n" +
				"cp /mnt/out/result.json " + out
			cmd := exec.Command("unshare", "--mount",
				"sh", "-c", elsewhere+run, "sh", cache, testlab.Kmodlab(t), "testdata/warm")
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
