#!/bin/sh
# Install the Debian packages that tests and benchmarks use, those that are missing; nothing is started.
#   debian.sh COMMAND=PACKAGE ...     e.g. debian.sh rabbitmqctl=rabbitmq-server node=nodejs
set -eu
missing=
for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${pair%%=*}" ] || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "These programs are needed and cannot be installed from here; please install them:$missing" >&2
    exit 1
fi
echo "Installing$missing ..."
guard=/usr/sbin/policy-rc.d
if [ ! -e "$guard" ]; then # asked before a package starts its service; 101 forbids it
    printf '#!/bin/sh\nexit 101\n' >"$guard"
    chmod 755 "$guard"
    trap 'rm -f "$guard"' EXIT
fi
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
apt-get update >"$log" 2>&1 || true
# shellcheck disable=SC2086  # one word a package
if ! apt-get install -y --no-install-recommends $missing >"$log" 2>&1; then
    tail -20 "$log" >&2
    exit 1
fi
rm -f "$log"
