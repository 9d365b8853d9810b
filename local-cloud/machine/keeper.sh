#!/bin/bash
# Keeps one boot of a systemd machine. keeper.ts starts this script in a mount and a network namespace of its own. All mounts
# and interfaces are in these, so none outlives the script. The network namespace is the "cloud" of the machine.
#
# The end of standard input means that the local cloud has ended or cuts the power. Exit codes: 0 powered off, 133 rebooted,
# another code for a crash. Descriptor 3 is Node's channel to the local cloud.
set -euo pipefail

# folder: the instance's. base: the disk that all machines share. name: of the machine and its control group.
# boot_offset: seconds from the host's uptime to the machine's. cgroups: v1 or v2.
folder=$1 base=$2 name=$3 boot_offset=$4 disk_mib=$5 node=$6 listener=$7 gateway_port=$8 cgroups=$9
shift 9
exec 4<&0 </dev/null

case $cgroups in
  # The hierarchies that systemd writes to: its own two, and those of the limits.
  v1) groups=(/sys/fs/cgroup/{unified,systemd,memory,pids}/"$name") ;;
  *) groups=("/sys/fs/cgroup/$name") ;;
esac
supervisor=

main() {
  trap finish EXIT
  trap 'exit 1' TERM INT HUP
  watch_input &
  make_control_groups
  make_disk
  make_network
  # The local cloud receives the listening sockets.
  "$node" "$listener" "$gateway_port"
  exec 3>&-
  unset NODE_CHANNEL_FD NODE_CHANNEL_SERIALIZATION_MODE
  boot "$@" &
  supervisor=$!
  local status=0
  wait "$supervisor" || status=$?
  supervisor=
  exit "$status"
}

# At the end of standard input, this script ends as soon as its present program has.
watch_input() {
  exec 3>&-
  # shellcheck disable=SC2016
  exec setpriv --pdeathsig KILL bash -c 'cat >/dev/null; kill -TERM "$1"' watch "$$" <&4
}

# systemd needs cgroup v2 alone, or it does not load the BPF programs of IPAddressDeny=. The host's own view stays. With v1
# the machine sees what the host sees: limits in version 1, and version 2 beside it, in which systemd notices the end of
# a unit's last process.
make_control_groups() {
  if [ "$cgroups" = v2 ]; then
    umount -R /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
  fi
  mkdir "${groups[@]}"
}

# The machine's disk is an image with a size of its own. It has what differs from the base. Relative paths, because a comma or
# a colon in a path would end an option of overlayfs.
make_disk() {
  cd "$folder"
  mkdir -p base disk root private
  if [ ! -f disk.img ]; then
    truncate -s "${disk_mib}M" disk.new
    mkfs.ext4 -q -E lazy_itable_init=1,lazy_journal_init=1 -m 0 disk.new
    mv disk.new disk.img
  fi
  mount --bind "$base" base
  mount -o loop disk.img disk
  mkdir -p disk/upper disk/work
  mount -t overlay overlay -o lowerdir=base,upperdir=disk/upper,workdir=disk/work root
  mount -t tmpfs tmpfs private
  # systemd-nspawn writes there.
  if [ -d /run/systemd ]; then mount -t tmpfs tmpfs /run/systemd; fi
}

# One cable from the machine to the cloud. The addresses are those of a default VPC, and of EC2's metadata service.
make_network() {
  local machine=$folder/private/network
  : >"$machine"
  unshare "--net=$machine" true
  in_machine() { nsenter "--net=$machine" "$@"; }
  in_machine ip link add eth0 type veth peer name eth0 netns "$$"
  ip link set lo up
  ip addr add 172.31.0.1/20 dev eth0
  ip addr add 169.254.169.254/32 dev eth0
  ip addr add fd00:ec2::254/64 dev eth0 nodad
  ip link set eth0 up
  in_machine ip link set lo up
  in_machine ip addr add 172.31.0.10/20 dev eth0
  in_machine ip addr add fd00:ec2::10/64 dev eth0 nodad
  in_machine ip link set eth0 up
  in_machine ip route add default via 172.31.0.1
}

# The process namespace ends with its first process, systemd-nspawn. If this script is killed, the kernel ends that too.
boot() {
  local group init=(--boot)
  for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
  exec 4<&-
  if [ "$cgroups" = v2 ]; then
    export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
  else
    # systemd-nspawn mounts these read-only.
    # shellcheck disable=SC2016
    init=(/bin/bash -c 'for name in memory pids; do mount -o remount,bind,rw "/sys/fs/cgroup/$name" || exit; done
      exec /lib/systemd/systemd')
  fi
  exec setpriv --pdeathsig KILL \
    unshare --pid --fork --kill-child=KILL --mount-proc --time --boottime "$boot_offset" -- \
    systemd-nspawn --quiet --register=no --keep-unit "--machine=$name" "--directory=$folder/root" --console=pipe \
    "--network-namespace-path=$folder/private/network" --resolv-conf=off --timezone=off --link-journal=no \
    --capability=CAP_BPF,CAP_NET_ADMIN,CAP_PERFMON --system-call-filter=bpf "$@" "${init[@]}"
}

finish() {
  set +e
  # The supervisor may not have started its child yet.
  while [ -n "$supervisor" ] && kill -0 "$supervisor"; do
    pkill -KILL -P "$supervisor"
    sleep 0.05
  done
  cd /
  umount "$folder/root"
  umount "$folder/disk"
  # A control group that has just emptied may still be busy.
  local round
  for ((round = 0; round < 50; round += 1)); do
    find "${groups[@]}" -depth -type d -exec rmdir {} +
    [ -n "$(find "${groups[@]}" -maxdepth 0)" ] || break
    sleep 0.1
  done
  pkill -P $$
} 2>/dev/null

main "$@"
