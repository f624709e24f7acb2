"""The solved head: scikit-learn's optimum, folds that are fair, and an L2 weight that generalises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

from cnnviz.options import RequestError
from cnnviz.train import linear_head
from cnnviz.train.evaluate import Loss, class_weights
from cnnviz.train.linear_head import beaten, fit, folded, solve, standardised, targets, uneven


def drawn(rng, counts, width, apart=1.0):
    """Features (N, F), most of them rarely other than 0 as behind a ReLU, and labels: so many of each class."""
    middles = np.random.default_rng(5).normal(size=(len(counts), width)) * apart
    labels = np.repeat(np.arange(len(counts)), counts)
    x = np.maximum(0, middles[labels] + rng.normal(size=(len(labels), width)) - 1)
    return torch.from_numpy(x * np.linspace(0.01, 3, width)).float(), torch.from_numpy(labels)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("width", [10, 300])  # fewer features than images, and more
def test_the_optimum_is_that_of_scikit_learn(rng, classes, weighted, width):
    features, labels = drawn(rng, [50, 12, 30, 20][:classes], width, 0.3)
    x, _, _ = standardised(features)
    weights = class_weights(labels, classes) if weighted else None
    goal = targets(labels, classes, single=classes == 2, weights=weights)
    found = fit(x, goal, 0.05, least=1e-8)
    strength = 1 / (0.05 * float(goal.weights.sum()))
    peer = LogisticRegression(C=strength, class_weight="balanced" if weighted else None, tol=1e-10, max_iter=10_000)
    peer.fit(x.numpy(), labels.numpy())
    np.testing.assert_allclose(found[:-1].T, peer.coef_, atol=1e-4)
    bias = found[-1].numpy()  # of several logits, only differences count
    np.testing.assert_allclose(bias - (bias.mean() if classes > 2 else 0), peer.intercept_, atol=1e-4)


@pytest.mark.parametrize("width", [10, 300])
def test_the_head_for_features_as_they_are_gives_the_logits_of_the_standardised_ones(rng, width):
    features, labels = drawn(rng, [30, 30, 30], width, 0.3)
    goal = targets(labels, 3, single=False)
    found = solve(features, labels, goal)
    x, _, _ = standardised(features)
    theta = fit(x, goal, found.l2, least=1e-8)
    here = features.double() @ found.weight.T.double() + found.bias
    torch.testing.assert_close(here, x @ theta[:-1] + theta[-1], atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_and_slope_are_those_that_training_would_follow(rng, single, smoothing, weighted):
    labels = torch.from_numpy(rng.integers(0, 2, 40))
    weights = class_weights(labels, 2) if weighted else None
    goal = targets(labels, 2, single=single, smoothing=smoothing, weights=weights)
    logits = torch.from_numpy(rng.normal(size=(40, 1 if single else 2))).float().requires_grad_()
    if not (smoothing and weighted and not single):  # there PyTorch weighs each share of a smoothed label by its class
        torch.testing.assert_close(goal.loss(logits.double()).float(), Loss(single, smoothing, weights)(logits, labels))
    wanted = torch.autograd.grad(goal.loss(logits.double()), logits)[0]
    torch.testing.assert_close(goal.slope(logits.detach().double()).float(), wanted)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of changes in other versions
def test_a_folder_of_sixty_images_in_three_classes_is_no_worse_than_with_scikit_learn():
    """On the same features, over five draws, with 900 images to judge by."""
    ours, theirs = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        features, labels = drawn(rng, [20, 20, 20], 128, 0.22)
        x, y = drawn(rng, [300, 300, 300], 128, 0.22)
        found = solve(features, labels, targets(labels, 3, single=False), seed=seed)
        ours.append(float(((x @ found.weight.T + found.bias).argmax(1) == y).double().mean()))
        peer = LogisticRegressionCV(cv=5, max_iter=5000)
        theirs.append(peer.fit(features.numpy(), labels.numpy()).score(x.numpy(), y.numpy()))
    print(ours, theirs)
    assert np.mean(ours) >= np.mean(theirs)
    assert all(a >= b - 0.03 for a, b in zip(ours, theirs, strict=True))  # one draw alone: its own standard error


def test_every_fold_has_its_share_of_every_class_and_the_only_image_of_one_is_never_left_out():
    labels = torch.tensor([0] * 23 + [1] * 5 + [2] * 7 + [3])
    parts = folded(labels, 5, 0)
    assert parts[-1] == -1
    sizes = torch.bincount(parts[:-1])
    assert (len(sizes), int(sizes.max() - sizes.min())) == (5, 0)
    for label in range(3):
        shares = torch.bincount(parts[labels == label], minlength=5)
        assert int(shares.max() - shares.min()) <= 1
    assert torch.equal(parts, folded(labels, 5, 0))
    assert not torch.equal(parts, folded(labels, 5, 1))


def test_the_curve_is_told_as_it_comes_and_its_lowest_loss_decides(rng):
    features, labels = drawn(rng, [20, 20, 20], 64, 0.2)
    told = []
    found = solve(features, labels, targets(labels, 3, single=False), heard=told.append)
    assert tuple(told) == found.curve
    assert found.l2 == min(told, key=lambda point: point.loss).l2
    assert [point.l2 for point in told] == list(linear_head.L2[: len(told)])
    assert found.curve == solve(features, labels, targets(labels, 3, single=False)).curve


def test_images_too_few_to_leave_one_out_get_the_usual_weight_and_one_class_is_refused(rng):
    features = torch.from_numpy(rng.normal(size=(3, 8))).float()
    labels = torch.tensor([0, 1, 2])
    found = solve(features, labels, targets(labels, 3, single=False))
    assert (found.curve, found.l2) == ((), linear_head.USUAL)
    assert torch.equal((features @ found.weight.T + found.bias).argmax(1), labels)
    same = torch.tensor([1, 1, 1])
    with pytest.raises(RequestError, match="one class"):
        solve(features, same, targets(same, 3, single=False))


def test_features_that_never_change_a_class_without_images_and_huge_scales_stay_finite(rng):
    features, labels = drawn(rng, [20, 20], 16)
    features = torch.cat([features, torch.full((40, 3), 7.0), features[:, :2] * 1e5], 1)
    found = solve(features, labels, targets(labels, 3, single=False))  # the third class has none
    logits = features @ found.weight.T + found.bias
    assert torch.isfinite(found.weight).all()
    assert torch.isfinite(found.bias).all()
    assert not (logits.argmax(1) == 2).any()
    still = torch.ones(6, 4)
    even = torch.tensor([0, 0, 0, 0, 1, 1])
    told = solve(still, even, targets(even, 2, single=True))
    assert float(told.bias.sigmoid()) == pytest.approx(1 / 3, abs=1e-3)


def test_what_waits_may_end_it(rng):
    features, labels = drawn(rng, [20, 20], 16)

    def ended():
        raise KeyError

    with pytest.raises(KeyError):
        solve(features, labels, targets(labels, 2, single=True), waiting=ended)


def test_of_very_much_one_fold_is_left_out(rng, monkeypatch):
    features, labels = drawn(rng, [30, 30, 30], 20)
    seen = []
    real = linear_head.fit
    monkeypatch.setattr(linear_head, "fit", lambda x, *a, **k: seen.append(len(x)) or real(x, *a, **k))
    monkeypatch.setattr(linear_head, "MUCH", 1)
    found = solve(features, labels, targets(labels, 3, single=False))
    assert seen == [*[72] * len(found.curve), 90]


def test_in_an_uneven_folder_rare_classes_gain_and_no_draw_is_worse_for_it():
    """Ten draws of 120, 15 and 8 images, judged on as many of each class and on classes as uneven."""
    gains, same = [], []
    for seed in range(10):
        features, labels = drawn(np.random.default_rng(seed), [120, 15, 8], 128, 0.3)
        plain, even = (targets(labels, 3, single=False, weights=w) for w in (None, class_weights(labels, 3)))
        heads = solve(features, labels, plain, seed=seed), solve(features, labels, plain, even=even, seed=seed)
        assert not heads[0].weighted
        for counts, told in (([300] * 3, gains), ([1200, 150, 80], same)):
            x, y = drawn(np.random.default_rng(99 + seed), counts, 128, 0.3)
            a, b = (float(((x @ h.weight.T + h.bias).argmax(1) == y).double().mean()) for h in heads)
            told.append(b - a)
    assert np.mean(gains) > 0.02
    assert min(gains) >= 0
    assert np.mean(same) > -0.01


def test_weights_of_classes_are_not_taken_where_they_cost_images():
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(np.repeat([0, 1], [600, 60]))
    features = torch.from_numpy(rng.normal(size=(660, 4)) + 0.5 * labels.numpy()[:, None]).float()  # classes overlap
    plain, even = (targets(labels, 2, single=True, weights=w) for w in (None, class_weights(labels, 2)))
    told = []
    found = solve(features, labels, plain, even=even, heard=told.append)
    assert not found.weighted
    assert found.curve == tuple(told) == solve(features, labels, plain).curve


def test_one_head_is_beaten_by_more_than_one_standard_error():
    right = torch.zeros(100, dtype=torch.bool)
    both = right.clone()
    both[:10] = True
    assert beaten(right, both)  # 10 more, and the error is the root of 10
    one, other = right.clone(), right.clone()
    one[:9], other[9:20] = True, True
    assert not beaten(one, other)  # 2 more, and the error is the root of 20
    assert not beaten(both, both)
    assert [uneven(torch.tensor(t)) for t in ([0, 0, 1], [0, 0, 0, 1, 1], [0, 2, 2])] == [True, False, True]
