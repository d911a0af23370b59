// SPDX-License-Identifier: MIT

package slurm

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

// cluster is a Slurm of this user's own: munged, slurmctld and a slurmd for each node. Its files are in dir.
type cluster struct {
	t   *testing.T
	dir string
	env []string // of the commands
}

// conf is slurm.conf. A job's tasks learn from host.sh which disk is their node's: both nodes are this machine.
// Debian's slurmd starts several times on one, each with its name and port.
const conf = `ClusterName=kmodlab
SlurmctldHost=%[1]s(127.0.0.1)
SlurmctldPort=%[2]d
SlurmUser=%[3]s
SlurmdUser=%[3]s
AuthType=auth/munge
AuthInfo=socket=%[4]s/munge.sock
CredType=cred/munge
StateSaveLocation=%[4]s/state
SlurmctldPidFile=%[4]s/slurmctld.pid
SlurmctldLogFile=%[4]s/slurmctld.log
SlurmdPidFile=%[4]s/%%n.pid
SlurmdLogFile=%[4]s/%%n.log
SlurmdSpoolDir=%[4]s/spool-%%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog=%[4]s/host.sh
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=86400
PartitionName=all Nodes=ALL Default=YES State=UP MaxTime=INFINITE
`

// hostScript prints what is in the environment of a job's tasks.
const hostScript = `#!/bin/sh
echo "export KMODLAB_HOST_CACHE=%s/disk-$SLURMD_NODENAME"
`

// startCluster starts a Slurm with these nodes, of one processor each. At the end of the test nothing of it is left.
func startCluster(t *testing.T, nodes ...string) *cluster {
	t.Helper()
	for _, program := range []string{"munged", "slurmctld", "slurmd", "sbatch", "scontrol", "sinfo", "squeue"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: type: make test-slurm, which installs it", err)
		}
	}
	c := &cluster{t: t, dir: t.TempDir()}
	c.env = append(os.Environ(), "SLURM_CONF="+c.file("slurm.conf"))
	c.configure(nodes)
	c.daemon("munged", "--foreground", "--force", "--socket", c.file("munge.sock"), "--key-file", c.file("munge.key"),
		"--pid-file", c.file("munge.pid"), "--log-file", c.file("munge.log"), "--seed-file", c.file("munge.seed"))
	testlab.Eventually(t, "munged listens", func() bool { _, err := os.Stat(c.file("munge.sock")); return err == nil })
	c.daemon("slurmctld", "-D")
	for _, node := range nodes {
		c.daemon("slurmd", "-D", "-N", node)
	}
	testlab.Eventually(t, "all nodes are idle", func() bool {
		out, err := c.command("sinfo", "-h", "-N", "-o", "%N %T").Output()
		return err == nil && strings.Count(string(out), " idle\n") == len(nodes)
	})
	return c
}

func (c *cluster) configure(nodes []string) {
	c.t.Helper()
	host, err := os.Hostname()
	if err != nil {
		c.t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		c.t.Fatal(err)
	}
	ports := freePorts(c.t, len(nodes)+1)
	text := fmt.Sprintf(conf, host, ports[0], me.Username, c.dir)
	for i, node := range nodes {
		text += fmt.Sprintf("NodeName=%s NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=1 RealMemory=8000 State=UNKNOWN\n",
			node, host, ports[i+1])
		c.mkdir("spool-" + node)
		c.mkdir("disk-" + node)
	}
	c.mkdir("state")
	key := make([]byte, 1024)
	rand.Read(key)
	c.write("munge.key", key, 0o600)
	c.write("host.sh", fmt.Appendf(nil, hostScript, c.dir), 0o700)
	c.write("slurm.conf", []byte(text), 0o600)
}

func (c *cluster) file(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) mkdir(name string) {
	if err := os.Mkdir(c.file(name), 0o700); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) write(name string, data []byte, mode os.FileMode) {
	if err := os.WriteFile(c.file(name), data, mode); err != nil {
		c.t.Fatal(err)
	}
}

// freePorts are ports that nobody listens on.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // at the end: all are different
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// stopLimit is how long a daemon has to end by itself.
const stopLimit = 30 * time.Second

// daemon starts a program that stays in the foreground. It is ended after those that were started later.
func (c *cluster) daemon(name string, args ...string) {
	c.t.Helper()
	var said bytes.Buffer
	cmd := c.command(name, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // if the test is killed
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	c.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(stopLimit):
			c.t.Errorf("%s does not end", name)
			cmd.Process.Kill()
			<-ended
		}
		if c.t.Failed() {
			c.t.Logf("%s %s said:\n%s", name, strings.Join(args, " "), said.Bytes()[max(0, said.Len()-4000):])
		}
	})
}

// command is one of Slurm's commands, for this cluster.
func (c *cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), name, args...)
	cmd.Env = c.env
	if slices.Contains([]string{"munged", "slurmctld", "slurmd"}, name) { // which are asked to end, and not killed
		cmd = exec.Command(name, args...)
		cmd.Env = c.env
	}
	return cmd
}

// must runs a command that must not fail, and returns what it prints.
func (c *cluster) must(name string, args ...string) string {
	c.t.Helper()
	return c.mustRun(c.command(name, args...))
}

func (c *cluster) mustRun(cmd *exec.Cmd) string {
	c.t.Helper()
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("%s: %v\n%s%s", cmd, err, out, said.Bytes())
	}
	return strings.TrimSpace(string(out))
}

// wait waits until a job, and those that it depends on, have ended, well or not.
func (c *cluster) wait(job string) {
	c.t.Helper()
	c.must("sbatch", "--wait", "--dependency=afterany:"+job, "--output=/dev/null", "--wrap=true")
}

// field is what scontrol says of a job, as JobState.
func (c *cluster) field(job, name string) string {
	c.t.Helper()
	for word := range strings.FieldsSeq(c.must("scontrol", "show", "job", job)) {
		if value, ok := strings.CutPrefix(word, name+"="); ok {
			return value
		}
	}
	return ""
}
