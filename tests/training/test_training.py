import keras
import numpy as np
import pytest

from keras_igpt.training.batches import TokenBatches, draw_masked
from keras_igpt.training.losses import (
    BitsPerPixel,
    TokenCrossentropy,
    masked_weights,
)
from keras_igpt.training.schedule import TrainingBudget


@pytest.fixture
def tokens_and_logits():
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, 7, (2, 3))
    return tokens, generator.normal(size=(2, 3, 7)).astype("float32")


def nats(tokens, logits):
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -np.take_along_axis(logs, tokens[..., None], -1)[..., 0]


def test_crossentropy_matches_formula(tokens_and_logits):
    tokens, logits = tokens_and_logits
    found = TokenCrossentropy(z_loss=0.0)(tokens, logits)
    assert float(found) == pytest.approx(nats(tokens, logits).mean(), rel=1e-5)


def test_z_loss_adds_the_squared_normaliser(tokens_and_logits):
    tokens, logits = tokens_and_logits
    normaliser = np.log(np.exp(logits).sum(-1))
    expected = (nats(tokens, logits) + 0.1 * normaliser**2).mean()
    found = TokenCrossentropy(z_loss=0.1)(tokens, logits)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_bits_per_pixel_matches_formula(tokens_and_logits):
    tokens, logits = tokens_and_logits
    metric = BitsPerPixel(pixels_per_token=4)
    metric.update_state(tokens, logits)
    expected = nats(tokens, logits).mean() / np.log(2) / 4
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "thing", [TokenCrossentropy(0.5), BitsPerPixel(16.0)], ids=type
)
def test_config_makes_the_same(thing):
    config = keras.saving.serialize_keras_object(thing)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == thing.get_config()


def batches(count=10, **kwargs):
    inputs = {"tokens": np.arange(count, dtype="uint16")[:, None]}
    return TokenBatches(inputs, **kwargs)


def order(batches):
    parts = [batches[i][1].ravel() for i in range(len(batches))]
    return np.concatenate(parts).tolist()


def test_batches_hold_every_picture_once():
    assert sorted(order(batches(batch_size=5))) == list(range(10))


def test_shuffled_batches_have_one_size():
    some = batches(batch_size=4)
    assert [len(some[i][1]) for i in range(len(some))] == [4, 4]


def test_ordered_batches_leave_no_picture_out():
    some = batches(batch_size=4, shuffle=False)
    assert [len(some[i][1]) for i in range(len(some))] == [4, 4, 2]


def test_fewer_pictures_than_a_batch_make_one_batch():
    assert len(order(batches(count=3, batch_size=8))) == 3


def test_batches_come_in_a_new_order_every_epoch():
    some = batches(batch_size=3)
    first = order(some)
    some.on_epoch_end()
    assert order(some) != first


def test_batches_repeat_with_their_seed():
    first, second = (order(batches(batch_size=3, seed=2)) for _ in range(2))
    assert first == second


def test_batches_without_shuffle_keep_the_order():
    assert order(batches(batch_size=4, shuffle=False)) == list(range(10))


def test_batches_are_int32():
    inputs, tokens = batches()[0]
    assert tokens.dtype == inputs["tokens"].dtype == "int32"


def test_split_shares_no_picture():
    rest, aside = batches().split(3)
    assert len(order(aside)) == 3
    rest.batch_size = 7
    assert sorted(order(rest) + order(aside)) == list(range(10))


def budget_rates(budget, shares):
    return [budget.rate(share) for share in shares]


def test_budget_rises_then_falls():
    rates = budget_rates(TrainingBudget(1.0, epochs=1), [0, 0.03, 0.5, 1.0])
    assert rates[0] == pytest.approx(0.05)
    assert rates[1] == pytest.approx(1.0)
    assert 0.05 < rates[2] < 1.0
    assert rates[3] == pytest.approx(0.05)


def test_budget_does_not_fall_on_when_overspent():
    budget = TrainingBudget(1.0, epochs=1)
    assert budget.rate(1.5) == budget.rate(1.0)


def test_budget_of_epochs_ends_at_the_low_rate(fresh_model):
    inputs = {
        "tokens": np.zeros((8, 16), "int32"),
        "label": np.zeros(8, "int32"),
    }
    fresh_model.compile()
    budget = TrainingBudget(1e-3, epochs=2)
    fresh_model.fit(
        TokenBatches(inputs, 1), epochs=2, verbose=0, callbacks=[budget]
    )
    rate = float(fresh_model.optimizer.learning_rate)
    assert rate == pytest.approx(budget.rate(15 / 16), rel=1e-5)


def test_budget_of_minutes_stops_in_time(fresh_model):
    inputs = {
        "tokens": np.zeros((4, 16), "int32"),
        "label": np.zeros(4, "int32"),
    }
    fresh_model.compile()
    budget = TrainingBudget(1e-3, minutes=0.001)
    history = fresh_model.fit(
        TokenBatches(inputs, 2),
        epochs=10_000,
        verbose=0,
        callbacks=[budget],
    )
    assert len(history.epoch) < 10_000


def test_budget_begins_where_an_earlier_run_ended():
    budget = TrainingBudget(1.0, minutes=10, start=0.5)
    budget.on_train_begin()
    assert budget.spent(0) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"epochs": 1, "minutes": 1}, {"epochs": 0}, {"minutes": -1.0}],
)
def test_bad_budget_is_named(kwargs):
    with pytest.raises(ValueError, match="Received"):
        TrainingBudget(**kwargs)


# === The objective "bert" ===


def test_about_a_sixth_of_the_cells_is_hidden():
    inputs = {"tokens": np.zeros((50, 400), "int32")}
    drawn = draw_masked(inputs, np.random.default_rng(0))
    assert drawn["masked"].mean() == pytest.approx(0.15, abs=0.01)
    assert drawn["tokens"] is inputs["tokens"]


def test_weights_make_a_mean_over_hidden_cells():
    masked = np.array([[1, 0, 0, 0], [1, 1, 0, 0]])
    nats = np.array([[3.0, 9, 9, 9], [4, 5, 9, 9]])
    assert np.mean(masked_weights(masked) * nats) == pytest.approx(4.0)


def test_nothing_hidden_weighs_nothing():
    assert not masked_weights(np.zeros((2, 3), int)).any()


def test_other_targets_are_not_given_to_the_model():
    columns = {"tokens": np.zeros((4, 2)), "label": np.arange(4)}
    inputs, target = TokenBatches(columns, 4, shuffle=False, target="label")[0]
    assert set(inputs) == {"tokens"}
    np.testing.assert_array_equal(target, np.arange(4))


def test_no_target_gives_inputs_alone():
    columns = {"tokens": np.zeros((4, 2))}
    assert len(TokenBatches(columns, 4, target=None)[0]) == 1
