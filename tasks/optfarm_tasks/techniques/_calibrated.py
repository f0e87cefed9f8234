"""The parameters that all techniques have that watch activations; what they watch is in _calibration."""

from pydantic import Field

from optfarm_tasks.technique import Params


class Calibrated(Params):
    """Parameters of techniques that watch activations."""

    calibration_samples: int = Field(
        default=128, ge=1, le=10_000, description="samples of the calibration split whose activations are watched"
    )
