#!/usr/bin/env bash
# What only a graphics card can show, as one table on standard output, in at most eight minutes on an H100, H200 or A100:
#   tests/Device/run.sh publish   builds artifacts/device.tar.gz for linux-x64, with .NET and without libtorch, to copy to the card's machine
#   tests/Device/run.sh           runs it on the card, from a copy of this repository with artifacts/device.tar.gz in it
#   tests/Device/run.sh cpu       runs it on this machine's CPU, with a tiny model
# Torch__LibTorch names the folder of libtorch's CUDA build, such as PyTorch's torch/lib; without it, the torch of python3 is taken.
# The figures are written to artifacts/device.json too, as tests/Benchmarks/results keeps them.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/artifacts/device

publish() {
  rm -rf "$out" "$out.tar.gz"
  # Both programs share .NET and most libraries. The benchmarks come last, since theirs are the later versions.
  for project in tests/Diffusion.Tests tests/Benchmarks; do
    dotnet publish "$root/$project" -c Release -r linux-x64 --self-contained -p:PublishLibTorch=false -p:ErrorOnDuplicatePublishOutputFiles=false \
      -o "$out"
  done
  # What a debugger needs would only be carried.
  find "$out" '(' -name '*.pdb' -o -name 'libmscordbi.so' -o -name 'libmscordaccore.so' -o -name createdump ')' -delete
  GZIP=-9 tar -C "$(dirname "$out")" -czf "$out.tar.gz" "$(basename "$out")"
  du -h "$out.tar.gz"
}

case "${1:-card}" in
  publish) publish; exit ;;
  cpu) arguments=(--new-tokens 32); export CUDA_VISIBLE_DEVICES= ;;
  card) arguments=(--cuda) ;;
  *) sed -n '2,7s/^# //p' "$0" >&2; exit 2 ;;
esac

if [ ! -d "$out" ]; then
  [ -f "$out.tar.gz" ] || publish
  tar -C "$(dirname "$out")" -xzf "$out.tar.gz"
fi
if [ -z "${Torch__LibTorch:-}" ]; then
  Torch__LibTorch=$(python3 -c 'import os, torch; print(os.path.join(os.path.dirname(torch.__file__), "lib"))' 2> /dev/null) || true
fi
[ -n "${Torch__LibTorch:-}" ] && export Torch__LibTorch
export OMP_WAIT_POLICY=PASSIVE LLADA_GOLDEN=$root/tests/golden

status=0
echo "libtorch: ${Torch__LibTorch:-the one that was built against}"
command -v nvidia-smi > /dev/null && nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
timeout 240 "$out/LLaDA.Diffusion.Tests" -noColor -noLogo -class '*.Devices.*' || status=1
timeout 240 "$out/LLaDA.Batch.Benchmarks" device "${arguments[@]}" --json "$root/artifacts/device.json" || status=1
exit "$status"
