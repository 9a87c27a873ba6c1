#!/usr/bin/env bash
# Installs the services that tests start (PostgreSQL, Redis) from Debian's packages; does nothing where they are there.
# Without root, apt-get or its packages it says so, and the tests that need them are skipped by name.
set -euo pipefail

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
if [ ${#missing[@]} -eq 0 ]; then
    echo "PostgreSQL and Redis are installed"
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed, and not to be installed from here (root and apt-get are needed): ${missing[*]}"
    exit 0
fi
# Nothing is started by the packages: tests start servers of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}"; }; then
    echo "COULD NOT BE INSTALLED: ${missing[*]}; the tests that need them are skipped by name" >&2
fi
