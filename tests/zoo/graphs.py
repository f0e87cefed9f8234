"""Models of TensorFlow without Keras: SavedModels of functions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.zoo.entries import Feeds, Truth, add, real, whole, words
from tests.zoo.keras_entries import served

Make = Callable[[Any], Any]


def weights(*shape: int, seed: int = 0) -> Any:
    """Small random numbers."""
    return np.random.default_rng(seed).normal(0, 0.3, shape).astype(np.float32)


def module(name: str, feeds: Feeds, *, tags: str = "", jit_compile: bool = False) -> Callable[[Make], Make]:
    """The decorated function gets a tf.Module for its variables, and gives what computes outputs by name."""

    def register(make: Make) -> Make:
        def build(folder: Path) -> Truth:
            import tensorflow as tf

            specs = [tf.TensorSpec(each.batch_shape, each.dtype, name=key) for key, each in feeds.items()]
            made = tf.Module()
            made.serve = tf.function(make(made), input_signature=specs, jit_compile=jit_compile or None)
            tf.saved_model.save(made, str(folder), signatures={"serving_default": made.serve})
            return served(folder)

        add(name, feeds, build, tags=tags)
        return make

    return register


@module("function", {"x": real(24)})
def function(m: Any) -> Any:
    import tensorflow as tf

    m.first, m.second = tf.Variable(weights(24, 48)), tf.Variable(weights(48, 4, seed=1))
    return lambda x: {"y": tf.nn.relu(x @ m.first) @ m.second}


@module("constants_captured", {"x": real(24)})
def constants_captured(m: Any) -> Any:
    import tensorflow as tf

    held = [tf.Variable(weights(24, 48)), tf.Variable(weights(48, 4, seed=1))]
    m.tracked = held
    return lambda x: {"y": tf.nn.relu(x @ held[0]) @ held[1]}


@module("level_kept", {"x": real(3, batch=1)})
def level_kept(m: Any) -> Any:
    import tensorflow as tf

    m.level = tf.Variable(tf.zeros([1, 3]))

    def serve(x: Any) -> Any:
        y = 0.9 * m.level + 0.1 * x
        m.level.assign(y)
        return {"y": y}

    return serve


@module("counted", {"x": real(24)})
def counted(m: Any) -> Any:
    import tensorflow as tf

    m.kernel, m.variance = tf.Variable(weights(24, 48)), tf.Variable(np.linspace(0.5, 2, 48).astype("f4"))
    m.calls = tf.Variable(0)

    def serve(x: Any) -> Any:
        m.calls.assign_add(1)
        return {"y": (x @ m.kernel) * tf.math.rsqrt(m.variance)}

    return serve


@module("gathered", {"at": whole(6, below=40)})
def gathered(m: Any) -> Any:
    import tensorflow as tf

    m.rows, m.unused = tf.Variable(weights(40, 24)), tf.Variable(weights(3, 3))
    return lambda at: {"y": tf.reduce_mean(tf.nn.embedding_lookup(m.rows, at), axis=1)}


@module("while_loop", {"x": real(24)})
def while_loop(m: Any) -> Any:
    import tensorflow as tf

    m.kernel = tf.Variable(weights(24, 24))

    def serve(x: Any) -> Any:
        for _ in tf.range(3):
            x = tf.tanh(x @ m.kernel)
        return {"y": x}

    return serve


@module("branches", {"x": real(24)})
def branches(m: Any) -> Any:
    import tensorflow as tf

    m.kernel = tf.Variable(weights(24, 4))
    return lambda x: {"y": tf.cond(tf.reduce_max(x) > -99.0, lambda: x @ m.kernel + 1.0, lambda: x @ m.kernel - 1.0)}


@module("table", {"word": words()})
def table(m: Any) -> Any:
    import tensorflow as tf

    keys, values = tf.constant(["red", "green", "blue"]), tf.constant([0, 1, 2], tf.int64)
    m.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 3)
    m.kernel = tf.Variable(weights(4, 8))
    return lambda word: {"y": tf.gather(m.kernel, m.table.lookup(word))}


@module("table_of_integers", {"key": whole(dtype="int64")})
def table_of_integers(m: Any) -> Any:
    import tensorflow as tf

    keys, values = tf.constant([1, 3, 5], tf.int64), tf.constant([0, 1, 2], tf.int64)
    m.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 3)
    m.kernel = tf.Variable(weights(4, 8))
    return lambda key: {"y": tf.gather(m.kernel, m.table.lookup(key))}


@module("words_given_back", {"word": words()})
def words_given_back(m: Any) -> Any:
    import tensorflow as tf

    del m
    return lambda word: {"length": tf.strings.length(word), "upper": tf.strings.upper(word)}


@module("must_compile", {"x": real(24)}, jit_compile=True)
def must_compile(m: Any) -> Any:
    import tensorflow as tf

    m.kernel = tf.Variable(weights(24, 48))
    return lambda x: {"y": tf.nn.gelu(x @ m.kernel)}


@module("echo", tags="tiny", feeds={"k": real(4), "b": real(4)})
def echo(m: Any) -> Any:
    del m
    return lambda k, b: {"same": k, "more": b + 1.0}


@module("scalars", {"foo": real(), "bar": real()})
def scalars(m: Any) -> Any:
    del m
    return lambda foo, bar: {"sum": foo + bar}


@module("one_value_for_all", {"x": real(24)})
def one_value_for_all(m: Any) -> Any:
    import tensorflow as tf

    m.kernel = tf.Variable(weights(24, 8))
    return lambda x: {"y": x @ m.kernel, "norm": tf.reduce_sum(m.kernel)}


@module("empty_part", {"x": real(24)})
def empty_part(m: Any) -> Any:
    import tensorflow as tf

    m.kernel = tf.Variable(weights(24, 8))
    return lambda x: {"y": tf.concat([x[:, :0], x @ m.kernel], axis=1), "none": x[:, :0]}


@module("complex_inside", {"x": real(32)})
def complex_inside(m: Any) -> Any:
    import tensorflow as tf

    m.kernel = tf.Variable(weights(17, 8))
    return lambda x: {"y": tf.abs(tf.signal.rfft(x)) @ m.kernel}


@module("einsum", {"x": real(6, 16)})
def einsum(m: Any) -> Any:
    import tensorflow as tf

    m.kernel = tf.Variable(weights(16, 4, 16))
    return lambda x: {"y": tf.einsum("bti,iho->btho", x, m.kernel)}


@module("integers_alone", {"a": whole(6, below=100), "b": whole(6, below=100)})
def integers_alone(m: Any) -> Any:
    import tensorflow as tf

    del m
    return lambda a, b: {"sum": a + 2 * b, "largest": tf.reduce_max(a, axis=1)}


@module("truth_values", {"x": real(16)})
def truth_values(m: Any) -> Any:
    import tensorflow as tf

    m.kernel = tf.Variable(weights(16, 4))
    return lambda x: {"is_positive": x @ m.kernel > 0.0}
