"""Convolutions and pooling of each kind."""

from typing import Any

from tests.zoo.entries import pixels, real
from tests.zoo.keras_entries import functional, sequential

Tensor = Any


@sequential("images", "keras.keras", real(12, 12, 3))
@sequential("images_h5", "tf_keras.h5", real(12, 12, 3))
@sequential("images_export", "keras.export", real(12, 12, 3))
def images(keras: Any) -> Any:
    layers = keras.layers
    return [
        layers.Conv2D(16, 3, activation="relu"), layers.BatchNormalization(), layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(24, activation="relu"), layers.Dense(6, name="scores"),
    ]  # fmt: skip


@functional("mobile", "keras.keras", a=real(16, 16, 3))
@functional("mobile_h5", "tf_keras.h5", a=real(16, 16, 3))
def mobile(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(16, 3, strides=2, use_bias=False)(a)))
    deep = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(hidden)
    deep = layers.ReLU(6.0)(layers.BatchNormalization()(deep))
    deep = layers.BatchNormalization()(layers.Conv2D(16, 1, use_bias=False)(deep))
    pooled = layers.GlobalAveragePooling2D()(layers.Add()([hidden, deep]))
    return layers.Dense(5, activation="softmax", name="classes")(pooled)


@functional("separable", "keras.keras", a=real(14, 14, 8))
def separable(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.SeparableConv2D(16, 3, activation="relu")(a)
    hidden = layers.Conv2D(16, 3, groups=4)(layers.Conv2D(32, 3, dilation_rate=2, activation="relu")(hidden))
    return layers.Dense(4, name="y")(layers.GlobalMaxPooling2D()(hidden))


@functional("grouped", "tf_keras.h5", a=real(10, 10, 8))
def grouped(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Conv2D(16, 3, groups=2, activation="relu")(layers.ZeroPadding2D()(a))
    return layers.Dense(4, name="y")(layers.GlobalAveragePooling2D()(layers.Cropping2D()(hidden)))


@functional("segmentation", "keras.keras", a=real(16, 16, 3))
@functional("segmentation_h5", "tf_keras.h5", a=real(16, 16, 3))
def segmentation(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    first = layers.Conv2D(16, 3, padding="same", activation="relu")(a)
    down = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(first)
    up = layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")(down)
    both = layers.Concatenate()([first, layers.UpSampling2D()(layers.MaxPooling2D(2)(up))])
    return layers.Conv2D(3, 1, activation="sigmoid", name="mask")(both)


@functional("bilinear", "keras.keras", a=real(8, 8, 4))
def bilinear(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(16, 3, padding="same")(a))
    return layers.Conv2D(2, 3, name="y")(layers.Resizing(12, 12)(hidden))


@functional("sequence", "keras.keras", a=real(20, 6))
@functional("sequence_tf_keras", "tf_keras.keras", a=real(20, 6))
def sequence(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Conv1D(32, 3, padding="causal", dilation_rate=2, activation="relu")(a)
    hidden = layers.AveragePooling1D(2)(layers.BatchNormalization()(layers.Conv1D(32, 3, strides=2)(hidden)))
    return layers.Dense(3, name="y")(layers.Flatten()(layers.MaxPooling1D(2)(hidden)))


@functional("sequence_of_length", "keras.keras", a=real(20, 6, declared=(None, 6)))
def sequence_of_length(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Conv1D(64, 5, padding="same", activation="relu")(a)
    return layers.Conv1D(2, 1, name="y")(layers.SeparableConv1D(16, 3, padding="same")(hidden))


@functional("volume", "keras.keras", a=real(6, 7, 8, 2))
@functional("volume_h5", "tf_keras.h5", a=real(6, 7, 8, 2))
def volume(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.AveragePooling3D(2)(layers.Conv3D(16, 3, padding="same", activation="relu")(a))
    hidden = layers.Conv3DTranspose(8, 2, strides=2)(layers.MaxPooling3D(1)(hidden))
    return layers.Dense(3, name="y")(layers.GlobalAveragePooling3D()(hidden))


@functional("any_size", "keras.keras", a=real(12, 12, 3, declared=(None, None, 3)))
def any_size(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Conv2D(32, 3, activation="relu")(a)
    return layers.Dense(4, name="y")(layers.GlobalAveragePooling2D()(layers.AveragePooling2D(2)(hidden)))


@functional("norm_before", "tf_keras.h5", a=real(10, 10, 3))
def norm_before(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Conv2D(16, 3)(layers.BatchNormalization(scale=False)(a))
    hidden = layers.BatchNormalization(center=False)(layers.Activation("relu")(hidden))
    hidden = layers.BatchNormalization()(layers.DepthwiseConv2D(3)(hidden))
    return layers.Dense(4, name="y")(layers.BatchNormalization()(layers.Flatten()(hidden)))


@functional("pilot", "keras.keras", image=pixels(20, 40, 3))
def pilot(keras: Any, image: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Rescaling(1 / 127.5, offset=-1)(image)
    hidden = layers.Conv2D(12, 5, strides=2, activation="elu")(hidden)
    hidden = layers.Conv2D(16, 3, activation="elu")(hidden)
    hidden = layers.Dense(50, activation="elu")(layers.Dropout(0.2)(layers.Flatten()(hidden)))
    return layers.Dense(1, name="steering")(hidden)


@functional("pixels_of_bytes", "keras.keras", image=pixels(12, 12, 3, dtype="uint8"))
def pixels_of_bytes(keras: Any, image: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Conv2D(16, 3, activation="relu")(layers.Rescaling(1 / 255)(image))
    return layers.Dense(4, name="y")(layers.GlobalAveragePooling2D()(hidden))


@functional("channels_scaled", "keras.keras", a=real(12, 12, 8))
def channels_scaled(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Conv2D(32, 3, activation="swish")(a)
    weights = layers.Dense(32, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(hidden))
    return layers.Dense(4, name="y")(layers.GlobalAveragePooling2D()(layers.Multiply()([hidden, weights])))


@functional("noise_layers", "tf_keras.h5", a=real(10, 10, 4))
def noise_layers(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.SpatialDropout2D(0.2)(layers.Conv2D(16, 3, activation="relu")(a))
    hidden = layers.AlphaDropout(0.1)(layers.LocallyConnected2D(8, 3)(layers.GaussianDropout(0.1)(hidden)))
    return layers.Dense(4, name="y")(layers.Flatten()(hidden))
