import numpy as np
import pytest

from gmm_pipeline.errors import SourceError
from gmm_pipeline.interfaces.matrix import MatrixLayout, NarrowRows
from gmm_pipeline.interfaces.spans import ColumnSpans, ctab_gan_output_info, ctgan_output_info

SPANS = (
    ColumnSpans.of("amount", 3),
    ColumnSpans.of("colour", 2, discrete=True),
    ColumnSpans.of("constant", 1, discrete=True),
)


def test_discrete_columns_are_a_softmax_alone_for_ctgan() -> None:
    info = ctgan_output_info(SPANS)

    assert info == [[(1, "tanh"), (3, "softmax")], [(2, "softmax")], [(1, "softmax")]]
    assert [[(span.dim, span.activation_fn) for span in column] for column in info] == info


def test_values_are_marked_in_the_flat_list_for_ctab_gan_plus() -> None:
    assert ctab_gan_output_info(SPANS) == [
        (1, "tanh", "no_g"),
        (3, "softmax"),
        (2, "softmax"),
        (1, "softmax"),
    ]


def test_the_matrix_has_the_value_and_the_one_hot_rank_of_each_column() -> None:
    rows = NarrowRows(
        np.array([[0.5, 0, 0], [-0.25, 0, 0]], dtype=np.float32),
        np.array([[2, 1, 0], [0, 0, 0]], dtype=np.int32),
    )

    matrix = MatrixLayout.of(SPANS).widen(rows)

    assert matrix.tolist() == [[0.5, 0, 0, 1, 0, 1, 1], [-0.25, 1, 0, 0, 1, 0, 1]]


def test_generated_rows_get_the_likeliest_rank() -> None:
    layout = MatrixLayout.of(SPANS)
    generated = np.array([[0.5, 0.2, 0.1, 0.7, 0.4, 0.6, 1.0]])

    rows = layout.narrow(generated)

    assert rows.ranks.tolist() == [[2, 1, 0]]
    assert rows.values.tolist() == [[0.5, 0, 0]]
    assert rows.frame(layout.columns).columns == [
        f"{c}.{p}" for c in layout.columns for p in ("value", "rank")
    ]


def test_a_matrix_of_another_width_is_refused() -> None:
    with pytest.raises(SourceError, match="does not have the 7 columns"):
        MatrixLayout.of(SPANS).narrow(np.zeros((2, 6)))
