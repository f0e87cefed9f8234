#!/usr/bin/env bash
# The main job on the embedded farm: train a PilotNet on a recording, sweep every technique, print the table.
set -euo pipefail
recording=${1:?the .npz file that record.py wrote}
work=$(cd "$(dirname "$recording")" && pwd)
python "$(dirname "$0")/train.py" "$recording" "$work"
export OPTFARM_FOLDER="$work/farm"
trap 'optfarm down' EXIT
optfarm up
optfarm sweep run "$work/model.keras" --name pilotnet --data "$work/data.npz" --profile quick --wait
