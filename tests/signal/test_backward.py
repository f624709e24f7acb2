"""One step of gradient descent on a kernel is what autograd makes of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cnnviz.signal import backward
from cnnviz.signal.kernels import KERNELS


@pytest.mark.parametrize("name", backward.IMAGES)
@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_each_number_of_a_step_is_autograds(name, rate):
    image, kernel = backward.IMAGES[name][1](), KERNELS["identity"].weights
    target = backward.correlate(image, KERNELS["sobel_x"].weights)
    steps = backward.descent(image, kernel, target, rate, 4)
    assert len(steps) == 5
    x = torch.from_numpy(image)[None, None]
    weight = torch.from_numpy(kernel.astype(np.float64))[None, None].requires_grad_()
    optimizer = torch.optim.SGD([weight], lr=rate)
    for one in steps:
        np.testing.assert_allclose(one.kernel, weight.detach()[0, 0], atol=1e-9)
        output = F.conv2d(x, weight)
        output.retain_grad()
        loss = F.mse_loss(output, torch.from_numpy(target)[None, None])
        optimizer.zero_grad()
        loss.backward()
        assert one.loss == pytest.approx(loss.item())
        np.testing.assert_allclose(one.output, output.detach()[0, 0])
        np.testing.assert_allclose(one.d_output, output.grad[0, 0])
        np.testing.assert_allclose(one.d_kernel, weight.grad[0, 0])
        optimizer.step()
        np.testing.assert_allclose(one.after, weight.detach()[0, 0], atol=1e-9)
        assert one.after_loss == pytest.approx(
            F.mse_loss(F.conv2d(x, weight), torch.from_numpy(target)[None, None]).item()
        )


def test_many_steps_on_random_grays_find_the_kernel_that_made_the_target():
    image, goal = backward.IMAGES["noise"][1](), KERNELS["sobel_x"].weights
    steps = backward.descent(image, KERNELS["box"].weights, backward.correlate(image, goal), 0.1, 5000)
    assert steps[-1].after_loss < 1e-3 * steps[0].loss
    assert [one.loss for one in steps] == sorted((one.loss for one in steps), reverse=True)


def test_a_rate_that_is_too_high_ends_before_numbers_overflow():
    image, goal = backward.IMAGES["corner"][1](), KERNELS["sobel_x"].weights
    steps = backward.descent(image, KERNELS["identity"].weights, backward.correlate(image, goal), 1.0, 1000)
    assert 10 < len(steps) < 1000
    assert steps[-1].after_loss > backward.DIVERGED
    assert all(np.isfinite(one.after).all() and np.isfinite(one.d_kernel).all() for one in steps)


def test_the_script_it_writes_gives_its_numbers():
    image, goal = backward.IMAGES["noise"][1](), KERNELS["laplacian"].weights
    *_, last = backward.descent(image, KERNELS["box"].weights, backward.correlate(image, goal), 0.1, 3)
    scope: dict = {}
    exec(backward.as_pytorch(image, KERNELS["box"].weights, goal, 0.1, 3), scope)
    np.testing.assert_allclose(scope["gradient"], last.d_kernel)
    np.testing.assert_allclose(scope["kernel"].detach()[0, 0], last.after)
    assert scope["loss"].item() == pytest.approx(last.after_loss)
