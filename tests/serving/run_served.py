"""Answers requests with a SavedModel, without keras and keras_igpt.

    python run_served.py MODEL REQUESTS ANSWERS

Both files are pickled: a list of `(signature, {input: array})`, and of
`{output: array}` or an error's text.
"""

import pickle
import sys

ABSENT = ("keras", "keras_igpt", "keras_nlp")


class _Without:
    """Finds modules as another finder does, but none of these names."""

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in ABSENT:
            return self.finder.find_spec(name, path, target)


class Served:
    """A SavedModel behind the session loader, as servers run it."""

    def __init__(self, path):
        import tensorflow as tf

        self.errors = tf.errors.OpError
        self.session = tf.compat.v1.Session(graph=tf.Graph())
        with self.session.graph.as_default():
            meta = tf.compat.v1.saved_model.load(
                self.session, ["serve"], str(path)
            )
        self.signatures = meta.signature_def

    def __call__(self, signature, inputs):
        """dict of arrays; inputs that are missing get their defaults."""
        from tensorflow import make_ndarray

        found = self.signatures[signature]
        defaults = {k: make_ndarray(v) for k, v in found.defaults.items()}
        given = {**defaults, **inputs}
        fed = {found.inputs[k].name: v for k, v in given.items()}
        wanted = {k: v.name for k, v in found.outputs.items()}
        return self.session.run(wanted, fed)


def main(path, requests, answers):
    sys.meta_path[:] = map(_Without, sys.meta_path)
    served = Served(path)
    with open(requests, "rb") as file:
        asked = pickle.load(file)
    given = []
    for signature, inputs in asked:
        try:
            given.append(served(signature, inputs))
        except served.errors as error:
            given.append(str(error))
    assert not set(ABSENT) & set(sys.modules)
    with open(answers, "wb") as file:
        pickle.dump(given, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
