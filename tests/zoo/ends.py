"""Unusual inputs and outputs of Keras models: names, types, number and structure."""

from typing import Any

from tests.zoo.entries import Feed, real, whole
from tests.zoo.keras_entries import functional, model

Tensor = Any


@functional("several", "keras.keras", image=real(8, 8, 3), speed=real(1))
@functional("several_h5", "tf_keras.h5", image=real(8, 8, 3), speed=real(1))
@functional("several_save", "tf_keras.save", image=real(8, 8, 3), speed=real(1))
def several(keras: Any, image: Tensor, speed: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Flatten()(layers.Conv2D(8, 3, activation="relu")(image))
    hidden = layers.Dense(32, activation="relu")(layers.Concatenate()([hidden, speed]))
    return [layers.Dense(2, name="steering")(hidden), layers.Dense(2, name="throttle")(hidden)]


@functional("named_outputs", "keras.keras", a=real(24))
def named_outputs(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Dense(64, activation="relu")(a)
    return {"second": layers.Dense(3)(hidden), "first": layers.Dense(2)(hidden)}


@model("named_inputs", "keras.keras", {"right": real(24), "left": real(24)})
def named_inputs(keras: Any) -> Any:
    layers = keras.layers
    ends = {"right": keras.Input((24,), name="right"), "left": keras.Input((24,), name="left")}
    hidden = layers.Subtract()([layers.Dense(48)(ends["left"]), layers.Dense(48)(ends["right"])])
    return keras.Model(ends, layers.Dense(3, name="y")(hidden))


@functional("handed_on", "keras.keras", a=real(24), b=real(4))
def handed_on(keras: Any, a: Tensor, b: Tensor) -> Any:
    return [keras.layers.Dense(48, name="y")(a), b]


@functional("same_output_twice", "keras.keras", a=real(24))
def same_output_twice(keras: Any, a: Tensor) -> Any:
    y = keras.layers.Dense(48, name="y")(a)
    return [y, y]


@functional("classes_as_integers", "keras.keras", a=real(24))
@functional("classes_as_integers_h5", "tf_keras.h5", a=real(24))
def classes_as_integers(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    scores = layers.Dense(5, name="scores")(layers.Dense(64, activation="relu")(a))
    if hasattr(keras, "ops"):
        return [keras.ops.argmax(scores, axis=-1), scores]
    import tensorflow as tf

    return [tf.argmax(scores, axis=-1), scores]


@functional("only_classes", "keras.export", a=real(24))
def only_classes(keras: Any, a: Tensor) -> Any:
    return keras.ops.argmax(keras.layers.Dense(5)(keras.layers.Dense(64, activation="relu")(a)), axis=-1)


@functional("fixed_batch_of_4", "keras.keras", a=real(24, batch=4))
@functional("fixed_batch_of_4_h5", "tf_keras.h5", a=real(24, batch=4))
def fixed_batch_of_4(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    return layers.Dense(3, name="y")(layers.Dense(64, activation="relu")(a))


@functional("integers_in_64_bits", "keras.keras", a=whole(8, below=40, dtype="int64"))
def integers_in_64_bits(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    return layers.Dense(3, name="y")(layers.Flatten()(layers.Embedding(40, 32)(a)))


@functional("not_numbers", "keras.keras", tags="nan", a=real(24))
def not_numbers(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Dense(48, activation="relu")(a)
    return keras.ops.log(layers.Dense(4, name="y")(hidden))


def _named(*names: str) -> dict[str, Feed]:
    return {name: real(24) for name in names}


def _of_names(*names: str) -> Any:
    def make(keras: Any) -> Any:
        layers = keras.layers
        inputs = [keras.Input((24,), name=name) for name in names]
        parts = [layers.Dense(48, name=f"part_{at}")(each) for at, each in enumerate(inputs)]
        hidden = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
        return keras.Model(inputs, layers.Dense(3, name="y")(hidden))

    return make


NAMES = {
    "upper_case": ("imageA", "imageB"),
    "differ_by_case": ("myInput", "MYINPUT"),
    "umlaut": ("größe",),
    "two_alphabets": ("幅", "größe"),
    "with_hyphen": ("my-input", "x"),
    "spaces_and_signs": ("image 1", "image-1", "image_1"),
}
for key, found in NAMES.items():
    model(f"names_{key}", "keras.keras", _named(*found))(_of_names(*found))
