#!/usr/bin/env bash
# No file of ours names a path of some machine, or a host that is not a reference for readers.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
hosts='(arxiv\.org|doi\.org|github\.com|www\.apache\.org|www\.unicode\.org|www\.w3\.org|127\.0\.0\.1|example\.(org|com))'
found=$(
  git grep -nIE '(^|[^A-Za-z0-9_.$}/-])/(home|root|work|Users|mnt|workspace|scratch)/[A-Za-z0-9]' -- . ':!LICENSE'
  git grep -nIoE 'https?://[A-Za-z0-9.-]+' -- . | grep -vE "://$hosts\$"
)
[ -z "$found" ] || { printf 'Paths of a machine, or hosts outside the list of this check:\n%s\n' "$found"; exit 1; }
echo "text: no path of a machine, no unexpected host"
