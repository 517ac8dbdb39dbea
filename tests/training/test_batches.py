"""Tests of batches of tokens."""

import functools

import keras
import numpy as np
import pytest

from keras_igpt.generation.plans import draw_plans
from keras_igpt.training.batches import (
    ExactEpochs,
    TokenBatches,
    draw_masked,
)


def batches(count=10, **kwargs):
    inputs = {"tokens": np.arange(count, dtype="uint16")[:, None]}
    return TokenBatches(inputs, **kwargs)


def order(batches):
    parts = [batches[i][1].ravel() for i in range(len(batches))]
    return np.concatenate(parts).tolist()


def test_batches_hold_every_image_once():
    assert sorted(order(batches(batch_size=5))) == list(range(10))


def test_shuffled_batches_have_one_size():
    some = batches(batch_size=4)
    assert [len(some[i][1]) for i in range(len(some))] == [4, 4]


def test_ordered_batches_leave_no_image_out():
    some = batches(batch_size=4, shuffle=False)
    assert [len(some[i][1]) for i in range(len(some))] == [4, 4, 2]


def test_fewer_images_than_a_batch_make_one_batch():
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


def test_split_shares_no_image():
    rest, aside = batches().split(3)
    assert len(order(aside)) == 3
    rest.batch_size = 7
    assert sorted(order(rest) + order(aside)) == list(range(10))


def parts_of_groups(groups, count):
    """The groups of the rest and of what is set aside."""
    groups = np.array(groups)
    parts = batches(len(groups), groups=groups).split(count)
    return [set(groups[part.inputs["tokens"].ravel()]) for part in parts]


@pytest.mark.parametrize(
    "groups", [[0, 1, 2, 3, 4] * 2, list("aabbbcdddd"), [7] * 9 + [8]]
)
@pytest.mark.parametrize("count", [1, 3, 9])
def test_split_keeps_groups_whole(groups, count):
    rest, aside = parts_of_groups(groups, count)
    assert rest and aside and not rest & aside


def test_split_sets_no_more_groups_aside_than_asked():
    _, aside = batches(12, groups=np.repeat(np.arange(4), 3)).split(7)
    assert aside.num_images == 6


def test_split_without_groups_is_as_with_single_ones():
    chosen = [
        part.inputs["tokens"].tolist()
        for groups in (None, np.arange(10))
        for part in batches(groups=groups).split(4)
    ]
    assert chosen[:2] == chosen[2:]


def test_split_of_a_part_keeps_groups_whole():
    groups = np.repeat(np.arange(5), 2)
    some = batches(10, groups=groups).part(np.arange(9, -1, -1))
    rest, aside = some.split(4)
    assert not set(rest.groups) & set(aside.groups)


@pytest.mark.parametrize(
    ("groups", "expected"), [(None, 6), ([1, 1, 2, 2, 2, 9], 3)]
)
def test_groups_are_counted(groups, expected):
    groups = None if groups is None else np.array(groups)
    assert batches(6, groups=groups).num_groups == expected


def test_split_of_one_group_is_named():
    with pytest.raises(ValueError, match="two groups at least"):
        batches(6, groups=np.zeros(6, int)).split(2)


def test_about_a_sixth_of_the_cells_is_hidden():
    inputs = {"tokens": np.zeros((50, 400), "int32")}
    drawn = draw_masked(inputs, np.random.default_rng(0))
    assert drawn["masked"].mean() == pytest.approx(0.15, abs=0.01)
    assert drawn["tokens"] is inputs["tokens"]


def test_other_targets_are_not_given_to_the_model():
    columns = {"tokens": np.zeros((4, 2)), "label": np.arange(4)}
    inputs, target = TokenBatches(columns, 4, shuffle=False, target="label")[0]
    assert set(inputs) == {"tokens"}
    np.testing.assert_array_equal(target, np.arange(4))


def test_no_target_gives_inputs_alone():
    columns = {"tokens": np.zeros((4, 2))}
    assert len(TokenBatches(columns, 4, target=None)[0]) == 1


def test_order_of_an_epoch_does_not_depend_on_those_before():
    some, other = batches(batch_size=5), batches(batch_size=5)
    some.on_epoch_end()
    for each in (some, other):
        each.begin_epoch(4, step=8)
    assert order(some) == order(other)


def test_an_epoch_can_begin_at_a_later_batch():
    some = batches(batch_size=2)
    some.begin_epoch(1)
    whole = order(some)
    some.begin_epoch(1, first=3)
    assert some.num_batches == 2
    np.testing.assert_array_equal(some[0][1].ravel(), whole[6:8])


def test_weights_go_with_their_images():
    some = batches(batch_size=5).part(shuffle=True, weights=np.arange(10.0))
    _, tokens, weights = some[1]
    np.testing.assert_array_equal(tokens, weights)


# === When cells are asked ===

CELLS = np.random.default_rng(5).permutation(12)
WRITTEN = np.argsort(CELLS)


def planned(count=8, **kwargs):
    inputs = {"tokens": np.zeros((count, 12), "uint16")}
    draw = functools.partial(draw_plans, CELLS)
    return TokenBatches(inputs, draw_plans=draw, **kwargs)


def test_plans_are_drawn_anew_every_epoch_and_repeat_with_their_seed():
    one, two = (planned(batch_size=8, seed=3) for _ in range(2))
    first = one[0][0]["plan"]
    np.testing.assert_array_equal(two[0][0]["plan"], first)
    one.on_epoch_end()
    assert (one[0][0]["plan"] != first).any()


def test_what_is_evaluated_is_written_cell_by_cell():
    found = planned(batch_size=4, shuffle=False)[1][0]["plan"]
    np.testing.assert_array_equal(found, np.tile(WRITTEN, (4, 1)))


def test_model_that_writes_row_by_row_is_given_no_plan():
    assert "plan" not in batches()[0][0]


def test_parts_of_a_split_have_plans_too():
    for part in planned(count=20, batch_size=4).split(0.5):
        assert "plan" in part[0][0]


# === Epochs that were begun ===


def test_a_begun_epoch_has_its_order_where_steps_were_left_out():
    """Half precision leaves steps out, so that there are fewer than batches."""
    begun = batches(40, batch_size=4)
    begun.begin_epoch(1, step=10)
    rest = batches(40, batch_size=4)
    rest.done, rest.epoch_step = 3, 10
    callback = ExactEpochs(rest)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd")
    model.optimizer.iterations.assign(11)
    callback.set_model(model)
    callback.on_epoch_begin(1)
    assert (
        order(begun)[12:]
        == np.concatenate(
            [rest[i][1].ravel() for i in range(rest.num_batches)]
        ).tolist()
    )
