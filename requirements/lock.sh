#!/bin/sh
# Make the locks anew from the *.in files. Versions that are locked stay, unless "--upgrade" is given.
# The locks name versions and hashes only: where packages are downloaded from is the machine's business.
set -eu
cd "$(dirname "$0")"
for name in runtime dev bench bootstrap build; do
    ../.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header --no-annotate "$@" "$name.in" --output-file "$name.txt"
    echo "requirements/$name.txt: $(grep -c '==' "$name.txt") packages"
done
