#!/bin/sh
# Makes the key that seals tenants' secrets, once: with another one what was sealed cannot be opened again. Where the environment has it elsewhere already, on another machine or in a
# pipeline, it is taken from the vault.
set -eu

if [ -n "${LLADA_SEALING_KEY:-}" ]; then
  exit 0
fi
group="rg-$AZURE_ENV_NAME"
subscription="${AZURE_SUBSCRIPTION_ID:+--subscription $AZURE_SUBSCRIPTION_ID}"
vault=""
# Not inside the condition: an az that fails must end the hook, not make another key.
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
  echo "Vault $vault holds the key that seals tenants' secrets, and it cannot be read. Take the role Key Vault Secrets User on it, or: azd env set LLADA_SEALING_KEY <the key>" >&2
  exit 1
fi
