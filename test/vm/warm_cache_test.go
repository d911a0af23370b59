// SPDX-License-Identifier: MIT

package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/snapshot"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// elsewhere puts the programs, a module's sources and a cache below /mnt, in a mount namespace of its own. Any user can
// reach them there. $1 is the cache, $2 is kmodlab with its agent beside it, and $3 are the sources. The lines that
// follow this text run there.
const elsewhere = `set -e
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir -m 1777 /mnt/out
mkdir /mnt/cache
mount -t tmpfs -o mode=755 tmpfs /mnt/cache
for part in kernels symbols build machines; do
	mkdir -p /mnt/cache/kmodlab/$part
	mount --bind "$1/$part" /mnt/cache/kmodlab/$part
done
cp "$2" "$2-agent" /mnt/
cp -r "$3" /mnt/src
chmod -R a+rX /mnt/src /mnt/kmodlab /mnt/kmodlab-agent
export XDG_CACHE_HOME=/mnt/cache HOME=/mnt/out
cd /mnt/out
`

// TestOthersCache: a run that cannot write to its cache boots and gets the right verdict. One whose cache is another
// user's ends with a clear line. The snapshots stay as they were.
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
	for name, tt := range map[string]struct {
		how     string
		class   result.Class
		message string
	}{
		"read-only": {"for m in /mnt/cache /mnt/cache/kmodlab/*; do mount -o remount,ro,bind $m; done\n", result.Pass, ""},
		"another user's": {"as='setpriv --reuid 65534 --regid 65534 --clear-groups'\n", result.Host,
			"/mnt/cache/kmodlab is not this user's alone: /mnt/cache/kmodlab belongs to user root"},
		"another user's link": {"cd /mnt/cache && mv kmodlab real && ln -s real kmodlab && chown -h 65534 kmodlab; cd -\n",
			result.Host, "/mnt/cache/kmodlab is a link that belongs to "},
		"open to others below": {"cd /mnt/cache/kmodlab; mkdir x; touch x/y; chmod 777 x; cd -\n", result.Host,
			"/mnt/cache/kmodlab/x can be changed by others"},
		"with another user's": {"mkdir /mnt/cache/kmodlab/x; chown 65534 /mnt/cache/kmodlab/x\n", result.Host,
			"/mnt/cache/kmodlab/x belongs to user"},
		"open to others": {"chmod 777 /mnt/cache\n", result.Host, "/mnt/cache can be changed by others"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "result.json")
			run := tt.how +
				"$as /mnt/kmodlab run /mnt/src --accel tcg --for 1ms --json /mnt/out/result.json || true\n" +
				"cp /mnt/out/result.json " + out
			cmd := exec.Command("unshare", "--mount",
				"sh", "-c", elsewhere+run, "sh", cache, testlab.Kmodlab(t), "testdata/warm")
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			res := machine.ReadResult(t, out)
			if v := res.Verdict; res.Machine.Warm || v.Class != tt.class || !strings.Contains(v.Message, tt.message) {
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
