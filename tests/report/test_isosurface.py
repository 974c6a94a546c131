import numpy as np
import pytest

from superionic.report.isosurface import isosurface


def sphere(radius, n=33, half_width=1.6):
    axis = np.linspace(-half_width, half_width, n)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    # falls with the distance, as a density does
    return radius - np.sqrt(x**2 + y**2 + z**2), axis[1] - axis[0]


@pytest.mark.parametrize("radius", [0.7, 1.3])
def test_a_sphere_is_closed_oriented_and_has_its_area_and_volume(radius):
    field, step = sphere(radius)
    vertices, faces = isosurface(field, 0.0)
    points = vertices[faces] * step - 1.6
    normals = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]) / 2
    assert np.linalg.norm(normals, axis=1).sum() == pytest.approx(4 * np.pi * radius**2, rel=0.01)
    # the volume by the divergence theorem has the right sign only if all normals point outwards
    volume = np.einsum("ij,ij->", points.mean(axis=1), normals) / 3
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.02)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert set(counts) == {2}
    # Euler: vertices - edges + faces of a sphere
    assert len(np.unique(faces)) - len(counts) + len(faces) == 2


def test_no_level_no_surface():
    field, _ = sphere(1.0, n=9)
    vertices, faces = isosurface(field, 99.0)
    assert vertices.shape == (0, 3)
    assert faces.shape == (0, 3)
