#!/bin/sh
# Builds the worker's image in the registry, sets it on the workers, and creates the first API key, which is printed once.
# Without a terminal, as in a pipeline, whose logs others can read, no key is made.
set -eu

registry="${AZURE_CONTAINER_REGISTRY_ENDPOINT%%.*}"
tag="llada-worker:$(git rev-parse --short HEAD 2>/dev/null || date +%Y%m%d%H%M%S)"
if [ "${LLADA_WORKER_TAG:-}" != "$tag" ]; then
  az acr build --registry "$registry" --image "$tag" --file gpu-worker/Dockerfile .
  # A tag can be moved to another image later, a digest cannot.
  digest="$(az acr repository show --name "$registry" --image "$tag" --query digest --output tsv)"
  image="$AZURE_CONTAINER_REGISTRY_ENDPOINT/llada-worker@$digest"
  for app in $(az containerapp list --resource-group "$AZURE_RESOURCE_GROUP" --query '[].name' --output tsv); do
    az containerapp update --resource-group "$AZURE_RESOURCE_GROUP" --name "$app" --image "$image" --output none
  done
  for job in $(az containerapp job list --resource-group "$AZURE_RESOURCE_GROUP" --query '[].name' --output tsv); do
    az containerapp job update --resource-group "$AZURE_RESOURCE_GROUP" --name "$job" --image "$image" --output none
  done
  azd env set LLADA_WORKER_IMAGE "$image"
  azd env set LLADA_WORKER_TAG "$tag"
fi

command="dotnet run --project infra/cli -- admin keys add default --name first --account $AZURE_STORAGE_ACCOUNT"
if [ "${AZURE_STORAGE_IS_PRIVATE:-}" = true ]; then
  echo "The storage account can be reached only from its network. Create the first API key from there: $command"
elif [ -z "${LLADA_FIRST_KEY:-}" ] && [ ! -t 1 ]; then
  echo "Here is no terminal, so no API key is printed. Create the first one from a terminal: $command"
elif [ -z "${LLADA_FIRST_KEY:-}" ]; then
  # Role assignments take minutes to become effective.
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    if key="$($command)"; then
      azd env set LLADA_FIRST_KEY made
      echo "The first API key, which cannot be read again: $key"
      exit 0
    fi
    sleep 30
  done
  # The rest of the deployment needs no key.
  echo "No API key could be created. Run this once your role assignments are effective: $command" >&2
fi
