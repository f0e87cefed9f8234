"""SavedModels as TensorFlow 1 wrote them: graphs of variables without objects, restored by a node."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.zoo.entries import Feeds, Truth, add, real, words
from tests.zoo.graphs import weights
from tests.zoo.keras_entries import served

Make = Callable[[Any, Any], Any]


def saved_by_session(name: str, feeds: Feeds, *, resources: bool, main_op: bool = False) -> Callable[[Make], Make]:
    """The decorated function gets TensorFlow 1 and placeholders by name, and gives outputs by name."""

    def register(make: Make) -> Make:
        def build(folder: Path) -> Truth:
            import tensorflow as tf

            v1 = tf.compat.v1
            folder.rmdir()
            with tf.Graph().as_default(), v1.Session() as session, v1.variable_scope("", use_resource=resources):
                inputs = {key: v1.placeholder(each.dtype, each.batch_shape, name=key) for key, each in feeds.items()}
                outputs = make(v1, inputs)
                session.run([v1.global_variables_initializer(), v1.tables_initializer()])
                initialiser = {"legacy_init_op": v1.tables_initializer()} if main_op else {}
                v1.saved_model.simple_save(session, str(folder), inputs, outputs, **initialiser)
            return served(folder)

        add(name, feeds, build)
        return make

    return register


def _network(v1: Any, inputs: Any) -> Any:
    import tensorflow as tf

    first = v1.get_variable("first", initializer=weights(24, 48))
    second = v1.get_variable("second", initializer=weights(48, 4, seed=1))
    return {"y": tf.nn.relu(inputs["x"] @ first) @ second}


saved_by_session("saved_1", {"x": real(24)}, resources=True)(_network)
saved_by_session("saved_1_references", {"x": real(24)}, resources=False)(_network)


@saved_by_session("saved_1_table", {"word": words()}, resources=True, main_op=True)
def saved_1_table(v1: Any, inputs: Any) -> Any:
    import tensorflow as tf

    initialiser = tf.lookup.KeyValueTensorInitializer(tf.constant(["red", "green"]), tf.constant([0, 1], tf.int64))
    rows = v1.get_variable("rows", initializer=weights(3, 8))
    return {"y": tf.gather(rows, tf.lookup.StaticHashTable(initialiser, 2).lookup(inputs["word"]))}
