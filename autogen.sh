#!/bin/sh
# Makes ./configure out of a git checkout.
set -e
cd "$(dirname "$0")"
exec autoreconf --install --force --warnings=all
