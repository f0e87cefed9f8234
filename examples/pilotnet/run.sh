#!/usr/bin/env bash
# The main job on the embedded farm: train a PilotNet on a recording, sweep the TFLite family (TECHNIQUES=all: everything), print the table.
set -euo pipefail
recording=${1:?the .npz file that record.py wrote}
work=$(cd "$(dirname "$recording")" && pwd)
python "$(dirname "$0")/train.py" "$recording" "$work"
export OPTFARM_FOLDER="$work/farm"
trap 'optfarm down' EXIT
optfarm up
optfarm sweep run "$work/model.keras" --name pilotnet --data "$work/data.npz" --effort quick --wait \
  --techniques "${TECHNIQUES:-tflite-float32,tflite-dynamic-range,tflite-float16,tflite-int8,tflite-int8-float,tflite-int16x8}"
