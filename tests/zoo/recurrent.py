"""Recurrent models."""

from typing import Any

from tests.zoo.entries import real
from tests.zoo.keras_entries import functional, sequential

Tensor = Any


@functional("lstm", "keras.keras", a=real(9, 8))
@functional("lstm_h5", "tf_keras.h5", a=real(9, 8))
@functional("lstm_of_length", "keras.keras", a=real(9, 8, declared=(None, 8)))
def lstm(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    return layers.Dense(3, name="y")(layers.LSTM(24)(a))


@functional("gru", "keras.h5", a=real(9, 8))
@functional("gru_save", "tf_keras.save", a=real(9, 8))
def gru(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    return layers.Dense(3, name="y")(layers.GRU(24, return_sequences=True)(a))


@functional("bidirectional", "keras.keras", a=real(9, 8))
@functional("bidirectional_h5", "tf_keras.h5", a=real(9, 8))
def bidirectional(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.Bidirectional(layers.LSTM(16, return_sequences=True))(a)
    return layers.Dense(3, name="y")(layers.Bidirectional(layers.GRU(16), merge_mode="sum")(hidden))


@sequential("stateful", "keras.keras", real(4, 8, batch=1))
def stateful(keras: Any) -> Any:
    layers = keras.layers
    return [layers.LSTM(16, stateful=True), layers.Dense(3, name="y")]


@functional("stateful_h5", "tf_keras.h5", a=real(4, 8, batch=1))
def stateful_h5(keras: Any, a: Tensor) -> Any:
    return keras.layers.Dense(3, name="y")(keras.layers.GRU(16, stateful=True)(a))


@functional("conv_lstm", "keras.keras", a=real(3, 8, 8, 2))
def conv_lstm(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    return layers.Dense(3, name="y")(layers.Flatten()(layers.ConvLSTM2D(8, 3)(a)))


@functional("simple_rnn", "keras.keras", a=real(6, 8))
def simple_rnn(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.SimpleRNN(32, return_sequences=True)(layers.Masking()(a))
    return layers.Dense(3, name="y")(layers.RNN([layers.LSTMCell(16), layers.GRUCell(16)])(hidden))


@functional("distributed", "tf_keras.h5", a=real(5, 8, 8, 3))
def distributed(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    hidden = layers.TimeDistributed(layers.Conv2D(8, 3, activation="relu"))(a)
    hidden = layers.TimeDistributed(layers.Flatten())(hidden)
    return layers.Dense(3, name="y")(layers.LSTM(16)(layers.TimeDistributed(layers.Dense(16))(hidden)))


@functional("states", "keras.keras", a=real(6, 8))
def states(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    sequence, state = layers.GRU(16, return_sequences=True, return_state=True, name="encoder")(a)
    return [layers.Dense(3, name="y")(layers.GRU(16)(sequence, initial_state=state)), state]


@functional("unrolled", "tf_keras.h5", a=real(4, 8))
def unrolled(keras: Any, a: Tensor) -> Any:
    layers = keras.layers
    return layers.Dense(3, name="y")(layers.LSTM(16, unroll=True, go_backwards=True)(a))
