"""OpenVINO in int8 within a limit of loss: what costs too much quality goes back to float.

NNCF quantises as `openvino-int8` does and measures the loss on samples. If it is above the limit, NNCF ranks the
quantised layers by what they cost and takes them back to float32, worst first, until the limit is kept.

The loss is that on the calibration split, or on the train split if that one alone has labels. With class labels it is
the share of samples that are no longer right; with labels of real numbers, by how much the mean square error grows;
without labels, the mean square difference from the original over the original's variance.

When it helps: models that plain int8 spoils, and whenever the loss has a limit that somebody set.

Traps: it takes many times as long, for the model is measured again for each layer that is ranked. What was kept on
these samples is not promised for others: the quality column is of the test split.
"""

from pydantic import Field

from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.openvino import compression, conversion, quantisation, snippets
from optfarm_tasks.frameworks.openvino.validation import Validation, validation_of
from optfarm_tasks.technique import Done, Work

CARD = compression.card(
    needs_calibration=True, is_reduced=True, where_overflowing=compression.WITHOUT_OVERFLOW, tolerance_nmse=0.05
)


_FLOAT_AGAIN = "every layer is float32 again, for none could stay int8 within the limit; this is what `openvino` makes"


class PARAMS(compression.Quantised):
    """What it watches, how it quantises, and what it may lose."""

    max_drop: float = Field(
        default=0.01, gt=0, le=1, description="loss that is allowed: 0.01 is a point of accuracy, or 1% of error"
    )
    validation_samples: int = Field(default=256, ge=1, le=10_000, description="samples on which the loss is measured")


def run(work: Work, params: PARAMS) -> Done:
    """Quantises, measures and takes back."""
    import nncf

    with conversion.source(work) as (model, signature, warnings):
        calibration, settings = compression.settings(work, model, signature, params)
        before = conversion.counts(model)
        validation = validation_of(work, model, signature, asked=params.validation_samples)
        check = Validation(model, calibration, None)
        begun = quantisation.quantise(model, settings, check, overflow_fix=params.overflow_fix)
        with blaming(BadModel, "NNCF cannot quantise the model"), snippets.patched_compile_model():
            quantised = nncf.quantize_with_accuracy_control(
                model.clone(),
                validation_dataset=nncf.Dataset(validation.items, validation.feed),
                validation_fn=validation.score,
                max_drop=params.max_drop,
                drop_type=nncf.DropType.ABSOLUTE,
                advanced_quantization_parameters=quantisation.advanced(
                    begun.rule, corrects_biases=begun.corrects_biases, overflow_fix=params.overflow_fix
                ),
                **settings,
            )
        loss = validation.loss(quantised)
        conversion.write(quantised, signature, work)
    after = compression.notes(before, quantised)
    kept = () if loss <= params.max_drop else (f"the loss is {loss:.3g}, above the limit of {params.max_drop:.3g}",)
    losses = {"loss": loss, "measured_by": validation.kind, "validation_samples": validation.count}
    float_again = (_FLOAT_AGAIN,) if after["nodes_after"] == before else ()
    notes = {"calibration_samples": calibration.count, "ranges": begun.rule} | losses | after
    said = (*calibration.warnings, *begun.warnings, *validation.warnings, *kept, *float_again)
    return Done(warnings=(*warnings, *said), notes=notes)
