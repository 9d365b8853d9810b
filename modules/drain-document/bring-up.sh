# Prepares a fresh machine for drains. On a prepared machine it changes nothing. modules/drain-document.ts sets root, config,
# region, control_bucket, runner_key, runner_version and runner_sha256.

say() { printf 'lamplighter: %s\n' "$*"; }
fail() {
  printf 'lamplighter: %s\n' "$*" >&2
  exit 1
}

main() {
  make_room || true
  mkdir -p "$root/runner" "$root/run"
  # A process that can read the lock file can hold the lock: a model must not reach this folder.
  ! on_own_machine || chmod 700 "$root/run"
  # Without a fresh heartbeat the idle timer could shut the machine down during this script.
  touch "$root/run/heartbeat"
  provide_node
  provide_config
  provide_runner
  if on_own_machine && [ -d /run/systemd/system ]; then
    local program
    for program in systemd-run systemd-sysusers flock ip; do
      command -v "$program" >/dev/null || fail "$program is needed: install util-linux, systemd and iproute"
    done
    provide_units
    provide_accounts
    close_metadata_service
    provide_devices
    "$root/runner/node" "$root/runner/$runner_sha256.mjs" walls --config "$root/config.json" ||
      fail "the walls around models do not hold on this machine; the lines above say why"
  fi
  if on_own_machine; then
    lay_ballast || rm -rf "$root/run/ballast"
  fi
  say "ready"
}

# Whether the script may install packages and shut the machine down. If LAMPLIGHTER_ROOT is set, the "instance" is only a
# folder on a user's computer.
on_own_machine() { [ -z "${LAMPLIGHTER_ROOT:-}" ] && [ "$(id -u)" -eq 0 ]; }

# Makes room on a full disk before the first write. Otherwise a model that filled the disk, and then died with its machine,
# would stop every drain before it could clear the disk.
make_room() {
  [ -d "$root/run" ] || return 0
  # Without a drain, nothing needs these files. The drain kills the processes that process.json records.
  # shellcheck disable=SC2016
  flock -n "$root/run/drain.lock" sh -c '
    [ ! -d "$1/jobs" ] || find "$1/jobs" -mindepth 2 -maxdepth 2 ! -name process.json -exec rm -rf {} +
    rm -rf "$1"/models/*/*.zip "$1"/models/*/*.unpacking
  ' sh "$root"
  # Something else may have filled the disk.
  [ ! -d "$root/run/ballast" ] || has_room 16 100 || rm -rf "$root/run/ballast"
}

# The ballast: 64 files of 1 MiB, which make_room removes from a full disk. The space is also for others that write on this
# disk: without it the SSM agent could not write a command's script, and the drain no records.
lay_ballast() {
  local folder="$root/run/ballast" number
  [ ! -f "$folder/64" ] || return 0
  has_room 128 1100 || return 0
  mkdir -p "$folder"
  for ((number = 1; number <= 64; number += 1)); do
    fallocate -l 1048576 "$folder/$number" 2>/dev/null || head -c 1048576 /dev/zero >"$folder/$number" || return 1
  done
}

# Whether the disk has room for $1 MiB and for $2 files. Some file systems have no limit of files, and then report 0 or -.
has_room() {
  df -Pk "$root" | awk -v need="$1" 'NR == 2 { ok = $4 >= need * 1024 } END { exit !ok }' &&
    df -Pi "$root" | awk -v need="$2" 'NR == 2 { ok = $2 == 0 || $2 == "-" || $4 >= need } END { exit !ok }'
}

provide_node() {
  local node
  if ! node="$(node_20_or_newer)"; then
    on_own_machine || fail "Node.js 20 or newer is needed on the PATH; install it and try again"
    say "installing Node.js"
    install_node >&2 || fail "Node.js could not be installed; the lines above say why"
    node="$(node_20_or_newer)" || fail "the package source has no Node.js 20 or newer; use an image that contains it"
  fi
  ln -sfn "$node" "$root/runner/node"
}

node_20_or_newer() {
  local name
  for name in node node-24 node-22 node-20 nodejs; do
    if command -v "$name" >/dev/null &&
      "$name" -e 'if (parseInt(process.versions.node) < 20) process.exit(1); console.log(process.execPath)'; then
      return 0
    fi
  done
  return 1
}

# Timers of the distribution hold the locks of its packages for minutes after the first boot. dnf waits for its locks by itself.
install_node() {
  if command -v dnf >/dev/null; then
    dnf install -y -q nodejs22
  elif command -v apt-get >/dev/null; then
    update_apt && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q nodejs
  else
    printf 'neither dnf nor apt-get is installed\n'
    return 1
  fi
}

# Waits up to five minutes for the lock. apt 2.6.1 ignores DPkg::Lock::Timeout in an update.
update_apt() {
  local output until=$((SECONDS + 300))
  until output="$(LC_ALL=C apt-get update -q 2>&1)"; do
    if [ "$SECONDS" -ge "$until" ] || [[ "$output" != *"Could not get lock"* ]]; then
      printf '%s\n' "$output"
      return 1
    fi
    sleep 1
  done
}

provide_config() {
  replace "$root/config.json" "$config"
}

provide_runner() {
  local runner="$root/runner/$runner_sha256.mjs"
  [ ! -f "$runner" ] || return 0
  command -v aws >/dev/null || fail "aws is needed: install the AWS CLI"
  say "fetching the runner"
  local tries=1
  until get_runner "$runner.$$"; do
    rm -f "$runner.$$"
    [ "$tries" -lt 12 ] || fail "s3://$control_bucket/$runner_key could not be fetched; the line above says why"
    # In a bucket that is minutes old, S3 may not find an object at once.
    tries=$((tries + 1))
    sleep 5
  done
  if [ "$(sha256_of "$runner.$$")" != "$runner_sha256" ]; then
    rm -f "$runner.$$"
    fail "s3://$control_bucket/$runner_key, version $runner_version, is not the runner that was deployed; deploy again"
  fi
  mv -f "$runner.$$" "$runner"
}

# Without --region the command may call S3's global endpoint, which a network without internet does not reach.
get_runner() {
  aws s3api get-object --region "$region" --bucket "$control_bucket" --key "$runner_key" \
    --version-id "$runner_version" "$1" >/dev/null
}

sha256_of() {
  "$root/runner/node" -e '
    const { createHash } = require("node:crypto");
    const { readFileSync } = require("node:fs");
    console.log(createHash("sha256").update(readFileSync(process.argv[1])).digest("hex"));
  ' "$1"
}

# Installs a timer that shuts the machine down when no drain has run for a while, even if nothing outside the machine works.
# And a service that makes room on a full disk at each boot, before the SSM agent starts, which cannot work without room.
provide_units() {
  local units=/etc/systemd/system changed=no
  replace "$root/runner/make-room.sh" "root='$root'
$(declare -f make_room has_room)
make_room"
  unit "$units/lamplighter-room.service" "[Unit]
Description=Make room on the disk for the SSM agent and for Lamplighter
Before=amazon-ssm-agent.service snap.amazon-ssm-agent.amazon-ssm-agent.service

[Service]
Type=oneshot
TimeoutStartSec=300
ExecStart=/bin/bash $root/runner/make-room.sh

[Install]
WantedBy=multi-user.target"
  unit "$units/lamplighter-idle.service" "[Unit]
Description=Shut the machine down when Lamplighter has had no work for a while

[Service]
Type=oneshot
# A process that stays behind holds the drain lock until the machine is off.
KillMode=process
ExecStart=$root/runner/node $root/runner/$runner_sha256.mjs idle --config $root/config.json"
  unit "$units/lamplighter-idle.timer" "[Unit]
Description=Look every minute whether Lamplighter has work

[Timer]
OnBootSec=60
OnUnitInactiveSec=60

[Install]
WantedBy=timers.target"
  unit "$units/lamplighter.slice" "[Unit]
Description=The models of Lamplighter

[Slice]
MemoryMax=$(memory_for_models)K
TasksMax=80%"
  [ "$changed" = no ] || systemctl daemon-reload
  systemctl --quiet enable lamplighter-room.service
  systemctl --quiet enable --now lamplighter-idle.timer
}

# The memory of all models in KiB. It leaves 512 MiB to the drain and the SSM agent; on a small machine, models have a quarter.
memory_for_models() {
  local total left
  total="$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)"
  left=$((total - 524288))
  printf '%s\n' $((left > total / 4 ? left : total / 4))
}

# An account for each slot's model, and for the look at the walls: Node.js, git and ssh look up their user. The ids are those of
# runner/isolation.ts.
provide_accounts() {
  ! getent passwd lamplighter-model-64 >/dev/null || return 0
  local slot
  mkdir -p /run/sysusers.d
  for ((slot = 0; slot <= 64; slot += 1)); do
    printf 'u lamplighter-model-%s %s "A model of Lamplighter" %s /usr/sbin/nologin\n' "$slot" "$((20000 + slot))" "$root/home"
  done >/run/sysusers.d/lamplighter.conf
  systemd-sysusers lamplighter.conf 2>/dev/null || fail "the accounts of models cannot be made; try systemd-sysusers lamplighter.conf"
}

# The second wall before EC2's metadata service. It needs no BPF, and covers each process with a model's user id. A boot
# removes it.
close_metadata_service() {
  deny -4 20 169.254.169.254 prohibit
  [ ! -e /proc/net/if_inet6 ] || deny -6 20 fd00:ec2::254 prohibit
  # If a rule of IPv4 refuses a socket that is bound to a network card, the kernel takes the address for a neighbour, and sends.
  # So such a socket gets a way to a host that does not exist.
  local card
  for card in /sys/class/net/*; do
    card="${card##*/}"
    [ "$card" != lo ] || continue
    ip -4 route replace 169.254.169.254 via 192.0.2.1 dev "$card" onlink table 20000 2>/dev/null || continue
    deny -4 10 169.254.169.254 "lookup 20000" oif "$card"
  done
}

# deny -4|-6 PRIORITY ADDRESS ACTION [SELECTOR…]: adds the rule for models' users, if it is not there. Programs of other network
# cards, such as amazon-ec2-net-utils, have rules from 10000 on, which must not come first. systemd-networkd removes rules that
# are not its own, but not those of the protocol "kernel".
deny() {
  local family="$1" priority="$2" address="$3" selector="${*:5}"
  local rule="to $address ${selector:+$selector }uidrange 20000-20064 $4"
  # shellcheck disable=SC2086
  ip "$family" rule show priority "$priority" | grep -F "$rule" >/dev/null ||
    ip "$family" rule add priority "$priority" protocol kernel $rule
}

# NVIDIA's driver makes its device files when root first asks for them. A model cannot: it gains no privileges by a set-uid
# program. A boot removes the files.
provide_devices() {
  ! command -v nvidia-modprobe >/dev/null || nvidia-modprobe -u -c 0 || true
  command -v nvidia-smi >/dev/null || return 0
  # A broken GPU may let the program hang.
  timeout -k 5 60 nvidia-smi --list-gpus || true
  local device
  for device in /dev/nvidiactl /dev/nvidia0 /dev/nvidia-uvm; do
    [ -e "$device" ] || say "$device is missing: models cannot use the GPU; see whether nvidia-smi runs"
  done
}

# Replaces the file $1 by one with the content $2, if it has another content. A reader sees the old file or the new one.
replace() {
  ! printf '%s\n' "$2" | cmp -s - "$1" || return 0
  if ! { printf '%s\n' "$2" >"$1.$$" && mv -f "$1.$$" "$1"; }; then
    rm -f "$1.$$"
    fail "$1 cannot be written; the line above says why"
  fi
}

# Writes the systemd unit $1 with the content $2. Sets its caller's variable `changed` if the file had another content.
unit() {
  printf '%s\n' "$2" | cmp -s - "$1" || changed=yes
  replace "$1" "$2"
}

main
