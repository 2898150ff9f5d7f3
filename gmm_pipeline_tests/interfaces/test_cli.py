"""The commands, each called as a user would; `run` and what it leaves are tested with the
orchestration as well.
"""

import pathlib
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from workplace import Finished, Workplace, states

from gmm_pipeline import TableEncoder
from gmm_pipeline.interfaces.cli.main import main

COMMANDS = [
    "demo",
    "run",
    "retry",
    "plan",
    "bench",
    "status",
    "fits",
    "transform",
    "inverse",
    "export",
    "show",
    "report",
    "config",
    "ui",
]
EXACT = ["count", "colour", "size", "flag"]


def rows_of(seed: int, rows: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "amount": rng.lognormal(3, 2, rows),
            "count": pl.Series(rng.integers(0, 500, rows), dtype=pl.Int16).set(
                pl.Series(rng.random(rows) < 0.1), None
            ),
            "colour": pl.Series(rng.choice(["red", "", "blue"], rows)).set(
                pl.Series(rng.random(rows) < 0.1), None
            ),
            "size": pl.Series(rng.choice(["S", "M"], rows), dtype=pl.Enum(["S", "M", "L"])),
            "flag": pl.Series(rng.random(rows) < 0.5),
        }
    )


FRAME = rows_of(0, 3000)


@pytest.fixture(scope="module")
def ran(new_workplace: Callable[[], Workplace]) -> tuple[Workplace, Finished]:
    """A workplace in which the installed command ran over a table."""
    workplace = new_workplace()
    FRAME.write_parquet(workplace.path / "t.parquet")
    return workplace, workplace.finish("gmm-pipeline", "run", "t.parquet", "--json")


@pytest.fixture(scope="module")
def fitted(ran: tuple[Workplace, Finished]) -> Workplace:
    return ran[0]


def same_table(one: pl.DataFrame, other: pl.DataFrame) -> None:
    assert one.schema == other.schema
    assert one.select(EXACT).equals(other.select(EXACT))
    assert np.allclose(one["amount"], other["amount"], rtol=1e-6, atol=1e-3)


def test_run_prints_results_on_stdout_and_progress_on_stderr(
    ran: tuple[Workplace, Finished],
) -> None:
    _, run = ran

    assert run.status == 0
    summary = run.json()
    assert summary["fit"] == "t"
    assert [entry["column"] for entry in summary["columns"]] == FRAME.columns
    assert {entry["rows"] for entry in summary["columns"]} == {len(FRAME)}
    assert {entry["rows_changed"] for entry in summary["columns"]} == {0}
    assert [entry["kind"] for entry in summary["columns"]] == [
        "continuous",
        "continuous",
        *["categorical"] * 3,
    ]
    assert "5 of 5 columns to do" in run.err
    assert "[5/5] " in run.err
    assert "to do" not in run.out


def test_status_tells_each_stage(fitted: Workplace) -> None:
    status = fitted.call("status", "--fit", "t", "--json")

    assert status.status == 0
    for entry in status.json()["columns"]:
        assert [stage["state"] for stage in entry["stages"].values()] == ["done"] * 5
    assert fitted.call("status", "--fit", "t").out.count("done") == 5 * len(FRAME.columns)


def test_show_lists_the_modes_by_rank(fitted: Workplace) -> None:
    shown = fitted.call("show", "colour", "--fit", "t", "--json").json()
    table = fitted.call("show", "amount", "--fit", "t").out

    shares = dict(FRAME["colour"].value_counts(normalize=True).iter_rows())
    assert {mode["value"]: mode["frequency"] for mode in shown["modes"]} == pytest.approx(shares)
    assert [mode["rank"] for mode in shown["modes"]] == list(range(4))
    frequencies = [mode["frequency"] for mode in shown["modes"]]
    assert frequencies == sorted(frequencies, reverse=True)
    assert "gaussian" in table


def test_plan_says_what_a_run_would_do_and_writes_nothing(workplace: Workplace) -> None:
    FRAME.with_columns(parts=pl.concat_list("amount")).write_parquet(workplace.path / "t.parquet")

    plan = workplace.call("plan", "t.parquet", "--json")

    assert plan.status == 0
    assert plan.json()["rows"] == len(FRAME)
    entries = {entry["column"]: entry for entry in plan.json()["columns"]}
    assert entries["amount"]["to_do"] == ["raw", "sketch", "model", "feature_rank", "transformed"]
    assert entries["amount"]["kind"] == "continuous"
    assert "no point masses" in entries["amount"]["reason"]
    assert entries["size"]["kind"] == "categorical"
    assert "distinct value" in entries["size"]["reason"]
    assert "list<" in entries["parts"]["why"]
    assert "will fail" in workplace.call("plan", "t.parquet").out
    assert not workplace.store.exists()


def test_plan_names_columns_that_cannot_be_encoded_and_those_that_are_gone(
    workplace: Workplace,
) -> None:
    frame = pl.DataFrame({"kept": [1, 2] * 30, "gone": [1, 2] * 30, "tags": [[1.0]] * 60})
    frame.drop("tags").write_parquet(workplace.path / "t.parquet")
    assert workplace.call("run", "t.parquet").status == 0
    frame.drop("gone").write_parquet(workplace.path / "t.parquet")

    planned = workplace.call("plan", "t.parquet", "--json").json()
    shown = workplace.call("plan", "t.parquet")

    assert planned["lost"] == ["gone"]
    kept, tags = planned["columns"]
    assert kept["to_do"]
    assert (tags["kind"], tags["to_do"]) == (None, [])
    assert "cannot be encoded" in tags["why"]
    assert "No longer in the source: gone." in shown.err


def test_status_names_files_that_are_not_taken(workplace: Workplace) -> None:
    folder = workplace.path / "t"
    folder.mkdir()
    pl.DataFrame({"few": [1, 2] * 30}).write_parquet(folder / "a.parquet")
    assert workplace.call("run", folder).status == 0
    (folder / "b.parquet").write_bytes((folder / "a.parquet").read_bytes()[:-1])

    status = workplace.call("status", "--fit", "t")

    assert f"Not taken: file {folder / 'b.parquet'} is still being written" in status.err
    (told,) = workplace.call("status", "--fit", "t", "--json").json()["files_not_taken"]
    assert "b.parquet" in told


def test_plan_leaves_an_existing_store_alone_when_a_csv_has_changed(workplace: Workplace) -> None:
    source = workplace.path / "t.csv"
    source.write_text("x\n1\n2\n")
    assert workplace.call("run", source).status == 0
    before = states(workplace.store)
    source.write_text("x\n1\n2\n3\n")

    assert (
        workplace.call("plan", source, "--json").json()["columns"][0]["why"]
        == "raw stale: source changed"
    )

    assert states(workplace.store) == before


def test_export_gives_the_encoded_rows_in_order(fitted: Workplace) -> None:
    assert fitted.call("export", "--fit", "t", "--out", "narrow.parquet").status == 0

    narrow = pl.read_parquet(fitted.path / "narrow.parquet")
    assert narrow.columns == [
        f"{name}.{part}" for name in FRAME.columns for part in ("value", "rank")
    ]
    for name in FRAME.columns:
        stored = pl.scan_parquet(fitted.store / "t" / name / "transformed").collect()
        assert narrow.select(stored.columns).equals(stored)
    ranks = {
        mode["value"]: mode["rank"]
        for mode in fitted.call("show", "flag", "--fit", "t", "--json").json()["modes"]
    }
    assert narrow["flag.rank"].to_list() == [ranks[str(flag)] for flag in FRAME["flag"]]


def test_export_wide_gives_one_column_of_0_and_1_for_each_mode(fitted: Workplace) -> None:
    fitted.call("export", "--fit", "t", "--out", "narrow.parquet")
    assert fitted.call("export", "--fit", "t", "--out", "wide.parquet", "--wide").status == 0

    narrow, wide = (pl.read_parquet(fitted.path / f"{name}.parquet") for name in ("narrow", "wide"))
    for name in FRAME.columns:
        flags = wide.select(pl.col(f"^{name}\\.rank_\\d+$")).to_numpy()
        assert wide[f"{name}.value"].equals(narrow[f"{name}.value"])
        assert set(np.unique(flags)) <= {0, 1}
        assert (flags.sum(axis=1) == 1).all()
        assert (flags.argmax(axis=1) == narrow[f"{name}.rank"].to_numpy()).all()


@pytest.mark.parametrize("form", [[], ["--wide"]], ids=["narrow", "wide"])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_inverse_gives_back_the_table(fitted: Workplace, ending: str, form: list[str]) -> None:
    encoded = f"encoded.{ending}"
    assert fitted.call("export", "--fit", "t", "--out", encoded, *form).status == 0

    # CSV has no place for the identity of the fit.
    generated = ["--generated"] if ending == "csv" else []
    inverse = fitted.call("inverse", encoded, "--fit", "t", "--out", "back.parquet", *generated)

    assert inverse.status == 0, inverse.err
    assert inverse.out == ""
    assert "3,000 rows decoded" in inverse.err
    same_table(pl.read_parquet(fitted.path / "back.parquet"), FRAME)


def test_inverse_writes_csv_as_well(fitted: Workplace) -> None:
    fitted.call("export", "--fit", "t", "--out", "encoded.parquet")
    assert fitted.call("inverse", "encoded.parquet", "--fit", "t", "--out", "back.csv").status == 0

    back = pl.read_csv(fitted.path / "back.csv", schema_overrides=FRAME.schema)
    assert back["count"].equals(FRAME["count"])
    assert back["size"].equals(FRAME["size"])
    assert back["flag"].equals(FRAME["flag"])


def test_inverse_decodes_rows_of_a_generative_model(fitted: Workplace) -> None:
    fitted.call("export", "--fit", "t", "--out", "wide.parquet", "--wide")
    wide = pl.read_parquet(fitted.path / "wide.parquet")
    # Floats instead of integers, other rows in another order, columns of its own.
    synthetic = (
        wide.cast(pl.Float64).sample(100, seed=1, shuffle=True).with_columns(noise=pl.lit(1.0))
    )
    synthetic.select(reversed(synthetic.columns)).write_parquet(fitted.path / "synthetic.parquet")

    assert (
        fitted.call(
            "inverse", "synthetic.parquet", "--fit", "t", "--out", "back.parquet", "--generated"
        ).status
        == 0
    )

    back = pl.read_parquet(fitted.path / "back.parquet")
    assert back.schema == FRAME.schema
    assert back.height == 100


def damaged(column: str, value: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.with_columns(
        pl.when(pl.int_range(pl.len()) < 2)
        .then(pl.lit(value))
        .otherwise(pl.col(column))
        .alias(column)
    )


@pytest.mark.parametrize(
    ("form", "change", "says"),
    [
        (
            [],
            damaged("flag.rank", 2),
            "column 'flag': has ranks that none of its 2 modes has (2 rows)",
        ),
        (
            [],
            damaged("flag.rank", -1),
            "column 'flag': has ranks that none of its 2 modes has (2 rows)",
        ),
        (
            [],
            damaged("flag.rank", 0.5),
            "column 'flag': has ranks that none of its 2 modes has (2 rows)",
        ),
        ([], damaged("flag.rank", None), "column 'flag': 'flag.rank' holds nulls (2 rows)"),
        ([], damaged("amount.value", None), "column 'amount': 'amount.value' holds nulls (2 rows)"),
        (
            [],
            damaged("amount.value", float("nan")),
            "'amount.value' holds NaN or infinities (2 rows)",
        ),
        (
            ["--wide"],
            damaged("flag.rank_0", 2),
            (
                "column 'flag': is not one-hot: each row needs one 1 and otherwise 0 "
                "in its rank columns (2 rows)"
            ),
        ),
        (
            ["--wide"],
            lambda wide: wide.with_columns(pl.lit(0).alias("flag.rank_0")),
            "column 'flag': is not one-hot",
        ),
        (
            ["--wide"],
            lambda wide: wide.with_columns(pl.lit(1).alias("flag.rank_0")),
            "column 'flag': is not one-hot",
        ),
        (
            ["--wide"],
            lambda wide: wide.drop("flag.rank_1"),
            "column 'flag': the encoded rows have no column 'flag.rank_1'",
        ),
        (
            [],
            lambda narrow: narrow.drop("size.value"),
            "column 'size': the encoded rows have no column 'size.value'",
        ),
    ],
)
def test_inverse_refuses_rows_that_mean_nothing(
    fitted: Workplace,
    form: list[str],
    change: Callable[[pl.DataFrame], pl.DataFrame],
    says: str,
) -> None:
    fitted.call("export", "--fit", "t", "--out", "whole.parquet", *form)
    change(pl.read_parquet(fitted.path / "whole.parquet")).write_parquet(
        fitted.path / "damaged.parquet"
    )
    out = fitted.path / "never.parquet"

    inverse = fitted.call("inverse", "damaged.parquet", "--fit", "t", "--out", out, "--generated")

    assert inverse.status in {1, 2}
    assert says in inverse.err
    assert inverse.err.rstrip().count("\n") == 0, "one line says it"
    assert not out.exists()
    assert not list(fitted.path.glob(".never*"))


def test_transform_encodes_other_rows_as_the_fit_does(fitted: Workplace) -> None:
    others = rows_of(1, 500).with_columns(
        pl.col("amount").clip(FRAME["amount"].min(), FRAME["amount"].max())
    )
    others.select(reversed(others.columns)).with_columns(more=pl.lit(1)).write_parquet(
        fitted.path / "others.parquet"
    )

    transform = fitted.call("transform", "others.parquet", "--fit", "t", "--out", "encoded.parquet")

    assert transform.status == 0
    assert transform.out == ""
    assert "500 rows encoded" in transform.err
    assert pl.read_parquet(fitted.path / "encoded.parquet").columns[:2] == [
        "amount.value",
        "amount.rank",
    ]
    assert (
        fitted.call("inverse", "encoded.parquet", "--fit", "t", "--out", "back.parquet").status == 0
    )
    same_table(pl.read_parquet(fitted.path / "back.parquet"), others)


def test_transform_of_the_fitted_rows_gives_what_run_stored(fitted: Workplace) -> None:
    assert (
        fitted.call(
            "transform", "t.parquet", "--fit", "t", "--out", "again.parquet", "--threads", "1"
        ).status
        == 0
    )
    fitted.call("export", "--fit", "t", "--out", "narrow.parquet")

    assert pl.read_parquet(fitted.path / "again.parquet").equals(
        pl.read_parquet(fitted.path / "narrow.parquet")
    )


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        (
            "colour",
            pl.lit("purple"),
            "column 'colour': holds categories or nulls that the fitted rows did not (7 rows)",
        ),
        (
            "flag",
            pl.lit(None, pl.Boolean),
            "column 'flag': holds categories or nulls that the fitted rows did not (7 rows)",
        ),
        (
            "amount",
            pl.lit(None, pl.Float64),
            "column 'amount': holds nulls, NaN or infinities that the fitted rows did",
        ),
        (
            "amount",
            pl.lit(float("inf")),
            "column 'amount': holds nulls, NaN or infinities that the fitted rows did",
        ),
        ("count", pl.lit("many"), "column 'count': holds values that are not int16"),
        ("count", pl.lit(40_000), "column 'count': holds values that are not int16"),
    ],
)
def test_transform_refuses_what_the_fit_has_not_seen(
    fitted: Workplace, column: str, values: pl.Expr, says: str
) -> None:
    rows_of(1, 7).with_columns(values.alias(column)).write_parquet(fitted.path / "unseen.parquet")
    out = fitted.path / "never.parquet"

    transform = fitted.call("transform", "unseen.parquet", "--fit", "t", "--out", out)

    assert transform.status == 1
    assert says in transform.err
    assert "7 rows" in transform.err or "not int16" in transform.err
    assert not out.exists()


def test_transform_misses_a_column(fitted: Workplace) -> None:
    rows_of(1, 7).rename({"count": "counts"}).write_parquet(fitted.path / "lacking.parquet")

    transform = fitted.call("transform", "lacking.parquet", "--fit", "t", "--out", "never.parquet")

    assert transform.status == 2
    assert "no column 'count'. Did you mean 'counts'" in transform.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["run", "missing.parquet"],
            "source 'missing.parquet' does not exist. Give a Parquet or CSV file",
        ),
        (["run", "*.nothing"], "does not exist"),
        (["plan", "missing.parquet"], "does not exist"),
        (
            ["run", "t.parquet", "--set", "max_mode=3"],
            "unknown setting 'max_mode'. Did you mean 'max_modes'",
        ),
        (
            ["plan", "t.parquet", "--set", "amount.kinds=auto"],
            "column 'amount': unknown setting 'kinds'. Did you mean",
        ),
        (["run", "t.parquet", "--set", "max_modes=0"], "max_modes = 0 is not allowed"),
        (["run", "t.parquet", "--set", "kind=numeric"], "kind = 'numeric' is not allowed"),
        (
            ["run", "t.parquet", "--set", "max_modes"],
            "'max_modes' is not a setting. Write SETTING=VALUE",
        ),
        (
            ["run", "t.parquet", "--set", "amuont.seed=1"],
            "column 'amuont' that does not exist. Did you mean 'amount'",
        ),
        (
            ["run", "t.parquet", "--columns", "amuont"],
            "no column matches 'amuont'. Did you mean 'amount'",
        ),
        (["run", "t.parquet", "--config", "missing.toml"], "missing.toml does not exist"),
        (["run", "t.parquet", "--fit", "../x"], "'../x' is not a name for a fit. Use letters"),
        (["status", "--fit", "tt"], "has no fit 'tt'. Did you mean 't'"),
        (["show", "amuont", "--fit", "t"], "has no column 'amuont'. Did you mean 'amount'"),
        (["export", "--fit", "t", "--out", "t.xlsx"], "neither .parquet nor .csv"),
        (["export", "--fit", "t", "--out", "missing/t.csv"], "does not exist. Create it first"),
        (["transform", "missing.parquet", "--fit", "t", "--out", "x.csv"], "does not exist"),
        (["inverse", "missing.parquet", "--fit", "t", "--out", "x.csv"], "does not exist"),
        (["inverse", "junk.parquet", "--fit", "t", "--out", "x.csv"], "junk.parquet"),
        (
            ["inverse", "junk.csv", "--fit", "t", "--out", "x.csv"],
            "no column 'amount.value'",
        ),
        (["run", "junk.parquet"], "cannot be read as Parquet"),
        (["run"], "Missing argument 'SOURCE'"),
        (["run", "t.parquet", "--threads", "-1"], "--threads"),
        (["walk"], "No such command 'walk'"),
        (["status"], "Missing option '--fit'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_calls_end_with_2_and_say_what_to_do(
    fitted: Workplace, arguments: list[str], says: str
) -> None:
    (fitted.path / "junk.parquet").write_text("x,y\n1,2\n")
    (fitted.path / "junk.csv").write_text("x,y\n1,2\n")
    before = states(fitted.store)

    finished = fitted.call(*arguments)

    assert finished.status == 2
    assert says in finished.err
    assert finished.out == ""
    assert "Traceback" not in finished.err
    assert states(fitted.store) == before


def test_a_choice_of_no_columns_is_refused(workplace: Workplace) -> None:
    FRAME.write_parquet(workplace.path / "t.parquet")

    run = workplace.call("run", "t.parquet", "--columns", "!*")

    assert run.status == 2
    assert "no column" in run.err
    assert not workplace.store.exists()


def test_export_of_a_fit_with_a_failed_column_gives_the_others(workplace: Workplace) -> None:
    pl.DataFrame({"x": [1, 2], "parts": [[1], [2]]}).write_parquet(workplace.path / "t.parquet")
    assert workplace.call("run", "t.parquet").status == 1

    export = workplace.call("export", "--fit", "t", "--out", "out.parquet")

    assert export.status == 0
    assert "Left out, as they are not fitted: parts" in export.err
    assert pl.read_parquet(workplace.path / "out.parquet").columns == ["x.value", "x.rank"]
    shown = workplace.call("show", "parts", "--fit", "t")
    assert shown.status == 2
    assert "'parts'" in shown.err


def test_csv_goes_in_with_its_own_word_for_null(workplace: Workplace) -> None:
    (workplace.path / "t.csv").write_text(
        'x,"a, b",y\n1,NA,p\n-,2.5,\n3,2.5,NA\n', encoding="utf-8-sig"
    )

    run = workplace.call("run", "t.csv", "--csv", "nulls=NA", "--csv", "nulls=-")

    assert run.status == 0, run.err
    assert workplace.call("export", "--fit", "t", "--out", "e.parquet").status == 0
    assert workplace.call("inverse", "e.parquet", "--fit", "t", "--out", "back.parquet").status == 0
    back = pl.read_parquet(workplace.path / "back.parquet")
    assert back.equals(
        pl.DataFrame({"x": [1, None, 3], "a, b": [None, 2.5, 2.5], "y": ["p", None, None]})
    )
    transform = workplace.call("transform", "t.csv", "--fit", "t", "--out", "again.parquet")
    assert transform.status == 0, transform.err
    assert pl.read_parquet(workplace.path / "again.parquet").equals(
        pl.read_parquet(workplace.path / "e.parquet")
    )


def test_columns_of_unusual_types_go_all_the_way(workplace: Workplace) -> None:
    frame = pl.DataFrame(
        {
            "nothing": [None, None, None],
            "null floats": pl.Series([None] * 3, dtype=pl.Float32),
            "null text": pl.Series([None] * 3, dtype=pl.String),
            "half": pl.Series([1.5, None, -2.0], dtype=pl.Float16),
            "category": pl.Series(["b", "a", None], dtype=pl.Categorical),
            "specials": pl.Series([float("inf"), float("nan"), None], dtype=pl.Float64),
        }
    )
    frame.write_parquet(workplace.path / "t.parquet")

    run = workplace.call("run", "t.parquet")

    assert run.status == 0, run.err
    assert workplace.call("export", "--fit", "t", "--out", "e.parquet", "--wide").status == 0
    assert workplace.call("inverse", "e.parquet", "--fit", "t", "--out", "back.parquet").status == 0
    back = pl.read_parquet(workplace.path / "back.parquet")
    assert back.schema == frame.schema
    assert back.equals(frame)
    frame.drop("half").with_columns(half=pl.Series([1.5, None, -2.0])).write_csv(
        workplace.path / "t.csv"
    )
    transform = workplace.call("transform", "t.csv", "--fit", "t", "--out", "again.parquet")
    assert transform.status == 0, transform.err


@pytest.mark.parametrize("source", ["input", "input/*.parquet"], ids=["a folder", "a glob"])
def test_a_source_may_be_many_files(workplace: Workplace, source: str) -> None:
    (workplace.path / "input").mkdir()
    for number in range(3):
        FRAME[number * 1000 : (number + 1) * 1000].select("flag").write_parquet(
            workplace.path / "input" / f"{number}.parquet"
        )

    run = workplace.call("run", source, "--json")

    assert run.status == 0, run.err
    assert run.json()["fit"] == "input"
    assert run.json()["columns"][0]["rows"] == 3000


def test_columns_are_chosen_by_names_and_globs(workplace: Workplace) -> None:
    FRAME.write_parquet(workplace.path / "t.parquet")

    chosen = [
        [
            entry["column"]
            for entry in workplace.call(
                "plan", "t.parquet", "--json", "--columns", patterns
            ).json()["columns"]
        ]
        for patterns in ("amount,c*", "!c*", "c*,!count", "flag , amount")
    ]

    assert chosen == [
        ["amount", "count", "colour"],
        ["amount", "size", "flag"],
        ["colour"],
        ["amount", "flag"],
    ]


@pytest.mark.parametrize("ending", ["toml", "yaml"])
def test_settings_come_from_a_file_and_the_command_line_prevails(
    fitted: Workplace, ending: str
) -> None:
    written = {
        "toml": "[settings]\nmax_modes = 4\n[columns.amount]\nseed = 5\nmin_weight = 0.01\n",
        "yaml": "settings: {max_modes: 4}\ncolumns: {amount: {seed: 5, min_weight: 0.01}}\n",
    }
    (fitted.path / f"settings.{ending}").write_text(written[ending])

    plan = fitted.call(
        "plan", "t.parquet", "--config", f"settings.{ending}", "--set", "amount.seed=6", "--json"
    ).json()["columns"]

    assert plan[0]["why"] == "model stale: max_modes: 10 → 4, min_weight: 0.005 → 0.01, seed: 0 → 6"
    assert plan[1]["why"] == "model stale: max_modes: 10 → 4"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(workplace: Workplace, command: str) -> None:
    shown = workplace.call(command, "--help")

    assert shown.status == 0
    assert "Example" in shown.out
    assert f"gmm-pipeline {command}" in shown.out.split("Example")[1]


def test_help_names_every_command(workplace: Workplace) -> None:
    shown = workplace.call("--help")

    listed = [
        line.split()[0] for line in shown.out.split("Commands:")[1].splitlines() if line.strip()
    ]
    assert set(COMMANDS) <= set(listed)


def test_the_store_is_named_by_option_or_environment(
    fitted: Workplace, tmp_path: pathlib.Path
) -> None:
    assert fitted.call("status", "--fit", "t").status == 0
    assert fitted.call("status", "--fit", "t", "--store", tmp_path).status == 2
    assert "holds none yet" in fitted.call("status", "--fit", "t", "--store", tmp_path).err


def test_no_command_writes_over_what_it_reads(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pl.DataFrame({"label": ["a", "b", "a"]}).write_parquet("sales.parquet")
    TableEncoder().fit("sales.parquet").save("gmm_store/sales")
    before = pathlib.Path("sales.parquet").read_bytes()

    for command in (["export"], ["transform", "sales.parquet"], ["inverse", "sales.parquet"]):
        with pytest.raises(SystemExit) as ended:
            main([*command, "--fit", "sales", "--out", "sales.parquet"])
        assert ended.value.code == 2

    assert pathlib.Path("sales.parquet").read_bytes() == before
