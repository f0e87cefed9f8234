"""What the TFLite converter cannot do is put down to the op, and to the type in which it computes."""

from types import SimpleNamespace

from optfarm_tasks.frameworks.tflite.conversion import narrow_types, unsupported_ops


def refused(*ops: tuple[str, str]) -> Exception:
    """An error of the converter, with its records: op and type of its elements."""
    error = Exception("some words")
    error.errors = [  # type: ignore[attr-defined]  # as TensorFlow adds them
        SimpleNamespace(
            operator=SimpleNamespace(name=f"tf.{op}"),
            error_message=f"'tf.{op}' op is neither a custom op nor a flex op\n(tensor<?x4x{kind}>) -> tensor<{kind}>",
        )
        for op, kind in ops
    ]
    return error


def test_ops_are_named_once_and_in_order() -> None:
    assert unsupported_ops(refused(("Relu", "f32"), ("Conv2D", "f32"), ("Relu", "f32"))) == ("Conv2D", "Relu")


def test_a_constant_is_not_to_blame_where_another_op_is() -> None:
    assert unsupported_ops(refused(("Const", "f32"), ("TensorListReserve", "f32"))) == ("TensorListReserve",)
    assert unsupported_ops(refused(("Const", "f32"))) == ("Const",)


def test_the_type_is_to_blame_where_every_op_computes_in_it() -> None:
    assert narrow_types(refused(("Relu", "f16"), ("Conv2D", "f16"))) == ("float16",)
    assert narrow_types(refused(("Relu", "f64"))) == ("float64",)


def test_the_op_is_to_blame_where_one_computes_in_float32() -> None:
    assert narrow_types(refused(("Relu", "f16"), ("Igamma", "f32"))) == ()
