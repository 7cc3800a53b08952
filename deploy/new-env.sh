#!/bin/sh
# Write .env with fresh secrets (mode 0600) from .env.example. Refuses to overwrite one.
set -eu
cd "$(dirname "$0")/.."
target=${1:-.env}
[ ! -e "$target" ] || { echo "$target exists; its secrets belong to data that may exist too" >&2; exit 1; }
umask 077
random() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
secret() { random 24 | tr '+/' '-_'; }
while IFS= read -r line; do
    case $line in
        *_PASSWORD=) echo "$line$(secret)" ;;
        HUB_KEYRING=) echo "$line'{\"current\": \"k1\", \"keys\": {\"k1\": \"$(random 32)\"}}'" ;;
        *) echo "$line" ;;
    esac
done <.env.example >"$target"
echo "$target is written. Keep a copy of HUB_KEYRING somewhere safe."
