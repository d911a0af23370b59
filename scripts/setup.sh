#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs what a goal of the Makefile needs and this machine lacks, on Debian and its relatives.
#
#   scripts/setup.sh [-n] build|demo|test|runners|bench|slurm|gradescope|generate|check|here
#
#   build     Go, and what its downloads need
#   demo      and QEMU, bubblewrap, mke2fs
#   test      and what the tests pack into their own machines, and what they give our formats to (scripts/foreign.sh)
#   runners   the same as demo, and cargo, which brings Rust: some 500 MB
#   bench     the same as test
#   slurm     the same as demo, and Slurm with munge; where systemd runs, their services start
#   gradescope  the same as demo, and debootstrap, which makes a Debian in a folder
#   generate  and clang, to compile the eBPF programs anew
#   check     the same as generate, and what reads the C sources and the scripts: clang-format, sparse, shellcheck
#   here      what `kmodlab run --here` needs on a machine that is itself the lab: compiler, headers, kmod
#
# -n only says what is missing, and exits with 1 when something is.
#
# Says nothing and starts no package manager when nothing is missing. Uses sudo only when not root.
# Never edits /etc/apt: where the release's own Go is too old to fetch the toolchain that go.mod asks
# for, the newer one comes from the release's backports through a source list of our own.
set -eu

# A Go from here on can download the toolchain that go.mod names.
oldest_go_minor=21

repo=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# An ordinary user's PATH lacks the folders of mke2fs and depmod.
PATH=$PATH:/usr/sbin:/sbin
tmp=

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# need COMMAND PACKAGE: notes the package when the command is not there.
need() { have "$1" || missing="$missing $2"; }

need_certificates() {
	[ -n "${SSL_CERT_FILE:-}" ] || [ -e /etc/ssl/certs/ca-certificates.crt ] ||
		[ -e /etc/pki/tls/certs/ca-bundle.crt ] || missing="$missing ca-certificates"
}

# A busybox that is linked to libraries is no use in an initramfs without them.
need_static_busybox() {
	bb=$(command -v busybox) || bb=/dev/null
	# The name of the dynamic linker, if any, stands at the start of the file.
	if [ "$bb" = /dev/null ] || head -c 4096 "$bb" | grep -q ld-linux; then
		missing="$missing busybox-static"
	fi
}

# missing_packages GOAL: sets missing to the Debian packages to install, Go's own apart.
missing_packages() {
	missing=
	need_certificates
	case $1 in
	demo | test | runners | slurm | gradescope | bench)
		need qemu-system-x86_64 qemu-system-x86
		need bwrap bubblewrap
		need mke2fs e2fsprogs
		;;
	generate | check)
		need clang clang
		need llvm-strip llvm
		[ -e /usr/include/bpf/bpf_helpers.h ] || missing="$missing libbpf-dev"
		;;
	here)
		need make make
		need gcc gcc
		need xz xz-utils
		need depmod kmod
		[ -e "/lib/modules/$(uname -r)/build/Makefile" ] || missing="$missing linux-headers-$(uname -r)"
		;;
	esac
	case $1 in
	test | bench)
		need cpio cpio
		need gcc gcc # with addr2line, against which the source lines are checked
		need depmod kmod
		need xz xz-utils
		need chromium chromium # draws the HTML report and drives it
		need_static_busybox
		;;
	esac
	if [ "$1" = runners ]; then
		need cargo cargo
		need gcc gcc # links what Rust compiles
		[ -e /usr/include/stdlib.h ] || missing="$missing libc6-dev"
	fi
	if [ "$1" = slurm ]; then
		need munged munge
		need slurmctld slurmctld
		need slurmd slurmd
		need sbatch slurm-client
	fi
	[ "$1" != gradescope ] || need debootstrap debootstrap
	if [ "$1" = check ]; then
		need bwrap bubblewrap # sparse runs in a kernel's toolchain, and its fetching makes a disk
		need mke2fs e2fsprogs
		need clang-format clang-format
		need git git
		need shellcheck shellcheck
		need sparse sparse
	fi
	if [ "$1" = test ]; then # what accepts the formats that we write
		need xmllint libxml2-utils
		need gdb gdb
		need readelf binutils
		need node nodejs
		need npm npm
		need python3 python3
		need zstd zstd
		need shellcheck shellcheck
		[ -e /usr/include/stdlib.h ] || missing="$missing libc6-dev" # go test -race links with gcc
	fi
	missing=${missing# }
}

# can_install PACKAGES: ends the script with one line when this user or machine cannot install them.
can_install() {
	if ! have apt-get || ! have dpkg; then
		die "missing, by Debian's package names: $*; install them with this machine's package manager"
	fi
	[ "$(id -u)" = 0 ] || have sudo || die "not root and no sudo; as root, type: apt-get install $*"
}

# apt ARGUMENT...: apt-get, unattended; its last lines are shown when it fails.
apt() {
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 \
		"$@" >"$tmp/apt" 2>&1 && return
	tail -n 20 "$tmp/apt" >&2
	return 1
}

# install PACKAGE...: a new machine has no package lists, an old one has lists that name files long
# gone; both are mended by one update and a second try.
install() {
	say "installing $*"
	apt install --no-install-recommends "$@" 2>/dev/null && return
	say "updating the package lists"
	apt update || die "cannot update the package lists; see above, then type: apt-get update"
	apt install --no-install-recommends "$@" || die "cannot install; see above, then type: apt-get install $*"
}

# clean: what apt left in our folder belongs to root.
clean() { rm -rf "$tmp" 2>/dev/null || sudo rm -rf "$tmp"; }

# go_minor: prints N of the installed go1.N, 0 where there is no Go.
go_minor() {
	v=$(cd / && GOTOOLCHAIN=local go version 2>/dev/null) || v=
	v=${v#go version go1.}
	v=${v%% *}
	v=${v%%[!0-9]*}
	echo "${v:-0}"
}

# wanted_minor: prints N of the line "go 1.N.P" in go.mod.
wanted_minor() { sed -n 's/^go 1\.\([0-9]*\).*/\1/p' "$repo/go.mod"; }

# candidate_minor [OPTION...]: prints N of the golang-go 1.N that apt would install.
candidate_minor() {
	v=$(apt-cache "$@" policy golang-go 2>/dev/null |
		sed -n 's/^  Candidate: \([0-9]*:\)\{0,1\}1\.\([0-9]*\).*/\2/p')
	echo "${v:-0}"
}

# release_source: prints "MIRROR CODENAME" of Debian's main archive, as this machine's apt has it.
release_source() {
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$codename" ] || return 1
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --format '$(REPO_URI) $(CODENAME)' \
		'Created-By: Packages' 'Origin: Debian' "Codename: $codename" 'Component: main' | head -n 1
}

# install_backported_go: Go from the release's backports, with lists and sources of our own.
install_backported_go() {
	source=$(release_source) || source=
	mirror=${source% *} codename=${source#* }
	[ -n "$source" ] || return 1
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	by=
	[ ! -e $key ] || by="[signed-by=$key] "
	mkdir -p "$tmp/lists/partial"
	for suite in "$codename" "$codename-backports"; do
		echo "deb $by$mirror $suite main"
	done >"$tmp/sources.list"
	# apt reads the lists as its own user.
	chmod 755 "$tmp"
	set -- -o "Dir::State::lists=$tmp/lists" -o "Dir::Etc::sourcelist=$tmp/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
		-o "APT::Default-Release=$codename-backports"
	say "installing golang-go from $codename-backports"
	apt "$@" update || return 1
	[ "$(candidate_minor "$@")" -ge $oldest_go_minor ] || return 1
	apt "$@" install --no-install-recommends golang-go
}

ask_for_go() {
	! have go || (cd / && GOTOOLCHAIN=local go version >&2) || :
	die "please install Go 1.$oldest_go_minor or newer (https://go.dev/dl)," \
		"put its bin folder into PATH, and try again"
}

# install_go: installs a Go that can fetch the toolchain of go.mod.
install_go() {
	if ! have apt-get || ! have dpkg; then
		ask_for_go
	fi
	can_install golang-go
	[ -n "$(ls /var/lib/apt/lists/*Packages* 2>/dev/null)" ] || apt update || ask_for_go
	if [ "$(candidate_minor)" -ge $oldest_go_minor ]; then
		install golang-go
	else
		install_backported_go || ask_for_go
	fi
	[ "$(go_minor)" -ge $oldest_go_minor ] || ask_for_go
}

# check_toolchain: has Go fetch the toolchain of go.mod, where the installed one is older; Go says on
# standard error that it does, and nothing once it is there.
check_toolchain() {
	[ "$(go_minor)" -lt "$(wanted_minor)" ] || return 0
	(cd "$repo" && go version >/dev/null) && return
	die "Go 1.$(go_minor) cannot fetch the toolchain Go 1.$(wanted_minor);" \
		"check GOPROXY and the network, and that \`go env GOTOOLCHAIN\` says auto"
}

# foreign_programs [-n]: what the tests of the formats run.
foreign_programs() { [ ! -e "$repo/scripts/foreign.sh" ] || "$repo/scripts/foreign.sh" "$@"; }

main() {
	dry=
	if [ "${1:-}" = -n ]; then
		dry=1
		shift
	fi
	case ${1:-} in
	build | demo | test | runners | slurm | gradescope | bench | generate | check | here) ;;
	*)
		echo "usage: scripts/setup.sh [-n]" \
			"build|demo|test|runners|slurm|gradescope|bench|generate|check|here" >&2
		exit 2
		;;
	esac

	missing_packages "$1"
	if [ -n "$dry" ]; then
		[ "$(go_minor)" -ge $oldest_go_minor ] || missing="$missing golang-go"
		[ -z "$missing" ] || die "missing: $missing"
		[ "$1" != test ] || foreign_programs -n
		return
	fi

	tmp=$(mktemp -d)
	trap clean EXIT
	trap 'exit 130' INT TERM HUP
	if [ -n "$missing" ]; then
		can_install "$missing"
		# shellcheck disable=SC2086 # a list of names
		install $missing
	fi
	[ "$(go_minor)" -ge $oldest_go_minor ] || install_go
	check_toolchain
	[ "$1" != test ] || foreign_programs
}

main "$@"
