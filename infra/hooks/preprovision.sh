#!/bin/sh
# Makes the key that seals tenants' secrets, once: with another one what was sealed cannot be opened again.
set -eu

if [ -z "${LLADA_SEALING_KEY:-}" ]; then
  azd env set LLADA_SEALING_KEY "$(head -c 32 /dev/urandom | base64)"
fi
