import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.errors import TransportInputError
from superionic.transport import Verdict, analyze_trajectory, mean_square_displacement
from superionic.transport.curves import plane_normal, unit_vector

OBLIQUE = np.array([[12.0, 0.0, 0.0], [-6.0, 10.4, 0.0], [0.0, 3.0, 12.0]])
components = st.integers(-3, 3)


@pytest.mark.parametrize("lag", [1, 7, 50])
def test_tensors_equal_the_sum_over_all_origins(make_run, lag):
    run = make_run(0, duration_ps=40.0, weights=(1.0, 2.0, 0.5))
    curves = mean_square_displacement(*run.arguments[:4], run.time_step_ps)
    host = run.positions_A[:, 24:].mean(axis=1, keepdims=True)
    ions = run.positions_A[:, :24] - (host - host[:1])
    step = ions[lag:] - ions[:-lag]
    np.testing.assert_allclose(
        curves.tracer_A2[lag], np.einsum("fni,fnj->ij", step, step) / step[..., 0].size, rtol=1e-9, atol=1e-9
    )
    together = step.sum(axis=1)
    expected = np.einsum("fi,fj->ij", together, together) / len(together) / 24
    np.testing.assert_allclose(curves.collective_A2[lag], expected, rtol=1e-8, atol=1e-8)


@given(u=components, v=components, w=components)
@settings(max_examples=30, deadline=None)
def test_directions_and_planes_are_those_of_the_lattice(u, v, w):
    if not (u or v or w):
        with pytest.raises(TransportInputError, match="not all zero"):
            unit_vector((u, v, w), OBLIQUE)
        return
    direction = unit_vector((u, v, w), OBLIQUE)
    np.testing.assert_allclose(np.cross(direction, (u, v, w) @ OBLIQUE), 0.0, atol=1e-9)
    normal = plane_normal((u, v, w), OBLIQUE)
    # lattice vectors [x, y, z] with hx + ky + lz = 0 lie in the plane (h k l)
    for inside in np.cross((u, v, w), np.eye(3)):
        assert abs(inside @ OBLIQUE @ normal) < 1e-9


def test_directions_agree_with_axes_planes_and_the_trace(make_run):
    run = make_run(2, mobile=48, duration_ps=150.0, weights=(1.0, 1.0, 0.0))
    found = analyze_trajectory(run.positions_A, OBLIQUE, *run.arguments[2:])
    assert found.verdict is Verdict.OK
    for k, direction in enumerate(np.eye(3)):
        estimate = found.diffusivity_along(direction)
        assert estimate.value == pytest.approx(found.diffusivity_axes_cm2_per_s[k])
        assert estimate.std == pytest.approx(found.diffusivity_axes_std_cm2_per_s[k])
        np.testing.assert_allclose(found.curves.along(direction), found.curves.axes_A2[:, k])
    # (001) is the plane of a and b
    assert found.diffusivity_in_plane((0, 0, 1)).value == pytest.approx(found.diffusivity_planes_cm2_per_s[0])
    np.testing.assert_allclose(found.curves.in_plane((0, 0, 1)), found.curves.planes_A2[:, 0])
    total = found.curves.along((0, 0, 1)) * 0 + np.trace(found.curves.tracer_A2, axis1=1, axis2=2)
    np.testing.assert_allclose(total, found.msd_tracer_A2, atol=1e-9)
    assert np.trace(found.diffusivity_tensor_cm2_per_s) == pytest.approx(3 * found.diffusivity_cm2_per_s)
