#!/bin/sh
# Creates the key that seals the tenants' secrets, once: sealed secrets cannot be opened with another key.
# An environment that exists already, set up on another machine or in a pipeline, has its key in the vault; it is read from there.
set -eu

if [ -n "${LLADA_SEALING_KEY:-}" ]; then
  exit 0
fi
group="rg-$AZURE_ENV_NAME"
subscription="${AZURE_SUBSCRIPTION_ID:+--subscription $AZURE_SUBSCRIPTION_ID}"
vault=""
# Not inside the condition: a failing az must end the hook, not create another key.
# shellcheck disable=SC2086 # An option and its value are two words.
exists="$(az group exists --name "$group" $subscription)"
if [ "$exists" = true ]; then
  # shellcheck disable=SC2086
  vault="$(az keyvault list --resource-group "$group" --query '[0].name' --output tsv $subscription)"
fi
if [ -z "$vault" ]; then
  azd env set LLADA_SEALING_KEY "$(head -c 32 /dev/urandom | base64)"
elif key="$(az keyvault secret show --vault-name "$vault" --name sealing-key --query value --output tsv)"; then
  azd env set LLADA_SEALING_KEY "$key"
else
  echo "The sealing key in vault $vault cannot be read." >&2
  echo "Assign yourself the role Key Vault Secrets User on it, or run: azd env set LLADA_SEALING_KEY <the key>" >&2
  exit 1
fi
